//! Softmax, its logarithm, and log-sum-exp.

use std::hint::select_unpredictable;

use super::accumulate::sum_of;
use super::along_axis::{COLUMNS, ColumnSums, LineFunction, along_axis, rows_in};
use super::count;
use super::fold::fold;
use crate::block_sum::{BLOCK, BlockSum, LANES, join_lanes};
use crate::elementwise::pointwise::{Cost, Costly};
use crate::kernels::simd::Level;
use crate::{Axes, Real, Tensor};

/// Estimate of the steps per element: an exponential, two sums and a product.
const EXPONENTIAL: usize = 4 * <Costly as Cost>::STEPS;

impl<T: Real> Tensor<T> {
    /// `y = ln Σ eˣ` over some axes, computed as `m + ln Σ e^(x − m)` with the maximum `m`, so that it does not
    /// overflow; −∞ over no elements, and if all elements are −∞.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1000.0_f64, 1000.0], [2]);
    /// assert!((x.logsumexp(..).item() - (1000.0 + 2_f64.ln())).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        if count("logsumexp", self.shape(), &axes) == 0 {
            return self.sum(axes).ln();
        }
        let max = self.max(axes.clone());
        // An infinite maximum is not subtracted: ∞ − ∞ would be NaN.
        let shift = max.map(|m| {
            if m.primal().to_f64().is_finite() {
                m
            } else {
                T::zero()
            }
        });
        // Σ e^(x − m) = 1 + excess. The maxima are counted apart, so that a sum of small terms keeps
        // its digits.
        let excess = sum_of(|x: T, shift: T| {
            let e = (x - shift).exp();
            if x == shift { e - T::one() } else { e }
        });
        let ties = sum_of(|x: T, shift: T| if x == shift { T::one() } else { T::zero() });
        let shifts = shift.as_slice().expect("a map's result is contiguous");
        let excess = fold("logsumexp", self, &axes, shifts, &excess);
        let ties = fold("logsumexp", self, &axes, shifts, &ties);
        excess.zip(&ties, log_of_sum) + &shift
    }

    /// `y = eˣ / Σ eˣ` along an axis, computed with the maximum subtracted, so that it does not overflow. NaN
    /// if all elements along the axis are −∞ or one is +∞.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1000.0, 1000.0, -1000.0], [3]);
    /// assert_eq!(x.softmax(0).to_vec(), [0.5, 0.5, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Self {
        along_axis::<Softmax, T, 1>("softmax", [self], axis, EXPONENTIAL)
    }

    /// `y = x − ln Σ eˣ` along an axis: the logarithm of [`softmax`](Self::softmax), accurate also where the
    /// softmax underflows.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let y = Tensor::from_vec(vec![0.0_f64, 0.0], [2]).log_softmax(0);
    /// assert!((y.get([0]) + 2_f64.ln()).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Self {
        along_axis::<LogSoftmax, T, 1>("log_softmax", [self], axis, EXPONENTIAL)
    }
}

/// The softmax of contiguous rows, 0 where every element is −∞.
pub(crate) fn softmax_rows<T: Real>(level: Level, from: &[T], to: &mut [T], extent: usize) {
    rows_in::<Softmax, T, 1>(level, [from], to, extent);
    let nothing = T::of(f64::NEG_INFINITY);
    for (from, to) in from.chunks_exact(extent).zip(to.chunks_exact_mut(extent)) {
        if to[0].is_nan() && from.iter().all(|&x| x == nothing) {
            to.fill(T::zero());
        }
    }
}

struct Softmax;

impl LineFunction<1> for Softmax {
    #[inline(always)]
    fn row<T: Real>([from]: [&[T]; 1], to: &mut [T]) {
        let scale = T::one() / exponentials(from, row_max(from), to);
        for y in to {
            *y *= scale;
        }
    }

    #[inline(always)]
    fn columns<T: Real>([rows]: [&mut [[T; COLUMNS]]; 1]) {
        let max = column_maxima(rows);
        let mut sums = ColumnSums::new();
        for block in rows.chunks_mut(BLOCK) {
            let mut sum = [T::zero(); COLUMNS];
            for row in block {
                for j in 0..COLUMNS {
                    row[j] = (row[j] - max[j]).exp();
                    sum[j] += row[j];
                }
            }
            sums.add(sum);
        }
        let scale = sums.total().map(|sum| T::one() / sum);
        for row in rows {
            for j in 0..COLUMNS {
                row[j] *= scale[j];
            }
        }
    }
}

struct LogSoftmax;

impl LineFunction<1> for LogSoftmax {
    #[inline(always)]
    fn row<T: Real>([from]: [&[T]; 1], to: &mut [T]) {
        let max = row_max(from);
        let log = log_of_exponentials(from, max);
        for (y, &x) in to.iter_mut().zip(from) {
            *y = x - max - log;
        }
    }

    #[inline(always)]
    fn columns<T: Real>([rows]: [&mut [[T; COLUMNS]]; 1]) {
        let max = column_maxima(rows);
        let (mut all_excess, mut all_ties) = (ColumnSums::new(), ColumnSums::new());
        for block in rows.chunks_mut(BLOCK) {
            let mut excess = [T::zero(); COLUMNS];
            let mut ties = [T::zero(); COLUMNS];
            for row in block {
                for j in 0..COLUMNS {
                    row[j] -= max[j];
                    let tie = one_at_zero(row[j]);
                    excess[j] += row[j].exp() - tie;
                    ties[j] += tie;
                }
            }
            all_excess.add(excess);
            all_ties.add(ties);
        }
        let (excess, ties) = (all_excess.total(), all_ties.total());
        let mut log = [T::zero(); COLUMNS];
        for j in 0..COLUMNS {
            log[j] = log_of_sum(excess[j], ties[j]);
        }
        for row in rows {
            for j in 0..COLUMNS {
                row[j] -= log[j];
            }
        }
    }
}

/// The maximum of two numbers; NaN if either is NaN.
#[inline(always)]
fn larger<T: Real>(a: T, b: T) -> T {
    select_unpredictable((b > a) | b.is_nan(), b, a)
}

/// The maximum of a row; NaN if there is one.
///
/// A dual number keeps its tangent: the results do not depend on what is subtracted from all elements,
/// and small tangents keep their digits beside that of the maximum.
#[inline(always)]
fn row_max<T: Real>(row: &[T]) -> T {
    join_all(row, row[0], larger)
}

/// The maximum of each column, as [`row_max`].
#[inline(always)]
fn column_maxima<T: Real>(rows: &[[T; COLUMNS]]) -> [T; COLUMNS] {
    let mut max = rows[0];
    for row in &rows[1..] {
        for j in 0..COLUMNS {
            max[j] = larger(max[j], row[j]);
        }
    }
    max
}

/// Writes `e^(x − max)` to `to` and returns the sum.
#[inline(always)]
fn exponentials<T: Real>(from: &[T], max: T, to: &mut [T]) -> T {
    let mut sum = BlockSum::new();
    for (from, to) in from.chunks(BLOCK).zip(to.chunks_mut(BLOCK)) {
        let mut lanes = [T::zero(); LANES];
        let (chunks, tail) = from.as_chunks::<LANES>();
        let (y_chunks, y_tail) = to.as_chunks_mut::<LANES>();
        for (x, y) in chunks.iter().zip(y_chunks) {
            let mut e = [T::zero(); LANES];
            for i in 0..LANES {
                e[i] = (x[i] - max).exp();
            }
            for i in 0..LANES {
                lanes[i] += e[i];
            }
            *y = e;
        }
        for ((lane, &x), y) in lanes.iter_mut().zip(tail).zip(y_tail) {
            *y = (x - max).exp();
            *lane += *y;
        }
        sum.add(join_lanes(lanes, |a, b| a + b));
    }
    sum.total()
}

/// `ln Σ e^(x − max)`, where `max` is the largest `x`.
#[inline(always)]
fn log_of_exponentials<T: Real>(from: &[T], max: T) -> T {
    let (mut all_excess, mut all_ties) = (BlockSum::new(), BlockSum::new());
    for from in from.chunks(BLOCK) {
        let (mut excess, mut ties) = ([T::zero(); LANES], [T::zero(); LANES]);
        let (chunks, tail) = from.as_chunks::<LANES>();
        for x in chunks {
            for i in 0..LANES {
                let z = x[i] - max;
                let tie = one_at_zero(z);
                excess[i] += z.exp() - tie;
                ties[i] += tie;
            }
        }
        for ((excess, ties), &x) in excess.iter_mut().zip(&mut ties).zip(tail) {
            let z = x - max;
            let tie = one_at_zero(z);
            *excess += z.exp() - tie;
            *ties += tie;
        }
        let add = |a, b| a + b;
        all_excess.add(join_lanes(excess, add));
        all_ties.add(join_lanes(ties, add));
    }
    log_of_sum(all_excess.total(), all_ties.total())
}

/// 1 for 0, 0 for any other number.
#[inline(always)]
fn one_at_zero<T: Real>(z: T) -> T {
    select_unpredictable(z == T::zero(), T::one(), T::zero())
}

/// `ln(ties + excess)`: with a single maximum, `ln(1 + excess)` keeps the digits of an excess
/// that is small beside 1. −∞ of a sum of 0.
#[inline(always)]
fn log_of_sum<T: Real>(excess: T, ties: T) -> T {
    let above = excess + (ties - T::one());
    // Without this, a tangent would be 0/0.
    if above == -T::one() {
        return T::of(f64::NEG_INFINITY);
    }
    above.ln_1p()
}

/// All elements of a row joined, in an order that depends on its length alone.
#[inline(always)]
fn join_all<T: Real>(row: &[T], identity: T, join: impl Fn(T, T) -> T) -> T {
    let mut lanes = [identity; LANES];
    let (chunks, tail) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = join(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(tail) {
        *lane = join(*lane, x);
    }
    join_lanes(lanes, join)
}
