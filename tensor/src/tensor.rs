//! [`Tensor`]: a shared buffer and a layout.

use std::fmt;
use std::sync::Arc;

use crate::elementwise::outer_loops;
use crate::layout::Layout;
use crate::memory::storage::Storage;
use crate::require;
use crate::{Element, axes::resolve_axis};

/// An array of any rank up to [`MAX_RANK`](crate::MAX_RANK), of elements of one type.
///
/// Tensors have value semantics: changing one never changes another. Views share a buffer without a copy;
/// a method that changes a tensor takes `&mut self` and copies the buffer first if it is shared. A method
/// that computes new elements returns a contiguous, row-major tensor.
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
///
#[doc = include_str!("methods.md")]
pub struct Tensor<T: Element = f32> {
    storage: Arc<Storage<T>>,
    /// In an `Arc`, because most results have the layout of an operand, and so that a tensor is cheap to move.
    layout: Arc<Layout>,
}

impl<T: Element> Clone for Tensor<T> {
    /// A tensor with the same elements; it shares the buffer.
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
    /// Whether shapes and elements are equal; strides and offset may differ.
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape()
            && match (self.as_slice(), other.as_slice()) {
                (Some(a), Some(b)) => a == b,
                _ => self.iter().eq(other.iter()),
            }
    }
}

impl<T: Element> Tensor<T> {
    /// A tensor of a buffer and a layout whose positions are all inside the buffer.
    pub(crate) fn from_parts(values: Vec<T>, layout: impl Into<Arc<Layout>>) -> Self {
        Self {
            storage: Arc::new(Storage::new(values)),
            layout: layout.into(),
        }
    }

    /// A tensor of one element; the layout has one element at position 0.
    #[inline]
    pub(crate) fn from_one(value: T, layout: impl Into<Arc<Layout>>) -> Self {
        Self {
            storage: Arc::new(Storage::One([value])),
            layout: layout.into(),
        }
    }

    /// Another view of the same buffer. The layout must be a view of this tensor's layout.
    #[inline]
    pub(crate) fn with_layout(&self, layout: impl Into<Arc<Layout>>) -> Self {
        Self {
            storage: Arc::clone(&self.storage),
            layout: layout.into(),
        }
    }

    /// The layout: shape, strides and offset.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3]);
    /// assert_eq!(x.t().layout().strides(), [1, 3]);
    /// ```
    #[must_use]
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The layout, for a caller that keeps it longer than the tensor.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// let layout = x.t().shared_layout();
    /// assert_eq!(layout.strides(), [1, 2]);
    /// ```
    #[must_use]
    #[inline]
    pub fn shared_layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout)
    }

    /// The row-major layout of the same shape at offset 0; shared with this tensor if it has that layout.
    #[inline]
    pub(crate) fn row_major(&self) -> Arc<Layout> {
        if self.layout.is_contiguous() && self.layout.offset() == 0 {
            Arc::clone(&self.layout)
        } else {
            Arc::new(self.layout.to_row_major())
        }
    }

    /// The row-major layout of the shape that two tensors broadcast to, by the rules of `NumPy`.
    #[inline]
    #[track_caller]
    pub(crate) fn broadcast_layout<U: Element>(&self, op: &str, other: &Tensor<U>) -> Arc<Layout> {
        if Arc::ptr_eq(&self.layout, &other.layout) || self.shape() == other.shape() {
            self.row_major()
        } else {
            Arc::new(Layout::broadcast_pair(op, &self.layout, &other.layout))
        }
    }

    /// Whether both are views of the same buffer.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert!(x.shares_memory(&x.t()) && !x.shares_memory(&x.t().contiguous()));
    /// ```
    #[must_use]
    pub fn shares_memory(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    /// Whether another tensor [shares the buffer](Self::shares_memory) of this one at the moment.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2], [2]);
    /// assert!(!x.is_shared());
    /// let view = x.flip(0);
    /// assert!(x.is_shared() && view.is_shared());
    /// ```
    #[must_use]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.storage) > 1
    }

    /// The size of the whole buffer in bytes, of which a view may use a part, and a number that identifies
    /// the buffer among those in use: its address.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::<f64>::zeros([10]);
    /// assert!(x.memory().0 >= 80);
    /// assert_eq!(x.slice(0, ..2).memory(), x.memory());
    /// ```
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        let bytes = size_of_val(self.buffer());
        (bytes, Arc::as_ptr(&self.storage).addr())
    }

    /// The whole buffer, of which the layout selects the elements.
    #[inline]
    pub(crate) fn buffer(&self) -> &[T] {
        self.storage.as_slice()
    }

    /// The first element. The tensor must not be empty.
    #[inline]
    pub(crate) fn first(&self) -> T {
        self.buffer()[self.layout.offset()]
    }

    /// The extent of each axis.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::zeros([2, 3]).shape(), [2, 3]);
    /// ```
    #[must_use]
    #[inline]
    pub fn shape(&self) -> &[usize] {
        self.layout.shape()
    }

    /// The distance in elements between neighbours along each axis.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::<f64>::zeros([2, 3]);
    /// assert_eq!((x.strides(), x.t().strides()), (&[3, 1][..], &[1, 3][..]));
    /// ```
    #[must_use]
    pub fn strides(&self) -> &[isize] {
        self.layout.strides()
    }

    /// The number of axes.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::zeros([2, 3]).rank(), 2);
    /// ```
    #[must_use]
    #[inline]
    pub fn rank(&self) -> usize {
        self.layout.rank()
    }

    /// The number of elements.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::zeros([2, 3]).len(), 6);
    /// ```
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.layout.len()
    }

    /// Whether the number of elements is 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert!(Tensor::<f64>::zeros([2, 0]).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layout.is_empty()
    }

    /// The extent of one axis; a negative one counts from the end.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::<f64>::zeros([2, 3]);
    /// assert_eq!((x.size(0), x.size(-1)), (2, 3));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn size(&self, axis: isize) -> usize {
        self.shape()[resolve_axis("size", axis, self.shape())]
    }

    /// The extents of a tensor of rank `N`: `let [rows, columns] = x.dims();`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let [rows, columns] = Tensor::<f64>::zeros([2, 3]).dims();
    /// assert_eq!((rows, columns), (2, 3));
    /// ```
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

    /// Whether the elements are adjacent in memory, in row-major order.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::<f64>::zeros([2, 3]);
    /// assert!(x.is_contiguous() && !x.t().is_contiguous());
    /// ```
    #[must_use]
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// The elements in row-major order; `None` if they are not [contiguous](Self::is_contiguous).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!(x.as_slice(), Some(&[1, 2, 3, 4][..]));
    /// assert_eq!(x.t().as_slice(), None);
    /// ```
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> Option<&[T]> {
        let start = self.layout.offset();
        self.layout
            .is_contiguous()
            .then(|| &self.buffer()[start..start + self.layout.len()])
    }

    /// The same elements in a contiguous, row-major buffer; no copy if the tensor is contiguous already.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!(x.t().contiguous().as_slice(), Some(&[1, 3, 2, 4][..]));
    /// ```
    ///
    /// # Panics
    /// If a copy does not fit in memory, as of a view broadcast to 2⁴⁰ elements.
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
        outer_loops::copy(self, &mut values);
        values
    }

    /// A copy of the elements in row-major order.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!(x.t().to_vec(), [1, 3, 2, 4]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T> {
        match self.as_slice() {
            Some(values) => values.to_vec(),
            None => self.copied(),
        }
    }

    /// The elements in row-major order; no copy if the tensor is contiguous, uses its whole buffer and does not
    /// share it.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!(x.into_vec(), [1, 2, 3, 4]);
    /// ```
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

    /// The element of a tensor that has one.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![4.0], [1, 1]).item(), 4.0);
    /// ```
    ///
    /// # Panics
    /// If the number of elements is not 1.
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

    /// The element at an index: `x.get([i, j])` for a matrix.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]).get([1, 0]), 3);
    /// ```
    ///
    /// # Panics
    /// If the index has another rank or is out of bounds.
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

    /// An iterator over the elements in row-major order, by value.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!(x.t().iter().collect::<Vec<_>>(), [1, 3, 2, 4]);
    /// ```
    #[must_use]
    pub fn iter(&self) -> crate::iter::Elements<'_, T> {
        crate::iter::Elements::new(self)
    }

    /// The elements in row-major order, mutable; copies first if the buffer is shared or the tensor is not
    /// contiguous.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let mut x = Tensor::from_vec(vec![1, 2, 3], [3]);
    /// let copy = x.clone();
    /// x.as_mut_slice()[0] = 9;
    /// assert_eq!((x.to_vec(), copy.to_vec()), (vec![9, 2, 3], vec![1, 2, 3]));
    /// ```
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

    /// The elements in row-major order, mutable, if that needs no copy: the buffer is uniquely owned and the
    /// tensor contiguous.
    #[inline]
    pub(crate) fn writable(&mut self) -> Option<&mut [T]> {
        if !self.is_contiguous() {
            return None;
        }
        let (start, len) = (self.layout.offset(), self.len());
        let storage = Arc::get_mut(&mut self.storage)?;
        Some(&mut storage.as_mut_slice()[start..start + len])
    }

    /// Whether [`as_mut_slice`](Self::as_mut_slice) needs no copy.
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
