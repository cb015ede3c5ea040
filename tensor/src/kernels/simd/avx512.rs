//! Vectors of 512 bits.
//!
//! As arrays of constant size, like those of 256 bits, they would be twice as long as what the
//! compiler unrolls before it assigns registers: transforms of a whole square ran four times slower.
//! So these alone among vectors are intrinsics.
//!
//! Their instructions exist only at the level with AVX-512. The types are private to the kernels,
//! which use them in the bodies that [`Level::is_wide`](super::Level::is_wide) has been asked
//! for; building one checks it again in debug builds.

use std::arch::x86_64::{
    __m512, __m512d, _mm512_add_pd, _mm512_add_ps, _mm512_fmadd_pd, _mm512_fmadd_ps,
    _mm512_loadu_pd, _mm512_loadu_ps, _mm512_maskz_loadu_pd, _mm512_maskz_loadu_ps, _mm512_mul_pd,
    _mm512_mul_ps, _mm512_set1_pd, _mm512_set1_ps, _mm512_storeu_pd, _mm512_storeu_ps,
    _mm512_sub_pd, _mm512_sub_ps,
};

use super::{Level, Vector};

macro_rules! wide {
    (
        $name:ident($register:ident) of $lanes:literal $number:ident, $mask:ident:
        $set1:ident $load:ident $load_some:ident $store:ident $fused:ident $add:ident $sub:ident $multiply:ident
    ) => {
        #[doc = concat!(stringify!($lanes), " numbers of type `", stringify!($number), "`.")]
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name($register);

        impl Vector<$number> for $name {
            #[inline(always)]
            fn splat(value: $number) -> Self {
                debug_assert!(Level::best().is_wide());
                // SAFETY: AVX-512 F is there, see the module's text.
                Self(unsafe { $set1(value) })
            }
            #[inline(always)]
            fn load(from: &[$number]) -> Self {
                debug_assert!(Level::best().is_wide());
                let from = &from[..$lanes];
                // SAFETY: the slice has all lanes, no alignment is needed, and AVX-512 F is there.
                Self(unsafe { $load(from.as_ptr()) })
            }
            #[inline(always)]
            fn load_head(from: &[$number]) -> Self {
                debug_assert!(Level::best().is_wide());
                let mask = !(!0u32 << from.len().min($lanes)) as $mask;
                // SAFETY: the lanes of the mask lie in the slice and no others are read, no alignment is
                // needed, and AVX-512 F is there.
                Self(unsafe { $load_some(mask, from.as_ptr()) })
            }
            #[inline(always)]
            fn store(self, to: &mut [$number]) {
                let to = &mut to[..$lanes];
                // SAFETY: the slice has all lanes and is borrowed mutably, no alignment is needed, and
                // AVX-512 F is there, or there were no `self`.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }
            #[inline(always)]
            fn multiply_add<const FMA: bool>(self, factor: Self, addend: Self) -> Self {
                // SAFETY: AVX-512 F is there, or there were no `self`.
                Self(unsafe { $fused(self.0, factor.0, addend.0) })
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: AVX-512 F is there, or there were no `self`.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: AVX-512 F is there, or there were no `self`.
                Self(unsafe { $sub(self.0, other.0) })
            }
            #[inline(always)]
            fn multiply(self, other: Self) -> Self {
                // SAFETY: AVX-512 F is there, or there were no `self`.
                Self(unsafe { $multiply(self.0, other.0) })
            }
        }
    };
}

wide!(F32x16(__m512) of 16 f32, u16:
    _mm512_set1_ps _mm512_loadu_ps _mm512_maskz_loadu_ps _mm512_storeu_ps _mm512_fmadd_ps
    _mm512_add_ps _mm512_sub_ps _mm512_mul_ps);
wide!(F64x8(__m512d) of 8 f64, u8:
    _mm512_set1_pd _mm512_loadu_pd _mm512_maskz_loadu_pd _mm512_storeu_pd _mm512_fmadd_pd
    _mm512_add_pd _mm512_sub_pd _mm512_mul_pd);
