//! Where the elements of a tensor lie in its buffer: dims, strides, offset.
//!
//! Views are pure functions from layout to layout; nothing here touches an element.

use std::fmt;

use crate::require;

mod views;

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

/// The number of elements of a shape; none if the product of its extents, zeros left out, exceeds
/// `isize::MAX`.
///
/// An extent of 0 does not excuse the others: strides are products of them.
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
        // A step that nobody takes may be any number; as if row-major, it overflows nowhere.
        let usual = Self::row_major("strided", shape);
        for (axis, &stride) in strides.iter().enumerate() {
            let is_taken = layout.len > 0 && shape[axis] > 1;
            layout.strides[axis] = if is_taken {
                stride
            } else {
                usual.strides[axis]
            };
        }
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

    /// The row-major layout of the joint shape of two layouts, by the rules of `NumPy`.
    #[track_caller]
    pub(crate) fn joint(op: &str, a: &Self, b: &Self) -> Self {
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
