//! [`Tensor`]: a shared buffer and a layout.

use std::fmt;
use std::sync::Arc;

use crate::elementwise::zip;
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
/// # Methods by family
///
/// * **Creation**: [`from_vec`](Self::from_vec), [`from_slice`](Self::from_slice), [`from_fn`](Self::from_fn),
///   [`scalar`](Self::scalar), [`full`](Self::full), [`zeros`](Self::zeros), [`ones`](Self::ones),
///   [`arange`](Self::arange), [`linspace`](Self::linspace), [`eye`](Self::eye), [`uniform`](Self::uniform),
///   [`normal`](Self::normal)
/// * **Shape, memory and elements**: [`layout`](Self::layout), [`shared_layout`](Self::shared_layout),
///   [`shares_memory`](Self::shares_memory), [`is_shared`](Self::is_shared), [`memory`](Self::memory),
///   [`shape`](Self::shape), [`strides`](Self::strides), [`rank`](Self::rank), [`len`](Self::len),
///   [`is_empty`](Self::is_empty), [`size`](Self::size), [`dims`](Self::dims),
///   [`is_contiguous`](Self::is_contiguous), [`as_slice`](Self::as_slice), [`contiguous`](Self::contiguous),
///   [`to_vec`](Self::to_vec), [`into_vec`](Self::into_vec), [`item`](Self::item), [`get`](Self::get),
///   [`iter`](Self::iter), [`as_mut_slice`](Self::as_mut_slice), [`update_view`](Self::update_view),
///   [`region_assign`](Self::region_assign), [`region_add`](Self::region_add)
/// * **Views**: [`permute`](Self::permute), [`transpose`](Self::transpose), [`t`](Self::t),
///   [`slice`](Self::slice), [`select`](Self::select), [`squeeze`](Self::squeeze),
///   [`unsqueeze`](Self::unsqueeze), [`broadcast_to`](Self::broadcast_to), [`flip`](Self::flip),
///   [`reshape`](Self::reshape), [`flatten`](Self::flatten), [`diagonal`](Self::diagonal),
///   [`unfold_axis`](Self::unfold_axis)
/// * **Joining, padding, repeating**: [`concat`](Self::concat), [`stack`](Self::stack), [`split`](Self::split),
///   [`chunk`](Self::chunk), [`pad`](Self::pad), [`roll`](Self::roll), [`repeat`](Self::repeat),
///   [`tril`](Self::tril), [`triu`](Self::triu)
/// * **Arithmetic and functions**: [`add_assign`](Self::add_assign), [`maximum`](Self::maximum),
///   [`minimum`](Self::minimum), [`clamp`](Self::clamp), [`cast`](Self::cast), [`fill`](Self::fill),
///   [`exp`](Self::exp), [`exp_m1`](Self::exp_m1), [`exp2`](Self::exp2), [`ln`](Self::ln),
///   [`ln_1p`](Self::ln_1p), [`log2`](Self::log2), [`log10`](Self::log10), [`sqrt`](Self::sqrt),
///   [`sin`](Self::sin), [`cos`](Self::cos), [`tan`](Self::tan), [`atan`](Self::atan), [`sinh`](Self::sinh),
///   [`cosh`](Self::cosh), [`tanh`](Self::tanh), [`sigmoid`](Self::sigmoid), [`erf`](Self::erf),
///   [`erfc`](Self::erfc), [`abs`](Self::abs), [`sign`](Self::sign), [`floor`](Self::floor),
///   [`ceil`](Self::ceil), [`round`](Self::round), [`trunc`](Self::trunc), [`primal`](Self::primal),
///   [`pow`](Self::pow), [`pow_tensor`](Self::pow_tensor), [`atan2`](Self::atan2)
/// * **Comparisons and masks**: [`eq`](Self::eq), [`ne`](Self::ne), [`where_`](Self::where_),
///   [`masked_fill`](Self::masked_fill), [`lt`](Self::lt), [`le`](Self::le), [`gt`](Self::gt),
///   [`ge`](Self::ge), [`is_nan`](Self::is_nan), [`is_finite`](Self::is_finite),
///   [`is_infinite`](Self::is_infinite), [`not`](Self::not), [`and`](Self::and), [`or`](Self::or),
///   [`xor`](Self::xor), [`to_number`](Self::to_number)
/// * **Functions of your own**: [`map`](Self::map), [`map_costly`](Self::map_costly), [`zip`](Self::zip),
///   [`zip_costly`](Self::zip_costly), [`zip3`](Self::zip3), [`zip4`](Self::zip4),
///   [`map_in_place`](Self::map_in_place), [`zip_in_place`](Self::zip_in_place)
/// * **Sums and other reductions**: [`sum`](Self::sum), [`prod`](Self::prod), [`sum_to`](Self::sum_to),
///   [`any`](Self::any), [`all`](Self::all), [`count_true`](Self::count_true), [`mean`](Self::mean),
///   [`shifted_mean`](Self::shifted_mean), [`var`](Self::var), [`mean_var`](Self::mean_var),
///   [`mean_var_rstd`](Self::mean_var_rstd), [`mean_square_rstd`](Self::mean_square_rstd), [`max`](Self::max),
///   [`min`](Self::min), [`argmax`](Self::argmax), [`argmin`](Self::argmin),
///   [`max_with_indices`](Self::max_with_indices), [`min_with_indices`](Self::min_with_indices),
///   [`cumsum`](Self::cumsum), [`cumprod`](Self::cumprod), [`logcumsumexp`](Self::logcumsumexp),
///   [`logcumsumexp_with_logits`](Self::logcumsumexp_with_logits), [`logsumexp`](Self::logsumexp),
///   [`softmax`](Self::softmax), [`log_softmax`](Self::log_softmax), [`unit_scales`](Self::unit_scales),
///   [`norm2`](Self::norm2), [`softmax_cotangent`](Self::softmax_cotangent),
///   [`log_softmax_cotangent`](Self::log_softmax_cotangent), [`standardized_rows`](Self::standardized_rows),
///   [`standardized_rows_gradient`](Self::standardized_rows_gradient),
///   [`standardized_sums`](Self::standardized_sums), [`standardized_gradient`](Self::standardized_gradient)
/// * **Sorting and indices**: [`sort`](Self::sort), [`sort_descending`](Self::sort_descending),
///   [`topk`](Self::topk), [`bottomk`](Self::bottomk), [`gather`](Self::gather), [`scatter`](Self::scatter),
///   [`index_select`](Self::index_select), [`scatter_add`](Self::scatter_add), [`index_add`](Self::index_add),
///   [`one_hot`](Self::one_hot)
/// * **Products of matrices**: [`matmul`](Self::matmul), [`dot`](Self::dot), [`outer`](Self::outer),
///   [`matmul_transposed`](Self::matmul_transposed), [`linear`](Self::linear), [`attention`](Self::attention),
///   [`attention_gradient`](Self::attention_gradient)
/// * **Convolution and pooling**: [`conv1d`](Self::conv1d), [`conv2d`](Self::conv2d), [`conv3d`](Self::conv3d),
///   [`conv_transpose1d`](Self::conv_transpose1d), [`conv_transpose2d`](Self::conv_transpose2d),
///   [`conv_transpose3d`](Self::conv_transpose3d), [`max_pool1d`](Self::max_pool1d),
///   [`max_pool1d_with_indices`](Self::max_pool1d_with_indices), [`avg_pool1d`](Self::avg_pool1d),
///   [`adaptive_max_pool1d`](Self::adaptive_max_pool1d),
///   [`adaptive_max_pool1d_with_indices`](Self::adaptive_max_pool1d_with_indices),
///   [`adaptive_avg_pool1d`](Self::adaptive_avg_pool1d), [`max_pool2d`](Self::max_pool2d),
///   [`max_pool2d_with_indices`](Self::max_pool2d_with_indices), [`avg_pool2d`](Self::avg_pool2d),
///   [`adaptive_max_pool2d`](Self::adaptive_max_pool2d),
///   [`adaptive_max_pool2d_with_indices`](Self::adaptive_max_pool2d_with_indices),
///   [`adaptive_avg_pool2d`](Self::adaptive_avg_pool2d), [`max_pool3d`](Self::max_pool3d),
///   [`max_pool3d_with_indices`](Self::max_pool3d_with_indices), [`avg_pool3d`](Self::avg_pool3d),
///   [`adaptive_max_pool3d`](Self::adaptive_max_pool3d),
///   [`adaptive_max_pool3d_with_indices`](Self::adaptive_max_pool3d_with_indices),
///   [`adaptive_avg_pool3d`](Self::adaptive_avg_pool3d)
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
        zip::copy(self, &mut values);
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
