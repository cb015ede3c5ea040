//! Values and gradients of candle's functions on the CPU, for `../gradcheck`: `candle-gradients f64` or `f32`.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{self as nn, Module, ModuleT, RNN, VarBuilder};
use protocol::gradients::{Arrays, Call, Failure, serve};

fn main() {
    let number = std::env::args().nth(1).unwrap_or_else(|| "f64".to_string());
    let dtype = if number == "f32" {
        DType::F32
    } else {
        DType::F64
    };
    serve(&number, |call, inputs, cotangent| {
        evaluate(call, inputs, cotangent, dtype)
    });
}

fn evaluate(
    call: &Call,
    inputs: &Arrays,
    cotangent: Option<&[f64]>,
    dtype: DType,
) -> std::result::Result<Arrays, Failure> {
    let leaf = |(x, shape): (&Vec<f64>, &Vec<usize>)| {
        let x = Tensor::from_slice(x, &shape[..], &Device::Cpu)?;
        Var::from_tensor(&x.to_dtype(dtype)?)
    };
    let leaves = inputs.iter().zip(&call.shapes).map(leaf);
    let leaves: Vec<_> = leaves.collect::<Result<_>>()?;
    let x: Vec<_> = leaves.iter().map(|x| x.as_tensor().clone()).collect();
    let y = apply(call, &x)?;
    let Some(cotangent) = cotangent else {
        return Ok(vec![numbers(&y)?]);
    };
    let c = Tensor::from_slice(cotangent, y.shape(), &Device::Cpu)?.to_dtype(dtype)?;
    let found = (y * c)?.sum_all()?.backward()?;
    let gradient = |x: &Tensor| match found.get(x) {
        Some(gradient) => numbers(gradient),
        None => Ok(vec![0.0; x.elem_count()]),
    };
    Ok(x.iter().map(gradient).collect::<Result<_>>()?)
}

fn numbers(x: &Tensor) -> Result<Vec<f64>> {
    x.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
}

fn apply(call: &Call, x: &[Tensor]) -> std::result::Result<Tensor, Failure> {
    let found = elementwise(call, x)
        .or_else(|| along(call, &x[0]))
        .or_else(|| products_and_indices(&call.function, x))
        .or_else(|| layer(&call.function, x));
    match found {
        Some(y) => Ok(y?),
        None => image(call, x),
    }
}

fn elementwise(call: &Call, x: &[Tensor]) -> Option<Result<Tensor>> {
    use nn::Activation;
    let a = &x[0];
    Some(match call.function.as_str() {
        "abs" => a.abs(),
        "sin" => a.sin(),
        "cos" => a.cos(),
        "tanh" => a.tanh(),
        "exp" => a.exp(),
        "erf" => a.erf(),
        "square" => a.sqr(),
        "neg" => a.neg(),
        "log" => a.log(),
        "sqrt" => a.sqrt(),
        "reciprocal" => a.recip(),
        "relu" => a.relu(),
        "relu6" => Activation::Relu6.forward(a),
        "gelu" => a.gelu_erf(),
        "gelu_tanh" => a.gelu(),
        "silu" => a.silu(),
        "sigmoid" => nn::ops::sigmoid(a),
        "hardsigmoid" => nn::ops::hard_sigmoid(a),
        "hardswish" => Activation::HardSwish.forward(a),
        "mish" => nn::ops::mish(a),
        "elu" => a.elu(1.0),
        "elu_alpha_0.7" => a.elu(call.number("alpha")),
        "selu" => nn::ops::selu(a, 1.673_263_2, 1.050_701),
        "leaky_relu" => nn::ops::leaky_relu(a, 0.01),
        "leaky_relu_0.3" => nn::ops::leaky_relu(a, call.number("slope")),
        "prelu" => Tensor::new(&[0.3], a.device())
            .and_then(|slope| slope.to_dtype(a.dtype()))
            .and_then(|slope| nn::PReLU::new(slope, true).forward(a)),
        "clamp" => a.clamp(call.number("low"), call.number("high")),
        "pow_3" | "pow_-3" | "pow_0.3" => a.powf(call.number("exponent")),
        "divide_by_scalar" => a / call.number("scalar"),
        "multiply_by_scalar" => a * call.number("scalar"),
        "scalar_divided" => call.number("scalar") / a,
        "add" => a.broadcast_add(&x[1]),
        "sub" => a.broadcast_sub(&x[1]),
        "mul" => a.broadcast_mul(&x[1]),
        "div" => a.broadcast_div(&x[1]),
        "maximum" => a.broadcast_maximum(&x[1]),
        "minimum" => a.broadcast_minimum(&x[1]),
        "pow" => a.broadcast_pow(&x[1]),
        _ => return None,
    })
}

/// Functions along one axis.
fn along(call: &Call, x: &Tensor) -> Option<Result<Tensor>> {
    let axis = || call.count("axis");
    Some(match call.function.as_str() {
        "sum" => x.sum(axis()),
        "mean" => x.mean(axis()),
        "var" => x.var(axis()),
        "amax" => x.max(axis()),
        "amin" => x.min(axis()),
        "logsumexp" => x.log_sum_exp(axis()),
        "cumsum" => x.cumsum(axis()),
        "softmax" => nn::ops::softmax(x, axis()),
        "log_softmax" => nn::ops::log_softmax(x, axis()),
        "sort" if axis() + 1 == x.rank() => x.sort_last_dim(true).map(|(y, _)| y),
        _ => return None,
    })
}

fn indices(values: &[u32], shape: &[usize]) -> Result<Tensor> {
    Tensor::from_slice(values, shape, &Device::Cpu)
}

fn products_and_indices(function: &str, x: &[Tensor]) -> Option<Result<Tensor>> {
    let a = &x[0];
    Some(match function {
        "matmul" => a.broadcast_matmul(&x[1]),
        "bmm" => a.matmul(&x[1]),
        "linear" => nn::Linear::new(x[1].clone(), Some(x[2].clone())).forward(a),
        "where" => indices(&[1, 0, 1, 0], &[4]).and_then(|mask| mask.where_cond(a, &x[1])),
        "gather" => indices(&[0, 0, 2, 1], &[2, 2]).and_then(|i| a.gather(&i, 1)),
        "scatter_add" => indices(&[0, 0, 2, 1], &[2, 2]).and_then(|i| a.scatter_add(&i, &x[1], 1)),
        "index_select" => indices(&[2, 0, 2], &[3]).and_then(|i| a.index_select(&i, 0)),
        "index_add" => indices(&[2, 0, 2], &[3]).and_then(|i| a.index_add(&i, &x[1], 0)),
        "embedding" => {
            indices(&[3, 0, 3], &[3]).and_then(|i| nn::Embedding::new(a.clone(), 2).forward(&i))
        }
        "roll" => a.roll(1, 1),
        "flip" => a.flip(&[1]),
        "repeat" => a.repeat((2, 3)),
        "slice_assign" => a.slice_assign(&[0..2, 1..3], &x[1]),
        "cat" => Tensor::cat(&[a, &x[1]], 0),
        "stack" => Tensor::stack(&[a, &x[1]], 1),
        _ => return None,
    })
}

fn layer(function: &str, x: &[Tensor]) -> Option<Result<Tensor>> {
    let owned = |i: usize| x[i].clone();
    let classes = || indices(&[2, 0, 1], &[3]);
    Some(match function {
        "layer_norm" => nn::LayerNorm::new(owned(1), owned(2), 1e-5).forward(&x[0]),
        "rms_norm" => nn::RmsNorm::new(owned(1), 1e-5).forward(&x[0]),
        "group_norm" => {
            nn::GroupNorm::new(owned(1), owned(2), 4, 2, 1e-5).and_then(|norm| norm.forward(&x[0]))
        }
        "batch_norm" => batch_norm(x, true),
        "batch_norm_eval" => batch_norm(x, false),
        "cross_entropy" => classes().and_then(|classes| nn::loss::cross_entropy(&x[0], &classes)),
        "nll_loss" => classes().and_then(|classes| nn::loss::nll(&x[0], &classes)),
        "mse_loss" => nn::loss::mse(&x[0], &x[1]),
        "huber_loss" => nn::loss::huber(&x[0], &x[1], 1.0),
        "huber_loss_delta" => nn::loss::huber(&x[0], &x[1], 0.7),
        "binary_cross_entropy_logits" => nn::loss::binary_cross_entropy_with_logit(&x[0], &x[1]),
        "lstm_cell" => lstm_cell(x),
        "gru_cell" => gru_cell(x),
        _ => return None,
    })
}

fn batch_norm(x: &[Tensor], train: bool) -> Result<Tensor> {
    let statistic = |numbers: [f64; 3]| Tensor::new(&numbers, &Device::Cpu)?.to_dtype(x[0].dtype());
    let (mean, variance) = (statistic([0.1, 0.2, 0.3])?, statistic([1.1, 0.4, 2.0])?);
    let norm = nn::BatchNorm::new(3, mean, variance, x[1].clone(), x[2].clone(), 1e-5)?;
    norm.forward_t(&x[0], train)
}

/// The parameters of a recurrent layer.
fn parameters(x: &[Tensor]) -> VarBuilder<'static> {
    let names = ["weight_ih_l0", "weight_hh_l0"].map(str::to_string);
    let map: HashMap<_, _> = names.into_iter().zip(x.iter().cloned()).collect();
    VarBuilder::from_tensors(map, x[0].dtype(), &Device::Cpu)
}

fn lstm_cell(x: &[Tensor]) -> Result<Tensor> {
    let layer = nn::lstm(3, 2, nn::LSTMConfig::default_no_bias(), parameters(&x[3..]))?;
    let state = nn::rnn::LSTMState::new(x[1].clone(), x[2].clone());
    let state = layer.step(&x[0], &state)?;
    Tensor::stack(&[state.h(), state.c()], 0)
}

fn gru_cell(x: &[Tensor]) -> Result<Tensor> {
    let layer = nn::gru(3, 2, nn::GRUConfig::default_no_bias(), parameters(&x[2..]))?;
    let state = nn::rnn::GRUState { h: x[1].clone() };
    Ok(layer.step(&x[0], &state)?.h)
}

fn image(call: &Call, x: &[Tensor]) -> std::result::Result<Tensor, Failure> {
    let a = &x[0];
    let pair = |name| <(usize, usize)>::from(call.pair(name));
    Ok(match call.function.as_str() {
        "conv1d" => a.conv1d(&x[1], call.count("padding"), call.count("stride"), 1, 1)?,
        "conv2d" => {
            let [stride, padding, dilation] =
                ["stride", "padding", "dilation"].map(|name| call.equal(name));
            let y = a.conv2d(&x[1], padding?, stride?, dilation?, call.count("groups"))?;
            y.broadcast_add(&x[2].reshape((1, (), 1, 1))?)?
        }
        "conv_transpose2d" if call.count("groups") == 1 => {
            let [stride, padding, dilation] =
                ["stride", "padding", "dilation"].map(|name| call.equal(name));
            a.conv_transpose2d(&x[1], padding?, 0, stride?, dilation?)?
        }
        "max_pool2d" if call.pair("padding") == [0, 0] => {
            a.max_pool2d_with_stride(pair("kernel"), pair("stride"))?
        }
        "avg_pool2d" if call.pair("padding") == [0, 0] => {
            a.avg_pool2d_with_stride(pair("kernel"), pair("stride"))?
        }
        "interpolate_nearest" => {
            let [height, width] = call.pair("size");
            a.interpolate2d(height, width)?
        }
        "interpolate_bilinear" => {
            let [height, width] = call.pair("size");
            a.upsample_bilinear2d(height, width, false)?
        }
        "pad_constant" => a.pad_with_zeros(D::Minus1, 1, 2)?.pad_with_zeros(2, 0, 1)?,
        "pad_replicate" => a.pad_with_same(D::Minus1, 1, 2)?.pad_with_same(2, 0, 1)?,
        "pixel_shuffle" => nn::ops::pixel_shuffle(a, 2)?,
        _ => return Err(Failure::Unknown),
    })
}
