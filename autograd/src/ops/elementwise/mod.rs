//! Functions of each element, and of pairs of elements that broadcast.

use super::support::OpInfo;

mod add;
mod atan2;
mod clamp;
mod comparison;
mod div;
mod dropout;
mod elu;
mod error_function;
mod exponential;
mod gelu;
mod hardsigmoid_hardswish;
mod hyperbolic;
mod leaky_relu_abs;
mod lerp_addcmul;
mod logarithm;
mod maximum_minimum;
mod mul;
mod operators;
mod piecewise_slope;
mod pow_tensor;
mod powers_roots;
mod prelu_glu;
mod relu;
mod scalar_arithmetic;
mod shrink;
mod sigmoid_family;
mod sign_rounding;
mod sinc;
mod softsign_tanhshrink;
mod sub;
mod tanh;
mod trigonometric;

pub(crate) use lerp_addcmul::three;
pub(crate) use sigmoid_family::{Sigmoid, exp_neg_abs, sigmoid_of_both_signs};

pub(super) const OPS: &[&[OpInfo]] = &[
    add::OPS,
    atan2::OPS,
    clamp::OPS,
    comparison::OPS,
    div::OPS,
    dropout::OPS,
    elu::OPS,
    error_function::OPS,
    exponential::OPS,
    gelu::OPS,
    hardsigmoid_hardswish::OPS,
    hyperbolic::OPS,
    leaky_relu_abs::OPS,
    lerp_addcmul::OPS,
    logarithm::OPS,
    maximum_minimum::OPS,
    mul::OPS,
    piecewise_slope::OPS,
    pow_tensor::OPS,
    powers_roots::OPS,
    prelu_glu::OPS,
    relu::OPS,
    scalar_arithmetic::OPS,
    shrink::OPS,
    sigmoid_family::OPS,
    sign_rounding::OPS,
    sinc::OPS,
    softsign_tanhshrink::OPS,
    sub::OPS,
    tanh::OPS,
    trigonometric::OPS,
];
