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
    // Without branches, so that a loop uses vectors: both formulas are computed, and one is selected.
    value |f, x| {
        let (near, far) = (series(x, VALUE), sine(x) / (x * T::of(PI)));
        if is_near(x) { near } else { far }
    },
    slope of X |f, x| {
        let near = series(x, SLOPE) * x;
        let far = (cosine(x) - sine(x) / (x * T::of(PI))) / x;
        if is_near(x) { near } else { far }
    },
    curvature |f, x| {
        let near = x.value().map(is_near);
        let square = x.square();
        // The second derivative of the series.
        let [last, rest @ ..] = CURVATURE;
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

/// Coefficients in `x²`, the highest power first, of the series of the value, of the slope divided by `x`, and of
/// the second derivative.
const VALUE: [f64; TERMS] = coefficients(0);
const SLOPE: [f64; TERMS] = coefficients(1);
const CURVATURE: [f64; TERMS] = coefficients(2);

/// The coefficients in `x²` of the derivative of an order up to 2 of `Σ (−1)ᵏ (πx)²ᵏ / (2k + 1)!`, the
/// highest power first. Order 1 has one more factor `x`, which is not included.
const fn coefficients(order: usize) -> [f64; TERMS] {
    let first = if order > 0 { 1 } else { 0 };
    let mut all = [0.0; TERMS];
    let mut at = 0;
    while at < TERMS {
        let k = at + first;
        // (−1)ᵏ π²ᵏ / (2k + 1)!, then the factors of the derivative.
        let mut c = 1.0;
        let mut n = 1;
        while n <= k {
            c *= -PI * PI / ((2 * n) as f64 * (2 * n + 1) as f64);
            n += 1;
        }
        let mut i = 0;
        while i < order {
            c *= (2 * k - i) as f64;
            i += 1;
        }
        all[TERMS - 1 - at] = c;
        at += 1;
    }
    all
}

/// The series at 0 with some coefficients.
#[inline(always)]
fn series<T: Real>(x: T, coefficients: [f64; TERMS]) -> T {
    let square = x * x;
    let mut sum = T::of(coefficients[0]);
    for c in &coefficients[1..] {
        sum = sum * square + T::of(*c);
    }
    sum
}

/// `x` modulo 2, in −1 to 1.
#[inline(always)]
fn reduced<T: Real>(x: T) -> T {
    x - (x * T::of(0.5)).round() * T::of(2.0)
}

/// sin(πx), exact at multiples of ½.
#[inline(always)]
fn sine<T: Real>(x: T) -> T {
    let (r, half, one) = (reduced(x), T::of(0.5), T::one());
    let r = if r > half { one - r } else { r };
    let r = if r < -half { -one - r } else { r };
    (r * T::of(PI)).small_angle_sin()
}

/// cos(πx), exact at multiples of ½.
#[inline(always)]
fn cosine<T: Real>(x: T) -> T {
    ((T::of(0.5) - reduced(x).abs()) * T::of(PI)).small_angle_sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_derivatives_are_derivatives_of_the_series() {
        // Of the term c·x²ᵏ, k = 1, 2, .., the slope is 2k·c·x²ᵏ⁻¹, and the second derivative 2k·(2k − 1)·c·x²ᵏ⁻².
        let [value, slope, curvature] = [0, 1, 2].map(coefficients);
        let lowest_first = |all: [f64; TERMS]| all.into_iter().rev();
        let terms = lowest_first(value).skip(1);
        let terms = terms.zip(lowest_first(slope).zip(lowest_first(curvature)));
        for (k, (c, (of_slope, of_curvature))) in (1..).zip(terms) {
            let power = 2.0 * f64::from(k);
            let near = |a: f64, b: f64| (a - b).abs() <= 4.0 * f64::EPSILON * b.abs();
            assert!(near(of_slope, power * c), "{k}: {of_slope}");
            let expected = power * (power - 1.0) * c;
            assert!(near(of_curvature, expected), "{k}: {of_curvature}");
        }
        assert_eq!((value[TERMS - 1], value, slope), (1.0, VALUE, SLOPE));
        assert_eq!(curvature, CURVATURE);
    }
}
