//! The cotangents of softmax and its logarithm.

use std::f64::consts::LN_2;
use std::hint::select_unpredictable;

use super::along_axis::{COLUMNS, ColumnSums, LineFunction, along_axis, rows_in};
use crate::block_sum::{BLOCK, BlockSum, LANES, join_lanes};
use crate::elementwise::pointwise::{Cost, Costly};
use crate::kernels::simd::Level;
use crate::{Real, Tensor, require};

/// Estimate of the steps per element: three sums and three products.
const PLAIN: usize = 8;
/// Estimate of the steps per element: two exponentials and a sum.
const EXPONENTIALS: usize = 4 * <Costly as Cost>::STEPS;

impl<T: Real> Tensor<T> {
    /// The cotangent of the argument of a softmax along an axis, `self` being its result `y` and `g` the cotangent
    /// of `y`: `dxᵢ = yᵢ Σⱼ yⱼ (gᵢ − gⱼ)`, which is `yᵢ (gᵢ − Σⱼ yⱼ gⱼ)` as `Σ y = 1`.
    ///
    /// No element above ½ is subtracted from itself, so that small slopes keep their digits where one probability is
    /// nearly 1.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let y = Tensor::from_vec(vec![0.5, 0.5], [2]);
    /// assert_eq!(y.softmax_cotangent(&Tensor::from_vec(vec![1.0, 0.0], [2]), 0).to_vec(), [0.25, -0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ or the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn softmax_cotangent(&self, g: &Self, axis: isize) -> Self {
        same_shape("softmax_cotangent", self, g);
        along_axis::<Softmax, T, 2>("softmax_cotangent", [self, g], axis, PLAIN)
    }

    /// The cotangent `g − eʸ Σ g` of the argument of a log-softmax along an axis, `self` being its result `y` and
    /// `g` the cotangent of `y`. Where `eʸ` is above ½ it is computed as `g − Σ g − (eʸ − 1) Σ g`, so that a small
    /// difference keeps its digits.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let y = Tensor::from_vec(vec![0.0_f64, f64::NEG_INFINITY], [2]);
    /// assert_eq!(y.log_softmax_cotangent(&Tensor::from_vec(vec![1.0, 0.0], [2]), 0).to_vec(), [0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ or the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn log_softmax_cotangent(&self, g: &Self, axis: isize) -> Self {
        same_shape("log_softmax_cotangent", self, g);
        along_axis::<LogSoftmax, T, 2>("log_softmax_cotangent", [self, g], axis, EXPONENTIALS)
    }
}

#[track_caller]
fn same_shape<T: Real>(op: &str, y: &Tensor<T>, g: &Tensor<T>) {
    require!(
        y.shape() == g.shape(),
        "{op}: {:?} and a cotangent of {:?}: the shapes differ",
        y.shape(),
        g.shape()
    );
}

/// The cotangents of the softmax of contiguous rows.
pub(crate) fn softmax_rows_cotangent<T: Real>(
    level: Level,
    y: &[T],
    g: &[T],
    to: &mut [T],
    extent: usize,
) {
    rows_in::<Softmax, T, 2>(level, [y, g], to, extent);
}

/// With any `shift`, `Σⱼ yⱼ (gᵢ − gⱼ) = (gᵢ − shift) Σ y − Σⱼ yⱼ (gⱼ − shift)`. The shift is the cotangent of the
/// element above ½, if there is one: the last sum then has small terms only.
struct Softmax;

/// `g` where `y` is above ½, 0 elsewhere.
#[inline(always)]
fn shift_of<T: Real>(y: T, g: T) -> T {
    select_unpredictable(y > T::of(0.5), g, T::zero())
}

impl LineFunction<2> for Softmax {
    #[inline(always)]
    fn row<T: Real>([y, g]: [&[T]; 2], to: &mut [T]) {
        let [shift, total] = sums_of_terms(y, g, |y, g| [shift_of(y, g), y]);
        let [weighted] = sums_of_terms(y, g, |y, g| [y * (g - shift)]);
        for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
            *to = y * ((g - shift) * total - weighted);
        }
    }

    #[inline(always)]
    fn columns<T: Real>([y, g]: [&mut [[T; COLUMNS]]; 2]) {
        let mut shift = [T::zero(); COLUMNS];
        let (mut totals, mut all_weighted) = (ColumnSums::new(), ColumnSums::new());
        for (y, g) in y.chunks(BLOCK).zip(g.chunks(BLOCK)) {
            let mut total = [T::zero(); COLUMNS];
            for (y, g) in y.iter().zip(g) {
                for j in 0..COLUMNS {
                    shift[j] += shift_of(y[j], g[j]);
                    total[j] += y[j];
                }
            }
            totals.add(total);
        }
        for (y, g) in y.chunks(BLOCK).zip(g.chunks_mut(BLOCK)) {
            let mut weighted = [T::zero(); COLUMNS];
            for (y, g) in y.iter().zip(g) {
                for j in 0..COLUMNS {
                    g[j] -= shift[j];
                    weighted[j] += y[j] * g[j];
                }
            }
            all_weighted.add(weighted);
        }
        let (total, weighted) = (totals.total(), all_weighted.total());
        for (y, g) in y.iter_mut().zip(&*g) {
            for j in 0..COLUMNS {
                y[j] *= g[j] * total[j] - weighted[j];
            }
        }
    }
}

struct LogSoftmax;

impl LogSoftmax {
    #[inline(always)]
    fn is_near<T: Real>(y: T) -> bool {
        y > T::of(-LN_2)
    }

    /// The cotangent, given `Σ g`.
    #[inline(always)]
    fn at<T: Real>(y: T, g: T, sum: T) -> T {
        // Both are computed, so that a loop uses vectors.
        let (near, far) = ((g - sum) - y.exp_m1() * sum, g - y.exp() * sum);
        if Self::is_near(y) { near } else { far }
    }
}

impl LineFunction<2> for LogSoftmax {
    #[inline(always)]
    fn row<T: Real>([y, g]: [&[T]; 2], to: &mut [T]) {
        let [sum] = sums_of_terms(y, g, |_, g| [g]);
        let blocks = y.chunks(BLOCK).zip(g.chunks(BLOCK));
        for (to, (y, g)) in to.chunks_mut(BLOCK).zip(blocks) {
            let mut any_near = false;
            for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
                *to = g - y.exp() * sum;
                any_near |= Self::is_near(y);
            }
            // At most one probability of a row is above one half.
            if any_near {
                for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
                    if Self::is_near(y) {
                        *to = Self::at(y, g, sum);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn columns<T: Real>([y, g]: [&mut [[T; COLUMNS]]; 2]) {
        let mut sums = ColumnSums::new();
        for g in g.chunks(BLOCK) {
            let mut sum = [T::zero(); COLUMNS];
            for g in g {
                for j in 0..COLUMNS {
                    sum[j] += g[j];
                }
            }
            sums.add(sum);
        }
        let sum = sums.total();
        for (y, g) in y.iter_mut().zip(&*g) {
            for j in 0..COLUMNS {
                y[j] = Self::at(y[j], g[j], sum[j]);
            }
        }
    }
}

/// Sums over a row, in an order that depends on its length alone.
#[inline(always)]
fn sums_of_terms<T: Real, const N: usize>(
    y: &[T],
    g: &[T],
    terms: impl Fn(T, T) -> [T; N],
) -> [T; N] {
    let mut sums = [(); N].map(|()| BlockSum::new());
    for (y, g) in y.chunks(BLOCK).zip(g.chunks(BLOCK)) {
        let mut lanes = [[T::zero(); LANES]; N];
        let (y, y_tail) = y.as_chunks::<LANES>();
        let (g, g_tail) = g.as_chunks::<LANES>();
        for (y, g) in y.iter().zip(g) {
            for i in 0..LANES {
                let terms = terms(y[i], g[i]);
                for n in 0..N {
                    lanes[n][i] += terms[n];
                }
            }
        }
        for (i, (&y, &g)) in y_tail.iter().zip(g_tail).enumerate() {
            let terms = terms(y, g);
            for n in 0..N {
                lanes[n][i] += terms[n];
            }
        }
        for (sum, lanes) in sums.iter_mut().zip(lanes) {
            sum.add(join_lanes(lanes, |a, b| a + b));
        }
    }
    sums.map(|sum| sum.total())
}
