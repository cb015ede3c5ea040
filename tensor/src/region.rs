//! Changing part of a tensor, in place: what views read, these write.

use crate::axes::Slice;
use crate::elementwise::zip;
use crate::layout::Layout;
use crate::{Element, Number, Tensor};

impl<T: Element> Tensor<T> {
    /// `x ← f(x, y)` for every element `x` that a view of `self` shows, `source` broadcast to the
    /// shape of the view; copies first if the memory is shared.
    ///
    /// The view may show an element more than once (overlapping windows, stride 0): it is then
    /// updated once per appearance, in row-major order of the view.
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
        f: impl Fn(T, T) -> T,
    ) {
        let layout = self.layout().to_row_major();
        let view = view(&layout);
        let source = source.broadcast_to(view.shape());
        zip::update(self.as_mut_slice(), &view, &source, f);
    }

    /// Overwrites a region, one [`Slice`] per leading axis, with `source`, broadcast to it.
    ///
    /// # Panics
    /// If there are more slices than axes or `source` does not broadcast to the region.
    #[track_caller]
    pub fn region_assign(&mut self, region: &[Slice], source: &Self) {
        self.update_view(|layout| cut(layout, region), source, |_, new| new);
    }
}

impl<T: Number> Tensor<T> {
    /// Adds `source`, broadcast, to a region, one [`Slice`] per leading axis.
    ///
    /// # Panics
    /// If there are more slices than axes or `source` does not broadcast to the region.
    #[track_caller]
    pub fn region_add(&mut self, region: &[Slice], source: &Self) {
        self.update_view(|layout| cut(layout, region), source, |x, y| x + y);
    }
}

#[track_caller]
fn cut(layout: &Layout, region: &[Slice]) -> Layout {
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
