//! Norms without overflow or underflow: elements are scaled by a power of two before they are squared, as in
//! BLAS `nrm2`.

use super::accumulate::{Fold, sum_of};
use super::fold::fold;
use super::fold_without_params;
use crate::{Axes, Real, Tensor};

/// Whether a number type has the exponent range of `f64`, not that of `f32`.
fn has_f64_range<T: Real>() -> bool {
    T::largest().to_f64() > f64::from(f32::MAX)
}

/// The power of two that scales `|x|` into [1, 2), limited to normal numbers of the type; 1 for 0, infinities
/// and NaN.
///
/// Multiplying by it is exact. `x²` can overflow or underflow where `x` does not; the square of a number
/// in [1, 2) cannot.
#[must_use]
#[inline]
pub fn unit_scale<T: Real>(x: T) -> T {
    const BIAS: i64 = 1023;
    let x = x.primal().to_f64().abs();
    if x == 0.0 || !x.is_finite() {
        return T::one();
    }
    let exponent = (x.to_bits() >> 52) as i64 - BIAS;
    let most = if has_f64_range::<T>() { 1022 } else { 126 };
    let scale = (-exponent).clamp(-most, most) + BIAS;
    T::of(f64::from_bits((scale as u64) << 52))
}

/// The smallest sum of squares that is accurate to rounding: squares that underflowed are negligible compared
/// with it.
fn smallest_accurate<T: Real>() -> f64 {
    if has_f64_range::<T>() {
        f64::from_bits((1023 - 990) << 52)
    } else {
        f64::from_bits((1023 - 100) << 52)
    }
}

/// Whether a sum of squares, to which `room` is going to be added, is accurate: nothing overflowed, and squares
/// that underflowed are negligible.
pub(super) fn is_exact<T: Real>(squares: T, room: f64) -> bool {
    let squares = squares.primal().to_f64();
    let in_range = squares.is_finite() && T::of(room).to_f64().is_finite();
    in_range && squares.max(room) >= smallest_accurate::<T>()
}

/// For each result, the power of two that scales its largest absolute value into [1, 2), or 1 if `is_exact` is
/// true for it; `None` if all are 1.
pub(super) fn scales<T: Real>(
    op: &str,
    x: &Tensor<T>,
    axes: &Axes,
    is_exact: &[bool],
) -> Option<Vec<T>> {
    if is_exact.iter().all(|&exact| exact) {
        return None;
    }
    let largest = max_abs(op, x, axes);
    let scales: Vec<T> = largest
        .iter()
        .zip(is_exact)
        .map(|(x, &exact)| if exact { T::one() } else { unit_scale(x) })
        .collect();
    scales.iter().any(|&s| s != T::one()).then_some(scales)
}

/// The largest absolute values, without tangents; 0 over no elements, NaN if there is one.
#[track_caller]
fn max_abs<T: Real>(op: &str, x: &Tensor<T>, axes: &Axes) -> Tensor<T> {
    let function = Fold {
        identity: T::zero(),
        term: |x: T, ()| x.primal().abs(),
        join: |a: T, b: T| if b > a || b.is_nan() { b } else { a },
    };
    fold_without_params(op, x, axes, &function)
}

impl<T: Real> Tensor<T> {
    /// For each result of a reduction over some axes, the power of two that scales its largest absolute value
    /// into [1, 2); see [`unit_scale`]. It has no tangent.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 6.0, 0.1, -0.3], [2, 2]);
    /// assert_eq!(x.unit_scales(1).to_vec(), [0.25, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn unit_scales(&self, axes: impl Into<Axes>) -> Self {
        max_abs("unit_scales", self, &axes.into()).map(unit_scale)
    }

    /// The Euclidean norm over some axes, `y = √(Σ x²)`; 0 over no elements.
    ///
    /// If squares would overflow or underflow, the elements are first scaled by a power of two, as in BLAS
    /// `nrm2`, so the norm is accurate wherever it is representable. The order of the additions is that of
    /// [`sum`](Self::sum). The norm is NaN if there is a NaN, else infinite if there is an infinity. The
    /// tangent of a norm that is 0 is 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![3.0, 4.0, 0.0, 0.0], [2, 2]);
    /// assert_eq!(x.norm2(1).to_vec(), [5.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn norm2(&self, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        let function = sum_of(|x: T, ()| x * x);
        let squares = fold_without_params("norm2", self, &axes, &function);
        let exact: Vec<_> = squares.iter().map(|sum| is_exact(sum, 0.0)).collect();
        let Some(scales) = scales("norm2", self, &axes, &exact) else {
            return squares.map(root);
        };
        let function = sum_of(|x: T, scale: T| (x * scale) * (x * scale));
        let squares = fold("norm2", self, &axes, &scales, &function);
        let scales = Self::from_vec(scales, squares.shape());
        squares.zip(&scales, |sum, scale| root(sum) / scale)
    }
}

/// `√x`, with tangent 0 at 0.
fn root<T: Real>(x: T) -> T {
    if x == T::zero() { T::zero() } else { x.sqrt() }
}
