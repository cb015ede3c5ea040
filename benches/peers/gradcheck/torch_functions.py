"""Values and gradients of PyTorch in f64, for peer-gradcheck; see src/peer.rs for the protocol.

`functions.json` lists the cases; this file tells which function each name means.
"""

import json
import os
import sys

import numpy
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

CLASSES = torch.tensor([2, 0, 1])
SIGNS = torch.tensor([1.0, -1.0, 1.0])


def named(*modules, names):
    """Functions that PyTorch calls as the list does."""
    return {name: next(getattr(m, name) for m in modules if hasattr(m, name)) for name in names.split()}


def along(function):
    """A function along an axis; of several results, the first."""

    def run(x, axis):
        y = function(x, dim=axis)
        return y if torch.is_tensor(y) else y[0]

    return run


def convolution(function):
    def run(x, w, b, stride, padding, dilation, groups):
        return function(x, w, b, stride, padding, dilation=dilation, groups=groups)

    return run


def pooling(function, *arguments, **options):
    return lambda x, kernel, stride, padding: function(x, kernel, stride, padding, *arguments, **options)


FUNCTIONS = {
    **named(
        torch,
        F,
        names="""abs sin cos tan atan sinh cosh tanh asinh exp expm1 exp2 sigmoid erf erfc square sinc softsign neg
        positive nan_to_num deg2rad log log2 log10 log1p sqrt rsqrt reciprocal lgamma digamma i0 asin acos atanh erfinv
        add sub mul div maximum minimum atan2 hypot logaddexp logaddexp2 fmin fmax""",
    ),
    **named(
        F,
        names="""relu relu6 elu selu gelu silu mish softplus logsigmoid hardtanh hardswish hardsigmoid leaky_relu
        tanhshrink hardshrink softshrink mse_loss l1_loss smooth_l1_loss huber_loss""",
    ),
    "acosh": torch.acosh,
    "logit": torch.logit,
    "i0e": torch.special.i0e,
    "i1": torch.special.i1,
    "ndtr": torch.special.ndtr,
    "log_ndtr": torch.special.log_ndtr,
    "entr": torch.special.entr,
    "celu": F.celu,
    "celu_alpha_1.3": F.celu,
    "elu_alpha_0.7": F.elu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "leaky_relu_0.3": lambda x, slope: F.leaky_relu(x, slope),
    "softplus_beta_0.7": F.softplus,
    "threshold": F.threshold,
    "clamp": lambda x, low, high: x.clamp(low, high),
    "pow_3": torch.pow,
    "pow_0.3": torch.pow,
    "pow_-3": torch.pow,
    "divide_by_scalar": lambda x, scalar: x / scalar,
    "multiply_by_scalar": lambda x, scalar: x * scalar,
    "scalar_divided": lambda x, scalar: scalar / x,
    "remainder": lambda x, scalar: torch.remainder(x, scalar),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.3])),
    "pow": torch.pow,
    "remainder_pair": torch.remainder,
    "cross": lambda a, b: torch.linalg.cross(a, b, dim=1),
    "xlogy": torch.xlogy,
    "lerp": torch.lerp,
    "addcmul": lambda a, b, c: torch.addcmul(a, b, c, value=0.7),
    "addcdiv": lambda a, b, c: torch.addcdiv(a, b, c, value=0.7),
    "where": lambda a, b: torch.where(torch.tensor([True, False, True, False]), a, b),
    "var_mean": lambda x: torch.stack(torch.var_mean(x, dim=1)),
    "prod_all": torch.prod,
    "cov": torch.cov,
    "topk": lambda x: torch.topk(x, 2).values,
    "kthvalue": lambda x: torch.kthvalue(x, 2).values,
    "softmin": lambda x: F.softmin(x, 1),
    "glu": lambda x: F.glu(x, 1),
    "normalize": lambda x: F.normalize(x, dim=1),
    "cosine_similarity": lambda a, b: F.cosine_similarity(a, b),
    "pairwise_distance": F.pairwise_distance,
    "cdist": torch.cdist,
    "cdist_1": lambda a, b: torch.cdist(a, b, 1.0),
    "cdist_3": lambda a, b: torch.cdist(a, b, 3.0),
    "pdist": F.pdist,
    "matmul": torch.matmul,
    "bmm": torch.bmm,
    "linear": F.linear,
    "bilinear": F.bilinear,
    "outer": torch.outer,
    "einsum": lambda a, b: torch.einsum("ij,jk->ki", a, b),
    "inv": torch.linalg.inv,
    "det": torch.linalg.det,
    "lu": lambda x: torch.linalg.lu(x).U,
    "slogdet": lambda x: torch.linalg.slogdet(x)[1],
    "solve": torch.linalg.solve,
    "cholesky": lambda x: torch.linalg.cholesky(x @ x.T + torch.eye(3)),
    "triangular_solve": lambda a, b: torch.linalg.solve_triangular(a.triu() + 3 * torch.eye(3), b, upper=True),
    "svdvals": torch.linalg.svdvals,
    "eigvalsh": lambda x: torch.linalg.eigvalsh(x + x.T),
    "qr": lambda x: torch.linalg.qr(x).R,
    "matrix_exp": torch.matrix_exp,
    "pinv": torch.linalg.pinv,
    "gather": lambda x: x.gather(1, torch.tensor([[0, 0], [2, 1]])),
    "scatter_add": lambda x, y: x.scatter_add(1, torch.tensor([[0, 0], [2, 1]]), y),
    "index_select": lambda x: x.index_select(0, torch.tensor([2, 0, 2])),
    "index_add": lambda x, y: x.index_add(0, torch.tensor([2, 0, 2]), y),
    "embedding": lambda w: F.embedding(torch.tensor([3, 0, 3]), w),
    "embedding_padding": lambda w: F.embedding(torch.tensor([3, 0, 3]), w),
    "scatter_reduce_prod": lambda x, y: x.scatter_reduce(0, torch.tensor([0, 0, 2]), y, "prod"),
    "scatter_reduce_mean": lambda x, y: x.scatter_reduce(0, torch.tensor([0, 0, 2]), y, "mean"),
    "scatter_reduce_amax": lambda x, y: x.scatter_reduce(0, torch.tensor([0, 0, 2]), y, "amax"),
    "roll": lambda x: x.roll(1, 1),
    "flip": lambda x: x.flip(1),
    "repeat": lambda x: x.repeat(2, 3),
    "slice_step": lambda x: x.flip(1)[:, ::2],
    "slice_assign": lambda x, y: x.slice_scatter(y, 1, 1, 3),
    "unfold_axis": lambda x: x.unfold(1, 3, 2),
    "cat": lambda a, b: torch.cat([a, b]),
    "stack": lambda a, b: torch.stack([a, b], 1),
    "unfold": lambda x: F.unfold(x, (2, 3), dilation=(1, 2), padding=1, stride=2),
    "fold": lambda x: F.fold(x, (4, 4), 2),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "conv1d": lambda x, w, stride, padding: F.conv1d(x, w, None, stride, padding),
    "conv3d": lambda a, b: F.conv3d(a, b, None, 1, 1),
    "conv_transpose1d": lambda x, w: F.conv_transpose1d(x, w, None, 2, 1, dilation=2),
    "conv_transpose2d_bias": lambda x, w, b, stride, padding, dilation, groups, output_padding: F.conv_transpose2d(
        x, w, b, stride, padding, output_padding, groups, dilation
    ),
    "conv_transpose3d": lambda x, w: F.conv_transpose3d(x, w, None, (2, 1, 1), 1, (1, 0, 0)),
    "max_pool2d_dilated": lambda x: F.max_pool2d(x, 2, 2, 0, 2),
    "max_pool1d": lambda x: F.max_pool1d(x, 2),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 2),
    "max_pool3d": lambda x: F.max_pool3d(x, 2),
    "avg_pool3d": lambda x: F.avg_pool3d(x, 2),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (2, 3)),
    "adaptive_avg_pool3d": lambda x: F.adaptive_avg_pool3d(x, (2, 3, 2)),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, (2, 3)),
    "affine_grid": lambda t: F.affine_grid(t, [1, 1, 3, 2], align_corners=False),
    "layer_norm": lambda x, g, b: F.layer_norm(x, [4], g, b),
    "rms_norm": lambda x, g: F.rms_norm(x, [4], g),
    "group_norm": lambda x, g, b: F.group_norm(x, 2, g, b),
    "batch_norm": lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True),
    "batch_norm_eval": lambda x, g, b: F.batch_norm(x, torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1.1, 0.4, 2.0]), g, b),
    "instance_norm": lambda x: F.instance_norm(x),
    "local_response_norm": lambda x: F.local_response_norm(x, 3),
    "cross_entropy": lambda x: F.cross_entropy(x, CLASSES),
    "cross_entropy_smoothed": lambda x: F.cross_entropy(x, CLASSES, label_smoothing=0.1),
    "cross_entropy_weighted": lambda x: F.cross_entropy(x, CLASSES, weight=torch.tensor([0.3, 1.0, 2.0, 0.7]), ignore_index=0),
    "cross_entropy_probabilities": lambda x: F.nll_loss(x.log(), CLASSES),
    "cross_entropy_soft": lambda x, y: F.cross_entropy(x, y.softmax(1)),
    "nll_loss": lambda x: F.nll_loss(x, CLASSES),
    "smooth_l1_loss_beta": F.smooth_l1_loss,
    "huber_loss_delta": F.huber_loss,
    "binary_cross_entropy": F.binary_cross_entropy,
    "binary_cross_entropy_logits": lambda x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=torch.tensor([0.3, 1.0, 2.0])),
    "kl_div": lambda a, b: F.kl_div(a.log_softmax(1), b.softmax(1), reduction="batchmean"),
    "kl_div_log": lambda a, b: F.kl_div(a, b, reduction="sum", log_target=True),
    "poisson_nll_loss": lambda a, b: F.poisson_nll_loss(a, b),
    "poisson_nll_loss_full": lambda a: F.poisson_nll_loss(a, torch.tensor([2.0, 3.0, 0.5]), full=True),
    "gaussian_nll_loss": F.gaussian_nll_loss,
    "hinge_embedding_loss": lambda x: F.hinge_embedding_loss(x, SIGNS),
    "soft_margin_loss": lambda x: F.soft_margin_loss(x, SIGNS),
    "margin_ranking_loss": lambda a, b: F.margin_ranking_loss(a, b, SIGNS, 0.3),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x, CLASSES),
    "multi_margin_loss_weighted": lambda x: F.multi_margin_loss(x, CLASSES, p=2, weight=torch.tensor([0.3, 1.0, 2.0, 0.7])),
    "multilabel_margin_loss": lambda x: F.multilabel_margin_loss(x, torch.tensor([[3, 0, -1, 1]])),
    "multilabel_soft_margin_loss": lambda x, y: F.multilabel_soft_margin_loss(x, y),
    "triplet_margin_loss": lambda a, b, c: F.triplet_margin_loss(a, b, c),
    "cosine_embedding_loss": lambda a, b: F.cosine_embedding_loss(a, b, SIGNS, 0.1),
    "ctc_loss": lambda x: F.ctc_loss(x.log_softmax(2), torch.tensor([[1, 2]]), torch.tensor([5]), torch.tensor([2])),
    "attention": F.scaled_dot_product_attention,
    "attention_causal": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    "lstm_cell": lambda x, h, c, w, u: torch.stack(torch.lstm_cell(x, (h, c), w, u)),
    "gru_cell": lambda x, h, w, u: torch.gru_cell(x, h, w, u),
    "conv2d": convolution(F.conv2d),
    "conv_transpose2d": lambda x, w, stride, padding, dilation, groups: F.conv_transpose2d(x, w, None, stride, padding, 0, groups, dilation),
    "max_pool2d": pooling(F.max_pool2d),
    "avg_pool2d": pooling(F.avg_pool2d),
    "avg_pool2d_exclude": pooling(F.avg_pool2d, count_include_pad=False),
    "max_pool2d_ceil": pooling(F.max_pool2d, ceil_mode=True),
    "avg_pool2d_ceil": pooling(F.avg_pool2d, ceil_mode=True),
    "avg_pool2d_ceil_exclude": pooling(F.avg_pool2d, ceil_mode=True, count_include_pad=False),
    "lp_pool2d": lambda x, kernel, stride: F.lp_pool2d(x, 3, kernel, stride),
}
for name in """sum mean prod var std amax amin logsumexp norm median cumsum cumprod logcumsumexp softmax log_softmax
        cummax cummin sort""".split():
    FUNCTIONS[name] = along(getattr(torch, name))
for p in (1, 3, 0.5, float("inf")):
    FUNCTIONS[f"norm_{p}"] = lambda x, p=p: torch.linalg.vector_norm(x, p, dim=1)
for mode in ("constant", "reflect", "replicate", "circular"):
    FUNCTIONS[f"pad_{mode}"] = lambda x, mode=mode: F.pad(x, (1, 2, 0, 1), mode=mode)
for mode in ("nearest", "bilinear", "bicubic", "area"):
    options = {"align_corners": False} if mode.startswith("bi") else {}
    FUNCTIONS[f"interpolate_{mode}"] = lambda x, size, mode=mode, o=options: F.interpolate(x, size, mode=mode, **o)
FUNCTIONS["interpolate_nearest_exact"] = lambda x, size: F.interpolate(x, size, mode="nearest-exact")
for mode in ("bilinear", "bicubic"):
    FUNCTIONS[f"interpolate_{mode}_corners"] = lambda x, size, mode=mode: F.interpolate(x, size, mode=mode, align_corners=True)
for padding in ("border", "reflection"):
    FUNCTIONS[f"grid_sample_bilinear_{padding}"] = lambda x, g, p=padding: F.grid_sample(x, g, padding_mode=p, align_corners=False)
for mode in ("bilinear", "nearest", "bicubic"):
    FUNCTIONS[f"grid_sample_{mode}"] = lambda x, g, mode=mode: F.grid_sample(x, g, mode=mode, align_corners=False)

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "functions.json")) as file:
    CASES = [case for case in json.load(file) if case["function"] in FUNCTIONS]


def answer(request):
    case = CASES[request["case"]]
    arrays = []
    for described in case["inputs"]:
        shape = [int(extent) for extent in described.split()[1:]]
        arrays.append(read(int(numpy.prod(shape))).reshape(shape).requires_grad_(request["cotangent"] is not None))
    cotangent = None if request["cotangent"] is None else read(request["cotangent"])
    y = FUNCTIONS[case["function"]](*arrays, **case.get("options", {}))
    if cotangent is None:
        return [y.detach().contiguous().numpy()]
    found = torch.autograd.grad(y, arrays, cotangent.reshape(y.shape), allow_unused=True)
    return [(torch.zeros_like(x) if g is None else g).contiguous().numpy() for g, x in zip(found, arrays)]


def read(count):
    return torch.from_numpy(numpy.frombuffer(sys.stdin.buffer.read(8 * count), dtype="<f8").copy())


def main():
    out = sys.stdout.buffer
    out.write((json.dumps({"number": "f64", "cases": CASES}) + "\n").encode())
    out.flush()
    for line in iter(sys.stdin.buffer.readline, b""):
        try:
            arrays = answer(json.loads(line))
            out.write((json.dumps({"lengths": [a.size for a in arrays]}) + "\n").encode())
            for array in arrays:
                out.write(array.astype("<f8").tobytes())
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            out.write((json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n").encode())
        out.flush()


if __name__ == "__main__":
    main()
