//! Maxima and minima, and their indices.

use std::hint::select_unpredictable;

use super::accumulate::Accumulate;
use super::fold::fold;
use super::plan::LANES;
use super::{count, no_params};
use crate::create::buffer;
use crate::elementwise::loop_nest::LoopNest;
use crate::{Axes, Number, Tensor, parallel, require};

/// The number of results searched together if neighbouring results read neighbouring elements.
const COLUMN_TILE: usize = 128;

impl<T: Number> Tensor<T> {
    /// The largest element over some axes; NaN if there is a NaN. Of equal elements the first in row-major order
    /// is chosen; equal dual numbers may have different tangents.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 5, 3, 2], [2, 2]);
    /// assert_eq!((x.max(..).item(), x.max(1).to_vec()), (5, vec![5, 3]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or a result has no elements.
    #[must_use]
    #[track_caller]
    pub fn max(&self, axes: impl Into<Axes>) -> Self {
        self.extremum("max", &axes.into(), f64::NEG_INFINITY, |b, a| b > a)
    }

    /// The smallest element over some axes; NaN if there is a NaN. Of equal elements the first in row-major
    /// order is chosen; equal dual numbers may have different tangents.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 5, 3, 2], [2, 2]);
    /// assert_eq!((x.min(..).item(), x.min(1).to_vec()), (1, vec![1, 2]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or a result has no elements.
    #[must_use]
    #[track_caller]
    pub fn min(&self, axes: impl Into<Axes>) -> Self {
        self.extremum("min", &axes.into(), f64::INFINITY, |b, a| b < a)
    }

    /// Where the largest element over some axes is. The first of equal elements is chosen; the first NaN, if there
    /// is one.
    ///
    /// * returns positions that count the elements of the reduced axes in row-major order: for one axis, indices
    ///   into it
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 5, 3, 2], [2, 2]);
    /// assert_eq!((x.argmax(..).item(), x.argmax(1).to_vec()), (1, vec![1, 0]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or a result has no elements.
    #[must_use]
    #[track_caller]
    pub fn argmax(&self, axes: impl Into<Axes>) -> Tensor<i64> {
        self.value_and_index("argmax", &axes.into(), f64::NEG_INFINITY, |b, a| b > a)
            .1
    }

    /// Where the smallest element over some axes is. The first of equal elements is chosen; the first NaN, if there
    /// is one.
    ///
    /// * returns positions that count the elements of the reduced axes in row-major order: for one axis, indices
    ///   into it
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 5, 3, 2], [2, 2]);
    /// assert_eq!((x.argmin(..).item(), x.argmin(1).to_vec()), (0, vec![0, 1]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or a result has no elements.
    #[must_use]
    #[track_caller]
    pub fn argmin(&self, axes: impl Into<Axes>) -> Tensor<i64> {
        self.value_and_index("argmin", &axes.into(), f64::INFINITY, |b, a| b < a)
            .1
    }

    /// The largest element over some axes, as [`max`](Self::max), and where it is, as
    /// [`argmax`](Self::argmax).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (values, index) = Tensor::from_vec(vec![1, 5, 3, 2], [2, 2]).max_with_indices(1);
    /// assert_eq!((values.to_vec(), index.to_vec()), (vec![5, 3], vec![1, 0]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or a result has no elements.
    #[must_use]
    #[track_caller]
    pub fn max_with_indices(&self, axes: impl Into<Axes>) -> (Self, Tensor<i64>) {
        self.value_and_index(
            "max_with_indices",
            &axes.into(),
            f64::NEG_INFINITY,
            |b, a| b > a,
        )
    }

    /// The smallest element over some axes, as [`min`](Self::min), and where it is, as
    /// [`argmin`](Self::argmin).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (values, index) = Tensor::from_vec(vec![1, 5, 3, 2], [2, 2]).min_with_indices(1);
    /// assert_eq!((values.to_vec(), index.to_vec()), (vec![1, 2], vec![0, 1]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or a result has no elements.
    #[must_use]
    #[track_caller]
    pub fn min_with_indices(&self, axes: impl Into<Axes>) -> (Self, Tensor<i64>) {
        self.value_and_index("min_with_indices", &axes.into(), f64::INFINITY, |b, a| {
            b < a
        })
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
        let no_params = no_params(op, shape, axes);
        require!(
            no_params.is_empty() || count(op, shape, axes) > 0,
            "{op}: {shape:?}: no element to choose from"
        );
        if T::PLAIN {
            return self.extreme_values(op, axes, lowest, beats, &no_params);
        }
        self.value_and_index(op, axes, lowest, beats).0
    }

    /// The extreme values. Which of several equal elements is returned is unspecified.
    #[track_caller]
    fn extreme_values(
        &self,
        op: &str,
        axes: &Axes,
        lowest: f64,
        beats: impl Fn(T, T) -> bool + Sync,
        no_params: &[()],
    ) -> Self {
        let lowest = T::of(lowest);
        fold(op, self, axes, no_params, &Extremum { lowest, beats })
    }

    #[track_caller]
    fn value_and_index(
        &self,
        op: &str,
        axes: &Axes,
        lowest: f64,
        beats: impl Fn(T, T) -> bool + Sync,
    ) -> (Self, Tensor<i64>) {
        let shape = self.shape();
        let reduced = axes.resolve(op, shape);
        let result = super::result_layout(op, shape, axes);
        let (results, elements) = (result.len(), count(op, shape, axes));
        require!(
            results == 0 || elements > 0,
            "{op}: {shape:?}: no element to choose from"
        );
        let (values, indices) = if reduced.len() == 1 {
            let axis = reduced.iter().next().expect("there is one");
            self.value_and_index_along(op, axis, lowest, beats)
        } else {
            let (last, first): (Vec<_>, Vec<_>) =
                (0..shape.len()).partition(|&a| reduced.contains(a));
            let order: Vec<isize> = first.iter().chain(&last).map(|&a| a as isize).collect();
            let rows = self.permute(order).reshape([results, elements]);
            rows.value_and_index_along(op, 1, lowest, beats)
        };
        (
            values.reshape(result.shape()),
            indices.reshape(result.shape()),
        )
    }

    /// The extreme values along one axis, which is removed, and their indices.
    #[track_caller]
    fn value_and_index_along(
        &self,
        op: &str,
        axis: usize,
        lowest: f64,
        beats: impl Fn(T, T) -> bool + Sync,
    ) -> (Self, Tensor<i64>) {
        let axes = (axis as isize).into();
        let no_params = no_params(op, self.shape(), &axes);
        let mut best = self.extreme_values(op, &axes, lowest, beats, &no_params);
        let mut indices = buffer(op, best.shape());
        if indices.is_empty() {
            return (best.clone(), Tensor::from_vec(indices, best.shape()));
        }
        let search = Search::new(self, axis);
        let values = best.as_slice().expect("a reduction's result is contiguous");
        let chunk = COLUMN_TILE * (parallel::GRAIN / COLUMN_TILE).div_ceil(search.extent);
        parallel::for_chunks_mut(&mut indices, chunk, self.len(), |index, out| {
            let first = index * chunk;
            search.find(first, &values[first..first + out.len()], out);
        });
        if !T::PLAIN {
            search.gather(&indices, best.as_mut_slice());
        }
        let indices = Tensor::from_vec(indices, best.shape());
        (best, indices)
    }
}

/// The element that all others do not beat, or a NaN.
struct Extremum<T, Beats> {
    /// What every other element beats.
    lowest: T,
    /// Whether the first argument beats the second; false for NaN.
    beats: Beats,
}

impl<T: Number, Beats: Fn(T, T) -> bool + Sync> Accumulate<T, ()> for Extremum<T, Beats> {
    const USES_512_BITS: bool = true;
    type Output = T;

    #[inline(always)]
    fn identity(&self) -> T {
        self.lowest
    }
    #[inline(always)]
    fn add(&self, best: T, x: T, (): ()) -> T {
        self.join(best, x)
    }
    #[inline(always)]
    fn join(&self, a: T, b: T) -> T {
        select_unpredictable((self.beats)(b, a) | b.is_nan(), b, a)
    }

    /// As the default, without looking for NaNs in between if there is none.
    #[inline(always)]
    fn join_lanes(&self, lanes: [T; LANES]) -> T {
        let mut has_nan = false;
        for x in lanes {
            has_nan |= x.is_nan();
        }
        let beats = |b: T, a: T| (self.beats)(b, a);
        if has_nan {
            return best_of_lanes(lanes, |b: T, a: T| beats(b, a) | b.is_nan());
        }
        best_of_lanes(lanes, beats)
    }

    /// The best and the NaNs apart: then one instruction, a maximum that keeps its second operand if one is NaN, waits
    /// for the chunk before.
    #[inline(always)]
    fn add_chunks(&self, mut best: [T; LANES], chunks: &[[T; LANES]], (): ()) -> [T; LANES] {
        let mut nan = [T::zero(); LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                let x = chunk[lane];
                best[lane] = select_unpredictable((self.beats)(x, best[lane]), x, best[lane]);
                nan[lane] = select_unpredictable(x.is_nan(), x, nan[lane]);
            }
        }
        for (best, nan) in best.iter_mut().zip(nan) {
            *best = if nan.is_nan() { nan } else { *best };
        }
        best
    }
}

/// The lane that all others do not beat, found in a tree.
#[inline(always)]
fn best_of_lanes<T: Copy>(mut lanes: [T; LANES], beats: impl Fn(T, T) -> bool) -> T {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            let (a, b) = (lanes[lane], lanes[lane + width]);
            lanes[lane] = if beats(b, a) { b } else { a };
        }
    }
    lanes[0]
}

/// A search along one axis for values that are known to be elements.
struct Search<'a, T> {
    buffer: &'a [T],
    /// Over the positions where a search starts: index 0 of the axis.
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

    /// Writes to `out[i]` the index of `values[i]` along the axis, for result `first + i` of the reduction.
    fn find(&self, first: usize, values: &[T], out: &mut [i64]) {
        let [step] = self.starts.inner();
        self.starts
            .for_inner_loops(first, out.len(), |done, [base], count| {
                let (out, values) = (&mut out[done..done + count], &values[done..done + count]);
                if step == 1 && self.stride != 1 && count >= 4 {
                    let tiles = out.chunks_mut(COLUMN_TILE).zip(values.chunks(COLUMN_TILE));
                    for (tile, (out, values)) in tiles.enumerate() {
                        self.find_columns(base + (tile * COLUMN_TILE) as isize, values, out);
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
        // Whole chunks are compared without a branch, so that the loop is vectorised.
        let in_chunk = |chunk: &[T]| chunk.iter().fold(false, |found, &x| found | same(x, value));
        let chunks = values
            .chunks(CHUNK)
            .take_while(|chunk| !in_chunk(chunk))
            .count();
        let start = chunks * CHUNK;
        let rest = values[start..].iter().position(|&x| same(x, value));
        start + rest.expect("the value is an element")
    }

    /// [`find`](Self::find) for rows that start at neighbouring positions: all are searched together.
    fn find_columns(&self, base: isize, values: &[T], out: &mut [i64]) {
        const NOT_FOUND: i64 = -1;
        out.fill(NOT_FOUND);
        let mut remaining = out.len();
        for i in 0..self.extent {
            let start = (base + i as isize * self.stride) as usize;
            let row = &self.buffer[start..start + values.len()];
            let pairs = || row.iter().zip(values);
            if !pairs().fold(false, |found, (&x, &value)| found | same(x, value)) {
                continue;
            }
            for (out, (&x, &value)) in out.iter_mut().zip(pairs()) {
                if *out == NOT_FOUND && same(x, value) {
                    *out = i as i64;
                    remaining -= 1;
                }
            }
            if remaining == 0 {
                return;
            }
        }
    }

    /// The elements at the indices found.
    fn gather(&self, indices: &[i64], out: &mut [T]) {
        let [step] = self.starts.inner();
        self.starts
            .for_inner_loops(0, out.len(), |done, [base], count| {
                for i in 0..count {
                    let along = indices[done + i] as isize * self.stride;
                    out[done + i] = self.buffer[(base + i as isize * step + along) as usize];
                }
            });
    }
}

/// Whether two numbers are equal or both NaN.
#[inline]
fn same<T: Number>(x: T, value: T) -> bool {
    x == value || (x.is_nan() && value.is_nan())
}
