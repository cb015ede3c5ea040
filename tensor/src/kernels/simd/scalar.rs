//! The number types that have vector instructions, and their arrays as vectors.

use std::convert::identity;
use std::ops::{Index, Range};

#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::level::{Body, Level};
use super::vector::{Array, Vector};
use crate::Real;

/// A number type with vector instructions: `f32` and `f64`.
pub(crate) trait Scalar: Real {
    /// One register of 256 bits.
    type Vector: Array<Self>;
    /// One register of 256 bits for [`Lanewise`](super::Lanewise) work, which is compiled often.
    type Lanes: Vector<Self, Isa = ()>;
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
    #[inline]
    fn run_wide<B: Body>(isa: WideIsa<Self>, body: B) -> B::Output {
        Self::run_wide_beside::<B, B>(isa, body)
    }
    /// The same, in the codegen unit of `H`.
    fn run_wide_beside<H, B: Body>(isa: WideIsa<Self>, body: B) -> B::Output;
}

/// The proof that [`Scalar::Wide`] needs.
pub(crate) type WideIsa<T> = <<T as Scalar>::Wide as Vector<T>>::Isa;

macro_rules! scalar {
    ($t:ty, $lanes:literal, $vector:ty, $wide:ident, $is_double:literal) => {
        impl Scalar for $t {
            type Vector = [$t; $lanes];
            type Lanes = $vector;
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
            fn run_wide_beside<H, B: Body>(isa: WideIsa<Self>, body: B) -> B::Output {
                #[cfg(target_arch = "x86_64")]
                return super::level::run_avx512::<H, B>(isa, body);
                #[cfg(not(target_arch = "x86_64"))]
                {
                    let () = isa;
                    return body.run::<{ super::level::BASELINE_FMA }>();
                }
            }
        }
    };
}

scalar!(f32, 8, [f32; 8], F32x16, false);
scalar!(f64, 4, F64x4, F64x8, true);

/// `a · b + c`, in one instruction or in two.
#[inline(always)]
pub(crate) fn multiply_add<const FMA: bool, T: Scalar>(a: T, b: T, c: T) -> T {
    if FMA { a.fused(b, c) } else { a * b + c }
}

/// Vectors without loops over the lanes. LLVM would unroll every loop on its own: with loops over arrays of both
/// number types, the crate took 1.7 times as long to compile.
macro_rules! vector {
    ($t:ty, $vector:ty, $of_lanes:path, [$($lane:literal)*]) => {
        impl Vector<$t> for $vector {
            type Isa = ();
            const LANES: usize = <$t as Scalar>::LANES;

            #[inline(always)]
            fn splat_with((): (), value: $t) -> Self {
                $of_lanes([$({ let _ = $lane; value }),*])
            }
            #[inline(always)]
            fn load_with((): (), from: &[$t]) -> Self {
                $of_lanes(*from.first_chunk().expect("the slice has all lanes"))
            }
            #[inline(always)]
            fn load_head_with((): (), from: &[$t]) -> Self {
                // Not a copy of `from.len()` elements: that is a call, around which all registers are saved.
                $of_lanes([$(if $lane < from.len() { from[$lane] } else { 0.0 }),*])
            }
            #[inline(always)]
            fn store(self, to: &mut [$t]) {
                *to.first_chunk_mut().expect("the slice has all lanes") = [$(self[$lane]),*];
            }
            #[inline(always)]
            fn splat_like(self, value: $t) -> Self {
                Self::splat_with((), value)
            }
            #[inline(always)]
            fn multiply_add<const FMA: bool>(self, factor: Self, addend: Self) -> Self {
                $of_lanes([$(multiply_add::<FMA, $t>(self[$lane], factor[$lane], addend[$lane])),*])
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                $of_lanes([$(self[$lane] + other[$lane]),*])
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                $of_lanes([$(self[$lane] - other[$lane]),*])
            }
            #[inline(always)]
            fn multiply(self, other: Self) -> Self {
                $of_lanes([$(self[$lane] * other[$lane]),*])
            }
        }
    };
}

/// [`vector!`] and [`Array`] for an array of `f32`.
macro_rules! array {
    ([$($lane:literal)*], [$($low:literal)*], [$($high:literal)*]) => {
        vector!(f32, [f32; [$($lane),*].len()], identity, [$($lane)*]);

        impl Array<f32> for [f32; [$($lane),*].len()] {
            #[inline(always)]
            fn split(slice: &[f32]) -> (&[Self], &[f32]) {
                slice.as_chunks()
            }
            #[inline(always)]
            fn lanes(&self) -> &[f32] {
                self
            }
            #[inline(always)]
            fn interleave(self, other: Self) -> [Self; 2] {
                [
                    [$(self[$low], other[$low]),*],
                    [$(self[$high], other[$high]),*],
                ]
            }
            #[inline(always)]
            fn keep(self, lanes: Range<usize>) -> Self {
                [$(if $lane < lanes.start || $lane >= lanes.end { 0.0 } else { self[$lane] }),*]
            }
        }
    };
}

array!([0 1 2 3 4 5 6 7], [0 1 2 3], [4 5 6 7]);
#[cfg(not(target_arch = "x86_64"))]
array!([0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15], [0 1 2 3 4 5 6 7], [8 9 10 11 12 13 14 15]);

/// Four numbers of double precision, for [`Lanewise`](super::Lanewise) work: without the loops of `[f64; 4]`.
#[derive(Clone, Copy)]
pub(crate) struct F64x4([f64; 4]);

impl Index<usize> for F64x4 {
    type Output = f64;

    #[inline(always)]
    fn index(&self, lane: usize) -> &f64 {
        &self.0[lane]
    }
}

vector!(f64, F64x4, F64x4, [0 1 2 3]);

// Arrays of `f64` keep loops over the lanes. Without them, LLVM merges the loads of windows that overlap into
// loads of single numbers, and then finds no vectors: a depthwise weight gradient took 1.6 times as long.
impl<const L: usize> Vector<f64> for [f64; L] {
    type Isa = ();
    const LANES: usize = L;

    #[inline(always)]
    fn splat_with((): (), value: f64) -> Self {
        [value; L]
    }
    #[inline(always)]
    fn load_with((): (), from: &[f64]) -> Self {
        let mut lanes = [0.0; L];
        lanes.copy_from_slice(&from[..L]);
        lanes
    }
    #[inline(always)]
    fn load_head_with((): (), from: &[f64]) -> Self {
        // Not a copy of `from.len()` elements: that is a call, around which all registers are saved.
        let mut lanes = [0.0; L];
        for lane in 0..L {
            if lane < from.len() {
                lanes[lane] = from[lane];
            }
        }
        lanes
    }
    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        to[..L].copy_from_slice(&self);
    }
    #[inline(always)]
    fn splat_like(self, value: f64) -> Self {
        [value; L]
    }
    #[inline(always)]
    fn multiply_add<const FMA: bool>(mut self, factor: Self, addend: Self) -> Self {
        for lane in 0..L {
            self[lane] = multiply_add::<FMA, f64>(self[lane], factor[lane], addend[lane]);
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

impl<const L: usize> Array<f64> for [f64; L] {
    #[inline(always)]
    fn split(slice: &[f64]) -> (&[Self], &[f64]) {
        slice.as_chunks()
    }
    #[inline(always)]
    fn lanes(&self) -> &[f64] {
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
                self[lane] = 0.0;
            }
        }
        self
    }
}
