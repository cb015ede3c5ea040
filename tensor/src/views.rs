//! Views: the same buffer with another layout, without a copy.

use crate::axes::{Axes, Slice, resolve_axis};
use crate::{Element, Tensor};

impl<T: Element> Tensor<T> {
    /// The axes in another order: axis `k` of the result is axis `axes[k]` of `self`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::<f64>::zeros([2, 3, 4]);
    /// assert_eq!(x.permute([2, 0, 1]).shape(), [4, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If `axes` is not a permutation of the axes.
    #[must_use]
    #[track_caller]
    pub fn permute(&self, axes: impl AsRef<[isize]>) -> Self {
        self.with_layout(self.layout().permute(axes.as_ref()))
    }

    /// Axes `a` and `b` exchanged.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::<f64>::zeros([2, 3, 4]);
    /// assert_eq!(x.transpose(0, -1).shape(), [4, 3, 2]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Self {
        self.with_layout(self.layout().transpose(a, b))
    }

    /// The last two axes exchanged: the transpose of a matrix, or of each in a batch.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3]);
    /// assert_eq!((x.t().shape(), x.t().to_vec()), (&[3, 2][..], vec![1, 4, 2, 5, 3, 6]));
    /// ```
    ///
    /// # Panics
    /// If the rank is below 2.
    #[must_use]
    #[track_caller]
    pub fn t(&self) -> Self {
        self.with_layout(self.layout().transpose(-2, -1))
    }

    /// A range of one axis, by the rules of Python's slices: `x.slice(0, 1..3)`, `x.slice(-1, ..-1)`,
    /// `x.slice(1, Slice::new(None, None, -1))`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::Slice;
    ///
    /// let x = Tensor::from_vec(vec![0, 1, 2, 3, 4, 5], [6]);
    /// assert_eq!(x.slice(0, 1..-1).to_vec(), [1, 2, 3, 4]);
    /// assert_eq!(x.slice(0, Slice::from(..).step(2)).to_vec(), [0, 2, 4]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, axis: isize, range: impl Into<Slice>) -> Self {
        self.with_layout(self.layout().slice(axis, range.into()))
    }

    /// The slice at one index of an axis, which is removed; a negative index counts from the end.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!((x.select(0, 1).to_vec(), x.select(1, -1).to_vec()), (vec![3, 4], vec![2, 4]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or the index is out of bounds.
    #[must_use]
    #[track_caller]
    pub fn select(&self, axis: isize, index: isize) -> Self {
        self.with_layout(self.layout().select(axis, index))
    }

    /// An axis of extent 1 removed.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::zeros([2, 1, 3]).squeeze(1).shape(), [2, 3]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or its extent is not 1.
    #[must_use]
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Self {
        self.with_layout(self.layout().squeeze(axis))
    }

    /// An axis of extent 1 inserted as axis `axis` of the result; a negative `axis` counts from the end of
    /// the result.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::<f64>::zeros([2, 3]);
    /// assert_eq!((x.unsqueeze(0).shape(), x.unsqueeze(-1).shape()), (&[1, 2, 3][..], &[2, 3, 1][..]));
    /// ```
    ///
    /// # Panics
    /// If the result has no such axis or more than [`MAX_RANK`](crate::MAX_RANK) axes.
    #[must_use]
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Self {
        self.with_layout(self.layout().unsqueeze(axis))
    }

    /// Broadcast to `shape`: axes of extent 1 are repeated, and new axes are added in front. No element is
    /// copied: repeated axes have stride 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2], [2]);
    /// assert_eq!(x.broadcast_to([3, 2]).to_vec(), [1, 2, 1, 2, 1, 2]);
    /// ```
    ///
    /// # Panics
    /// If an extent other than 1 would change, or the number of elements overflows.
    #[must_use]
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Self {
        self.with_layout(self.layout().broadcast_to(shape.as_ref()))
    }

    /// The elements in reverse order along the given axes.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!(x.flip(1).to_vec(), [2, 1, 4, 3]);
    /// assert_eq!(x.flip([0, 1]).to_vec(), [4, 3, 2, 1]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn flip(&self, axes: impl Into<Axes>) -> Self {
        self.with_layout(self.layout().flip(&axes.into()))
    }

    /// Another shape for the same elements in the same row-major order: a view if strides can describe it,
    /// else a copy.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3]);
    /// assert_eq!(x.reshape([3, 2]).to_vec(), x.to_vec());
    /// assert_eq!(x.reshape([3, 2]).get([1, 0]), 3);
    /// ```
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

    /// Axes `from` to `to`, both included, merged into one; a view if possible, as [`reshape`](Self::reshape).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::zeros([2, 3, 4]).flatten(1, -1).shape(), [2, 12]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or `to` is before `from`.
    #[must_use]
    #[track_caller]
    pub fn flatten(&self, from: isize, to: isize) -> Self {
        let shape = self.shape();
        let from = resolve_axis("flatten", from, shape);
        let to = resolve_axis("flatten", to, shape);
        crate::require!(
            from <= to,
            "flatten: {shape:?}: axis {to} is before axis {from}"
        );
        let mut merged = shape[..from].to_vec();
        merged.push(shape[from..=to].iter().product());
        merged.extend_from_slice(&shape[to + 1..]);
        self.reshape(merged)
    }

    /// The diagonal of axes `a` and `b`, as a new last axis: `y[…, i] = x[… i … i + offset …]`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!(x.diagonal(0, 0, 1).to_vec(), [1, 4]);
    /// assert_eq!(x.diagonal(1, 0, 1).to_vec(), [2]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or both are the same.
    #[must_use]
    #[track_caller]
    pub fn diagonal(&self, offset: isize, a: isize, b: isize) -> Self {
        self.with_layout(self.layout().diagonal(offset, a, b))
    }

    /// Windows of `size` elements along one axis, starting every `step` elements. The axis then counts
    /// windows; the position inside a window is a new last axis.
    ///
    /// ```
    /// use wengert_tensor::Tensor;
    ///
    /// let x = Tensor::from_vec(vec![0, 1, 2, 3, 4], [5]);
    /// let windows = x.unfold_axis(0, 3, 2);
    /// assert_eq!(windows.shape(), [2, 3]);
    /// assert_eq!(windows.to_vec(), [0, 1, 2, 2, 3, 4]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the step is 0, the window exceeds the axis, or the result has more than
    /// [`MAX_RANK`](crate::MAX_RANK) axes.
    #[must_use]
    #[track_caller]
    pub fn unfold_axis(&self, axis: isize, size: usize, step: usize) -> Self {
        self.with_layout(self.layout().unfold_axis(axis, size, step))
    }
}
