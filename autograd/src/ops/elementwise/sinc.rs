//! The normalized cardinal sine.

use std::f64::consts::PI;

use crate::ops::prelude::*;

smooth! {
    /// The normalized cardinal sine `sin(πx) / (πx)`, 1 at 0; its slope is `(cos(πx) − y) / x`, 0 at 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.5_f64));
    /// let y = x.sinc();
    /// assert!((y.item() - 0.636_619_772_368).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() + 1.273_239_544_735).abs() < 1e-11);
    /// ```
    sinc, Sinc,
    sample |draw| (Sinc, draw.any()),
    value |f, x| {
        if is_near(x) { series(x, 0) } else { sine(x) / (x * T::of(PI)) }
    },
    slope of X |f, x| {
        if is_near(x) {
            series(x, 1)
        } else {
            (cosine(x) - sine(x) / (x * T::of(PI))) / x
        }
    },
    curvature |f, x| {
        let near = x.value().map(is_near);
        let square = x.square();
        // The second derivative of the series.
        let [last, rest @ ..] = coefficients(2);
        let series = rest.into_iter().fold(Var::full(x.shape(), last), |sum, c| sum * &square + c);
        // y″ = −π² y − 2 y′ / x. Where the series is used, x is replaced by 1, so that no NaN arises here.
        let far = x.masked_fill(&near, 1.0);
        let slope = crate::ops::support::slope(Sinc, &far);
        let far = far.sinc() * -(PI * PI) - slope * 2.0 / &far;
        Var::where_(&near, &series, &far)
    },
}

/// Terms of the series at 0.
const TERMS: usize = 10;

/// Whether the series at 0 is used: `|πx|` is below π/2, and the first omitted term is below 1e-17.
#[inline(always)]
fn is_near<T: Real>(x: T) -> bool {
    x.abs() < T::of(0.5)
}

/// The coefficients in `x²` of the derivative of an order up to 2 of `Σ (−1)ᵏ (πx)²ᵏ / (2k + 1)!`, the
/// highest power first. Order 1 has one more factor `x`, which is not included.
fn coefficients(order: usize) -> [f64; TERMS] {
    let first = usize::from(order > 0);
    let mut all = [0.0; TERMS];
    for (at, c) in all.iter_mut().rev().enumerate() {
        let k = at + first;
        let factorial: f64 = (1..=2 * k + 1).map(|n| n as f64).product();
        let sign = if k.is_multiple_of(2) { 1.0 } else { -1.0 };
        let powers: f64 = (0..order).map(|i| (2 * k - i) as f64).product();
        *c = sign * powers * PI.powi(2 * k as i32) / factorial;
    }
    all
}

/// The value (order 0) or the slope (order 1) by the series at 0.
fn series<T: Real>(x: T, order: usize) -> T {
    let square = x * x;
    let [last, rest @ ..] = coefficients(order);
    let sum = rest
        .into_iter()
        .fold(T::of(last), |sum, c| sum * square + T::of(c));
    if order == 0 { sum } else { sum * x }
}

/// `x` modulo 2, in −1 to 1.
fn reduced<T: Real>(x: T) -> T {
    x - (x * T::of(0.5)).round() * T::of(2.0)
}

/// sin(πx), exact at multiples of ½.
fn sine<T: Real>(x: T) -> T {
    let (r, half) = (reduced(x), T::of(0.5));
    let r = if r > half {
        T::one() - r
    } else if r < -half {
        -T::one() - r
    } else {
        r
    };
    (r * T::of(PI)).sin()
}

/// cos(πx), exact at multiples of ½.
fn cosine<T: Real>(x: T) -> T {
    ((T::of(0.5) - reduced(x).abs()) * T::of(PI)).sin()
}
