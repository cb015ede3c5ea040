//! Functions of each element, and of pairs of elements with broadcasting.

use burn::tensor::{Tensor, activation};
use protocol::gradients::Call;

use crate::{Inputs, flat};

pub fn apply(call: &Call, x: &Inputs) -> Option<Tensor<1>> {
    if x.leaves.len() == 1 && x.rank(0) <= 2 {
        let y = math(call, x.at(0)).or_else(|| activation(call, x));
        return y.map(flat);
    }
    if x.leaves.len() == 2 && x.rank(0).max(x.rank(1)) <= 2 {
        return pair(&call.function, x.at(0), x.at(1)).map(flat);
    }
    None
}

fn math(call: &Call, x: Tensor<2>) -> Option<Tensor<2>> {
    Some(match call.function.as_str() {
        "abs" => x.abs(),
        "sin" => x.sin(),
        "cos" => x.cos(),
        "tan" => x.tan(),
        "atan" => x.atan(),
        "sinh" => x.sinh(),
        "cosh" => x.cosh(),
        "tanh" => x.tanh(),
        "asinh" => x.asinh(),
        "acosh" => x.acosh(),
        "atanh" => x.atanh(),
        "asin" => x.asin(),
        "acos" => x.acos(),
        "exp" => x.exp(),
        "erf" => x.erf(),
        "square" => x.square(),
        "neg" => x.neg(),
        "deg2rad" => x.deg2rad(),
        "log" => x.log(),
        "log1p" => x.log1p(),
        "sqrt" => x.sqrt(),
        "reciprocal" => x.recip(),
        "clamp" => x.clamp(call.number("low"), call.number("high")),
        "pow_3" | "pow_-3" => x.powi_scalar(call.number("exponent") as i64),
        "pow_0.3" => x.powf_scalar(call.number("exponent")),
        "divide_by_scalar" => x / call.number("scalar"),
        "multiply_by_scalar" => x * call.number("scalar"),
        "scalar_divided" => call.number("scalar") / x,
        "remainder" => x.remainder_scalar(call.number("scalar")),
        _ => return None,
    })
}

fn activation(call: &Call, x: &Inputs) -> Option<Tensor<2>> {
    let a = x.at::<2>(0);
    Some(match call.function.as_str() {
        "relu" => activation::relu(a),
        "relu6" => activation::relu6(a),
        "elu" => activation::elu(a, 1.0),
        "elu_alpha_0.7" => activation::elu(a, call.number("alpha")),
        "celu" | "celu_alpha_1.3" => activation::celu(a, call.number("alpha")),
        "selu" => activation::selu(a),
        "gelu" => activation::gelu(a),
        "gelu_tanh" => activation::gelu_approximate(a),
        "silu" => activation::silu(a),
        "mish" => activation::mish(a),
        "sigmoid" => activation::sigmoid(a),
        "logsigmoid" => activation::log_sigmoid(a),
        "softplus" => activation::softplus(a, 1.0),
        "softplus_beta_0.7" => activation::softplus(a, call.number("beta")),
        "softsign" => activation::softsign(a),
        "hardtanh" => activation::hardtanh(a, -1.0, 1.0),
        "hardsigmoid" => activation::hard_sigmoid(a, 1.0 / 6.0, 0.5),
        "hardswish" => activation::hard_swish(a),
        "hardshrink" => activation::hard_shrink(a, 0.5),
        "softshrink" => activation::soft_shrink(a, 0.5),
        "tanhshrink" => activation::tanhshrink(a),
        "leaky_relu" => activation::leaky_relu(a, 0.01),
        "leaky_relu_0.3" => activation::leaky_relu(a, call.number("slope")),
        "prelu" => activation::prelu(a, x.constants([0.3])),
        "threshold" => activation::threshold(a, call.number("threshold"), call.number("value")),
        _ => return None,
    })
}

fn pair(function: &str, a: Tensor<2>, b: Tensor<2>) -> Option<Tensor<2>> {
    Some(match function {
        "add" => a + b,
        "sub" => a - b,
        "mul" => a * b,
        "div" => a / b,
        "maximum" => a.max_pair(b),
        "minimum" => a.min_pair(b),
        "pow" => a.powf(b),
        "atan2" => a.atan2(b),
        "hypot" => a.hypot(b),
        "remainder_pair" => a.remainder(b),
        "cross" => a.cross(b, 1),
        _ => return None,
    })
}
