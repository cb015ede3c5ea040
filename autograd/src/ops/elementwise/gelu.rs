//! The Gaussian error linear unit (Hendrycks and Gimpel, 2016).

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use crate::ops::prelude::*;

/// `1 / √(2π)`, the height of the normal density.
const HEIGHT: f64 = 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
/// `√(2/π)` and the cubic coefficient of the approximation.
const RATE: f64 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
const CUBIC: f64 = 0.044_715;

smooth! {
    /// The Gaussian error linear unit `x Φ(x)`, Φ being the normal distribution function.
    gelu, Gelu,
    sample |draw| (Gelu, draw.any()),
    value |f, x| x * normal(x),
    slope of X |f, x| {
        let density = (x * x * T::of(-0.5)).exp() * T::of(HEIGHT);
        normal(x) + x * density
    },
    curvature |f, x| {
        let square = x.square();
        (&square * -0.5).exp() * (2.0 - square) * HEIGHT
    },

    /// The approximation of [`gelu`](Self::gelu) by `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`.
    gelu_tanh, GeluTanh,
    sample |draw| (GeluTanh, draw.any()),
    value |f, x| {
        let u = x * T::of(RATE) * (T::one() + x * x * T::of(CUBIC));
        x * T::of(0.5) * (T::one() + u.tanh())
    },
    slope of X |f, x| {
        let (one, half, square) = (T::one(), T::of(0.5), x * x);
        let t = (x * T::of(RATE) * (one + square * T::of(CUBIC))).tanh();
        let du = T::of(RATE) * (one + square * T::of(3.0 * CUBIC));
        half * (one + t) + half * x * (one - t * t) * du
    },
    curvature |f, x| {
        let square = x.square();
        let t = (x * RATE * (1.0 + &square * CUBIC)).tanh();
        let du = RATE * (1.0 + square * (3.0 * CUBIC));
        let bent = x * (3.0 * CUBIC * RATE);
        (1.0 - t.square()) * (&du + x * (bent - t * du.square()))
    },
}

/// The normal distribution function; in the tail it keeps its digits.
#[inline(always)]
fn normal<T: Real>(x: T) -> T {
    (x * T::of(-FRAC_1_SQRT_2)).erfc() * T::of(0.5)
}
