//! Squares turned in registers of 256 bits. Registers of 512 bits are no faster: a twentieth slower
//! in a whole convolution.
//!
//! All bounds are checked once: checked at each row, they took longer than the turning.

use std::arch::x86_64::{
    _mm256_loadu_pd, _mm256_loadu_ps, _mm256_permute2f128_pd, _mm256_permute2f128_ps,
    _mm256_shuffle_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_unpackhi_pd, _mm256_unpackhi_ps,
    _mm256_unpacklo_pd, _mm256_unpacklo_ps,
};

use super::starts;
use crate::kernels::lies_inside;

macro_rules! turn {
    ($name:ident, $number:ty, $side:literal, $square:ident) => {
        /// Turns a matrix of at least one square.
        #[target_feature(enable = "avx")]
        pub(crate) fn $name(
            size: [usize; 2],
            from: &[$number],
            from_row: usize,
            to: &mut [$number],
            to_row: usize,
        ) {
            let [rows, columns] = size;
            assert!(rows >= $side && columns >= $side, "a square fits");
            assert!(
                lies_inside(size, [from_row, 1], from.len()),
                "rows lie inside"
            );
            assert!(
                lies_inside(size, [1, to_row], to.len()),
                "columns lie inside"
            );
            let (from, to) = (from.as_ptr(), to.as_mut_ptr());
            for i in starts(rows, $side) {
                for j in starts(columns, $side) {
                    // SAFETY: the square is part of the matrix, which is as large as one at least, and
                    // both slices have been asserted to hold it.
                    unsafe {
                        let (from, to) = (from.add(i * from_row + j), to.add(j * to_row + i));
                        $square(from, from_row, to, to_row);
                    }
                }
            }
        }
    };
}

turn!(turn_f32, f32, 8, square_f32);
turn!(turn_f64, f64, 4, square_f64);

/// # Safety
/// Eight numbers must lie at each of eight rows of `from` and of `to`.
#[inline]
#[target_feature(enable = "avx")]
unsafe fn square_f32(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
    // SAFETY: the caller's.
    let mut r = [unsafe { _mm256_loadu_ps(from) }; 8];
    for i in 1..8 {
        // SAFETY: the caller's.
        r[i] = unsafe { _mm256_loadu_ps(from.add(i * from_row)) };
    }
    let mut pairs = r;
    for i in 0..4 {
        pairs[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    let mut fours = r;
    for i in 0..2 {
        let p = [
            pairs[4 * i],
            pairs[4 * i + 1],
            pairs[4 * i + 2],
            pairs[4 * i + 3],
        ];
        fours[4 * i] = _mm256_shuffle_ps::<0x44>(p[0], p[2]);
        fours[4 * i + 1] = _mm256_shuffle_ps::<0xee>(p[0], p[2]);
        fours[4 * i + 2] = _mm256_shuffle_ps::<0x44>(p[1], p[3]);
        fours[4 * i + 3] = _mm256_shuffle_ps::<0xee>(p[1], p[3]);
    }
    for i in 0..4 {
        let low = _mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]);
        let high = _mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]);
        // SAFETY: the caller's.
        unsafe {
            _mm256_storeu_ps(to.add(i * to_row), low);
            _mm256_storeu_ps(to.add((i + 4) * to_row), high);
        }
    }
}

/// # Safety
/// Four numbers must lie at each of four rows of `from` and of `to`.
#[inline]
#[target_feature(enable = "avx")]
unsafe fn square_f64(from: *const f64, from_row: usize, to: *mut f64, to_row: usize) {
    // SAFETY: the caller's.
    let mut r = [unsafe { _mm256_loadu_pd(from) }; 4];
    for i in 1..4 {
        // SAFETY: the caller's.
        r[i] = unsafe { _mm256_loadu_pd(from.add(i * from_row)) };
    }
    let evens = [
        _mm256_unpacklo_pd(r[0], r[1]),
        _mm256_unpacklo_pd(r[2], r[3]),
    ];
    let odds = [
        _mm256_unpackhi_pd(r[0], r[1]),
        _mm256_unpackhi_pd(r[2], r[3]),
    ];
    for (i, [left, right]) in [evens, odds].into_iter().enumerate() {
        let low = _mm256_permute2f128_pd::<0x20>(left, right);
        let high = _mm256_permute2f128_pd::<0x31>(left, right);
        // SAFETY: the caller's.
        unsafe {
            _mm256_storeu_pd(to.add(i * to_row), low);
            _mm256_storeu_pd(to.add((i + 2) * to_row), high);
        }
    }
}
