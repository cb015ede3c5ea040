//! The Gaussian error linear unit (Hendrycks and Gimpel, 2016).

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::sigmoid_family::sigmoid_of_both_signs;
use super::tanh::Tanh;
use crate::ops::prelude::*;
use crate::ops::support::slope;

/// `1 / √(2π)`, the maximum of the normal density.
const HEIGHT: f64 = 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
/// `√(2/π)` and the cubic coefficient of the approximation.
const RATE: f64 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
const CUBIC: f64 = 0.044_715;

smooth! {
    /// The Gaussian error linear unit `x Φ(x)`, Φ being the normal distribution function.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.gelu();
    /// assert!((y.item() - 0.841_344_746_069).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 1.083_315_470_588).abs() < 1e-11);
    /// ```
    gelu, Gelu,
    sample |draw| (Gelu, draw.any()),
    value |f, x| x * x.normal_cdf(),
    slope of X |f, x| {
        let [cdf, density] = x.normal_cdf_and_density();
        cdf + x * density
    },
    curvature |f, x| {
        let square = x.square();
        (&square * -0.5).exp() * (2.0 - square) * HEIGHT
    },

    /// The approximation of [`gelu`](Self::gelu) by `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.gelu_tanh();
    /// assert!((y.item() - 0.841_191_990_608).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 1.082_964_083_846).abs() < 1e-11);
    /// ```
    gelu_tanh, GeluTanh,
    sample |draw| (GeluTanh, draw.any()),
    value |f, x| {
        x * (x * T::of(2.0 * RATE) * (T::one() + x * x * T::of(CUBIC))).sigmoid()
    },
    slope of X |f, x| {
        // Beyond 100 the slope is 0 or 1, and the cubic polynomial may overflow.
        let (one, end) = (T::one(), T::of(100.0));
        let x = if x > end { end } else { x };
        let x = if x < -end { -end } else { x };
        let square = x * x;
        // (1 + tanh u) / 2 = σ(2u), and its slope is 2 σ(2u) σ(−2u) du.
        let [s, rest] = sigmoid_of_both_signs(x * T::of(2.0 * RATE) * (one + square * T::of(CUBIC)));
        let du = T::of(2.0 * RATE) * (one + square * T::of(3.0 * CUBIC));
        s * (one + x * rest * du)
    },
    curvature |f, x| {
        let square = x.square();
        let u = x * RATE * (1.0 + &square * CUBIC);
        let du = RATE * (1.0 + square * (3.0 * CUBIC));
        let bent = x * (3.0 * CUBIC * RATE);
        slope(Tanh, &u) * (&du + x * (bent - u.tanh() * du.square()))
    },
}
