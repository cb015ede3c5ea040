"""The functions of `functions.json` in PyTorch."""

import time

import torch
import torch.nn.functional as F

from peer import Absent

RANGES = {
    "positive": (0.1, 2.0),
    "above_one": (1.1, 3.0),
    "near_one": (0.999, 1.001),
    "unit": (-0.9, 0.9),
    "probability": (0.01, 0.99),
    "small": (-0.1, 0.1),
    "any": (-3.0, 3.0),
}


def operand(described, dtype):
    values, shape = described["values"], described["shape"]
    if values == "index":
        return torch.randint(described["bound"], shape)
    if values == "sign":
        return torch.randint(2, shape) * 2 - 1
    if values == "column":
        return torch.arange(shape[-1]).flip(0).expand(shape).contiguous()
    if values == "mask":
        return torch.rand(shape) < 0.5
    low, high = RANGES[values]
    return low + (high - low) * torch.rand(shape, dtype=dtype)


def recurrent(kind):
    """One layer from the given parameters. The module is cheap beside its steps; PyTorch has no function."""

    def run(x, w_ih, w_hh, b_ih, b_hh):
        module = kind(x.shape[2], w_hh.shape[1]).to(x.dtype)
        parameters = dict(zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"), (w_ih, w_hh, b_ih, b_hh)))
        return torch.func.functional_call(module, parameters, (x,))[0]

    return run


def side(x):
    return int(x.shape[2] ** 0.5)


def reduced(by):
    """A reduction to one value and, of functions with several results, the first of them."""
    return lambda x: by(x)[0]


FUNCTIONS = {
    "abs": torch.abs,
    "add_scalar": lambda x: x + 1.5,
    "sub_scalar": lambda x: x - 1.5,
    "rsub_scalar": lambda x: 1.5 - x,
    "mul_scalar": lambda x: x * 1.5,
    "div_scalar": lambda x: x / 1.5,
    "rdiv_scalar": lambda x: 1.5 / x,
    "neg": torch.neg,
    "ceil": torch.ceil,
    "floor": torch.floor,
    "round": torch.round,
    "trunc": torch.trunc,
    "sign": torch.sign,
    "square": torch.square,
    "reciprocal": torch.reciprocal,
    "pow2": lambda x: x.pow(2),
    "pow3": lambda x: x.pow(3),
    "pow2.5": lambda x: x.pow(2.5),
    "pow_minus_2": lambda x: x.pow(-2),
    "root3": lambda x: x.pow(1 / 3),
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "exp_m1": torch.expm1,
    "ln": torch.log,
    "ln_1p": torch.log1p,
    "log2": torch.log2,
    "log10": torch.log10,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "asinh": torch.asinh,
    "acosh": torch.acosh,
    "atanh": torch.atanh,
    "sinc": lambda x: torch.sinc(x / torch.pi),
    "erf": torch.erf,
    "erfc": torch.erfc,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": torch.relu,
    "into_relu": torch.relu,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "prelu": lambda x, w: F.prelu(x, w),
    "elu": F.elu,
    "celu": lambda x: F.celu(x, 0.7),
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "logsigmoid": F.logsigmoid,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "softshrink": F.softshrink,
    "hardshrink": F.hardshrink,
    "tanhshrink": F.tanhshrink,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "hardtanh": F.hardtanh,
    "clamp": lambda x: x.clamp(-1, 1),
    "glu": lambda x: F.glu(x, 1),
    "dropout": lambda x, mask: F.dropout(x, 0.5),
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "add_row": torch.add,
    "mul_column": torch.mul,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "atan2": torch.atan2,
    "pow_tensor": torch.pow,
    "lerp": torch.lerp,
    "addcmul": lambda x, a, b: torch.addcmul(x, a, b, value=0.5),
    "sum": torch.sum,
    "sum_last": lambda x: x.sum(1),
    "sum_first": lambda x: x.sum(0),
    "sum_to": lambda x: x.sum_to_size(1, x.shape[1]),
    "mean": torch.mean,
    "mean_last": lambda x: x.mean(1),
    "mean_first": lambda x: x.mean(0),
    "var_last": lambda x: x.var(1),
    "var_first": lambda x: x.var(0),
    "std_last": lambda x: x.std(1),
    "prod_last": lambda x: x.prod(1),
    "amax_last": lambda x: x.amax(1),
    "amax_first": lambda x: x.amax(0),
    "amin_last": lambda x: x.amin(1),
    "max_last": reduced(lambda x: x.max(1)),
    "max_first": reduced(lambda x: x.max(0)),
    "min_last": reduced(lambda x: x.min(1)),
    "logsumexp_last": lambda x: x.logsumexp(1),
    "norm2": lambda x: torch.linalg.vector_norm(x, 2),
    "norm2_last": lambda x: torch.linalg.vector_norm(x, 2, 1),
    "norm1_last": lambda x: torch.linalg.vector_norm(x, 1, 1),
    "normalize_last": lambda x: F.normalize(x, dim=1),
    "cumsum_last": lambda x: x.cumsum(1),
    "cumsum_first": lambda x: x.cumsum(0),
    "cumprod_last": lambda x: x.cumprod(1),
    "logcumsumexp_last": lambda x: x.logcumsumexp(1),
    "softmax_last": lambda x: x.softmax(1),
    "softmax_first": lambda x: x.softmax(0),
    "softmax_or_zero": lambda x: x.softmax(1),
    "log_softmax_last": lambda x: x.log_softmax(1),
    "reshape": lambda x: x.reshape(x.shape[1], x.shape[0]),
    "flatten": torch.flatten,
    "squeeze": lambda x: x.unsqueeze(0).squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "permute": lambda x: x.permute(1, 0),
    "transpose": lambda x: x.transpose(0, 1),
    "t": torch.t,
    "broadcast_to": lambda x: x.broadcast_to(x.shape[0], x.shape[0]),
    "slice": lambda x: x[:, 1:-1],
    "slice_step": lambda x: x[:, ::2],
    "region": lambda x: x[1:, 1:],
    "select": lambda x: x[1],
    "split": lambda x: x.split([x.shape[1] // 4, x.shape[1] - x.shape[1] // 4], 1)[1],
    "chunk": lambda x: x.chunk(4, 1)[1],
    "concat": lambda x, y: torch.cat([x, y], 1),
    "stack": lambda x, y: torch.stack([x, y], 1),
    "unfold_axis": lambda x: x.unfold(1, 4, 2),
    "flip": lambda x: x.flip(1),
    "roll": lambda x: x.roll(3, 1),
    "repeat": lambda x: x.repeat(2, 2),
    "pad": lambda x: F.pad(x, (2, 2, 1, 1)),
    "pad_reflect": lambda x: F.pad(x, (2, 2), mode="reflect"),
    "diagonal": torch.diagonal,
    "tril": torch.tril,
    "triu": torch.triu,
    "sort": reduced(lambda x: x.sort(dim=1, stable=True)),
    "sort_descending": reduced(lambda x: x.sort(dim=1, descending=True, stable=True)),
    "topk": reduced(lambda x: x.topk(10, 1)),
    "bottomk": reduced(lambda x: x.topk(10, 1, largest=False)),
    "where_": torch.where,
    "masked_fill": lambda x, mask: x.masked_fill(mask, 0.5),
    "masked_select": torch.masked_select,
    "index_select": lambda x, index: x.index_select(0, index),
    "index_add": lambda x, index, y: x.index_add(0, index, y),
    "gather": lambda x, index: x.gather(1, index),
    "scatter": lambda x, index, y: x.scatter(1, index, y),
    "scatter_add": lambda x, index, y: x.scatter_add(1, index, y),
    "embedding": lambda x, index: F.embedding(index, x),
    "matmul_batched": torch.matmul,
    "matmul_vector": torch.matmul,
    "matmul_few_rows": torch.matmul,
    "einsum": lambda x, y: torch.einsum("ij,jk->ki", x, y),
    "linear": F.linear,
    "bilinear": F.bilinear,
    "outer": torch.outer,
    "dot": torch.dot,
    "max_pool1d": lambda x: F.max_pool1d(x, 2),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "max_pool3d": lambda x: F.max_pool3d(x, 2),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "avg_pool3d": lambda x: F.avg_pool3d(x, 2),
    "lp_pool2d": lambda x: F.lp_pool2d(x, 2.0, 2),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 7),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 7),
    "adaptive_avg_pool3d": lambda x: F.adaptive_avg_pool3d(x, 3),
    "adaptive_max_pool1d": lambda x: F.adaptive_max_pool1d(x, 7),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, 7),
    "adaptive_max_pool3d": lambda x: F.adaptive_max_pool3d(x, 3),
    "global_avg_pool": lambda x: x.mean((2, 3)),
    "global_max_pool": lambda x: x.amax((2, 3)),
    "interpolate_nearest": lambda x: F.interpolate(x, scale_factor=2),
    "interpolate_bilinear": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "local_response_norm": lambda x: F.local_response_norm(x, 5),
    "unfold": lambda x: F.unfold(x, 3, padding=1),
    "fold": lambda x: F.fold(x, side(x), 3, padding=1),
    "conv1d": lambda x, w: F.conv1d(x, w, padding=1),
    "conv2d": lambda x, w: F.conv2d(x, w, padding=1),
    "conv2d_bias": lambda x, w, b: F.conv2d(x, w, b, padding=1),
    "conv2d_1x1": lambda x, w: F.conv2d(x, w),
    "conv2d_dilated": lambda x, w: F.conv2d(x, w, padding=2, dilation=2),
    "conv2d_depthwise": lambda x, w: F.conv2d(x, w, padding=1, groups=x.shape[1]),
    "conv2d_stride2": lambda x, w: F.conv2d(x, w, padding=1, stride=2),
    "conv3d": lambda x, w: F.conv3d(x, w, padding=1),
    "conv_transpose1d": lambda x, w: F.conv_transpose1d(x, w, stride=2, padding=1),
    "conv_transpose2d": lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1),
    "conv_transpose3d": lambda x, w: F.conv_transpose3d(x, w, stride=2, padding=1),
    "batch_norm": lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
    "batch_norm_with": lambda x, w, b: F.batch_norm(
        x, torch.zeros_like(b, requires_grad=False), torch.ones_like(b, requires_grad=False), w, b
    ),
    "group_norm": lambda x, w, b: F.group_norm(x, 4, w, b),
    "instance_norm": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    "layer_norm": lambda x, w, b: F.layer_norm(x, x.shape[1:], w, b),
    "rms_norm": lambda x, w: F.rms_norm(x, x.shape[1:], w),
    "rnn": recurrent(torch.nn.RNN),
    "gru": recurrent(torch.nn.GRU),
    "lstm": recurrent(torch.nn.LSTM),
    "scaled_dot_product_attention": F.scaled_dot_product_attention,
    "mse_loss": F.mse_loss,
    "l1_loss": F.l1_loss,
    "huber_loss": F.huber_loss,
    "smooth_l1_loss": F.smooth_l1_loss,
    "binary_cross_entropy": F.binary_cross_entropy,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "cross_entropy": F.cross_entropy,
    "cross_entropy_soft": F.cross_entropy,
    "nll_loss": F.nll_loss,
    "kl_div": lambda x, y: F.kl_div(x, y, reduction="batchmean"),
    "poisson_nll_loss": F.poisson_nll_loss,
    "cosine_similarity": F.cosine_similarity,
    "pairwise_distance": F.pairwise_distance,
    "cosine_embedding_loss": F.cosine_embedding_loss,
    "triplet_margin_loss": F.triplet_margin_loss,
    "soft_margin_loss": lambda x, y: F.soft_margin_loss(x, y.detach()),
    "hinge_embedding_loss": F.hinge_embedding_loss,
    "margin_ranking_loss": F.margin_ranking_loss,
    "multi_margin_loss": F.multi_margin_loss,
}

def function(case, dtype):
    """The function itself, or the backward pass alone of a fresh forward pass."""
    name = case["op"]
    if name not in FUNCTIONS:
        raise Absent(f"no {name}")
    call, operands = FUNCTIONS[name], [operand(o, dtype) for o in case["operands"]]
    if case["direction"] == "forward":
        torch.set_grad_enabled(False)
        return lambda: call(*operands)
    torch.set_grad_enabled(True)
    leaves = [o.requires_grad_() for o in operands if o.is_floating_point()]
    y = call(*operands)
    if not y.requires_grad:
        raise Absent(f"{name} has no derivative")
    dy = torch.rand_like(y.detach()) * 2 - 1

    def work():
        y = call(*operands)
        start = time.perf_counter_ns()
        gradients = torch.autograd.grad(y, leaves, dy, allow_unused=True)
        elapsed = time.perf_counter_ns() - start
        del gradients
        return elapsed

    return work
