//! The logistic function, and smooth activations that are computed from it.

use super::tanh::Tanh;
use crate::ops::prelude::*;
use crate::ops::support::slope;

smooth! {
    /// The logistic function `1 / (1 + e⁻ˣ)`, without overflow; its slope is `e^−|x| / (1 + e^−|x|)²`.
    ///
    /// The slope is a function of `x`: `y (1 − y)` would lose its digits where `y` is near 1.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.0));
    /// let y = x.sigmoid();
    /// assert_eq!(y.item(), 0.5);
    /// assert_eq!(y.backward().wrt(&x).item(), 0.25);
    /// ```
    sigmoid, Sigmoid,
    sample |draw| (Sigmoid, draw.any()),
    value |f, x| x.sigmoid(),
    slope of X |f, x| x.sigmoid_slope(),
    curvature |f, x| -(slope(Sigmoid, x) * (x * 0.5).tanh()),

    /// The logarithm of the [logistic function](Self::sigmoid), without cancellation or overflow.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.0_f64));
    /// let y = x.logsigmoid();
    /// assert!((y.item() + 0.693_147_180_560).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.500_000_000_000).abs() < 1e-11);
    /// ```
    logsigmoid, Logsigmoid,
    sample |draw| (Logsigmoid, draw.any()),
    value |f, x| {
        let tail = x.exp_neg_abs().ln_1p();
        if x > T::zero() { -tail } else { x - tail }
    },
    slope of X |f, x| (-x).sigmoid(),
    curvature |f, x| -slope(Sigmoid, x),

    /// The sigmoid linear unit `x σ(x)`, also called swish.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.silu();
    /// assert!((y.item() - 0.731_058_578_630).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.927_670_511_871).abs() < 1e-11);
    /// ```
    silu, Silu,
    sample |draw| (Silu, draw.any()),
    value |f, x| {
        // The factors e^(x/2) keep their digits where eˣ is below the normal numbers.
        let (h, up) = half_exp_and_sigmoid(x);
        if x > T::zero() { x * up } else { x * h * (h * up) }
    },
    slope of X |f, x| {
        let (h, up) = half_exp_and_sigmoid(x);
        let small = h * h * up;
        if x > T::zero() {
            up * (T::one() + x * small)
        } else {
            (T::one() + x * up) * h * (h * up)
        }
    },
    curvature |f, x| slope(Sigmoid, x) * (2.0 - x * (x * 0.5).tanh()),

    /// A smooth rectifier, `ln(1 + e^(βx)) / β`; `x` itself where `βx` exceeds the threshold.
    ///
    /// PyTorch's defaults are β = 1 and threshold 20.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.0_f64));
    /// let y = x.softplus(1.0, 20.0);
    /// assert!((y.item() - 0.693_147_180_560).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.500_000_000_000).abs() < 1e-11);
    /// ```
    softplus, Softplus { beta: f64, threshold: f64 },
    sample |draw| {
        let f = draw.pick(&[Softplus { beta: 1.0, threshold: 20.0 }, Softplus { beta: 2.0, threshold: 1.0 }]);
        let x = draw.any_off_zero().map(|x| x + f.threshold / f.beta * f64::from(x > 1.2));
        (f, x)
    },
    value |f, x| {
        let (z, beta) = (x * T::of(f.beta), T::of(f.beta));
        if z > T::of(f.threshold) {
            x
        } else {
            let tail = z.exp_neg_abs().ln_1p();
            (if z > T::zero() { z + tail } else { tail }) / beta
        }
    },
    slope of X |f, x| {
        let z = x * T::of(f.beta);
        if z > T::of(f.threshold) { T::one() } else { z.sigmoid() }
    },
    curvature |f, x| {
        let (beta, threshold) = (T::of(f.beta), T::of(f.threshold));
        let linear = x.value().map(|x| x * beta > threshold);
        (slope(Sigmoid, &(x * f.beta)) * f.beta).masked_fill(&linear, 0.0)
    },

    /// `x tanh(ln(1 + eˣ))` (Misra, 2019).
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.mish();
    /// assert!((y.item() - 0.865_098_388_267).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 1.049_036_220_100).abs() < 1e-11);
    /// ```
    mish, Mish,
    sample |draw| (Mish, draw.any()),
    value |f, x| {
        let (h, _) = half_exp_and_sigmoid(x);
        let (one, two, e) = (T::one(), T::of(2.0), h * h);
        if x > T::zero() {
            let n = one + two * e;
            x * (n / (n + two * e * e))
        } else {
            let n = e + two;
            x * h * (h * (n / (e * n + two)))
        }
    },
    slope of X |f, x| {
        // tanh u + x σ(x) (1 − tanh² u) with u = ln(1 + eˣ), as fractions in e = e^−|x|.
        let (h, _) = half_exp_and_sigmoid(x);
        let (one, two, e) = (T::one(), T::of(2.0), h * h);
        // Products with h first: x alone may be near the largest number.
        let bent = T::of(4.0) * (x * h) * (one + e);
        if x > T::zero() {
            // As 1 and a rest of size e², whose tangent keeps its digits.
            let square = two * e * e;
            let d = one / (one + two * e + square);
            one + (bent * h * e * d - square) * d
        } else {
            let n = e + two;
            let d = one / (e * n + two);
            (n * h + bent * d) * d * h
        }
    },
    curvature |f, x| {
        let (s, u) = (x.sigmoid(), x.softplus(1.0, f64::INFINITY));
        slope(Tanh, &u) * &s * (2.0 + x * ((-x).sigmoid() - u.tanh() * &s * 2.0))
    },
}

/// `σ(x)` and `σ(−x) = 1 − σ(x)`.
#[inline(always)]
pub(crate) fn sigmoid_of_both_signs<T: Real>(x: T) -> [T; 2] {
    let e = x.exp_neg_abs();
    let large = T::one() / (T::one() + e);
    let small = e * large;
    if x > T::zero() {
        [large, small]
    } else {
        [small, large]
    }
}

/// `e^(−|x|/2)`, and `1 / (1 + e^−|x|)`.
#[inline(always)]
fn half_exp_and_sigmoid<T: Real>(x: T) -> (T, T) {
    let h = (x * T::of(0.5)).exp_neg_abs();
    (h, T::one() / (T::one() + h * h))
}
