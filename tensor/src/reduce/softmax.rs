//! Exponentials that sum to one, and the logarithm of a sum of exponentials.

use std::hint::select_unpredictable;
use std::marker::PhantomData;

use super::accumulate::Fold;
use super::count;
use super::fold::fold;
use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::elementwise::pointwise::{Cost, Costly};
use crate::kernels::simd::{Body, Level};
use crate::{Axes, Real, Tensor, parallel};

impl<T: Real> Tensor<T> {
    /// `y = ln Σ eˣ` over some axes, without overflow; of no elements −∞, as of elements that are
    /// all −∞.
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
        let top = self.max(axes.clone()).primal();
        // ∞ − ∞ is NaN; beside an infinite element the others do not matter.
        let shift = top.map(|m| if m.to_f64().is_finite() { m } else { T::zero() });
        let function = Fold {
            identity: T::zero(),
            term: |x: T, shift: T| (x - shift).exp(),
            join: |a: T, b: T| a + b,
        };
        let shifts = shift.as_slice().expect("a map's result is contiguous");
        fold("logsumexp", self, &axes, shifts, &function).ln() + &shift
    }

    /// `y = eˣ / Σ eˣ` along an axis, without overflow. NaN where every element is −∞.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Self {
        self.normalised::<Softmax>("softmax", axis)
    }

    /// `y = x − ln Σ eˣ` along an axis: the logarithm of [`softmax`](Self::softmax), exact where
    /// that underflows.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Self {
        self.normalised::<LogSoftmax>("log_softmax", axis)
    }

    #[track_caller]
    fn normalised<F: Function>(&self, op: &str, axis: isize) -> Self {
        let place = resolve_axis(op, axis, self.shape());
        if self.is_empty() {
            return self.clone();
        }
        let x = self.contiguous();
        let values = x.as_slice().expect("made contiguous");
        let extent = self.shape()[place];
        let inner: usize = self.shape()[place + 1..].iter().product();
        let mut out = buffer(op, self.shape());
        let block = extent * inner;
        let chunk = block * (parallel::CHUNK / 4).div_ceil(block);
        let level = Level::best();
        // Two exponentials or one, two sums and a product, in passes over a row in the first cache.
        parallel::for_chunks_mut(
            &mut out,
            chunk,
            4 * <Costly as Cost>::STEPS * values.len(),
            |index, to| {
                let start = index * chunk;
                let from = &values[start..start + to.len()];
                let function = PhantomData::<F>;
                if inner > 1 {
                    for (from, to) in from.chunks_exact(block).zip(to.chunks_exact_mut(block)) {
                        let strides = [inner, 1];
                        level.run(Columns {
                            from,
                            to,
                            extent,
                            strides,
                            function,
                        });
                    }
                } else if extent < COLUMNS {
                    let strides = [1, extent];
                    level.run(Columns {
                        from,
                        to,
                        extent,
                        strides,
                        function,
                    });
                } else {
                    level.run(Rows {
                        from,
                        to,
                        extent,
                        function,
                    });
                }
            },
        );
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// Columns worked on at the same time: their numbers fill whole vectors, whatever their length.
const COLUMNS: usize = 32;

/// What is done along the axis.
trait Function {
    /// With one row.
    fn row<T: Real>(from: &[T], to: &mut [T]);
    /// With each column, in place.
    fn columns<T: Real>(rows: &mut [[T; COLUMNS]]);
}

/// Rows of one length, of a tensor and of its result.
struct Rows<'a, T, F> {
    from: &'a [T],
    to: &'a mut [T],
    extent: usize,
    function: PhantomData<F>,
}

impl<T: Real, F: Function> Body for Rows<'_, T, F> {
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

/// Columns of one length, of a tensor and of its result.
struct Columns<'a, T, F> {
    from: &'a [T],
    to: &'a mut [T],
    extent: usize,
    /// Distances along a column, and from one column to the next.
    strides: [usize; 2],
    function: PhantomData<F>,
}

impl<T: Real, F: Function> Body for Columns<'_, T, F> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let [along, across] = self.strides;
        let count = self.from.len() / self.extent;
        let mut rows = vec![[T::zero(); COLUMNS]; self.extent];
        for first in (0..count).step_by(COLUMNS) {
            let width = COLUMNS.min(count - first);
            for (i, row) in rows.iter_mut().enumerate() {
                let from = &self.from[i * along + first * across..];
                if across == 1 {
                    row[..width].copy_from_slice(&from[..width]);
                    continue;
                }
                for (j, x) in row[..width].iter_mut().enumerate() {
                    *x = from[j * across];
                }
            }
            F::columns(&mut rows);
            for (i, row) in rows.iter().enumerate() {
                let to = &mut self.to[i * along + first * across..];
                if across == 1 {
                    to[..width].copy_from_slice(&row[..width]);
                    continue;
                }
                for (j, &y) in row[..width].iter().enumerate() {
                    to[j * across] = y;
                }
            }
        }
    }
}

struct Softmax;

impl Function for Softmax {
    #[inline(always)]
    fn row<T: Real>(from: &[T], to: &mut [T]) {
        let scale = T::one() / exponentials(from, top(from), to);
        for y in to {
            *y *= scale;
        }
    }

    #[inline(always)]
    fn columns<T: Real>(rows: &mut [[T; COLUMNS]]) {
        let top = tops(rows);
        let mut sum = [T::zero(); COLUMNS];
        for row in &mut *rows {
            for j in 0..COLUMNS {
                row[j] = (row[j] - top[j]).exp();
                sum[j] += row[j];
            }
        }
        let scale = sum.map(|sum| T::one() / sum);
        for row in rows {
            for j in 0..COLUMNS {
                row[j] *= scale[j];
            }
        }
    }
}

struct LogSoftmax;

impl Function for LogSoftmax {
    #[inline(always)]
    fn row<T: Real>(from: &[T], to: &mut [T]) {
        let top = top(from);
        let log = exponentials(from, top, to).ln();
        for (y, &x) in to.iter_mut().zip(from) {
            *y = x - top - log;
        }
    }

    #[inline(always)]
    fn columns<T: Real>(rows: &mut [[T; COLUMNS]]) {
        let top = tops(rows);
        let mut sum = [T::zero(); COLUMNS];
        for row in &mut *rows {
            for j in 0..COLUMNS {
                row[j] -= top[j];
                sum[j] += row[j].exp();
            }
        }
        let log = sum.map(T::ln);
        for row in rows {
            for j in 0..COLUMNS {
                row[j] -= log[j];
            }
        }
    }
}

/// The larger of two; a NaN wins.
#[inline(always)]
fn larger<T: Real>(a: T, b: T) -> T {
    select_unpredictable((b > a) | b.is_nan(), b, a)
}

/// The largest value of a row, without its tangent; NaN if there is one.
#[inline(always)]
fn top<T: Real>(row: &[T]) -> T {
    join_all(row, row[0], larger).primal()
}

/// The largest value of each column, without its tangent; NaN if there is one.
#[inline(always)]
fn tops<T: Real>(rows: &[[T; COLUMNS]]) -> [T; COLUMNS] {
    let mut top = rows[0];
    for row in &rows[1..] {
        for j in 0..COLUMNS {
            top[j] = larger(top[j], row[j]);
        }
    }
    top.map(T::primal)
}

/// `y = e^(x − top)` and the sum of that.
#[inline(always)]
fn exponentials<T: Real>(from: &[T], top: T, to: &mut [T]) -> T {
    let mut lanes = [T::zero(); LANES];
    let (chunks, tail) = from.as_chunks::<LANES>();
    let (y_chunks, y_tail) = to.as_chunks_mut::<LANES>();
    for (x, y) in chunks.iter().zip(y_chunks) {
        let mut e = [T::zero(); LANES];
        for i in 0..LANES {
            e[i] = (x[i] - top).exp();
        }
        for i in 0..LANES {
            lanes[i] += e[i];
        }
        *y = e;
    }
    for ((lane, &x), y) in lanes.iter_mut().zip(tail).zip(y_tail) {
        *y = (x - top).exp();
        *lane += *y;
    }
    join_lanes(lanes, |a, b| a + b)
}

/// Partial results side by side.
const LANES: usize = 32;

/// The elements of a row joined, in an order that its length alone fixes.
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

/// The lanes joined as a tree.
#[inline(always)]
fn join_lanes<T: Real>(mut lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = join(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}
