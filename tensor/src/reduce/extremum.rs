//! Largest and smallest elements, and where they are.

use std::hint::select_unpredictable;

use super::accumulate::Fold;
use super::fold::fold;
use super::{count, nothing};
use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::elementwise::loop_nest::LoopNest;
use crate::{Axes, Number, Tensor, parallel, require};

/// Results searched at the same time where they are neighbours in memory.
const TILE: usize = 128;

impl<T: Number> Tensor<T> {
    /// The largest element over some axes; a NaN wins. Of equal elements the first in row-major
    /// order is meant, which matters to dual numbers.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn max(&self, axes: impl Into<Axes>) -> Self {
        self.extremum("max", &axes.into(), f64::NEG_INFINITY, |b, a| b > a)
    }

    /// The smallest element over some axes; a NaN wins. Of equal elements the first in row-major
    /// order is meant, which matters to dual numbers.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn min(&self, axes: impl Into<Axes>) -> Self {
        self.extremum("min", &axes.into(), f64::INFINITY, |b, a| b < a)
    }

    /// Where along an axis the largest element is: the first of equal ones; the first NaN wins.
    /// The axis disappears.
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[must_use]
    #[track_caller]
    pub fn argmax(&self, axis: isize) -> Tensor<i64> {
        self.place("argmax", axis, f64::NEG_INFINITY, |b, a| b > a)
            .1
    }

    /// Where along an axis the smallest element is: the first of equal ones; the first NaN wins.
    /// The axis disappears.
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[must_use]
    #[track_caller]
    pub fn argmin(&self, axis: isize) -> Tensor<i64> {
        self.place("argmin", axis, f64::INFINITY, |b, a| b < a).1
    }

    /// The largest element along an axis and its place: the first of equal ones; the first NaN
    /// wins. The axis disappears from both.
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[must_use]
    #[track_caller]
    pub fn max_with_indices(&self, axis: isize) -> (Self, Tensor<i64>) {
        self.place("max_with_indices", axis, f64::NEG_INFINITY, |b, a| b > a)
    }

    /// The smallest element along an axis and its place: the first of equal ones; the first NaN
    /// wins. The axis disappears from both.
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[must_use]
    #[track_caller]
    pub fn min_with_indices(&self, axis: isize) -> (Self, Tensor<i64>) {
        self.place("min_with_indices", axis, f64::INFINITY, |b, a| b < a)
    }

    #[track_caller]
    fn extremum(
        &self,
        op: &str,
        axes: &Axes,
        lowest: f64,
        beats: impl Fn(T, T) -> bool + Sync,
    ) -> Self {
        let shape = self.shape();
        let nothing = nothing(op, shape, axes);
        require!(
            nothing.is_empty() || count(op, shape, axes) > 0,
            "{op}: {shape:?}: no element to choose from"
        );
        if T::PLAIN {
            return self.best(op, axes, lowest, beats, &nothing);
        }
        let reduced = axes.resolve(op, shape);
        let (last, first): (Vec<_>, Vec<_>) = (0..shape.len()).partition(|&a| reduced.contains(a));
        let order: Vec<isize> = first.iter().chain(&last).map(|&a| a as isize).collect();
        let rows = self
            .permute(order)
            .reshape([nothing.len(), count(op, shape, axes)]);
        let result = super::result_layout(op, shape, axes);
        rows.place(op, 1, lowest, beats).0.reshape(result.shape())
    }

    /// The extreme values; which of several equal elements they are is open.
    #[track_caller]
    fn best(
        &self,
        op: &str,
        axes: &Axes,
        lowest: f64,
        beats: impl Fn(T, T) -> bool + Sync,
        nothing: &[()],
    ) -> Self {
        let function = Fold {
            identity: T::of(lowest),
            term: |x: T, ()| x,
            join: |a: T, b: T| select_unpredictable(beats(b, a) | b.is_nan(), b, a),
        };
        fold(op, self, axes, nothing, &function)
    }

    #[track_caller]
    fn place(
        &self,
        op: &str,
        axis: isize,
        lowest: f64,
        beats: impl Fn(T, T) -> bool + Sync,
    ) -> (Self, Tensor<i64>) {
        let place = resolve_axis(op, axis, self.shape());
        let axes = axis.into();
        let nothing = nothing(op, self.shape(), &axes);
        require!(
            nothing.is_empty() || self.shape()[place] > 0,
            "{op}: {:?}: axis {place} is empty",
            self.shape()
        );
        let mut best = self.best(op, &axes, lowest, beats, &nothing);
        let mut indices = buffer(op, best.shape());
        if indices.is_empty() {
            return (best.clone(), Tensor::from_vec(indices, best.shape()));
        }
        let search = Search::new(self, place);
        let values = best.as_slice().expect("a reduction's result is contiguous");
        let chunk = TILE * (parallel::GRAIN / TILE).div_ceil(search.extent);
        parallel::for_chunks_mut(&mut indices, chunk, self.len(), |index, out| {
            let first = index * chunk;
            search.find(first, &values[first..first + out.len()], out);
        });
        if !T::PLAIN {
            search.pick(&indices, best.as_mut_slice());
        }
        let indices = Tensor::from_vec(indices, best.shape());
        (best, indices)
    }
}

/// A search along one axis for values that are known to be there.
struct Search<'a, T> {
    buffer: &'a [T],
    /// Over the places where a search starts.
    starts: LoopNest<1>,
    extent: usize,
    stride: isize,
}

impl<'a, T: Number> Search<'a, T> {
    fn new(x: &'a Tensor<T>, axis: usize) -> Self {
        let mut starts = LoopNest::starting_at([x.layout().offset() as isize]);
        for (other, (&extent, &stride)) in x.shape().iter().zip(x.strides()).enumerate() {
            if other != axis && extent > 1 {
                starts.push(extent, [stride]);
            }
        }
        Self {
            buffer: x.buffer(),
            starts,
            extent: x.shape()[axis],
            stride: x.strides()[axis],
        }
    }

    /// Where the searches from `first` on find their values.
    fn find(&self, first: usize, values: &[T], out: &mut [i64]) {
        let [step] = self.starts.inner();
        self.starts
            .for_inner_loops(first, out.len(), |done, [base], count| {
                let (out, values) = (&mut out[done..done + count], &values[done..done + count]);
                if step == 1 && self.stride != 1 && count >= 4 {
                    let tiles = out.chunks_mut(TILE).zip(values.chunks(TILE));
                    for (tile, (out, values)) in tiles.enumerate() {
                        self.find_side_by_side(base + (tile * TILE) as isize, values, out);
                    }
                    return;
                }
                for (i, (out, &value)) in out.iter_mut().zip(values).enumerate() {
                    *out = self.find_one(base + i as isize * step, value) as i64;
                }
            });
    }

    fn find_one(&self, base: isize, value: T) -> usize {
        const CHUNK: usize = 32;
        if self.stride != 1 {
            let at = |&i: &usize| {
                same(
                    self.buffer[(base + i as isize * self.stride) as usize],
                    value,
                )
            };
            return (0..self.extent).find(at).expect("the value is an element");
        }
        let values = &self.buffer[base as usize..base as usize + self.extent];
        // Whole chunks are compared without a branch, which vectorises.
        let in_chunk = |chunk: &[T]| chunk.iter().fold(false, |found, &x| found | same(x, value));
        let chunks = values
            .chunks(CHUNK)
            .take_while(|chunk| !in_chunk(chunk))
            .count();
        let start = chunks * CHUNK;
        let rest = values[start..].iter().position(|&x| same(x, value));
        start + rest.expect("the value is an element")
    }

    fn find_side_by_side(&self, base: isize, values: &[T], out: &mut [i64]) {
        const OPEN: i64 = -1;
        out.fill(OPEN);
        let mut open = out.len();
        for i in 0..self.extent {
            let start = (base + i as isize * self.stride) as usize;
            let row = &self.buffer[start..start + values.len()];
            let pairs = || row.iter().zip(values);
            if !pairs().fold(false, |found, (&x, &value)| found | same(x, value)) {
                continue;
            }
            for (out, (&x, &value)) in out.iter_mut().zip(pairs()) {
                if *out == OPEN && same(x, value) {
                    *out = i as i64;
                    open -= 1;
                }
            }
            if open == 0 {
                return;
            }
        }
    }

    /// The elements at the places found.
    fn pick(&self, places: &[i64], out: &mut [T]) {
        let [step] = self.starts.inner();
        self.starts
            .for_inner_loops(0, out.len(), |done, [base], count| {
                for i in 0..count {
                    let along = places[done + i] as isize * self.stride;
                    out[done + i] = self.buffer[(base + i as isize * step + along) as usize];
                }
            });
    }
}

/// Equal, where NaN equals NaN.
#[inline]
fn same<T: Number>(x: T, value: T) -> bool {
    x == value || (x.is_nan() && value.is_nan())
}
