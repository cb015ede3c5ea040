//! Constructors: from values and functions, constants, sequences, random numbers.

use std::ops::Range;

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::elementwise;
use crate::layout::Layout;
use crate::memory::scratch::{Scratch, fits, is_checked};
use crate::parallel::{self, CHUNK};
use crate::{Element, Number, Tensor, require};

/// A buffer for the elements of a shape, with unspecified values: the caller must write every element.
///
/// # Panics
/// If the elements do not fit in memory.
#[track_caller]
pub(crate) fn buffer<T: Element>(op: &str, shape: &[usize]) -> Vec<T> {
    let length = shape.iter().product();
    if is_checked::<T>(length) {
        require_memory::<T>(op, shape, length);
    }
    Scratch::new(length).into_vec()
}

/// Checks that `length` elements can be allocated; if not, returns free buffers to the allocator and tries again. To
/// be called before large allocations, because a failed allocation aborts the process instead of a panic.
///
/// # Panics
/// If they cannot be allocated; the message has the operation, the shape and the size in bytes.
#[track_caller]
pub fn require_memory<T>(op: &str, shape: &[usize], length: usize) {
    let bytes = length.saturating_mul(size_of::<T>());
    require!(
        fits::<T>(length),
        "{op}: {shape:?}: {length} elements do not fit in memory, {bytes} bytes"
    );
}

impl<T: Element> Tensor<T> {
    /// A tensor of shape `shape` with the given elements in row-major order, without a copy.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3]);
    /// assert_eq!(x.get([1, 0]), 4);
    /// ```
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    #[must_use]
    #[track_caller]
    pub fn from_vec(values: Vec<T>, shape: impl AsRef<[usize]>) -> Self {
        let layout = Layout::row_major("from_vec", shape.as_ref());
        require!(
            values.len() == layout.len(),
            "from_vec: {} elements, {:?} needs {}",
            values.len(),
            layout.shape(),
            layout.len()
        );
        Self::from_parts(values, layout)
    }

    /// A tensor of shape `shape` with a copy of the given elements in row-major order.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let pixels = [0_u8, 128, 255, 64];
    /// assert_eq!(Tensor::from_slice(&pixels, [2, 2]).get([1, 1]), 64);
    /// ```
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    #[must_use]
    #[track_caller]
    pub fn from_slice(values: &[T], shape: impl AsRef<[usize]>) -> Self {
        Self::from_vec(values.to_vec(), shape)
    }

    /// A tensor whose element `[i, j, …]` is `f(&[i, j, …])`; `f` is called in row-major order.
    ///
    /// ```
    /// use wengert_tensor::Tensor;
    ///
    /// let table = Tensor::from_fn([2, 3], |i| (10 * i[0] + i[1]) as f32);
    /// assert_eq!(table.to_vec(), [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn from_fn(shape: impl AsRef<[usize]>, mut f: impl FnMut(&[usize]) -> T) -> Self {
        let layout = Layout::row_major("from_fn", shape.as_ref());
        let mut values = buffer("from_fn", layout.shape());
        let mut index = [0; crate::MAX_RANK];
        let index = &mut index[..layout.rank()];
        for value in &mut values {
            *value = f(index);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < layout.shape()[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Self::from_parts(values, layout)
    }

    /// A tensor of rank 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::scalar(2.5);
    /// assert_eq!((x.rank(), x.item()), (0, 2.5));
    /// ```
    #[must_use]
    #[inline]
    pub fn scalar(value: T) -> Self {
        Self::from_one(value, Layout::SCALAR)
    }

    /// A tensor with all elements equal to `value`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::full([2, 2], 7).to_vec(), [7; 4]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn full(shape: impl AsRef<[usize]>, value: T) -> Self {
        let layout = Layout::row_major("full", shape.as_ref());
        if layout.len() == 1 {
            return Self::from_one(value, layout);
        }
        let mut values = buffer("full", layout.shape());
        let work = elementwise::memory_bound_work(values.len());
        parallel::for_chunks_mut(&mut values, CHUNK, work, |_, values| values.fill(value));
        Self::from_parts(values, layout)
    }
}

impl<T: Number> Tensor<T> {
    /// A tensor of zeros.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::zeros([3]).to_vec(), [0.0; 3]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn zeros(shape: impl AsRef<[usize]>) -> Self {
        Self::full(shape, T::zero())
    }

    /// A tensor of ones.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::ones([3]).to_vec(), [1.0; 3]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn ones(shape: impl AsRef<[usize]>) -> Self {
        Self::full(shape, T::one())
    }

    /// The vector `start, start + step, …` with `end` excluded.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::arange(1.0, 2.0, 0.25).to_vec(), [1.0, 1.25, 1.5, 1.75]);
    /// ```
    ///
    /// # Panics
    /// If the step is 0 or the number of elements is not finite.
    #[must_use]
    #[track_caller]
    pub fn arange(start: f64, end: f64, step: f64) -> Self {
        let count = ((end - start) / step).ceil();
        require!(
            step != 0.0 && count.is_finite(),
            "arange: {start}..{end} by {step}: no such sequence"
        );
        let count = count.max(0.0) as usize;
        Self::from_fn([count], |i| T::of(start + i[0] as f64 * step))
    }

    /// A vector of `count` evenly spaced numbers from `first` to `last`, both included; for a `count` of 1 only
    /// `first`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::linspace(0.0, 1.0, 5).to_vec(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn linspace(first: f64, last: f64, count: usize) -> Self {
        let step = (last - first) / count.saturating_sub(1).max(1) as f64;
        Self::from_fn([count], |i| {
            let ends_here = i[0] + 1 == count && count > 1;
            T::of(if ends_here {
                last
            } else {
                first + i[0] as f64 * step
            })
        })
    }

    /// The identity matrix `[n, n]`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::<f64>::eye(2).to_vec(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn eye(n: usize) -> Self {
        Self::from_fn([n, n], |i| if i[0] == i[1] { T::one() } else { T::zero() })
    }

    /// Random numbers from the uniform distribution over `range`, drawn in row-major order:
    /// `low + (high − low)·u` with `u` in `[0, 1)`. They are drawn in `f64`, so that one seed gives the same
    /// numbers, up to rounding, for every number type.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use rand::SeedableRng;
    ///
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let x: Tensor<f64> = Tensor::uniform([1000], -1.0..1.0, &mut rng);
    /// assert!(x.iter().all(|x| (-1.0..1.0).contains(&x)) && x.mean(..).item().abs() < 0.1);
    /// ```
    ///
    /// # Panics
    /// If the range is empty or not finite.
    #[must_use]
    #[track_caller]
    pub fn uniform(
        shape: impl AsRef<[usize]>,
        range: Range<f64>,
        rng: &mut (impl Rng + ?Sized),
    ) -> Self {
        let width = range.end - range.start;
        require!(
            width > 0.0 && width.is_finite(),
            "uniform: {range:?}: the range is empty or not finite"
        );
        Self::from_fn(shape, |_| T::of(range.start + width * rng.random::<f64>()))
    }

    /// Random numbers from the normal distribution, drawn in row-major order. They are drawn in `f64`, so that
    /// one seed gives the same numbers, up to rounding, for every number type.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use rand::SeedableRng;
    ///
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    /// let x: Tensor<f64> = Tensor::normal([1000], 5.0, 2.0, &mut rng);
    /// assert!((x.mean(..).item() - 5.0).abs() < 0.2 && (x.var(.., 1).item() - 4.0).abs() < 0.4);
    /// ```
    ///
    /// # Panics
    /// If `mean` or `std` is not finite or `std` is negative.
    #[must_use]
    #[track_caller]
    pub fn normal(
        shape: impl AsRef<[usize]>,
        mean: f64,
        std: f64,
        rng: &mut (impl Rng + ?Sized),
    ) -> Self {
        require!(
            mean.is_finite() && std.is_finite() && std >= 0.0,
            "normal: mean {mean}, standard deviation {std}: no such distribution"
        );
        Self::from_fn(shape, |_| {
            T::of(mean + std * rng.sample::<f64, _>(StandardNormal))
        })
    }
}
