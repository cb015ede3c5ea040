//! [`Layout`]: shape, strides and offset map an index to a position in a buffer.
//!
//! Views are pure functions from layout to layout; nothing here touches an element.

use std::fmt;

use crate::require;

mod views;

/// The largest number of axes a tensor may have.
pub const MAX_RANK: usize = 8;

/// Shape, strides and offset: element `[i, j, …]` is at position
/// `offset + i·strides[0] + j·strides[1] + …` of the buffer.
///
/// Invariants: every such position is inside the buffer that the layout was made for, and the
/// product of the nonzero extents is at most `isize::MAX`.
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

/// The number of elements of a shape; `None` if the product of its nonzero extents exceeds
/// `isize::MAX`.
///
/// The nonzero extents count also if another extent is 0, because strides are products of them.
///
/// ```
/// # use wengert_tensor::element_count;
/// assert_eq!(element_count(&[2, 0, 3]), Some(0));
/// assert_eq!(element_count(&[0, 1 << 63]), None);
/// ```
#[must_use]
pub fn element_count(shape: &[usize]) -> Option<usize> {
    let nonzero = shape
        .iter()
        .filter(|&&extent| extent > 0)
        .try_fold(1_usize, |product, &extent| product.checked_mul(extent))
        .filter(|&product| isize::try_from(product).is_ok())?;
    Some(if shape.contains(&0) { 0 } else { nonzero })
}

impl Layout {
    /// The layout of a tensor of rank 0.
    pub(crate) const SCALAR: Self = Self {
        dims: [0; MAX_RANK],
        strides: [0; MAX_RANK],
        offset: 0,
        len: 1,
        rank: 0,
        contiguous: true,
    };

    /// The row-major layout of a shape at offset 0; panic messages start with `op`.
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

    /// A checked shape with offset 0 and all strides 0, for the caller to fill in.
    #[track_caller]
    fn with_shape(op: &str, shape: &[usize]) -> Self {
        require!(
            shape.len() <= MAX_RANK,
            "{op}: {shape:?}: {} axes are more than {MAX_RANK}",
            shape.len()
        );
        let mut dims = [0; MAX_RANK];
        dims[..shape.len()].copy_from_slice(shape);
        let Some(len) = element_count(shape) else {
            crate::fail::fail(format_args!(
                "{op}: {shape:?}: the number of elements overflows"
            ))
        };
        Self {
            dims,
            strides: [0; MAX_RANK],
            offset: 0,
            len,
            rank: shape.len() as u8,
            contiguous: true,
        }
    }

    /// A layout of any strides over a buffer of `buffer` elements. The strides of axes of extent 0 or 1
    /// are replaced by the row-major ones.
    ///
    /// # Panics
    /// If `shape` and `strides` differ in length, the number of elements overflows, or an element would be
    /// outside the buffer.
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
        // The stride of an axis of extent 0 or 1 is never used, so it may be any number; the row-major one
        // cannot overflow.
        let row_major = Self::row_major("strided", shape);
        for (axis, &stride) in strides.iter().enumerate() {
            let is_used = layout.len > 0 && shape[axis] > 1;
            layout.strides[axis] = if is_used {
                stride
            } else {
                row_major.strides[axis]
            };
        }
        layout.offset = offset;
        require!(
            layout.is_inside(buffer),
            "strided: {shape:?}, strides {strides:?}, offset {offset}: \
             reaches outside a buffer of {buffer}"
        );
        layout.with_contiguity()
    }

    /// Whether the lowest and the highest position of an element are inside a buffer of `buffer` elements.
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

    /// This layout with `contiguous` recomputed from shape and strides.
    fn with_contiguity(mut self) -> Self {
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

    /// The distance in elements between neighbours along each axis.
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

    /// Whether the number of elements is 0.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the elements are adjacent in the buffer, in row-major order.
    #[must_use]
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.contiguous
    }

    /// The row-major layout of the same shape at offset 0.
    #[must_use]
    pub fn to_row_major(&self) -> Self {
        if self.contiguous {
            return Self { offset: 0, ..*self };
        }
        Self::row_major("to_row_major", self.shape())
    }

    /// The position in the buffer of the element at an index; `None` if the index is out of bounds.
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

    /// The row-major layout of the shape that two layouts broadcast to, by the rules of `NumPy`.
    #[track_caller]
    pub(crate) fn broadcast_pair(op: &str, a: &Self, b: &Self) -> Self {
        if a.shape() == b.shape() {
            return a.to_row_major();
        }
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

/// The shape that two shapes broadcast to, by the rules of `NumPy`: axes are aligned at the last one, and
/// an extent of 1 or a missing axis is repeated.
///
/// ```
/// # use wengert_tensor::broadcast_shapes;
/// assert_eq!(broadcast_shapes("add", &[4, 1, 3], &[2, 1]), [4, 2, 3]);
/// ```
///
/// # Panics
/// If two extents differ and neither is 1; the message starts with `op`.
#[must_use]
#[track_caller]
pub fn broadcast_shapes(op: &str, a: &[usize], b: &[usize]) -> Vec<usize> {
    let (a, b) = (Layout::row_major(op, a), Layout::row_major(op, b));
    Layout::broadcast_pair(op, &a, &b).shape().to_vec()
}
