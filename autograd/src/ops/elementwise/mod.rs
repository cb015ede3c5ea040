//! Functions of each element, and of pairs of elements that broadcast.

use super::support::Entry;

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

pub(super) const ENTRIES: &[&[Entry]] = &[
    add::ENTRIES,
    atan2::ENTRIES,
    clamp::ENTRIES,
    comparison::ENTRIES,
    div::ENTRIES,
    dropout::ENTRIES,
    elu::ENTRIES,
    error_function::ENTRIES,
    exponential::ENTRIES,
    gelu::ENTRIES,
    hardsigmoid_hardswish::ENTRIES,
    hyperbolic::ENTRIES,
    leaky_relu_abs::ENTRIES,
    lerp_addcmul::ENTRIES,
    logarithm::ENTRIES,
    maximum_minimum::ENTRIES,
    mul::ENTRIES,
    piecewise_slope::ENTRIES,
    pow_tensor::ENTRIES,
    powers_roots::ENTRIES,
    prelu_glu::ENTRIES,
    relu::ENTRIES,
    scalar_arithmetic::ENTRIES,
    shrink::ENTRIES,
    sigmoid_family::ENTRIES,
    sign_rounding::ENTRIES,
    sinc::ENTRIES,
    softsign_tanhshrink::ENTRIES,
    sub::ENTRIES,
    tanh::ENTRIES,
    trigonometric::ENTRIES,
];
