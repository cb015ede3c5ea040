//! Views: the same memory under another layout, without a copy.

use crate::axes::{Axes, Slice, resolve_axis};
use crate::{Element, Tensor};

impl<T: Element> Tensor<T> {
    /// The axes in another order: axis `k` of the result is axis `axes[k]` of `self`.
    ///
    /// # Panics
    /// If `axes` is not a permutation of the axes.
    #[must_use]
    #[track_caller]
    pub fn permute(&self, axes: impl AsRef<[isize]>) -> Self {
        self.with_layout(self.layout().permute(axes.as_ref()))
    }

    /// Two axes exchanged.
    ///
    /// # Panics
    /// If one does not exist.
    #[must_use]
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Self {
        self.with_layout(self.layout().transpose(a, b))
    }

    /// The last two axes exchanged: the transpose of a matrix, or of each in a batch.
    ///
    /// # Panics
    /// If the rank is below 2.
    #[must_use]
    #[track_caller]
    pub fn t(&self) -> Self {
        self.with_layout(self.layout().transpose(-2, -1))
    }

    /// A range of one axis: `x.slice(0, 1..3)`, `x.slice(-1, ..-1)`,
    /// `x.slice(1, Slice::new(None, None, -1))`, with Python's rules.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, axis: isize, range: impl Into<Slice>) -> Self {
        self.with_layout(self.layout().slice(axis, range.into()))
    }

    /// One place on an axis, which disappears; a negative index counts from the end.
    ///
    /// # Panics
    /// If there is no such axis or place.
    #[must_use]
    #[track_caller]
    pub fn select(&self, axis: isize, index: isize) -> Self {
        self.with_layout(self.layout().select(axis, index))
    }

    /// An axis of extent 1 removed.
    ///
    /// # Panics
    /// If the extent is not 1.
    #[must_use]
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Self {
        self.with_layout(self.layout().squeeze(axis))
    }

    /// An axis of extent 1 inserted, as axis `axis` of the result.
    ///
    /// # Panics
    /// If the result has no such axis.
    #[must_use]
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Self {
        self.with_layout(self.layout().unsqueeze(axis))
    }

    /// Axes of extent 1 repeated, and new ones added in front, up to `shape`; the elements are
    /// not copied, whatever the size.
    ///
    /// # Panics
    /// If another extent than 1 would change.
    #[must_use]
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Self {
        self.with_layout(self.layout().broadcast_to(shape.as_ref()))
    }

    /// The given axes in reverse order.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn flip(&self, axes: impl Into<Axes>) -> Self {
        self.with_layout(self.layout().flip(&axes.into()))
    }

    /// The same elements in row-major order under another shape: a view where strides can say
    /// it, a copy elsewhere.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[must_use]
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Self {
        match self.layout().reshape(shape.as_ref()) {
            Some(layout) => self.with_layout(layout),
            None => self.contiguous().reshape(shape),
        }
    }

    /// The axes `from..=to` as one.
    ///
    /// # Panics
    /// If one does not exist or `to` lies before `from`.
    #[must_use]
    #[track_caller]
    pub fn flatten(&self, from: isize, to: isize) -> Self {
        let shape = self.shape();
        let from = resolve_axis("flatten", from, shape);
        let to = resolve_axis("flatten", to, shape);
        crate::require!(
            from <= to,
            "flatten: {shape:?}: axis {to} lies before axis {from}"
        );
        let mut merged = shape[..from].to_vec();
        merged.push(shape[from..=to].iter().product());
        merged.extend_from_slice(&shape[to + 1..]);
        self.reshape(merged)
    }

    /// The diagonal of axes `a` and `b`, as a new last axis: `y[…, i] = x[… i … i + offset …]`.
    ///
    /// # Panics
    /// If an axis does not exist or both are the same.
    #[must_use]
    #[track_caller]
    pub fn diagonal(&self, offset: isize, a: isize, b: isize) -> Self {
        self.with_layout(self.layout().diagonal(offset, a, b))
    }

    /// Windows of `size` places, `step` apart, over one axis: the axis then counts windows, and
    /// the place inside the window is a new last axis.
    ///
    /// # Panics
    /// If there is no such axis, the step is 0 or the window exceeds the axis.
    #[must_use]
    #[track_caller]
    pub fn unfold_axis(&self, axis: isize, size: usize, step: usize) -> Self {
        self.with_layout(self.layout().unfold_axis(axis, size, step))
    }
}
