//! Softmax, its logarithm, and log-sum-exp.

use std::hint::select_unpredictable;
use std::marker::PhantomData;

use super::accumulate::sum_of;
use super::count;
use super::fold::fold;
use crate::axes::resolve_axis;
use crate::block_sum::{BLOCK, BlockSum, ColumnSums, LANES, join_lanes};
use crate::create::buffer;
use crate::elementwise::pointwise::{Cost, Costly};
use crate::kernels::simd::{Body, Level};
use crate::{Axes, Real, Tensor, parallel};

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
        self.normalised::<Softmax>("softmax", axis)
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
        self.normalised::<LogSoftmax>("log_softmax", axis)
    }

    #[track_caller]
    fn normalised<F: RowFunction>(&self, op: &str, axis: isize) -> Self {
        let axis = resolve_axis(op, axis, self.shape());
        if self.is_empty() {
            return self.clone();
        }
        let x = self.contiguous();
        let values = x.as_slice().expect("made contiguous");
        let extent = self.shape()[axis];
        let inner: usize = self.shape()[axis + 1..].iter().product();
        let mut out = buffer(op, self.shape());
        let level = Level::best();
        // Estimate: an exponential, two sums and a product per element.
        let work = 4 * <Costly as Cost>::STEPS * values.len();
        if inner > 1 {
            let size = [extent, inner];
            parallel::for_columns_mut(&mut out, size, COLUMNS, work, |matrix, first, to| {
                let from = &values[matrix * extent * inner + first..];
                level.run(Columns {
                    from,
                    stride: inner,
                    to,
                    function: PhantomData::<F>,
                });
            });
            return Self::from_parts(out, self.layout().to_row_major());
        }
        let chunk = extent * (parallel::CHUNK / 4).div_ceil(extent);
        parallel::for_chunks_mut(&mut out, chunk, work, |index, to| {
            let from = &values[index * chunk..][..to.len()];
            if extent < SHORT {
                level.run(ShortRows {
                    from,
                    to,
                    extent,
                    function: PhantomData::<F>,
                });
            } else {
                level.run(Rows {
                    from,
                    to,
                    extent,
                    function: PhantomData::<F>,
                });
            }
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// The softmax of contiguous rows, 0 where every element is −∞.
pub(crate) fn softmax_rows<T: Real>(level: Level, from: &[T], to: &mut [T], extent: usize) {
    let function = PhantomData::<Softmax>;
    level.run(Rows {
        from,
        to: &mut *to,
        extent,
        function,
    });
    let nothing = T::of(f64::NEG_INFINITY);
    for (from, to) in from.chunks_exact(extent).zip(to.chunks_exact_mut(extent)) {
        if to[0].is_nan() && from.iter().all(|&x| x == nothing) {
            to.fill(T::zero());
        }
    }
}

/// Rows shorter than this are computed as columns.
const SHORT: usize = 32;

/// The number of columns computed together: a row of them fills whole vectors, and four cache lines of single precision,
/// since the next row may lie in another page.
const COLUMNS: usize = 64;

/// A function of the elements along the axis.
trait RowFunction {
    /// Computes the function of one contiguous row `from` into `to`.
    fn row<T: Real>(from: &[T], to: &mut [T]);
    /// Computes the function of each column, in place.
    fn columns<T: Real>(rows: &mut [[T; COLUMNS]]);
}

/// Applies a function to every contiguous row of length `extent`.
struct Rows<'a, T, F> {
    from: &'a [T],
    to: &'a mut [T],
    extent: usize,
    function: PhantomData<F>,
}

impl<T: Real, F: RowFunction> Body for Rows<'_, T, F> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let from = self.from.chunks_exact(self.extent);
        for (from, to) in from.zip(self.to.chunks_exact_mut(self.extent)) {
            F::row(from, to);
        }
    }
}

/// Applies a function to columns, `COLUMNS` at a time.
struct Columns<'a, 'b, T, F> {
    from: &'a [T],
    /// Elements of `from` from one row to the next.
    stride: usize,
    to: &'a mut parallel::Rows<'b, T>,
    function: PhantomData<F>,
}

impl<T: Real, F: RowFunction> Body for Columns<'_, '_, T, F> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let mut rows = vec![[T::zero(); COLUMNS]; self.to.len()];
        let count = self.to.width();
        for first in (0..count).step_by(COLUMNS) {
            let width = COLUMNS.min(count - first);
            for (i, row) in rows.iter_mut().enumerate() {
                let from = &self.from[i * self.stride + first..][..width];
                if let Some(from) = from.first_chunk() {
                    // Of constant length: vector moves, not a call.
                    *row = *from;
                } else {
                    row[..width].copy_from_slice(from);
                }
            }
            F::columns(&mut rows);
            for (i, row) in rows.iter().enumerate() {
                let to = &mut self.to.row(i)[first..][..width];
                if let Some(to) = to.first_chunk_mut() {
                    *to = *row;
                } else {
                    to.copy_from_slice(&row[..width]);
                }
            }
        }
    }
}

/// Applies a function to contiguous rows of few elements, as columns.
struct ShortRows<'a, T, F> {
    from: &'a [T],
    to: &'a mut [T],
    extent: usize,
    function: PhantomData<F>,
}

impl<T: Real, F: RowFunction> Body for ShortRows<'_, T, F> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let extent = self.extent;
        let mut rows = vec![[T::zero(); COLUMNS]; extent];
        let parts = self.to.chunks_mut(extent * COLUMNS);
        for (to, from) in parts.zip(self.from.chunks(extent * COLUMNS)) {
            for (i, row) in rows.iter_mut().enumerate() {
                for (x, from) in row.iter_mut().zip(from.chunks_exact(extent)) {
                    *x = from[i];
                }
            }
            F::columns(&mut rows);
            for (i, row) in rows.iter().enumerate() {
                for (&y, to) in row.iter().zip(to.chunks_exact_mut(extent)) {
                    to[i] = y;
                }
            }
        }
    }
}

struct Softmax;

impl RowFunction for Softmax {
    #[inline(always)]
    fn row<T: Real>(from: &[T], to: &mut [T]) {
        let scale = T::one() / exponentials(from, row_max(from), to);
        for y in to {
            *y *= scale;
        }
    }

    #[inline(always)]
    fn columns<T: Real>(rows: &mut [[T; COLUMNS]]) {
        let max = column_maxima(rows);
        let mut sums = ColumnSums::new();
        for block in rows.chunks_mut(BLOCK) {
            let mut sum = [T::zero(); COLUMNS];
            for row in block {
                for j in 0..COLUMNS {
                    row[j] = (row[j] - max[j]).exp_nonpositive();
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

impl RowFunction for LogSoftmax {
    #[inline(always)]
    fn row<T: Real>(from: &[T], to: &mut [T]) {
        let max = row_max(from);
        let log = log_of_exponentials(from, max);
        for (y, &x) in to.iter_mut().zip(from) {
            *y = x - max - log;
        }
    }

    #[inline(always)]
    fn columns<T: Real>(rows: &mut [[T; COLUMNS]]) {
        let max = column_maxima(rows);
        let (mut all_excess, mut all_ties) = (ColumnSums::new(), ColumnSums::new());
        for block in rows.chunks_mut(BLOCK) {
            let mut excess = [T::zero(); COLUMNS];
            let mut ties = [T::zero(); COLUMNS];
            for row in block {
                for j in 0..COLUMNS {
                    row[j] -= max[j];
                    let tie = one_at_zero(row[j]);
                    excess[j] += row[j].exp_nonpositive() - tie;
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
                e[i] = (x[i] - max).exp_nonpositive();
            }
            for i in 0..LANES {
                lanes[i] += e[i];
            }
            *y = e;
        }
        for ((lane, &x), y) in lanes.iter_mut().zip(tail).zip(y_tail) {
            *y = (x - max).exp_nonpositive();
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
                excess[i] += z.exp_nonpositive() - tie;
                ties[i] += tie;
            }
        }
        for ((excess, ties), &x) in excess.iter_mut().zip(&mut ties).zip(tail) {
            let z = x - max;
            let tie = one_at_zero(z);
            *excess += z.exp_nonpositive() - tie;
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
