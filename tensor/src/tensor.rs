//! [`Tensor`]: shared storage and a layout over it.

use std::fmt;
use std::sync::Arc;

use crate::elementwise::zip;
use crate::layout::Layout;
use crate::memory::storage::Storage;
use crate::require;
use crate::{Element, axes::resolve_axis};

/// An array of any rank up to [`MAX_RANK`](crate::MAX_RANK), of elements of one type.
///
/// A tensor is a value: nothing that another tensor does changes it. Views share memory and cost
/// no copy; what changes a tensor takes `&mut self` and copies first if the memory is shared.
/// Whatever computes new elements returns a contiguous, row-major tensor.
///
/// ```
/// use wengert_tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]);
/// let row = Tensor::from_vec(vec![10.0, 20.0, 30.0], [3]);
/// let y = (&x + &row).t().slice(0, 1..);
/// assert_eq!(y.shape(), [2, 2]);
/// assert_eq!(y.to_vec(), [22.0, 25.0, 33.0, 36.0]);
/// assert_eq!((2.0 * y).get([0, 1]), 50.0);
/// ```
pub struct Tensor<T: Element = f32> {
    storage: Arc<Storage<T>>,
    /// Shared, since most results have the layout of an operand, and a tensor is moved often.
    layout: Arc<Layout>,
}

impl<T: Element> Clone for Tensor<T> {
    /// The same tensor once more; the memory is shared.
    #[inline]
    fn clone(&self) -> Self {
        Self {
            storage: Arc::clone(&self.storage),
            layout: Arc::clone(&self.layout),
        }
    }
}

impl<T: Element> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        write!(
            f,
            "Tensor<{}> {:?}, strides {:?}: ",
            std::any::type_name::<T>(),
            self.shape(),
            self.strides()
        )?;
        let mut list = f.debug_list();
        list.entries(self.iter().take(SHOWN));
        if self.len() > SHOWN {
            return list.finish_non_exhaustive();
        }
        list.finish()
    }
}

impl<T: Element> PartialEq for Tensor<T> {
    /// Equal shapes and equal elements; the memory layouts may differ.
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape()
            && match (self.as_slice(), other.as_slice()) {
                (Some(a), Some(b)) => a == b,
                _ => self.iter().eq(other.iter()),
            }
    }
}

impl<T: Element> Tensor<T> {
    /// A layout over a buffer that was made for it.
    pub(crate) fn from_parts(values: Vec<T>, layout: impl Into<Arc<Layout>>) -> Self {
        Self {
            storage: Arc::new(Storage::new(values)),
            layout: layout.into(),
        }
    }

    /// One element, in the shape of a layout that has one.
    #[inline]
    pub(crate) fn from_one(value: T, layout: impl Into<Arc<Layout>>) -> Self {
        Self {
            storage: Arc::new(Storage::One([value])),
            layout: layout.into(),
        }
    }

    /// Another view of the same memory. The layout must come from this tensor's own.
    #[inline]
    pub(crate) fn with_layout(&self, layout: impl Into<Arc<Layout>>) -> Self {
        Self {
            storage: Arc::clone(&self.storage),
            layout: layout.into(),
        }
    }

    /// Where the elements lie in the buffer.
    #[must_use]
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The layout, to be kept without the elements.
    #[must_use]
    #[inline]
    pub fn shared_layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout)
    }

    /// The row-major layout of the same shape at the start of a buffer; this tensor's own if it is that.
    #[inline]
    pub(crate) fn row_major(&self) -> Arc<Layout> {
        if self.layout.is_contiguous() && self.layout.offset() == 0 {
            Arc::clone(&self.layout)
        } else {
            Arc::new(self.layout.to_row_major())
        }
    }

    /// The row-major layout of the joint shape of two tensors, by the rules of `NumPy`.
    #[inline]
    #[track_caller]
    pub(crate) fn joint<U: Element>(&self, op: &str, other: &Tensor<U>) -> Arc<Layout> {
        if Arc::ptr_eq(&self.layout, &other.layout) || self.shape() == other.shape() {
            self.row_major()
        } else {
            Arc::new(Layout::joint(op, &self.layout, &other.layout))
        }
    }

    /// Whether both are views of one piece of memory.
    #[must_use]
    pub fn shares_memory(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    /// Whether another tensor [shares the memory](Self::shares_memory) of this one at the moment.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.storage) > 1
    }

    /// The bytes of the memory that the tensor lives on, whatever part of it the layout shows, and a
    /// number that tells this piece of memory from every other one in use.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        let bytes = size_of_val(self.buffer());
        (bytes, Arc::as_ptr(&self.storage).addr())
    }

    /// The whole buffer, of which the layout picks elements.
    #[inline]
    pub(crate) fn buffer(&self) -> &[T] {
        self.storage.as_slice()
    }

    /// The first element; the tensor is not empty.
    #[inline]
    pub(crate) fn first(&self) -> T {
        self.buffer()[self.layout.offset()]
    }

    /// The extent of each axis.
    #[must_use]
    #[inline]
    pub fn shape(&self) -> &[usize] {
        self.layout.shape()
    }

    /// The distance in memory from one element to the next, by axis.
    #[must_use]
    pub fn strides(&self) -> &[isize] {
        self.layout.strides()
    }

    /// The number of axes.
    #[must_use]
    #[inline]
    pub fn rank(&self) -> usize {
        self.layout.rank()
    }

    /// The number of elements.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.layout.len()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layout.is_empty()
    }

    /// The extent of one axis; a negative one counts from the end.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn size(&self, axis: isize) -> usize {
        self.shape()[resolve_axis("size", axis, self.shape())]
    }

    /// The extents of a tensor of rank `N`: `let [rows, columns] = x.dims();`
    ///
    /// # Panics
    /// If the rank is not `N`.
    #[must_use]
    #[track_caller]
    pub fn dims<const N: usize>(&self) -> [usize; N] {
        match self.shape().try_into() {
            Ok(extents) => extents,
            Err(_) => crate::fail::fail(format_args!(
                "dims: {:?}: rank {} where rank {N} is needed",
                self.shape(),
                self.rank()
            )),
        }
    }

    /// Whether the elements lie in memory in row-major order, without gaps.
    #[must_use]
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// The elements in row-major order, if they lie so in memory.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> Option<&[T]> {
        let start = self.layout.offset();
        self.layout
            .is_contiguous()
            .then(|| &self.buffer()[start..start + self.layout.len()])
    }

    /// The same tensor in row-major order in memory; no copy if it is so already.
    ///
    /// # Panics
    /// If there is no memory for so many elements, as for a view broadcast to 2⁴⁰ of them.
    #[must_use]
    #[track_caller]
    pub fn contiguous(&self) -> Self {
        if self.is_contiguous() {
            self.clone()
        } else {
            Self::from_parts(self.copied(), self.row_major())
        }
    }

    #[track_caller]
    fn copied(&self) -> Vec<T> {
        let mut values = crate::create::buffer("contiguous", self.shape());
        zip::copy(self, &mut values);
        values
    }

    /// The elements in row-major order.
    #[must_use]
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T> {
        match self.as_slice() {
            Some(values) => values.to_vec(),
            None => self.copied(),
        }
    }

    /// The elements in row-major order; no copy if nobody else uses the memory.
    #[must_use]
    #[track_caller]
    pub fn into_vec(self) -> Vec<T> {
        let whole = self.is_contiguous() && self.len() == self.buffer().len();
        if !whole {
            return self.to_vec();
        }
        match Arc::try_unwrap(self.storage) {
            Ok(storage) => storage.into_vec(),
            Err(shared) => shared.as_slice().to_vec(),
        }
    }

    /// The only element.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[must_use]
    #[track_caller]
    pub fn item(&self) -> T {
        require!(
            self.len() == 1,
            "item: {:?}: {} elements, not 1",
            self.shape(),
            self.len()
        );
        self.first()
    }

    /// The element at an index.
    ///
    /// # Panics
    /// If the index is outside the shape.
    #[must_use]
    #[track_caller]
    pub fn get(&self, index: impl AsRef<[usize]>) -> T {
        let index = index.as_ref();
        match self.layout.position(index) {
            Some(position) => self.buffer()[position],
            None => crate::fail::fail(format_args!(
                "get: {:?}: index {index:?} is outside",
                self.shape()
            )),
        }
    }

    /// The elements in row-major order, by value.
    #[must_use]
    pub fn iter(&self) -> crate::iter::Elements<'_, T> {
        crate::iter::Elements::new(self)
    }

    /// The elements for writing, in row-major order; copies first if the memory is shared or the
    /// order is another.
    ///
    /// # Panics
    /// If a copy is needed and does not fit in memory.
    #[track_caller]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        if !self.is_writable() {
            let copy = self.to_vec();
            *self = Self::from_parts(copy, self.row_major());
        }
        self.writable().expect("made unique above")
    }

    /// The elements for writing, if that needs no copy: nobody else uses the memory, and the order is
    /// row-major.
    #[inline]
    pub(crate) fn writable(&mut self) -> Option<&mut [T]> {
        if !self.is_contiguous() {
            return None;
        }
        let (start, len) = (self.layout.offset(), self.len());
        let storage = Arc::get_mut(&mut self.storage)?;
        Some(&mut storage.as_mut_slice()[start..start + len])
    }

    /// Whether a write needs no copy.
    pub(crate) fn is_writable(&mut self) -> bool {
        self.writable().is_some()
    }
}

const _: () = {
    const fn assert_send_sync<S: Send + Sync>() {}
    assert_send_sync::<Tensor<f32>>();
    assert_send_sync::<Tensor<bool>>();
    assert_send_sync::<Tensor<crate::Dual<f64>>>();
};
