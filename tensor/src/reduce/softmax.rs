//! Exponentials that sum to one, and the logarithm of a sum of exponentials.

use super::count;
use super::fold::Fold;
use crate::axes::resolve_axis;
use crate::create::buffer;
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
        self.by_rows("softmax", |row| {
            let top = top(row);
            for x in &mut *row {
                *x = (*x - top).exp();
            }
            let scale = T::one() / sum(row, |x| x);
            for x in &mut *row {
                *x *= scale;
            }
        })
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
        self.by_rows("log_softmax", |row| {
            let top = top(row);
            let log = sum(row, |x| (x - top).exp()).ln();
            for x in &mut *row {
                *x = *x - top - log;
            }
        })
    }

    /// A copy in row-major order, on each row of which `f` has worked.
    #[track_caller]
    fn by_rows(&self, op: &str, f: impl Fn(&mut [T]) + Sync) -> Self {
        let x = self.contiguous();
        let values = x.as_slice().expect("made contiguous");
        let length = self.shape()[self.rank() - 1];
        let mut out = buffer(op, self.shape());
        let chunk = length * (parallel::CHUNK / 4).div_ceil(length);
        // An exponential costs about as much as 16 additions.
        parallel::for_chunks_mut(&mut out, chunk, 16 * values.len(), |index, out| {
            let start = index * chunk;
            let rows = out
                .chunks_exact_mut(length)
                .zip(values[start..].chunks_exact(length));
            for (out, row) in rows {
                out.copy_from_slice(row);
                f(out);
            }
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// Terms added side by side.
const LANES: usize = 16;

/// The largest value of a row; NaN if there is one.
fn top<T: Real>(row: &[T]) -> T {
    let larger = |a: T, b: T| if b > a || b.is_nan() { b } else { a };
    fold(row, row[0], |x| x, larger).primal()
}

/// The sum of `term` over a row.
fn sum<T: Real>(row: &[T], term: impl Fn(T) -> T) -> T {
    fold(row, T::zero(), term, |a, b| a + b)
}

fn fold<T: Real>(row: &[T], identity: T, term: impl Fn(T) -> T, join: impl Fn(T, T) -> T) -> T {
    let mut lanes = [identity; LANES];
    let (chunks, tail) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = join(*lane, term(x));
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(tail) {
        *lane = join(*lane, term(x));
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
