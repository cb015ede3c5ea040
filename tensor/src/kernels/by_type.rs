//! Which kernels an element type runs: vectorised ones for `f32` and `f64`, plain loops for every other.

use super::conv::{self, ConvKernel};
use super::gemm::{self, Gemm};
use super::simd::Level;
use super::simd::non_temporal::{Fence, copy_lines, zip_blocks, zip_temporal};
use super::simd::transpose::transpose;
use crate::Real;
use crate::memory::scratch::{FreeList, drain};

/// An argument type that other crates cannot name or construct, so that they cannot call or override a method
/// that takes it.
#[derive(Clone, Copy, Debug)]
pub struct Private;

/// The kernels of an element type.
///
/// Every method has a plain default, and none can be overridden outside of this crate: for a number type
/// of your own write `impl Kernels for MyNumber {}`.
pub trait Kernels: Copy + Send + Sync + 'static {
    /// `to[j · to_stride + i] = from[i · from_stride + j]` for a matrix of `rows × columns` elements.
    #[doc(hidden)]
    fn transpose(
        _: Private,
        [rows, columns]: [usize; 2],
        from: &[Self],
        from_stride: usize,
        to: &mut [Self],
        to_stride: usize,
    ) {
        for i in 0..rows {
            for (j, &x) in from[i * from_stride..][..columns].iter().enumerate() {
                to[j * to_stride + i] = x;
            }
        }
    }

    /// The free buffers of this type, if they are recycled.
    #[doc(hidden)]
    #[must_use]
    fn free_list(_: Private) -> Option<&'static FreeList<Self>> {
        None
    }

    /// Whether [`zip_non_temporal`](Self::zip_non_temporal) and
    /// [`copy_non_temporal`](Self::copy_non_temporal) bypass the caches.
    #[doc(hidden)]
    #[must_use]
    fn has_non_temporal_stores(_: Private) -> bool {
        false
    }

    /// `out[i] = f(x[i], y[i])`
    #[doc(hidden)]
    #[inline(always)]
    fn zip_non_temporal<T: Copy, U: Copy>(
        _: Private,
        out: &mut [Self],
        x: &[T],
        y: &[U],
        f: impl Fn(T, U) -> Self,
    ) {
        zip_temporal(out, x, y, f);
    }

    /// Copies a slice.
    #[doc(hidden)]
    fn copy_non_temporal(_: &Fence, to: &mut [Self], from: &[Self]) {
        to.copy_from_slice(from);
    }

    /// The bits of a type whose numbers are IEEE 754 floats, and 0 for every other type.
    #[doc(hidden)]
    #[must_use]
    fn float_bits(_: Private) -> u32 {
        0
    }

    /// The matrix product; see [`gemm::multiply`].
    #[doc(hidden)]
    fn gemm(_: Private, task: &Gemm, a: &[Self], b: &[Self], c: &mut [Self])
    where
        Self: Real,
    {
        gemm::portable(task, a, b, c);
    }

    /// The matrix product at any level; see [`gemm::at_level`].
    #[doc(hidden)]
    fn gemm_at(_: Private, _: Level, task: &Gemm, a: &[Self], b: &[Self], c: &mut [Self])
    where
        Self: Real,
    {
        gemm::portable(task, a, b, c);
    }

    /// The convolution kernels; see [`conv::kernels`].
    #[doc(hidden)]
    #[must_use]
    fn conv_kernels(_: Private) -> &'static [&'static dyn ConvKernel<Self>]
    where
        Self: Real,
    {
        conv::portable()
    }
}

macro_rules! recycled {
    ($t:ty) => {
        fn free_list(_: Private) -> Option<&'static FreeList<Self>> {
            static FREE: FreeList<$t> = FreeList::new();
            Some(&FREE)
        }
    };
}

macro_rules! plain {
    ($($t:ty)*) => {$(
        impl Kernels for $t {
            recycled!($t);
        }
    )*};
}

plain!(bool u8 i8 i16 u16 i32 u32 i64 u64 usize isize);

/// Returns all free buffers of the built-in element types to the allocator; the result is their size in bytes.
///
/// The free lists keep buffers for the next training step, at most twice the memory that was lately in use. A
/// program that has finished training and goes on to other work need not keep them.
///
/// ```
/// use wengert_tensor::{Tensor, memory};
///
/// drop(Tensor::<f32>::zeros([1000, 1000]));
/// assert!(memory::trim() >= 4_000_000);
/// assert_eq!(memory::usage().idle.now, 0);
/// ```
#[allow(clippy::must_use_candidate)] // called for its effect
pub fn trim() -> usize {
    macro_rules! drained {
        ($($t:ty)*) => {
            0 $(+ drain::<$t>())*
        };
    }
    drained!(f32 f64 bool u8 i8 i16 u16 i32 u32 i64 u64 usize isize)
}

macro_rules! vectorised {
    ($t:ty, $block:literal, $line:literal, $gemm:path) => {
        impl Kernels for $t {
            recycled!($t);

            fn transpose(
                _: Private,
                size: [usize; 2],
                from: &[Self],
                from_stride: usize,
                to: &mut [Self],
                to_stride: usize,
            ) {
                transpose(Level::best(), size, from, from_stride, to, to_stride);
            }

            fn has_non_temporal_stores(_: Private) -> bool {
                cfg!(target_arch = "x86_64")
            }

            fn float_bits(_: Private) -> u32 {
                <$t>::to_bits(0.0).count_zeros()
            }

            #[inline(always)]
            fn zip_non_temporal<T: Copy, U: Copy>(
                _: Private,
                out: &mut [Self],
                x: &[T],
                y: &[U],
                f: impl Fn(T, U) -> Self,
            ) {
                zip_blocks::<$block, _, _, _>(out, x, y, f);
            }

            fn copy_non_temporal(fence: &Fence, to: &mut [Self], from: &[Self]) {
                copy_lines::<$line, _>(fence, to, from);
            }

            // Not inlined: otherwise every crate that calls one of these would compile all kernels again.
            #[inline(never)]
            fn gemm(_: Private, task: &Gemm, a: &[Self], b: &[Self], c: &mut [Self]) {
                $gemm(task, a, b, c);
            }

            #[inline(never)]
            fn gemm_at(
                _: Private,
                level: Level,
                task: &Gemm,
                a: &[Self],
                b: &[Self],
                c: &mut [Self],
            ) {
                gemm::multiply_at(level, task, a, b, c);
            }

            #[inline(never)]
            fn conv_kernels(_: Private) -> &'static [&'static dyn ConvKernel<Self>] {
                conv::vectorised()
            }
        }
    };
}

vectorised!(f32, 8, 16, gemm::single);
vectorised!(f64, 4, 8, gemm::double);
