//! Layouts of views: each a pure function of the layout that is viewed.

use super::{Layout, MAX_RANK};
use crate::axes::{Axes, Slice, resolve_axis};
use crate::require;

impl Layout {
    /// The axes in another order.
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
        view.classified()
    }

    /// Two axes exchanged.
    ///
    /// # Panics
    /// If one does not exist.
    #[must_use]
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Self {
        let a = resolve_axis("transpose", a, self.shape());
        let b = resolve_axis("transpose", b, self.shape());
        let mut view = *self;
        view.dims.swap(a, b);
        view.strides.swap(a, b);
        view.classified()
    }

    /// A range of one axis, with Python's rules.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, axis: isize, slice: Slice) -> Self {
        let axis = resolve_axis("slice", axis, self.shape());
        let (start, count) = slice.resolve(self.dims[axis]);
        let mut view = *self;
        // Where nothing is selected, the offset stays: the start may lie behind the buffer.
        if count > 0 {
            view = view.advanced(axis, start);
        }
        view.dims[axis] = count;
        if count > 1 {
            view.strides[axis] *= slice.step;
        }
        view.recounted()
    }

    /// The first element moved along an axis; `by` is inside its extent.
    fn advanced(mut self, axis: usize, by: usize) -> Self {
        if self.len > 0 {
            self.offset = self
                .offset
                .wrapping_add_signed(by as isize * self.strides[axis]);
        }
        self
    }

    /// The number of elements after the extents have shrunk or changed places.
    fn recounted(mut self) -> Self {
        self.len = self.shape().iter().product();
        self.classified()
    }

    /// One place on an axis; the axis disappears.
    ///
    /// # Panics
    /// If there is no such axis or place.
    #[must_use]
    #[track_caller]
    pub fn select(&self, axis: isize, index: isize) -> Self {
        let axis = resolve_axis("select", axis, self.shape());
        let extent = self.dims[axis];
        let from_end = if index < 0 { extent as isize } else { 0 };
        let place = index + from_end;
        require!(
            (0..extent as isize).contains(&place),
            "select: {:?}: index {index} is outside axis {axis} of extent {extent}",
            self.shape()
        );
        self.advanced(axis, place as usize)
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
    /// If the extent is not 1.
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

    /// An axis of extent 1 inserted, so that it becomes axis `axis` of the result.
    ///
    /// # Panics
    /// If the result has no such axis or too many.
    #[must_use]
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Self {
        let rank = self.rank();
        require!(
            rank < MAX_RANK,
            "unsqueeze: {:?}: more than {MAX_RANK} axes",
            self.shape()
        );
        let place = if axis < 0 {
            axis + rank as isize + 1
        } else {
            axis
        };
        require!(
            (0..=rank as isize).contains(&place),
            "unsqueeze: {:?}: axis {axis} is outside the {} axes of the result",
            self.shape(),
            rank + 1
        );
        let place = place as usize;
        let mut view = *self;
        view.dims.copy_within(place..rank, place + 1);
        view.strides.copy_within(place..rank, place + 1);
        view.dims[place] = 1;
        // As if row-major, so that a contiguous tensor has the usual strides.
        view.strides[place] = if place < rank {
            self.dims[place].max(1) as isize * self.strides[place]
        } else {
            1
        };
        view.rank += 1;
        view
    }

    /// Whether only extents of 1 stand between this shape and that one, or missing axes in front.
    #[must_use]
    pub fn broadcasts_to(&self, shape: &[usize]) -> bool {
        shape.len() >= self.rank() && {
            let tail = &shape[shape.len() - self.rank()..];
            let fits = |(&from, &to): (&usize, &usize)| from == to || from == 1;
            self.shape().iter().zip(tail).all(fits)
        }
    }

    /// Axes repeated with stride 0, and new axes in front, up to `shape`.
    ///
    /// # Panics
    /// If another extent than 1 would change, or the size overflows.
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
        view.classified()
    }

    /// The order of the given axes reversed.
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
        view.classified()
    }

    /// The same elements in the same row-major order under another shape, if strides can say it.
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
        Some(view.classified())
    }

    /// Unit axes dropped, neighbours merged wherever one stride serves both.
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
        merged.classified()
    }

    /// The diagonal of two axes, as a new last axis; `offset` moves it towards larger `b`.
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

    /// Windows of `size` places, `step` apart, over one axis; the place in the window is a new last axis.
    ///
    /// # Panics
    /// If there is no such axis, the step is 0 or the window exceeds the axis.
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
        // Overlapping windows can count more elements than the buffer holds.
        let checked = Self::with_shape("unfold_axis", view.shape());
        view.len = checked.len;
        view.classified()
    }
}
