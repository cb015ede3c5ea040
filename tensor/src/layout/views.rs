//! The layouts of views: each a pure function of the layout of the original.

use super::{Layout, MAX_RANK};
use crate::axes::{Axes, Slice, resolve_axis};
use crate::require;

impl Layout {
    /// The axes in another order: axis `k` of the result is axis `axes[k]`.
    ///
    /// # Panics
    /// If `axes` is not a permutation of the axes.
    #[must_use]
    #[track_caller]
    pub fn permute(&self, axes: &[isize]) -> Self {
        let shape = self.shape();
        require!(
            axes.len() == self.rank(),
            "permute: {shape:?}: {} axes, but {axes:?} names {}",
            self.rank(),
            axes.len()
        );
        let mut seen = 0_u16;
        let mut view = *self;
        for (to, &axis) in axes.iter().enumerate() {
            let from = resolve_axis("permute", axis, shape);
            require!(
                seen & (1 << from) == 0,
                "permute: {shape:?}: {axes:?} names axis {from} twice"
            );
            seen |= 1 << from;
            view.dims[to] = self.dims[from];
            view.strides[to] = self.strides[from];
        }
        view.with_contiguity()
    }

    /// Axes `a` and `b` exchanged.
    ///
    /// # Panics
    /// If an axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Self {
        let a = resolve_axis("transpose", a, self.shape());
        let b = resolve_axis("transpose", b, self.shape());
        let mut view = *self;
        view.dims.swap(a, b);
        view.strides.swap(a, b);
        view.with_contiguity()
    }

    /// A range of one axis, by the rules of Python's slices.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, axis: isize, slice: Slice) -> Self {
        let axis = resolve_axis("slice", axis, self.shape());
        let (start, count) = slice.resolve(self.dims[axis]);
        let mut view = *self;
        // An empty range keeps the offset: its start may be past the end of the buffer.
        if count > 0 {
            view = view.advanced(axis, start);
        }
        view.dims[axis] = count;
        if count > 1 {
            view.strides[axis] *= slice.step;
        }
        view.recounted()
    }

    /// The offset moved by `by` steps along an axis; `by` is less than its extent.
    fn advanced(mut self, axis: usize, by: usize) -> Self {
        if self.len > 0 {
            self.offset = self
                .offset
                .wrapping_add_signed(by as isize * self.strides[axis]);
        }
        self
    }

    /// This layout with `len` and `contiguous` recomputed after the extents have changed. The product of
    /// the extents must not have grown.
    fn recounted(mut self) -> Self {
        self.len = self.shape().iter().product();
        self.with_contiguity()
    }

    /// The slice at one index of an axis, which is removed; a negative index counts from the end.
    ///
    /// # Panics
    /// If the axis does not exist or the index is out of bounds.
    #[must_use]
    #[track_caller]
    pub fn select(&self, axis: isize, index: isize) -> Self {
        let axis = resolve_axis("select", axis, self.shape());
        let extent = self.dims[axis];
        let from_end = if index < 0 { extent as isize } else { 0 };
        let position = index + from_end;
        require!(
            (0..extent as isize).contains(&position),
            "select: {:?}: index {index} is outside axis {axis} of extent {extent}",
            self.shape()
        );
        self.advanced(axis, position as usize)
            .without_axis(axis)
            .recounted()
    }

    fn without_axis(mut self, axis: usize) -> Self {
        let rank = self.rank();
        self.dims.copy_within(axis + 1..rank, axis);
        self.strides.copy_within(axis + 1..rank, axis);
        self.dims[rank - 1] = 0;
        self.strides[rank - 1] = 0;
        self.rank -= 1;
        self
    }

    /// An axis of extent 1 removed.
    ///
    /// # Panics
    /// If the axis does not exist or its extent is not 1.
    #[must_use]
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Self {
        let axis = resolve_axis("squeeze", axis, self.shape());
        require!(
            self.dims[axis] == 1,
            "squeeze: {:?}: axis {axis} has extent {}, not 1",
            self.shape(),
            self.dims[axis]
        );
        self.without_axis(axis)
    }

    /// An axis of extent 1 inserted as axis `axis` of the result; a negative `axis` counts from the end of
    /// the result.
    ///
    /// # Panics
    /// If the result has no such axis or more than [`MAX_RANK`] axes.
    #[must_use]
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Self {
        let rank = self.rank();
        require!(
            rank < MAX_RANK,
            "unsqueeze: {:?}: more than {MAX_RANK} axes",
            self.shape()
        );
        let position = if axis < 0 {
            axis + rank as isize + 1
        } else {
            axis
        };
        require!(
            (0..=rank as isize).contains(&position),
            "unsqueeze: {:?}: axis {axis} is outside the {} axes of the result",
            self.shape(),
            rank + 1
        );
        let position = position as usize;
        let mut view = *self;
        view.dims.copy_within(position..rank, position + 1);
        view.strides.copy_within(position..rank, position + 1);
        view.dims[position] = 1;
        // The row-major stride, so that a contiguous layout keeps row-major strides.
        view.strides[position] = if position < rank {
            self.dims[position].max(1) as isize * self.strides[position]
        } else {
            1
        };
        view.rank += 1;
        view
    }

    /// Whether this layout broadcasts to `shape`: aligned at the last axis, each extent is equal or 1.
    #[must_use]
    pub fn broadcasts_to(&self, shape: &[usize]) -> bool {
        shape.len() >= self.rank() && {
            let tail = &shape[shape.len() - self.rank()..];
            let fits = |(&from, &to): (&usize, &usize)| from == to || from == 1;
            self.shape().iter().zip(tail).all(fits)
        }
    }

    /// Broadcast to `shape`: axes of extent 1 are repeated with stride 0, and new axes are added in front.
    ///
    /// # Panics
    /// If an extent other than 1 would change, or the number of elements overflows.
    #[must_use]
    #[track_caller]
    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        if shape == self.shape() {
            return *self;
        }
        let mut view = Self::with_shape("broadcast_to", shape);
        require!(
            self.broadcasts_to(shape),
            "broadcast_to: {:?} does not broadcast to {shape:?}",
            self.shape()
        );
        let added = shape.len() - self.rank();
        for axis in 0..self.rank() {
            if self.dims[axis] == shape[added + axis] {
                view.strides[added + axis] = self.strides[axis];
            }
        }
        view.offset = self.offset;
        view.with_contiguity()
    }

    /// The elements in reverse order along the given axes.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn flip(&self, axes: &Axes) -> Self {
        let mut view = *self;
        for axis in axes.resolve("flip", self.shape()).iter() {
            if self.dims[axis] > 1 {
                view = view.advanced(axis, self.dims[axis] - 1);
                view.strides[axis] = -view.strides[axis];
            }
        }
        view.with_contiguity()
    }

    /// Another shape for the same elements in the same row-major order; `None` if no strides describe it, so
    /// that a copy is needed.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[must_use]
    #[track_caller]
    pub fn reshape(&self, shape: &[usize]) -> Option<Self> {
        let mut view = Self::row_major("reshape", shape);
        require!(
            view.len == self.len,
            "reshape: {:?} has {} elements, {shape:?} needs {}",
            self.shape(),
            self.len,
            view.len
        );
        view.offset = self.offset;
        if self.contiguous {
            return Some(view);
        }
        let blocks = self.blocks();
        let mut blocks = blocks.shape().iter().zip(blocks.strides()).rev();
        // How much of the current block is not yet divided into axes, and the stride of the next axis.
        let (mut rest, mut stride) = (1, 1);
        for axis in (0..shape.len()).rev() {
            if rest == 1
                && shape[axis] > 1
                && let Some((&extent, &step)) = blocks.next()
            {
                (rest, stride) = (extent, step);
            }
            if rest % shape[axis] != 0 {
                return None;
            }
            view.strides[axis] = stride;
            rest /= shape[axis];
            stride *= shape[axis] as isize;
        }
        Some(view.with_contiguity())
    }

    /// The same elements with axes of extent 1 dropped and neighbouring axes merged where one stride covers
    /// both.
    fn blocks(&self) -> Self {
        let mut merged = Self::SCALAR;
        merged.offset = self.offset;
        merged.len = self.len;
        for (&extent, &stride) in self.shape().iter().zip(self.strides()) {
            let rank = merged.rank();
            if extent == 1 {
                continue;
            }
            if rank > 0 && merged.strides[rank - 1] == stride * extent as isize {
                merged.dims[rank - 1] *= extent;
                merged.strides[rank - 1] = stride;
            } else {
                merged.dims[rank] = extent;
                merged.strides[rank] = stride;
                merged.rank += 1;
            }
        }
        merged.with_contiguity()
    }

    /// The diagonal of axes `a` and `b` as a new last axis; a positive `offset` starts at index `offset` of
    /// `b`, a negative one at index `-offset` of `a`.
    ///
    /// # Panics
    /// If an axis does not exist or both are the same.
    #[must_use]
    #[track_caller]
    pub fn diagonal(&self, offset: isize, a: isize, b: isize) -> Self {
        let shape = self.shape();
        let a = resolve_axis("diagonal", a, shape);
        let b = resolve_axis("diagonal", b, shape);
        require!(a != b, "diagonal: {shape:?}: both axes are axis {a}");
        let (down, right) = (offset.min(0).unsigned_abs(), offset.max(0) as usize);
        let count = (self.dims[a].saturating_sub(down)).min(self.dims[b].saturating_sub(right));
        let mut view = *self;
        if count > 0 {
            view = view.advanced(a, down).advanced(b, right);
        }
        let stride = if count > 1 {
            self.strides[a] + self.strides[b]
        } else {
            1
        };
        view = view.without_axis(a.max(b)).without_axis(a.min(b));
        let rank = view.rank();
        view.dims[rank] = count;
        view.strides[rank] = stride;
        view.rank += 1;
        view.recounted()
    }

    /// Windows of `size` elements along one axis, starting every `step` elements. The axis then counts
    /// windows; the position inside a window is a new last axis.
    ///
    /// # Panics
    /// If the axis does not exist, the step is 0, the window exceeds the axis, or the result has more than
    /// [`MAX_RANK`] axes.
    #[must_use]
    #[track_caller]
    pub fn unfold_axis(&self, axis: isize, size: usize, step: usize) -> Self {
        let shape = self.shape();
        let axis = resolve_axis("unfold_axis", axis, shape);
        require!(
            self.rank() < MAX_RANK,
            "unfold_axis: {shape:?}: more than {MAX_RANK} axes"
        );
        require!(step > 0, "unfold_axis: {shape:?}: the step is 0");
        require!(
            size <= shape[axis],
            "unfold_axis: {shape:?}: a window of {size} exceeds axis {axis} of extent {}",
            shape[axis]
        );
        let mut view = *self;
        let rank = self.rank();
        view.dims[axis] = (shape[axis] - size) / step + 1;
        view.strides[axis] *= if view.dims[axis] > 1 {
            step as isize
        } else {
            1
        };
        view.dims[rank] = size;
        view.strides[rank] = self.strides[axis];
        view.rank += 1;
        // Overlapping windows repeat elements, so the count may overflow.
        let checked = Self::with_shape("unfold_axis", view.shape());
        view.len = checked.len;
        view.with_contiguity()
    }
}
