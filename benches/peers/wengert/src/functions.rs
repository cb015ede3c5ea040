//! The functions of the table `../../functions.json`, forward or backward.

use std::hint::black_box;
use std::time::Instant;

use protocol::{Case, Operand, Work};
use wengert::autograd::ops::{
    AttentionOptions, Border, CellParams, InterpolateOptions, Interpolation, NormOptions,
    RecurrentOptions, ResponseOptions, RnnActivation,
};
use wengert::prelude::*;
use wengert::tensor::{ConvTransposeOptions, Real, Slice};

/// A function of its operands.
type Function<T> = fn(&Operands<T>) -> Var<T>;

/// The operands of a function, by type, in order.
struct Operands<T: Real> {
    numbers: Vec<Var<T>>,
    indices: Vec<Tensor<i64>>,
    masks: Vec<Tensor<bool>>,
}

impl<T: Real> Operands<T> {
    fn new(operands: &[Operand]) -> Self {
        let mut all = Self {
            numbers: Vec::new(),
            indices: Vec::new(),
            masks: Vec::new(),
        };
        for operand in operands {
            let count = operand.shape.iter().product();
            let uniform = |low, high| protocol::values(count, low, high).into_iter();
            let shape = &operand.shape;
            let integers = |values: Vec<i64>| Tensor::from_vec(values, shape);
            let (low, high) = match operand.values.as_str() {
                "index" => {
                    let bound = operand.bound as f64;
                    let values = uniform(0.0, bound).map(|x| x as i64).collect();
                    all.indices.push(integers(values));
                    continue;
                }
                "sign" => {
                    let values = uniform(-1.0, 1.0).map(|x| if x < 0.0 { -1 } else { 1 });
                    all.indices.push(integers(values.collect()));
                    continue;
                }
                "column" => {
                    let columns = shape[shape.len() - 1];
                    let values = (0..count).map(|i| (columns - 1 - i % columns) as i64);
                    all.indices.push(integers(values.collect()));
                    continue;
                }
                "mask" => {
                    let values = uniform(0.0, 1.0).map(|x| x < 0.5).collect();
                    all.masks.push(Tensor::from_vec(values, shape));
                    continue;
                }
                "positive" => (0.1, 2.0),
                "above_one" => (1.1, 3.0),
                "near_one" => (0.999, 1.001),
                "unit" => (-0.9, 0.9),
                "probability" => (0.01, 0.99),
                "small" => (-0.1, 0.1),
                _ => (-3.0, 3.0),
            };
            let values = uniform(low, high).map(T::of).collect();
            let number = Tensor::from_vec(values, shape);
            all.numbers.push(Var::constant(number));
        }
        all
    }

    /// The same operands, the numbers as leaves of a new tape.
    fn tracked(&self) -> Self {
        let tape = Tape::new();
        Self {
            numbers: self
                .numbers
                .iter()
                .map(|x| tape.leaf(x.value().clone()))
                .collect(),
            indices: self.indices.clone(),
            masks: self.masks.clone(),
        }
    }
}

/// The work of a case: the function itself, or the backward pass alone of a fresh forward pass.
pub fn work<T: Real>(case: &Case) -> Option<Work> {
    let function = by_name::<T>(case.word("op"))?;
    let operands = Operands::<T>::new(&case.operands());
    if case.word("direction") == "forward" {
        return Some(protocol::whole(move || function(&operands)));
    }
    let y = function(&operands);
    let count = y.shape().iter().product();
    let values = protocol::values(count, -1.0, 1.0).into_iter().map(T::of);
    let dy = Tensor::from_vec(values.collect(), y.shape());
    drop(y);
    Some(Box::new(move || {
        let operands = operands.tracked();
        let y = function(&operands);
        let start = Instant::now();
        let gradients = black_box(y.backward_from(&dy));
        let elapsed = start.elapsed();
        drop(gradients);
        elapsed
    }))
}

fn norm<T: Real>(o: &Operands<T>) -> NormOptions<'_, T> {
    NormOptions {
        weight: o.numbers.get(1),
        bias: o.numbers.get(2),
        eps: 1e-5,
    }
}

fn cell<T: Real>(o: &Operands<T>) -> CellParams<'_, T> {
    CellParams::new(&o.numbers[1], &o.numbers[2]).biases(&o.numbers[3], &o.numbers[4])
}

/// One arm a function: `o` are all operands, `x` is the first tensor of numbers.
macro_rules! functions {
    (|$o:ident, $x:ident| $($name:literal => $value:expr,)+) => {
        fn by_name<T: Real>(name: &str) -> Option<Function<T>> {
            Some(match name {
                $($name => |$o| {
                    let $x = &$o.numbers[0];
                    $value
                },)+
                _ => return None,
            })
        }
    };
}

functions! { |o, x|
    "abs" => x.abs(),
    "add_scalar" => x.add_scalar(1.5),
    "sub_scalar" => x.sub_scalar(1.5),
    "rsub_scalar" => x.rsub_scalar(1.5),
    "mul_scalar" => x.mul_scalar(1.5),
    "div_scalar" => x.div_scalar(1.5),
    "rdiv_scalar" => x.rdiv_scalar(1.5),
    "neg" => x.neg(),
    "ceil" => x.ceil(),
    "floor" => x.floor(),
    "round" => x.round(),
    "trunc" => x.trunc(),
    "sign" => x.sign(),
    "square" => x.square(),
    "reciprocal" => x.reciprocal(),
    "pow2" => x.pow(2.0),
    "pow3" => x.pow(3.0),
    "pow2.5" => x.pow(2.5),
    "pow_minus_2" => x.pow(-2.0),
    "root3" => x.pow(1.0 / 3.0),
    "sqrt" => x.sqrt(),
    "rsqrt" => x.rsqrt(),
    "exp" => x.exp(),
    "exp2" => x.exp2(),
    "exp_m1" => x.exp_m1(),
    "ln" => x.ln(),
    "ln_1p" => x.ln_1p(),
    "log2" => x.log2(),
    "log10" => x.log10(),
    "sin" => x.sin(),
    "cos" => x.cos(),
    "tan" => x.tan(),
    "asin" => x.asin(),
    "acos" => x.acos(),
    "atan" => x.atan(),
    "sinh" => x.sinh(),
    "cosh" => x.cosh(),
    "tanh" => x.tanh(),
    "asinh" => x.asinh(),
    "acosh" => x.acosh(),
    "atanh" => x.atanh(),
    "sinc" => x.sinc(),
    "erf" => x.erf(),
    "erfc" => x.erfc(),
    "gelu" => x.gelu(),
    "gelu_tanh" => x.gelu_tanh(),
    "relu" => x.relu(),
    "into_relu" => x.clone().into_relu(),
    "relu6" => x.relu6(),
    "leaky_relu" => x.leaky_relu(0.01),
    "prelu" => x.prelu(&o.numbers[1]),
    "elu" => x.elu(1.0),
    "celu" => x.celu(0.7),
    "selu" => x.selu(),
    "sigmoid" => x.sigmoid(),
    "logsigmoid" => x.logsigmoid(),
    "silu" => x.silu(),
    "mish" => x.mish(),
    "softplus" => x.softplus(1.0, 20.0),
    "softsign" => x.softsign(),
    "softshrink" => x.softshrink(0.5),
    "hardshrink" => x.hardshrink(0.5),
    "tanhshrink" => x.tanhshrink(),
    "hardsigmoid" => x.hardsigmoid(),
    "hardswish" => x.hardswish(),
    "hardtanh" => x.hardtanh(-1.0, 1.0),
    "clamp" => x.clamp(-1.0, 1.0),
    "glu" => x.glu(1),
    "dropout" => x.dropout(&o.masks[0], 0.5),
    "add" => x + &o.numbers[1],
    "sub" => x - &o.numbers[1],
    "mul" => x * &o.numbers[1],
    "div" => x / &o.numbers[1],
    "add_row" => x + &o.numbers[1],
    "mul_column" => x * &o.numbers[1],
    "maximum" => x.maximum(&o.numbers[1]),
    "minimum" => x.minimum(&o.numbers[1]),
    "atan2" => x.atan2(&o.numbers[1]),
    "pow_tensor" => x.pow_tensor(&o.numbers[1]),
    "lerp" => x.lerp(&o.numbers[1], &o.numbers[2]),
    "addcmul" => x.addcmul(&o.numbers[1], &o.numbers[2], 0.5),
    "sum" => x.sum(..),
    "sum_last" => x.sum(1),
    "sum_first" => x.sum(0),
    "sum_to" => x.sum_to([1, x.size(1)]),
    "mean" => x.mean(..),
    "mean_last" => x.mean(1),
    "mean_first" => x.mean(0),
    "var_last" => x.var(1, 1),
    "var_first" => x.var(0, 1),
    "std_last" => x.std(1, 1),
    "prod_last" => x.prod(1),
    "amax_last" => x.amax(1),
    "amax_first" => x.amax(0),
    "amin_last" => x.amin(1),
    "max_last" => x.max(1),
    "max_first" => x.max(0),
    "min_last" => x.min(1),
    "logsumexp_last" => x.logsumexp(1),
    "norm2" => x.norm(2.0, ..),
    "norm2_last" => x.norm(2.0, 1),
    "norm1_last" => x.norm(1.0, 1),
    "normalize_last" => x.normalize(2.0, 1, 1e-12),
    "cumsum_last" => x.cumsum(1),
    "cumsum_first" => x.cumsum(0),
    "cumprod_last" => x.cumprod(1),
    "logcumsumexp_last" => x.logcumsumexp(1),
    "softmax_last" => x.softmax(1),
    "softmax_first" => x.softmax(0),
    "softmax_or_zero" => x.softmax_or_zero(1),
    "log_softmax_last" => x.log_softmax(1),
    "reshape" => x.reshape([x.size(1), x.size(0)]),
    "flatten" => x.flatten(0, 1),
    "squeeze" => x.unsqueeze(0).squeeze(0),
    "unsqueeze" => x.unsqueeze(0),
    "permute" => x.permute([1, 0]),
    "transpose" => x.transpose(0, 1),
    "t" => x.t(),
    "broadcast_to" => x.broadcast_to([x.size(0), x.size(0)]),
    "slice" => x.slice(1, 1..-1),
    "slice_step" => x.slice(1, Slice::from(..).step(2)),
    "region" => x.region(&[Slice::from(1..), Slice::from(1..)]),
    "select" => x.select(0, 1),
    "split" => x.split(1, [x.size(1) / 4, x.size(1) - x.size(1) / 4]).swap_remove(1),
    "chunk" => x.chunk(1, 4).swap_remove(1),
    "concat" => Var::concat(&[x, &o.numbers[1]], 1),
    "stack" => Var::stack(&[x, &o.numbers[1]], 1),
    "unfold_axis" => x.unfold_axis(1, 4, 2),
    "flip" => x.flip(1),
    "roll" => x.roll(3, 1),
    "repeat" => x.repeat([2, 2]),
    "pad" => x.pad(&[[1, 1], [2, 2]], 0.0),
    "pad_reflect" => x.pad_border(&[[0, 0], [2, 2]], Border::Reflect),
    "diagonal" => x.diagonal(0, 0, 1),
    "tril" => x.tril(0),
    "triu" => x.triu(0),
    "sort" => x.sort(1).0,
    "sort_descending" => x.sort_descending(1).0,
    "topk" => x.topk(1, 10).0,
    "bottomk" => x.bottomk(1, 10).0,
    "where_" => Var::where_(&o.masks[0], x, &o.numbers[1]),
    "masked_fill" => x.masked_fill(&o.masks[0], 0.5),
    "masked_select" => x.masked_select(&o.masks[0]),
    "index_select" => x.index_select(0, &o.indices[0]),
    "index_add" => x.index_add(0, &o.indices[0], &o.numbers[1]),
    "gather" => x.gather(1, &o.indices[0]),
    "scatter" => x.scatter(1, &o.indices[0], &o.numbers[1]),
    "scatter_add" => x.scatter_add(1, &o.indices[0], &o.numbers[1]),
    "embedding" => x.embedding(&o.indices[0], None),
    "matmul_batched" => x.matmul(&o.numbers[1]),
    "matmul_vector" => x.matmul(&o.numbers[1]),
    "matmul_few_rows" => x.matmul(&o.numbers[1]),
    "einsum" => Var::einsum("ij,jk->ki", &[x, &o.numbers[1]]),
    "linear" => x.linear(&o.numbers[1], Some(&o.numbers[2])),
    "bilinear" => x.bilinear(&o.numbers[1], &o.numbers[2], Some(&o.numbers[3])),
    "outer" => x.outer(&o.numbers[1]),
    "dot" => x.dot(&o.numbers[1]),
    "max_pool1d" => x.max_pool1d(2),
    "max_pool2d" => x.max_pool2d(2),
    "max_pool3d" => x.max_pool3d(2),
    "avg_pool1d" => x.avg_pool1d(2),
    "avg_pool2d" => x.avg_pool2d(2),
    "avg_pool3d" => x.avg_pool3d(2),
    "lp_pool2d" => x.lp_pool2d(2.0, 2),
    "adaptive_avg_pool1d" => x.adaptive_avg_pool1d(7),
    "adaptive_avg_pool2d" => x.adaptive_avg_pool2d(7),
    "adaptive_avg_pool3d" => x.adaptive_avg_pool3d(3),
    "adaptive_max_pool1d" => x.adaptive_max_pool1d(7),
    "adaptive_max_pool2d" => x.adaptive_max_pool2d(7),
    "adaptive_max_pool3d" => x.adaptive_max_pool3d(3),
    "global_avg_pool" => x.global_avg_pool(),
    "global_max_pool" => x.global_max_pool(),
    "interpolate_nearest" => x.interpolate(&InterpolateOptions::by([2.0])),
    "interpolate_bilinear" => x.interpolate(&InterpolateOptions::by([2.0]).mode(Interpolation::Linear)),
    "pixel_shuffle" => x.pixel_shuffle(2),
    "pixel_unshuffle" => x.pixel_unshuffle(2),
    "local_response_norm" => x.local_response_norm(&ResponseOptions::default()),
    "unfold" => x.unfold([3, 3], &ConvOptions::default().padding(1)),
    "fold" => {
        let side = x.size(2).isqrt();
        x.fold([side, side], [3, 3], &ConvOptions::default().padding(1))
    },
    "conv1d" => x.conv1d(&o.numbers[1], &ConvOptions::default().padding(1)),
    "conv2d" => x.conv2d(&o.numbers[1], &ConvOptions::default().padding(1)),
    "conv2d_bias" => {
        let bias = o.numbers[2].reshape([1, o.numbers[2].size(0), 1, 1]);
        x.conv2d(&o.numbers[1], &ConvOptions::default().padding(1)) + bias
    },
    "conv2d_1x1" => x.conv2d(&o.numbers[1], &ConvOptions::default()),
    "conv2d_dilated" => x.conv2d(&o.numbers[1], &ConvOptions::default().padding(2).dilation(2)),
    "conv2d_depthwise" => x.conv2d(&o.numbers[1], &ConvOptions::default().padding(1).groups(x.size(1))),
    "conv2d_stride2" => x.conv2d(&o.numbers[1], &ConvOptions::default().padding(1).stride(2)),
    "conv3d" => x.conv3d(&o.numbers[1], &ConvOptions::default().padding(1)),
    "conv_transpose1d" => x.conv_transpose1d(&o.numbers[1], &transposed()),
    "conv_transpose2d" => x.conv_transpose2d(&o.numbers[1], &transposed()),
    "conv_transpose3d" => x.conv_transpose3d(&o.numbers[1], &transposed()),
    "batch_norm" => x.batch_norm(&norm(o)).y,
    "batch_norm_with" => {
        let channels = [x.size(1)];
        x.batch_norm_with(&Var::full(channels, 0.0), &Var::full(channels, 1.0), &norm(o))
    },
    "group_norm" => x.group_norm(4, &norm(o)),
    "instance_norm" => x.instance_norm(&norm(o)),
    "layer_norm" => x.layer_norm([x.size(1)], &norm(o)),
    "rms_norm" => x.rms_norm([x.size(1)], &norm(o)),
    "rnn" => x.rnn(&[cell(o)], None, RnnActivation::Tanh, &RecurrentOptions::default()).0,
    "gru" => x.gru(&[cell(o)], None, &RecurrentOptions::default()).0,
    "lstm" => x.lstm(&[cell(o)], None, &RecurrentOptions::default()).0,
    "scaled_dot_product_attention" => {
        let [key, value] = [&o.numbers[1], &o.numbers[2]];
        x.scaled_dot_product_attention(key, value, &AttentionOptions::default())
    },
    "mse_loss" => x.mse_loss(&o.numbers[1]),
    "l1_loss" => x.l1_loss(&o.numbers[1]),
    "huber_loss" => x.huber_loss(&o.numbers[1]),
    "smooth_l1_loss" => x.smooth_l1_loss(&o.numbers[1]),
    "binary_cross_entropy" => x.binary_cross_entropy(&o.numbers[1]),
    "binary_cross_entropy_with_logits" => x.binary_cross_entropy_with_logits(&o.numbers[1]),
    "cross_entropy" => x.cross_entropy(&o.indices[0]),
    "cross_entropy_soft" => x.cross_entropy_soft(&o.numbers[1]),
    "nll_loss" => x.nll_loss(&o.indices[0]),
    "kl_div" => x.kl_div(&o.numbers[1]),
    "poisson_nll_loss" => x.poisson_nll_loss(&o.numbers[1]),
    "cosine_similarity" => x.cosine_similarity(&o.numbers[1], 1, 1e-8),
    "pairwise_distance" => x.pairwise_distance(&o.numbers[1], 2.0, 1e-6),
    "cosine_embedding_loss" => x.cosine_embedding_loss(&o.numbers[1], &o.indices[0]),
    "triplet_margin_loss" => x.triplet_margin_loss(&o.numbers[1], &o.numbers[2]),
    "soft_margin_loss" => x.soft_margin_loss(&o.numbers[1]),
    "hinge_embedding_loss" => x.hinge_embedding_loss(&o.indices[0]),
    "margin_ranking_loss" => x.margin_ranking_loss(&o.numbers[1], &o.numbers[2]),
    "multi_margin_loss" => x.multi_margin_loss(&o.indices[0]),
}

fn transposed() -> ConvTransposeOptions {
    ConvTransposeOptions::default().stride(2).padding(1)
}
