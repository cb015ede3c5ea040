//! The number types that have vector instructions, and their arrays as vectors.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::level::{Body, Level};
use super::vector::{Array, Vector};
use crate::Real;

/// A number type with vector instructions: `f32` and `f64`.
pub(crate) trait Scalar: Real {
    /// One register of 256 bits.
    type Vector: Array<Self>;
    /// One register of 512 bits, for bodies that run on processors that have them.
    type Wide: Vector<Self>;
    /// How many numbers a [`Vector`](Self::Vector) holds.
    const LANES: usize;
    /// Columns of a register tile: two registers of 256 bits or one of 512 (BLIS: `NR`).
    const NR: usize = 2 * Self::LANES;
    /// Whether this is double precision: kernels with a larger rounding error than a plain sum are then not used
    /// automatically.
    const IS_DOUBLE: bool;

    /// `self · a + b` with one rounding.
    fn fused(self, a: Self, b: Self) -> Self;
    /// The proof that a level has registers of 512 bits, if it has.
    fn wide(level: Level) -> Option<WideIsa<Self>>;
    /// Runs a body written for [`Wide`](Self::Wide): it is compiled for no level without 512 bits.
    fn run_wide<B: Body>(isa: WideIsa<Self>, body: B) -> B::Output;
}

/// The proof that [`Scalar::Wide`] needs.
pub(crate) type WideIsa<T> = <<T as Scalar>::Wide as Vector<T>>::Isa;

macro_rules! scalar {
    ($t:ty, $lanes:literal, $wide:ident, $is_double:literal) => {
        impl Scalar for $t {
            type Vector = [$t; $lanes];
            #[cfg(target_arch = "x86_64")]
            type Wide = avx512::$wide;
            #[cfg(not(target_arch = "x86_64"))]
            type Wide = [$t; 2 * $lanes];
            const LANES: usize = $lanes;
            const IS_DOUBLE: bool = $is_double;

            #[inline(always)]
            fn fused(self, a: Self, b: Self) -> Self {
                self.mul_add(a, b)
            }

            #[inline(always)]
            fn wide(level: Level) -> Option<WideIsa<Self>> {
                #[cfg(target_arch = "x86_64")]
                return level.avx512();
                #[cfg(not(target_arch = "x86_64"))]
                return level.has_512_bits().then_some(());
            }

            #[inline]
            fn run_wide<B: Body>(isa: WideIsa<Self>, body: B) -> B::Output {
                #[cfg(target_arch = "x86_64")]
                return super::level::run_avx512(isa, body);
                #[cfg(not(target_arch = "x86_64"))]
                {
                    let () = isa;
                    return body.run::<{ super::level::BASELINE_FMA }>();
                }
            }
        }
    };
}

scalar!(f32, 8, F32x16, false);
scalar!(f64, 4, F64x8, true);

/// `a · b + c`, in one instruction or in two.
#[inline(always)]
pub(crate) fn multiply_add<const FMA: bool, T: Scalar>(a: T, b: T, c: T) -> T {
    if FMA { a.fused(b, c) } else { a * b + c }
}

impl<T: Scalar, const L: usize> Vector<T> for [T; L] {
    type Isa = ();

    #[inline(always)]
    fn splat_with((): (), value: T) -> Self {
        [value; L]
    }
    #[inline(always)]
    fn load_with((): (), from: &[T]) -> Self {
        let mut lanes = [T::zero(); L];
        lanes.copy_from_slice(&from[..L]);
        lanes
    }
    #[inline(always)]
    fn load_head_with((): (), from: &[T]) -> Self {
        // Not a copy of `from.len()` elements: that is a call, around which all registers are saved.
        let mut lanes = [T::zero(); L];
        for lane in 0..L {
            if lane < from.len() {
                lanes[lane] = from[lane];
            }
        }
        lanes
    }
    #[inline(always)]
    fn store(self, to: &mut [T]) {
        to[..L].copy_from_slice(&self);
    }
    #[inline(always)]
    fn splat_like(self, value: T) -> Self {
        [value; L]
    }
    #[inline(always)]
    fn multiply_add<const FMA: bool>(mut self, factor: Self, addend: Self) -> Self {
        for lane in 0..L {
            self[lane] = multiply_add::<FMA, T>(self[lane], factor[lane], addend[lane]);
        }
        self
    }
    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for lane in 0..L {
            self[lane] += other[lane];
        }
        self
    }
    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for lane in 0..L {
            self[lane] -= other[lane];
        }
        self
    }
    #[inline(always)]
    fn multiply(mut self, other: Self) -> Self {
        for lane in 0..L {
            self[lane] *= other[lane];
        }
        self
    }
}

impl<T: Scalar, const L: usize> Array<T> for [T; L] {
    #[inline(always)]
    fn split(slice: &[T]) -> (&[Self], &[T]) {
        slice.as_chunks()
    }
    #[inline(always)]
    fn lanes(&self) -> &[T] {
        self
    }
    #[inline(always)]
    fn interleave(self, other: Self) -> [Self; 2] {
        let mut both = [self; 2];
        for lane in 0..L / 2 {
            for half in 0..2 {
                both[half][2 * lane] = self[half * L / 2 + lane];
                both[half][2 * lane + 1] = other[half * L / 2 + lane];
            }
        }
        both
    }
    #[inline(always)]
    fn keep(mut self, lanes: Range<usize>) -> Self {
        for lane in 0..L {
            if lane < lanes.start || lane >= lanes.end {
                self[lane] = T::zero();
            }
        }
        self
    }
}
