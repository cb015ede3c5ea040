//! Exponentials that sum to one, and the logarithm of a sum of exponentials.

use std::marker::PhantomData;

use super::count;
use super::fold::Fold;
use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::kernels::simd::{Body, Level};
use crate::{Axes, Real, Tensor, keep, parallel};

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
        let fold = Fold {
            identity: T::zero(),
            term: |x: T, shift: T| (x - shift).exp(),
            join: |a: T, b: T| a + b,
        };
        let shifts = shift.as_slice().expect("a map's result is contiguous");
        fold.run("logsumexp", self, &axes, shifts).ln() + &shift
    }

    /// `y = eˣ / Σ eˣ` along an axis, without overflow. NaN where every element is −∞.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Self {
        let place = resolve_axis("softmax", axis, self.shape());
        if self.is_empty() {
            return self.clone();
        }
        if place + 1 < self.rank() {
            let e = self.zip(&self.max(keep(axis)).primal(), |x, top| (x - top).exp());
            let sum = e.sum(keep(axis));
            return e / &sum;
        }
        self.by_rows::<Softmax>("softmax")
    }

    /// `y = x − ln Σ eˣ` along an axis: the logarithm of [`softmax`](Self::softmax), exact where
    /// that underflows.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Self {
        let place = resolve_axis("log_softmax", axis, self.shape());
        if self.is_empty() {
            return self.clone();
        }
        if place + 1 < self.rank() {
            let centred = self - &self.max(keep(axis)).primal();
            let sum = centred.exp().sum(keep(axis));
            return centred - &sum.ln();
        }
        self.by_rows::<LogSoftmax>("log_softmax")
    }

    /// A copy in row-major order, on each row of which `F` has worked.
    #[track_caller]
    fn by_rows<F: OnRow>(&self, op: &str) -> Self {
        let x = self.contiguous();
        let values = x.as_slice().expect("made contiguous");
        let length = self.shape()[self.rank() - 1];
        let mut out = buffer(op, self.shape());
        let chunk = length * (parallel::CHUNK / 4).div_ceil(length);
        let level = Level::best();
        // An exponential costs about as much as 16 additions.
        parallel::for_chunks_mut(&mut out, chunk, 16 * values.len(), |index, out| {
            let start = index * chunk;
            level.run(Rows {
                from: &values[start..start + out.len()],
                to: out,
                length,
                function: PhantomData::<F>,
            });
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// What is done with one row.
trait OnRow {
    fn apply<T: Real>(from: &[T], to: &mut [T]);
}

/// Rows of one length, of a tensor and of its result.
struct Rows<'a, T, F> {
    from: &'a [T],
    to: &'a mut [T],
    length: usize,
    function: PhantomData<F>,
}

impl<T: Real, F: OnRow> Body for Rows<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let from = self.from.chunks_exact(self.length);
        for (from, to) in from.zip(self.to.chunks_exact_mut(self.length)) {
            F::apply(from, to);
        }
    }
}

struct Softmax;

impl OnRow for Softmax {
    #[inline(always)]
    fn apply<T: Real>(from: &[T], to: &mut [T]) {
        let top = top(from);
        for (y, &x) in to.iter_mut().zip(from) {
            *y = (x - top).exp();
        }
        let scale = T::one() / fold(to, T::zero(), |a, b| a + b);
        for y in to {
            *y *= scale;
        }
    }
}

struct LogSoftmax;

impl OnRow for LogSoftmax {
    #[inline(always)]
    fn apply<T: Real>(from: &[T], to: &mut [T]) {
        let top = top(from);
        for (y, &x) in to.iter_mut().zip(from) {
            *y = (x - top).exp();
        }
        let log = fold(to, T::zero(), |a, b| a + b).ln();
        for (y, &x) in to.iter_mut().zip(from) {
            *y = x - top - log;
        }
    }
}

/// The largest value of a row, without its tangent; NaN if there is one.
#[inline(always)]
fn top<T: Real>(row: &[T]) -> T {
    fold(row, row[0], |a, b| if b > a || b.is_nan() { b } else { a }).primal()
}

/// The elements of a row joined, in an order that its length alone fixes.
#[inline(always)]
fn fold<T: Real>(row: &[T], identity: T, join: impl Fn(T, T) -> T) -> T {
    const LANES: usize = 32;
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
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = join(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}
