//! Writing to a part of a tensor, selected as views select what they read.

use crate::axes::Slice;
use crate::elementwise;
use crate::layout::Layout;
use crate::{Element, Number, Tensor};

impl<T: Element> Tensor<T> {
    /// `x ← f(x, y)` for every element `x` of a view of `self`, with `y` from `source` broadcast to the shape of
    /// the view. In place if the buffer is uniquely owned, else after a copy.
    ///
    /// The view may contain an element several times (overlapping windows, stride 0): it is then updated
    /// that many times, in row-major order of the view.
    ///
    /// ```
    /// use wengert_tensor::Tensor;
    ///
    /// let mut x = Tensor::<f32>::zeros([3, 3]);
    /// x.update_view(|layout| layout.diagonal(0, 0, 1), &Tensor::ones([3]), |x, one| x + one);
    /// assert_eq!(x, Tensor::eye(3));
    /// ```
    ///
    /// # Panics
    /// If `source` does not broadcast to the shape of the view.
    #[track_caller]
    pub fn update_view(
        &mut self,
        view: impl FnOnce(&Layout) -> Layout,
        source: &Self,
        f: impl Fn(T, T) -> T + Sync,
    ) {
        self.update_views([(view, source)], f);
    }

    /// [`update_view`](Self::update_view) of several views: each element is updated by the first, then by the second,
    /// and so on. If all views can be cut into rows along their first axes so that different rows share no element, a
    /// row is updated by all views before the next, while it is in a cache.
    ///
    /// ```
    /// use wengert_tensor::{Slice, Tensor};
    ///
    /// // Sums of up to three neighbours.
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]);
    /// let mut sums = Tensor::<f64>::zeros([5]);
    /// let shifted = [0, 1, 2].map(|by| (move |y: &wengert_tensor::Layout| y.slice(0, Slice::from(by..by + 3)), &x));
    /// sums.update_views(shifted, |sum, x| sum + x);
    /// assert_eq!(sums.to_vec(), [1.0, 3.0, 6.0, 5.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If a source does not broadcast to the shape of its view.
    #[track_caller]
    pub fn update_views<'a>(
        &mut self,
        views: impl IntoIterator<Item = (impl FnOnce(&Layout) -> Layout, &'a Self)>,
        f: impl Fn(T, T) -> T + Sync,
    ) {
        let layout = self.layout().to_row_major();
        let mut updates = Vec::new();
        for (view, source) in views {
            let view = view(&layout);
            let source = source.broadcast_to(view.shape());
            updates.push((view, source));
        }
        elementwise::update(self.as_mut_slice(), &updates, f);
    }

    /// Overwrites the region given by one [`Slice`] per leading axis with `source`, broadcast to the region.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::Slice;
    ///
    /// let mut x = Tensor::<f64>::zeros([2, 3]);
    /// x.region_assign(&[Slice::from(..), Slice::from(1..)], &Tensor::scalar(5.0));
    /// assert_eq!(x.to_vec(), [0.0, 5.0, 5.0, 0.0, 5.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// If there are more slices than axes or `source` does not broadcast to the region.
    #[track_caller]
    pub fn region_assign(&mut self, region: &[Slice], source: &Self) {
        let view = slice_axes(&self.layout().to_row_major(), region);
        self.update_view(|_| view, source, |_, new| new);
    }
}

impl<T: Number> Tensor<T> {
    /// Adds `source`, broadcast to the region, to the region given by one [`Slice`] per leading axis.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::Slice;
    ///
    /// let mut x = Tensor::<f64>::ones([2, 2]);
    /// x.region_add(&[Slice::from(1..)], &Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!(x.to_vec(), [1.0, 1.0, 2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If there are more slices than axes or `source` does not broadcast to the region.
    #[track_caller]
    pub fn region_add(&mut self, region: &[Slice], source: &Self) {
        let view = slice_axes(&self.layout().to_row_major(), region);
        self.update_view(|_| view, source, |x, y| x + y);
    }
}

/// The view given by one slice per leading axis.
#[track_caller]
fn slice_axes(layout: &Layout, region: &[Slice]) -> Layout {
    crate::require!(
        region.len() <= layout.rank(),
        "region: {:?}: {} slices for {} axes",
        layout.shape(),
        region.len(),
        layout.rank()
    );
    let mut view = *layout;
    for (axis, &slice) in region.iter().enumerate() {
        view = view.slice(axis as isize, slice);
    }
    view
}
