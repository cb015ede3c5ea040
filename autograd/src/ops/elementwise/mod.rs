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
pub(crate) use sigmoid_family::{Sigmoid, sigmoid_of_both_signs};
pub(crate) use tanh::Tanh;

pub(super) const OPS: &[&[OpInfo]] = include!(concat!(env!("OUT_DIR"), "/elementwise.rs"));
