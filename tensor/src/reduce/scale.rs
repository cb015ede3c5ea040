//! Powers of two that keep squares in range, as in BLAS `nrm2`.

use super::accumulate::Fold;
use super::fold::fold;
use super::fold_alike;
use crate::{Axes, Real, Tensor};

/// The exponents of a number type: whether it is as wide as `f64`, or only as wide as `f32`.
fn is_wide<T: Real>() -> bool {
    T::of(f64::MAX).to_f64().is_finite()
}

/// The power of two that brings `|x|` into [1, 2), as far as the type reaches; 1 for 0, infinities and NaN.
///
/// Multiplying by it rounds nothing. `x²` overflows or vanishes long before `x` does, but not the square
/// of a number near 1.
#[must_use]
#[inline]
pub fn unit_scale<T: Real>(x: T) -> T {
    const BIAS: i64 = 1023;
    let x = x.to_f64().abs();
    if x == 0.0 || !x.is_finite() {
        return T::one();
    }
    let exponent = (x.to_bits() >> 52) as i64 - BIAS;
    let most = if is_wide::<T>() { 1022 } else { 126 };
    let scale = (-exponent).clamp(-most, most) + BIAS;
    T::of(f64::from_bits((scale as u64) << 52))
}

/// The least sum of squares that is exact to rounding: squares that vanished are nothing beside it.
fn least<T: Real>() -> f64 {
    if is_wide::<T>() {
        f64::from_bits((1023 - 990) << 52)
    } else {
        f64::from_bits((1023 - 100) << 52)
    }
}

/// Whether no square that matters to a sum of squares overflowed or vanished, where `room` is added to
/// the sum anyway.
pub(super) fn is_exact<T: Real>(squares: T, room: f64) -> bool {
    let squares = squares.to_f64();
    let in_range = squares.is_finite() && T::of(room).to_f64().is_finite();
    in_range && squares.max(room) >= least::<T>()
}

/// For each result the power of two that brings the largest absolute value into [1, 2), or 1 if `is_exact`
/// says that this result needs none; `None` if all are 1.
pub(super) fn scales<T: Real>(
    op: &str,
    x: &Tensor<T>,
    axes: &Axes,
    is_exact: &[bool],
) -> Option<Vec<T>> {
    if is_exact.iter().all(|&exact| exact) {
        return None;
    }
    let largest = largest(op, x, axes);
    let scales: Vec<T> = largest
        .iter()
        .zip(is_exact)
        .map(|(x, &exact)| if exact { T::one() } else { unit_scale(x) })
        .collect();
    scales.iter().any(|&s| s != T::one()).then_some(scales)
}

/// The largest absolute values, without tangents; 0 of no elements, NaN if there is one.
fn largest<T: Real>(op: &str, x: &Tensor<T>, axes: &Axes) -> Tensor<T> {
    let function = Fold {
        identity: T::zero(),
        term: |x: T, ()| x.primal().abs(),
        join: |a: T, b: T| if b > a || b.is_nan() { b } else { a },
    };
    fold_alike(op, x, axes, &function)
}

impl<T: Real> Tensor<T> {
    /// For each result of a reduction over some axes the power of two that brings the largest absolute
    /// value into [1, 2); see [`unit_scale`]. It carries no tangent.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn unit_scales(&self, axes: impl Into<Axes>) -> Self {
        largest("unit_scales", self, &axes.into()).map(unit_scale)
    }

    /// The Euclidean norm over some axes, `y = √(Σ x²)`; of no elements 0.
    ///
    /// Squares that would overflow or vanish are scaled first by a power of two, as in BLAS `nrm2`, so that
    /// the norm is right wherever it can be represented: `(2ᵏx).norm2()` is `2ᵏ` times `x.norm2()`.
    /// The order of the additions is that of [`sum`](Self::sum). A NaN makes the norm NaN, an infinity
    /// makes it infinite. The tangent of a norm that is 0 is 0.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn norm2(&self, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        let function = Fold {
            identity: T::zero(),
            term: |x: T, ()| x * x,
            join: |a: T, b: T| a + b,
        };
        let squares = fold_alike("norm2", self, &axes, &function);
        let exact: Vec<_> = squares.iter().map(|sum| is_exact(sum, 0.0)).collect();
        let Some(scales) = scales("norm2", self, &axes, &exact) else {
            return squares.map(root);
        };
        let function = Fold {
            identity: T::zero(),
            term: |x: T, scale: T| (x * scale) * (x * scale),
            join: |a: T, b: T| a + b,
        };
        let squares = fold("norm2", self, &axes, &scales, &function);
        let scales = Self::from_vec(scales, squares.shape());
        squares.zip(&scales, |sum, scale| root(sum) / scale)
    }
}

/// `√x`, without a tangent at 0.
fn root<T: Real>(x: T) -> T {
    if x == T::zero() { T::zero() } else { x.sqrt() }
}
