//! Writing to a part of a tensor, selected as views select what they read.

use crate::axes::Slice;
use crate::create::buffer;
use crate::elementwise;
use crate::kernels::simd::non_temporal;
use crate::layout::Layout;
use crate::parallel::{self, CHUNK};
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

    /// A tensor that is zero but for the region given by one [`Slice`] per leading axis: that is `self`, broadcast to the
    /// region. Every element is written once if no slice has a step, rows have 64 elements or more, and those of the
    /// source are contiguous.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::Slice;
    ///
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
    /// assert_eq!(x.unslice(&[Slice::from(1..3)], [4]).to_vec(), [0.0, 1.0, 2.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there are more slices than axes, `self` does not broadcast to the region, or the result has too many elements.
    #[must_use]
    #[track_caller]
    pub fn unslice(&self, region: &[Slice], shape: impl AsRef<[usize]>) -> Self {
        self.placed("unslice", region, shape.as_ref(), T::zero())
    }
}

impl<T: Element> Tensor<T> {
    /// [`unslice`](Tensor::unslice) with another value around the region.
    #[track_caller]
    pub(crate) fn placed(&self, op: &str, region: &[Slice], shape: &[usize], around: T) -> Self {
        let whole = Layout::row_major(op, shape);
        let view = slice_axes(&whole, region);
        let source = self.broadcast_to(view.shape());
        let Some(rows) = Rows::of(&whole, &view, &source) else {
            let mut y = Self::full(shape, around);
            y.region_assign(region, self);
            return y;
        };
        let mut out = buffer(op, shape);
        let work = elementwise::memory_bound_work(out.len());
        let is_large = non_temporal::is_profitable::<T>(out.len());
        let write = |at: usize, out: &mut [T]| rows.write_rows(at, out, source.buffer(), around);
        parallel::for_chunks_mut(&mut out, CHUNK, work, |chunk, out| {
            let at = chunk * CHUNK;
            if is_large {
                non_temporal::fill(out, |first, block| write(at + first, block));
            } else {
                write(at, out);
            }
        });
        Self::from_vec(out, shape)
    }
}

/// Elements of a row that is written by itself. Shorter ones take longer than to fill the whole result and to write the
/// region over it: 1.6 times with rows of 30, 10 times with rows of 8 (AMD EPYC, Zen 5).
const MIN_ROW: usize = 64;

/// A result in rows along its last axes, up to the last one that the region cuts: what lies in a row of the region is
/// contiguous in result and source.
struct Rows<'a> {
    /// Elements of a row, and the range of those in the region.
    length: usize,
    region: [usize; 2],
    /// The axes in front of a row: extents, and where the region begins and ends.
    shape: &'a [usize],
    bounds: Vec<[usize; 2]>,
    source: &'a Layout,
}

impl<'a> Rows<'a> {
    /// `None` if the region has a step or no element, if the source has gaps in a row, or if rows are short.
    fn of<T: Element>(whole: &'a Layout, view: &Layout, source: &'a Tensor<T>) -> Option<Self> {
        let rank = whole.rank();
        if rank == 0 || view.is_empty() || view.strides() != whole.strides() {
            return None;
        }
        let mut rest = view.offset();
        let bounds: Vec<[usize; 2]> = (0..rank)
            .map(|axis| {
                let stride = whole.strides()[axis].unsigned_abs();
                let start = rest / stride;
                rest %= stride;
                [start, start + view.shape()[axis]]
            })
            .collect();
        let cut = (0..rank)
            .rev()
            .find(|&axis| view.shape()[axis] != whole.shape()[axis]);
        let cut = cut.unwrap_or(0);
        let inner: usize = whole.shape()[cut + 1..].iter().product();
        let length = whole.shape()[cut] * inner;
        if length < MIN_ROW {
            return None;
        }
        let mut dense = 1;
        for axis in (cut..rank).rev() {
            let extent = view.shape()[axis];
            if extent > 1 && source.strides()[axis] != dense {
                return None;
            }
            dense *= extent as isize;
        }
        Some(Self {
            length,
            region: bounds[cut].map(|bound| bound * inner),
            shape: &whole.shape()[..cut],
            bounds,
            source: source.layout(),
        })
    }

    /// Where the source has the region's part of a row; `None` if the row lies outside the region.
    fn start(&self, row: usize) -> Option<usize> {
        let (mut rest, mut start) = (row, self.source.offset() as isize);
        for (axis, &extent) in self.shape.iter().enumerate().rev() {
            let (index, [first, end]) = (rest % extent, self.bounds[axis]);
            if index < first || index >= end {
                return None;
            }
            start += (index - first) as isize * self.source.strides()[axis];
            rest /= extent;
        }
        Some(start as usize)
    }

    /// Writes the elements from `at` on.
    fn write_rows<T: Copy>(&self, mut at: usize, mut out: &mut [T], source: &[T], around: T) {
        while !out.is_empty() {
            let (row, first) = (at / self.length, at % self.length);
            let part;
            (part, out) = out.split_at_mut(out.len().min(self.length - first));
            at += part.len();
            self.write(row, first, part, source, around);
        }
    }

    /// Writes the elements of a row from `first` on.
    fn write<T: Copy>(&self, row: usize, first: usize, out: &mut [T], source: &[T], around: T) {
        let Some(start) = self.start(row) else {
            return out.fill(around);
        };
        let [left, right] = self
            .region
            .map(|bound| bound.clamp(first, first + out.len()));
        let (before, rest) = out.split_at_mut(left - first);
        let (inside, behind) = rest.split_at_mut(right - left);
        before.fill(around);
        if !inside.is_empty() {
            inside.copy_from_slice(&source[start + left - self.region[0]..][..right - left]);
        }
        behind.fill(around);
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
