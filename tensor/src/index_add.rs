//! Sums of slices at positions given by a vector of indices.

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::elementwise::outer_loops;
use crate::index::{require_inside, require_vector};
use crate::{Number, Tensor, parallel, require, slices};

/// The shortest slice for which a call of a vectorised loop is faster than a plain loop.
const MIN_VECTOR: usize = 16;

impl<T: Number> Tensor<T> {
    /// A copy with slices added along an axis: `y[i, index[j], k] += source[i, j, k]` for `axis` 1. If an index
    /// repeats, all its slices are added, in the order of `index`. The adjoint of
    /// [`index_select`](Self::index_select).
    ///
    /// * `index`: a vector
    /// * `source`: the shape of `self`, with the length of `index` on that axis
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::<f64>::zeros([2, 2]);
    /// let rows = Tensor::from_vec(vec![1, 1], [2]);
    /// let source = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.index_add(0, &rows, &source).to_vec(), [0.0, 0.0, 4.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the shapes do not fit or an index is outside the axis.
    #[must_use]
    #[track_caller]
    pub fn index_add(&self, axis: isize, index: &Tensor<i64>, source: &Self) -> Self {
        const OP: &str = "index_add";
        let axis = resolve_axis(OP, axis, self.shape());
        require_vector(OP, self.shape(), index);
        let mut shape = self.shape().to_vec();
        shape[axis] = index.len();
        require!(
            source.shape() == shape,
            "{OP}: {:?}: the source is {:?}, the index on axis {axis} needs {shape:?}",
            self.shape(),
            source.shape()
        );
        require_inside(OP, self.shape(), axis, index);
        if source.is_empty() {
            return self.clone();
        }
        let (source, indices) = (source.contiguous(), index.to_vec());
        let values = source.as_slice().expect("made contiguous");
        let inner: usize = shape[axis + 1..].iter().product();
        let extent = self.shape()[axis];
        let mut out = buffer(OP, self.shape());
        outer_loops::copy(self, &mut out);
        let work = values.len();
        let (blocks, threads) = (self.len() / (extent * inner), parallel::share_of_threads());
        if inner < MIN_VECTOR || blocks >= threads {
            let (block, added) = (extent * inner, indices.len() * inner);
            let runs = Run::all(&indices, inner);
            if !runs.is_empty() {
                parallel::for_chunks_mut(&mut out, block, work, |number, out| {
                    let values = &values[number * added..][..added];
                    for run in &runs {
                        let [from, to, length] = [run.from, run.to, run.length].map(|n| n * inner);
                        slices::add_assign(&mut out[to..][..length], &values[from..][..length]);
                    }
                });
                return Self::from_parts(out, self.layout().to_row_major());
            }
            parallel::for_chunks_mut(&mut out, block, work, |number, out| {
                let values = &values[number * added..];
                for (&index, row) in indices.iter().zip(values.chunks_exact(inner)) {
                    let sums = &mut out[index as usize * inner..][..inner];
                    if inner < MIN_VECTOR {
                        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
                    } else {
                        slices::add_assign(sums, row);
                    }
                }
            });
            return Self::from_parts(out, self.layout().to_row_major());
        }
        // Rows of the result are tasks: what is added to a row is added in the order of `index`. One thread is faster in the
        // order of the source.
        let sources = Occurrences::of(&indices, extent);
        let rows = (parallel::CHUNK / inner).max(1);
        parallel::for_chunks_mut(&mut out, rows * inner, work, |task, out| {
            for (row, out) in (task * rows..).zip(out.chunks_exact_mut(inner)) {
                for &place in sources.of_value(row % extent) {
                    let from = (row / extent * indices.len() + place) * inner;
                    slices::add_assign(out, &values[from..][..inner]);
                }
            }
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// Indices that grow by 1 from each to the next: their slices are neighbours in both tensors.
pub(crate) struct Run {
    /// Where they begin in the list.
    pub(crate) from: usize,
    /// The first of them.
    pub(crate) to: usize,
    pub(crate) length: usize,
}

impl Run {
    /// The runs of a list of slices of `inner` elements; none if they are too short for it to be faster than index by index.
    pub(crate) fn all(indices: &[i64], inner: usize) -> Vec<Self> {
        if inner >= MIN_VECTOR {
            return Vec::new();
        }
        let growing = || indices.chunk_by(|before, index| before + 1 == *index);
        if growing().count() * MIN_VECTOR > indices.len() {
            return Vec::new();
        }
        let mut from = 0;
        let run = |run: &[i64]| {
            let (start, length) = (from, run.len());
            from += length;
            Self {
                from: start,
                to: run[0] as usize,
                length,
            }
        };
        growing().map(run).collect()
    }
}

/// Where each value occurs in a list of indices.
struct Occurrences {
    /// Where the places of each value begin, and the end of the last.
    starts: Vec<usize>,
    places: Vec<usize>,
}

impl Occurrences {
    /// The places of the values `0..extent`, which all indices are.
    fn of(indices: &[i64], extent: usize) -> Self {
        let mut starts = vec![0; extent + 1];
        for &index in indices {
            starts[index as usize + 1] += 1;
        }
        for value in 0..extent {
            starts[value + 1] += starts[value];
        }
        let (mut next, mut places) = (starts.clone(), vec![0; indices.len()]);
        for (place, &index) in indices.iter().enumerate() {
            places[next[index as usize]] = place;
            next[index as usize] += 1;
        }
        Self { starts, places }
    }

    /// The places of one value, in their order.
    fn of_value(&self, value: usize) -> &[usize] {
        &self.places[self.starts[value]..self.starts[value + 1]]
    }
}
