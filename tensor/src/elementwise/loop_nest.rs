//! [`LoopNest`]: loops over strided operands in row-major order.

use crate::layout::{Layout, MAX_RANK};

/// A loop nest in row-major order over `N` operands of one shape.
///
/// Axes of extent 1 are dropped. Neighbouring axes are merged if, in every operand, one stride covers both.
pub(crate) struct LoopNest<const N: usize> {
    pub(crate) rank: usize,
    pub(crate) dims: [usize; MAX_RANK],
    pub(crate) strides: [[isize; N]; MAX_RANK],
    pub(crate) start: [isize; N],
}

impl<const N: usize> LoopNest<N> {
    /// The layouts must have the same shape and at least one element.
    pub(crate) fn new(layouts: [&Layout; N]) -> Self {
        let mut nest = Self::starting_at(layouts.map(|layout| layout.offset() as isize));
        for (axis, &extent) in layouts[0].shape().iter().enumerate() {
            let strides = layouts.map(|layout| layout.strides()[axis]);
            if extent != 1 {
                nest.push(extent, strides);
            }
        }
        nest
    }

    /// A nest without loops: one element of each operand, at positions `start`.
    pub(crate) fn starting_at(start: [isize; N]) -> Self {
        Self {
            rank: 0,
            dims: [1; MAX_RANK],
            strides: [[0; N]; MAX_RANK],
            start,
        }
    }

    /// Adds a loop inside the innermost one, merged with it if possible. `extent` is at least 2.
    pub(crate) fn push(&mut self, extent: usize, strides: [isize; N]) {
        if let Some(last) = self.rank.checked_sub(1) {
            let outer = self.strides[last];
            if (0..N).all(|n| outer[n] == strides[n] * extent as isize) {
                self.dims[last] *= extent;
                self.strides[last] = strides;
                return;
            }
        }
        self.dims[self.rank] = extent;
        self.strides[self.rank] = strides;
        self.rank += 1;
    }

    /// The strides of the innermost loop.
    pub(crate) fn inner(&self) -> [isize; N] {
        self.strides[self.rank.saturating_sub(1)]
    }

    /// Covers the row-major positions `from..from + count` of the shape by (parts of) innermost loops, and
    /// calls `body(done, positions, length)` for each: the number of elements before it, the position of its
    /// first element in every operand, and its length.
    #[inline]
    pub(crate) fn for_inner_loops(
        &self,
        from: usize,
        count: usize,
        mut body: impl FnMut(usize, [isize; N], usize),
    ) {
        let mut position = self.start;
        if self.rank <= 1 {
            advance(&mut position, self.strides[0], from as isize);
            if count > 0 {
                body(0, position, count);
            }
            return;
        }
        let last = self.rank - 1;
        let mut index = [0; MAX_RANK];
        let mut rest = from;
        for axis in (0..self.rank).rev() {
            index[axis] = rest % self.dims[axis];
            rest /= self.dims[axis];
            advance(&mut position, self.strides[axis], index[axis] as isize);
        }
        let mut done = 0;
        while done < count {
            let length = (self.dims[last] - index[last]).min(count - done);
            body(done, position, length);
            done += length;
            if done < count {
                self.step(&mut index, &mut position);
            }
        }
    }

    /// Moves `index` and `position` from inside an innermost loop to the start of the next one.
    fn step(&self, index: &mut [usize; MAX_RANK], position: &mut [isize; N]) {
        let last = self.rank.saturating_sub(1);
        advance(position, self.strides[last], -(index[last] as isize));
        index[last] = 0;
        for axis in (0..last).rev() {
            index[axis] += 1;
            if index[axis] < self.dims[axis] {
                advance(position, self.strides[axis], 1);
                return;
            }
            index[axis] = 0;
            advance(position, self.strides[axis], 1 - self.dims[axis] as isize);
        }
    }
}

/// Moves the position of every operand by `by` steps along an axis.
#[inline]
pub(crate) fn advance<const N: usize>(position: &mut [isize; N], strides: [isize; N], by: isize) {
    for (position, stride) in position.iter_mut().zip(strides) {
        *position += by * stride;
    }
}
