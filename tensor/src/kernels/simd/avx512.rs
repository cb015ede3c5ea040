//! Registers of 512 bits.
//!
//! These vectors, and no others, use intrinsics. An array of 512 bits is twice as long as the arrays that LLVM
//! unrolls before it assigns registers: with arrays, the transforms of a Winograd tile were four times slower.
//!
//! The constructors take a proof that the processor has AVX-512 ([`Avx512`], made by detection only). The other
//! methods take a vector, which cannot exist without that proof.

use std::arch::x86_64::{
    __m512, __m512d, _mm512_add_pd, _mm512_add_ps, _mm512_fmadd_pd, _mm512_fmadd_ps,
    _mm512_loadu_pd, _mm512_loadu_ps, _mm512_maskz_loadu_pd, _mm512_maskz_loadu_ps, _mm512_mul_pd,
    _mm512_mul_ps, _mm512_set1_pd, _mm512_set1_ps, _mm512_storeu_pd, _mm512_storeu_ps,
    _mm512_sub_pd, _mm512_sub_ps,
};

use super::level::Avx512;
use super::vector::Vector;

macro_rules! register {
    (
        $name:ident($register:ident) of $lanes:literal $number:ident, $mask:ident:
        $set1:ident $load:ident $load_some:ident $store:ident $fused:ident $add:ident $sub:ident $multiply:ident
    ) => {
        #[doc = concat!(stringify!($lanes), " numbers of type `", stringify!($number), "`.")]
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name($register);

        impl Vector<$number> for $name {
            type Isa = Avx512;
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat_with(_: Avx512, value: $number) -> Self {
                // SAFETY: the argument proves that the processor has AVX-512 F.
                Self(unsafe { $set1(value) })
            }
            #[inline(always)]
            fn load_with(_: Avx512, from: &[$number]) -> Self {
                let from = &from[..$lanes];
                // SAFETY: the slice has all lanes, no alignment is needed, and the argument proves that
                // the processor has AVX-512 F.
                Self(unsafe { $load(from.as_ptr()) })
            }
            #[inline(always)]
            fn load_head_with(_: Avx512, from: &[$number]) -> Self {
                let mask = !(!0u32 << from.len().min($lanes)) as $mask;
                // SAFETY: the lanes of the mask lie in the slice and no others are read, no alignment is
                // needed, and the argument proves that the processor has AVX-512 F.
                Self(unsafe { $load_some(mask, from.as_ptr()) })
            }
            #[inline(always)]
            fn store(self, to: &mut [$number]) {
                let to = &mut to[..$lanes];
                // SAFETY: the slice has all lanes and is borrowed mutably, no alignment is needed, and
                // `self` was made with a proof of AVX-512 F.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }
            #[inline(always)]
            fn splat_like(self, value: $number) -> Self {
                // SAFETY: `self` was made with a proof of AVX-512 F.
                Self(unsafe { $set1(value) })
            }
            #[inline(always)]
            fn multiply_add<const FMA: bool>(self, factor: Self, addend: Self) -> Self {
                // SAFETY: `self` was made with a proof of AVX-512 F.
                Self(unsafe { $fused(self.0, factor.0, addend.0) })
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: `self` was made with a proof of AVX-512 F.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: `self` was made with a proof of AVX-512 F.
                Self(unsafe { $sub(self.0, other.0) })
            }
            #[inline(always)]
            fn multiply(self, other: Self) -> Self {
                // SAFETY: `self` was made with a proof of AVX-512 F.
                Self(unsafe { $multiply(self.0, other.0) })
            }
        }
    };
}

register!(F32x16(__m512) of 16 f32, u16:
    _mm512_set1_ps _mm512_loadu_ps _mm512_maskz_loadu_ps _mm512_storeu_ps _mm512_fmadd_ps
    _mm512_add_ps _mm512_sub_ps _mm512_mul_ps);
register!(F64x8(__m512d) of 8 f64, u8:
    _mm512_set1_pd _mm512_loadu_pd _mm512_maskz_loadu_pd _mm512_storeu_pd _mm512_fmadd_pd
    _mm512_add_pd _mm512_sub_pd _mm512_mul_pd);
