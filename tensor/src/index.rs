//! Gather and scatter: reading and writing at positions given by a tensor of indices.
//!
//! Indices count from 0. An index outside the axis, which includes every negative one, panics.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::elementwise::loop_nest::LoopNest;
use crate::elementwise::outer_loops;
use crate::index_add::Run;
use crate::layout::{Layout, MAX_RANK};
use crate::{Element, Number, Tensor, parallel, require};

impl<T: Element> Tensor<T> {
    /// Elements selected along an axis: `y[i, j, k] = x[i, index[i, j, k], k]` for `axis` 1.
    ///
    /// * `index`: same rank as `self`; on the other axes no extent larger than that of `self`
    /// * returns a tensor of the shape of `index`
    ///
    /// ```
    /// use wengert_tensor::Tensor;
    ///
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// let index = Tensor::from_vec(vec![1, 0], [2, 1]);
    /// assert_eq!(x.gather(1, &index).to_vec(), [2, 3]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the shape of `index` does not fit or an index is outside the axis.
    #[must_use]
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Tensor<i64>) -> Self {
        let axis = resolve_axis("gather", axis, self.shape());
        require_fit("gather", self.shape(), axis, index);
        self.gather_by("gather", axis, index)
    }

    /// [`gather`](Self::gather) with an index whose shape fits.
    #[track_caller]
    fn gather_by(&self, op: &str, axis: usize, index: &Tensor<i64>) -> Self {
        let mut out = buffer(op, index.shape());
        if out.is_empty() {
            return Self::from_vec(out, index.shape());
        }
        let extent = self.shape()[axis];
        if extent == 0 {
            require_inside(op, self.shape(), axis, index);
        }
        // Indices are checked as they are used. The message is made afterwards.
        let all_inside = AtomicBool::new(true);
        let starts = first_along(self.layout(), self.buffer().len(), axis, index.shape());
        let nest = LoopNest::new([index.layout(), &starts]);
        let ([di, dx], along) = (nest.inner(), self.strides()[axis]);
        let (indices, x, length) = (index.buffer(), self.buffer(), out.len());
        parallel::for_chunks_mut(&mut out, parallel::CHUNK, length, |chunk, out| {
            nest.for_inner_loops(
                chunk * parallel::CHUNK,
                out.len(),
                |done, [i, start], count| {
                    let out = &mut out[done..done + count];
                    let mut inside = true;
                    if di == 1 && dx == 0 && along == 1 {
                        // Along the last axis.
                        let (i, x) = (i as usize, &x[start as usize..][..extent]);
                        for (out, &index) in out.iter_mut().zip(&indices[i..i + count]) {
                            match within(index, extent) {
                                Some(index) => *out = x[index],
                                None => inside = false,
                            }
                        }
                    } else {
                        for (step, out) in (0..).zip(out) {
                            match within(indices[(i + step * di) as usize], extent) {
                                Some(index) => {
                                    let at = start + step * dx + index as isize * along;
                                    *out = x[at as usize];
                                }
                                None => inside = false,
                            }
                        }
                    }
                    if !inside {
                        all_inside.store(false, Ordering::Relaxed);
                    }
                },
            );
        });
        if !all_inside.into_inner() {
            require_inside(op, self.shape(), axis, index);
        }
        Self::from_vec(out, index.shape())
    }

    /// A copy with elements of `source` written along an axis: `y[i, index[i, j, k], k] = source[i, j, k]`
    /// for `axis` 1. If an index repeats, the last element in row-major order of `index` is kept.
    ///
    /// * `index`: same rank as `self`; on the other axes no extent larger than that of `self`
    /// * `source`: no extent smaller than that of `index`; elements outside the shape of `index` are ignored
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![0, 0, 0], [3]);
    /// let index = Tensor::from_vec(vec![2, 0], [2]);
    /// assert_eq!(x.scatter(0, &index, &Tensor::from_vec(vec![5, 7], [2])).to_vec(), [7, 0, 5]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the shapes do not fit or an index is outside the axis.
    #[must_use]
    #[track_caller]
    pub fn scatter(&self, axis: isize, index: &Tensor<i64>, source: &Self) -> Self {
        self.scatter_with("scatter", axis, index, source, |_, x| x)
    }

    /// A copy with `y[i, index[i, j, k], k] ← f(y[i, index[i, j, k], k], source[i, j, k])` for `axis` 1, in
    /// row-major order of `index`.
    #[track_caller]
    fn scatter_with(
        &self,
        op: &str,
        axis: isize,
        index: &Tensor<i64>,
        source: &Self,
        f: impl Fn(T, T) -> T + Sync,
    ) -> Self {
        let axis = resolve_axis(op, axis, self.shape());
        require_fit(op, self.shape(), axis, index);
        let is_large_enough = source.rank() == index.rank()
            && source
                .shape()
                .iter()
                .zip(index.shape())
                .all(|(s, i)| s >= i);
        require!(
            is_large_enough,
            "{op}: {:?}: a source of {:?} is too small for an index of {:?}",
            self.shape(),
            source.shape(),
            index.shape()
        );
        if index.is_empty() {
            return self.clone();
        }
        let (length, extent) = (self.len(), self.shape()[axis]);
        if length == 0 {
            require_inside(op, self.shape(), axis, index);
        }
        // Indices are checked as they are used. The message is made afterwards.
        let all_inside = AtomicBool::new(true);
        let mut result = buffer(op, self.shape());
        outer_loops::copy(self, &mut result);
        let out: &mut [T] = &mut result;
        let row_major = Layout::row_major(op, self.shape());
        let along = row_major.strides()[axis];
        let starts = first_along(&row_major, length, axis, index.shape());
        let read = leading(source.layout(), source.buffer().len(), index.shape());
        let nest = LoopNest::new([index.layout(), &read, &starts]);
        let [di, ds, dy] = nest.inner();
        let (indices, values) = (index.buffer(), source.buffer());
        // Rows of the first axis have their own part of the result, unless the indices are into that axis.
        let rows = if axis > 0 { index.shape()[0] } else { 1 };
        let (row, elements) = (
            length / if axis > 0 { self.shape()[0] } else { 1 },
            index.len() / rows,
        );
        let at_once = parallel::CHUNK.div_ceil(elements);
        let out = &mut out[..rows * row];
        parallel::for_chunks_mut(out, at_once * row, index.len(), |task, out| {
            let first = task * at_once;
            let count = at_once.min(rows - first) * elements;
            nest.for_inner_loops(first * elements, count, |_, [i, s, start], count| {
                let start = start - (first * row) as isize;
                if di == 1 && dy == 0 && along == 1 && (ds == 0 || ds == 1) {
                    // Along the last axis.
                    let (indices, values) =
                        (&indices[i as usize..][..count], &values[s as usize..]);
                    let out = &mut out[start as usize..][..extent];
                    let mut put = |index: i64, x| match within(index, extent) {
                        Some(index) => out[index] = f(out[index], x),
                        None => all_inside.store(false, Ordering::Relaxed),
                    };
                    if ds == 0 {
                        for &index in indices {
                            put(index, values[0]);
                        }
                    } else {
                        for (&index, &x) in indices.iter().zip(values) {
                            put(index, x);
                        }
                    }
                    return;
                }
                for step in 0..count as isize {
                    let Some(index) = within(indices[(i + step * di) as usize], extent) else {
                        all_inside.store(false, Ordering::Relaxed);
                        continue;
                    };
                    let y = &mut out[(start + step * dy + index as isize * along) as usize];
                    *y = f(*y, values[(s + step * ds) as usize]);
                }
            });
        });
        if !all_inside.into_inner() {
            require_inside(op, self.shape(), axis, index);
        }
        Self::from_parts(result, row_major)
    }

    /// Slices selected along an axis: `y[i, j, k] = x[i, index[j], k]` for `axis` 1.
    ///
    /// * `index`: a vector
    /// * returns a tensor of the shape of `self`, with the length of `index` on that axis
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6], [3, 2]);
    /// let rows = Tensor::from_vec(vec![2, 0, 2], [3]);
    /// assert_eq!(x.index_select(0, &rows).to_vec(), [5, 6, 1, 2, 5, 6]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, `index` is not a vector or an index is outside the axis.
    #[must_use]
    #[track_caller]
    pub fn index_select(&self, axis: isize, index: &Tensor<i64>) -> Self {
        const OP: &str = "index_select";
        let axis = resolve_axis(OP, axis, self.shape());
        require_vector(OP, self.shape(), index);
        require_inside(OP, self.shape(), axis, index);
        let mut shape = self.shape().to_vec();
        shape[axis] = index.len();
        let inner: usize = shape[axis + 1..].iter().product();
        let indices = index.to_vec();
        // A block is copied by one thread, so there must be enough of them.
        let blocks: usize = shape[..axis].iter().product();
        let is_shared = blocks >= parallel::share_of_threads();
        let runs = if is_shared {
            Run::all(&indices, inner)
        } else {
            Vec::new()
        };
        let Some(x) = self.as_slice().filter(|_| inner > 1 || !runs.is_empty()) else {
            let index = along_axis(index, axis, self.rank());
            return self.gather_by(OP, axis, &index.broadcast_to(&shape));
        };
        let mut out = buffer(OP, &shape);
        let (extent, length) = (self.shape()[axis], out.len());
        if !runs.is_empty() {
            parallel::for_chunks_mut(&mut out, indices.len() * inner, length, |block, out| {
                let x = &x[block * extent * inner..][..extent * inner];
                for run in &runs {
                    let [to, from, length] = [run.from, run.to, run.length].map(|n| n * inner);
                    out[to..][..length].copy_from_slice(&x[from..][..length]);
                }
            });
            return Self::from_vec(out, shape);
        }
        let chunk = inner * (parallel::CHUNK / inner).max(1);
        parallel::for_chunks_mut(&mut out, chunk, length, |number, out| {
            let first = number * chunk / inner;
            for (row, out) in (first..).zip(out.chunks_exact_mut(inner)) {
                let from = row / indices.len() * extent + indices[row % indices.len()] as usize;
                out.copy_from_slice(&x[from * inner..(from + 1) * inner]);
            }
        });
        Self::from_vec(out, shape)
    }
}

impl<T: Number> Tensor<T> {
    /// A copy with elements of `source` added along an axis: `y[i, index[i, j, k], k] += source[i, j, k]` for
    /// `axis` 1. If an index repeats, all its elements are added, in row-major order of `index`. The adjoint of
    /// [`gather`](Self::gather).
    ///
    /// * `index`: same rank as `self`; on the other axes no extent larger than that of `self`
    /// * `source`: no extent smaller than that of `index`; elements outside the shape of `index` are ignored
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 1.0, 1.0], [3]);
    /// let index = Tensor::from_vec(vec![2, 2], [2]);
    /// assert_eq!(x.scatter_add(0, &index, &Tensor::from_vec(vec![5.0, 7.0], [2])).to_vec(), [1.0, 1.0, 13.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the shapes do not fit or an index is outside the axis.
    #[must_use]
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Tensor<i64>, source: &Self) -> Self {
        self.scatter_with("scatter_add", axis, index, source, |y, x| y + x)
    }
}

impl Tensor<i64> {
    /// One-hot encoding: `y[…, c] = 1` if the index `x[…]` is `c`, else 0.
    ///
    /// * `self`: any shape
    /// * returns a tensor of that shape with a new last axis of extent `classes`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let classes = Tensor::from_vec(vec![2, 0], [2]);
    /// assert_eq!(classes.one_hot::<f64>(3).to_vec(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If an index is not in `0..classes`.
    #[must_use]
    #[track_caller]
    pub fn one_hot<T: Number>(&self, classes: usize) -> Tensor<T> {
        let mut shape = self.shape().to_vec();
        shape.push(classes);
        let layout = Layout::row_major("one_hot", &shape);
        require_inside("one_hot", &shape, shape.len() - 1, self);
        let mut out = Tensor::zeros(layout.shape());
        let values = out.as_mut_slice();
        for (row, class) in self.iter().enumerate() {
            values[row * classes + class as usize] = T::one();
        }
        out
    }
}

/// Panics if the shape of `index` does not fit a gather from, or a scatter into, a tensor of shape `shape`.
#[track_caller]
fn require_fit(op: &str, shape: &[usize], axis: usize, index: &Tensor<i64>) {
    require!(
        index.rank() == shape.len(),
        "{op}: {shape:?}: an index of {:?} has another rank",
        index.shape()
    );
    for (other, (&count, &extent)) in index.shape().iter().zip(shape).enumerate() {
        require!(
            other == axis || count <= extent,
            "{op}: {shape:?}: an index of {:?} exceeds extent {extent} of axis {other}",
            index.shape()
        );
    }
}

#[track_caller]
pub(crate) fn require_vector(op: &str, shape: &[usize], index: &Tensor<i64>) {
    require!(
        index.rank() == 1,
        "{op}: {shape:?}: an index of {:?} is not a vector",
        index.shape()
    );
}

/// An index as a position, if it is in `0..extent`.
#[inline]
fn within(index: i64, extent: usize) -> Option<usize> {
    // A negative index is a large number here.
    ((index as u64) < extent as u64).then_some(index as usize)
}

/// Whether all indices are in `0..extent`.
fn are_inside(indices: &[i64], extent: usize) -> bool {
    // An index outside is negative, or its distance to the last index is. Signs are joined instead of compared,
    // because the baseline of x86-64 cannot compare 64-bit numbers in vectors.
    let last = extent as i64 - 1;
    let signs = |signs: i64, &i: &i64| signs | i | last.wrapping_sub(i);
    let mut blocks = indices.chunks(4096);
    blocks.all(|block| block.iter().fold(0, signs) >= 0)
}

#[track_caller]
pub(crate) fn require_inside(op: &str, shape: &[usize], axis: usize, index: &Tensor<i64>) {
    let extent = shape[axis];
    let outside = |&i: &i64| usize::try_from(i).map_or(true, |i| i >= extent);
    let first_outside = match index.as_slice() {
        Some(indices) if are_inside(indices, extent) => None,
        _ => index.iter().find(outside),
    };
    if let Some(index) = first_outside {
        crate::fail::fail(format_args!(
            "{op}: {shape:?}: index {index} is outside axis {axis} of extent {extent}"
        ));
    }
}

/// The first `shape[k]` indices of each axis `k`.
fn leading(layout: &Layout, buffer: usize, shape: &[usize]) -> Layout {
    Layout::strided(shape, layout.strides(), layout.offset(), buffer)
}

/// The first `shape[k]` indices of each axis `k`, but index 0 of `axis` repeated with stride 0: the positions
/// to which `index · stride` of that axis is added.
fn first_along(layout: &Layout, buffer: usize, axis: usize, shape: &[usize]) -> Layout {
    let mut strides = [0; MAX_RANK];
    let strides = &mut strides[..shape.len()];
    strides.copy_from_slice(layout.strides());
    strides[axis] = 0;
    Layout::strided(shape, strides, layout.offset(), buffer)
}

/// A vector reshaped to `rank` axes, all of extent 1 but `axis`.
fn along_axis(vector: &Tensor<i64>, axis: usize, rank: usize) -> Tensor<i64> {
    let mut shape = vec![1; rank];
    shape[axis] = vector.len();
    vector.reshape(shape)
}

#[cfg(test)]
mod tests {
    use super::are_inside;

    #[test]
    fn an_index_outside_is_found_at_the_limits() {
        for extent in [0, 1, 5, isize::MAX as usize] {
            for index in [
                i64::MIN,
                i64::MIN + 1,
                -1,
                0,
                1,
                4,
                5,
                i64::MAX - 1,
                i64::MAX,
            ] {
                // In the second block, where there is one.
                let mut indices = vec![0; if extent == 0 { 0 } else { 5000 }];
                indices.push(index);
                let inside = usize::try_from(index).is_ok_and(|index| index < extent);
                assert_eq!(are_inside(&indices, extent), inside, "{index} in {extent}");
            }
        }
        assert!(are_inside(&[], 0));
    }
}
