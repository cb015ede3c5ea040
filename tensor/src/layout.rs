//! Where the elements of a tensor lie in its buffer: dims, strides, offset.
//!
//! Views are pure functions from layout to layout; nothing here touches an element.

use std::fmt;

use crate::axes::{Axes, Slice, resolve_axis};
use crate::require;

/// The largest number of axes a tensor may have.
pub const MAX_RANK: usize = 8;

/// Element `[i, j, …]` of a tensor lies at `offset + i·strides[0] + j·strides[1] + …`.
///
/// Invariants: every such position lies inside the buffer that the layout was made for, and the
/// product of the extents other than 0 is at most `isize::MAX`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    dims: [usize; MAX_RANK],
    strides: [isize; MAX_RANK],
    offset: usize,
    len: usize,
    rank: u8,
    contiguous: bool,
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layout")
            .field("shape", &self.shape())
            .field("strides", &self.strides())
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl Layout {
    /// The layout of a single number.
    pub(crate) const SCALAR: Self = Self {
        dims: [0; MAX_RANK],
        strides: [0; MAX_RANK],
        offset: 0,
        len: 1,
        rank: 0,
        contiguous: true,
    };

    /// Row-major, from the start of a buffer; `op` names the caller in messages.
    ///
    /// # Panics
    /// If there are more than [`MAX_RANK`] axes or the size overflows.
    #[must_use]
    #[track_caller]
    pub fn row_major(op: &str, shape: &[usize]) -> Self {
        let mut layout = Self::with_shape(op, shape);
        let mut stride = 1;
        for axis in (0..shape.len()).rev() {
            layout.strides[axis] = stride;
            stride *= shape[axis].max(1) as isize;
        }
        layout
    }

    /// A shape, checked; the strides are all 0 yet.
    #[track_caller]
    fn with_shape(op: &str, shape: &[usize]) -> Self {
        require!(
            shape.len() <= MAX_RANK,
            "{op}: {shape:?}: {} axes are more than {MAX_RANK}",
            shape.len()
        );
        let mut dims = [0; MAX_RANK];
        dims[..shape.len()].copy_from_slice(shape);
        let mut product = 1_usize;
        let mut empty = false;
        for &extent in shape {
            if extent == 0 {
                empty = true;
            } else {
                match product.checked_mul(extent) {
                    Some(larger) if isize::try_from(larger).is_ok() => product = larger,
                    _ => crate::fail::fail(format_args!(
                        "{op}: {shape:?}: the number of elements overflows"
                    )),
                }
            }
        }
        Self {
            dims,
            strides: [0; MAX_RANK],
            offset: 0,
            len: if empty { 0 } else { product },
            rank: shape.len() as u8,
            contiguous: true,
        }
    }

    /// Any strides over a buffer of `buffer` elements, checked.
    ///
    /// # Panics
    /// If the lists differ in length, a size overflows, or an element would lie outside the buffer.
    #[must_use]
    #[track_caller]
    pub fn strided(shape: &[usize], strides: &[isize], offset: usize, buffer: usize) -> Self {
        let mut layout = Self::with_shape("strided", shape);
        require!(
            shape.len() == strides.len(),
            "strided: {shape:?}: {} extents but {} strides",
            shape.len(),
            strides.len()
        );
        layout.strides[..strides.len()].copy_from_slice(strides);
        layout.offset = offset;
        require!(
            layout.is_inside(buffer),
            "strided: {shape:?}, strides {strides:?}, offset {offset}: \
             reaches outside a buffer of {buffer}"
        );
        layout.classified()
    }

    /// Whether the first and the last reachable element lie inside a buffer of `buffer` elements.
    fn is_inside(&self, buffer: usize) -> bool {
        if self.len == 0 {
            return self.offset <= buffer;
        }
        let (mut low, mut high) = (self.offset as i128, self.offset as i128);
        for (&extent, &stride) in self.shape().iter().zip(self.strides()) {
            let reach = (extent as i128 - 1) * stride as i128;
            low += reach.min(0);
            high += reach.max(0);
        }
        low >= 0 && high < buffer as i128
    }

    /// Works out whether the elements follow each other in row-major order.
    fn classified(mut self) -> Self {
        let mut expected = 1;
        self.contiguous = true;
        if self.len > 1 {
            for axis in (0..self.rank()).rev() {
                if self.dims[axis] != 1 {
                    self.contiguous &= self.strides[axis] == expected;
                    expected *= self.dims[axis] as isize;
                }
            }
        }
        self
    }

    /// The extent of each axis.
    #[must_use]
    #[inline]
    pub fn shape(&self) -> &[usize] {
        &self.dims[..self.rank as usize]
    }

    /// The distance in the buffer from one element to the next, by axis.
    #[must_use]
    #[inline]
    pub fn strides(&self) -> &[isize] {
        &self.strides[..self.rank as usize]
    }

    /// The position of the first element in the buffer.
    #[must_use]
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of axes.
    #[must_use]
    #[inline]
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// The number of elements.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the elements follow each other in row-major order, without gaps.
    #[must_use]
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.contiguous
    }

    /// The row-major layout of the same shape at the start of a buffer.
    #[must_use]
    pub fn to_row_major(&self) -> Self {
        if self.contiguous {
            return Self { offset: 0, ..*self };
        }
        Self::row_major("to_row_major", self.shape())
    }

    /// The position of an element in the buffer, if the index is inside the shape.
    #[must_use]
    pub fn position(&self, index: &[usize]) -> Option<usize> {
        let inside =
            index.len() == self.rank() && index.iter().zip(self.shape()).all(|(i, n)| i < n);
        let along = |(&i, &stride): (&usize, &isize)| i as isize * stride;
        inside.then(|| {
            let distance: isize = index.iter().zip(self.strides()).map(along).sum();
            self.offset.wrapping_add_signed(distance)
        })
    }

    /// The axes in another order.
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

    /// Axes repeated with stride 0, and new axes in front, up to `shape`.
    #[must_use]
    #[track_caller]
    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        if shape == self.shape() {
            return *self;
        }
        let mut view = Self::with_shape("broadcast_to", shape);
        let fits = self.rank() <= shape.len() && {
            let tail = &shape[shape.len() - self.rank()..];
            self.shape()
                .iter()
                .zip(tail)
                .all(|(&from, &to)| from == to || from == 1)
        };
        require!(
            fits,
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

    /// The row-major layout of the joint shape of two layouts, by the rules of `NumPy`.
    #[track_caller]
    pub(crate) fn joint(op: &str, a: &Self, b: &Self) -> Self {
        let (longer, shorter) = if a.rank >= b.rank { (a, b) } else { (b, a) };
        let added = longer.rank() - shorter.rank();
        let mut dims = longer.dims;
        for axis in 0..shorter.rank() {
            let (x, y) = (longer.dims[added + axis], shorter.dims[axis]);
            require!(
                x == y || x == 1 || y == 1,
                "{op}: {:?} and {:?}: extents {} and {} of axis {} differ",
                a.shape(),
                b.shape(),
                if a.rank >= b.rank { x } else { y },
                if a.rank >= b.rank { y } else { x },
                added + axis
            );
            dims[added + axis] = if x == 1 { y } else { x };
        }
        Self::row_major(op, &dims[..longer.rank()])
    }
}

/// The joint shape of two shapes that broadcast to each other, by the rules of `NumPy`.
///
/// # Panics
/// In the name of `op`, if they do not broadcast to each other.
#[must_use]
#[track_caller]
pub fn broadcast_shapes(op: &str, a: &[usize], b: &[usize]) -> Vec<usize> {
    let (a, b) = (Layout::row_major(op, a), Layout::row_major(op, b));
    Layout::joint(op, &a, &b).shape().to_vec()
}
