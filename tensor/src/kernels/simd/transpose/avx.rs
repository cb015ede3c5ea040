//! Squares turned in registers of 256 bits. Registers of 512 bits are no faster: a twentieth slower
//! in a whole convolution.
//!
//! All bounds are checked once: checked at each row, they took longer than the turning.

use std::arch::x86_64::{
    _mm256_loadu_pd, _mm256_loadu_ps, _mm256_permute2f128_pd, _mm256_permute2f128_ps,
    _mm256_shuffle_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_unpackhi_pd, _mm256_unpackhi_ps,
    _mm256_unpacklo_pd, _mm256_unpacklo_ps,
};

use super::{Spread, starts};
use crate::kernels::lies_inside;

macro_rules! turn {
    ($name:ident, $apart:ident, $spread:ident, $number:ty, $side:literal, $square:ident) => {
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
                        let first = to.add(j * to_row + i);
                        let mut to = [first; $side];
                        for c in 1..$side {
                            to[c] = first.add(c * to_row);
                        }
                        $square(from.add(i * from_row + j), from_row, to);
                    }
                }
            }
        }

        /// Turns a matrix of at least one square into a slice for each column.
        #[target_feature(enable = "avx")]
        pub(crate) fn $apart(
            rows: usize,
            from: &[$number],
            from_row: usize,
            to: &mut [&mut [$number]],
            at: usize,
        ) {
            let size = [rows, to.len()];
            assert!(rows >= $side && to.len() >= $side, "a square fits");
            assert!(
                lies_inside(size, [from_row, 1], from.len()),
                "rows lie inside"
            );
            let from = from.as_ptr();
            for j in starts(to.len(), $side) {
                let mut ends = [std::ptr::null_mut(); $side];
                for (end, to) in ends.iter_mut().zip(&mut to[j..]) {
                    assert!(
                        at <= to.len() && rows <= to.len() - at,
                        "columns lie inside"
                    );
                    *end = to[at..].as_mut_ptr();
                }
                for i in starts(rows, $side) {
                    // SAFETY: the square is part of the matrix, which is as large as one at least and
                    // lies inside `from`; the slices, which nobody else holds, have been asserted to
                    // have `rows` numbers from `at` on.
                    unsafe {
                        let to = ends.map(|end| end.add(i));
                        $square(from.add(i * from_row + j), from_row, to);
                    }
                }
            }
        }

        /// Turns matrices of at least one square.
        #[target_feature(enable = "avx")]
        pub(crate) fn $spread(task: Spread<'_, $number>) {
            let [rows, columns] = task.size;
            assert!(rows >= $side && columns >= $side, "a square fits");
            assert!(task.is_inside(), "matrices lie inside");
            let Spread {
                from_row, places, ..
            } = task;
            // Squares that overlap cost more than one or two columns number by number.
            let rest = columns % $side;
            let rest = if rest <= $side / 4 { rest } else { 0 };
            for matrix in 0..task.count {
                let from = &task.from[matrix * task.from_each..];
                let to = &mut task.to[matrix * task.to_each..];
                let (from, to) = (from.as_ptr(), to.as_mut_ptr());
                for j in starts(columns - rest, $side) {
                    for i in starts(rows, $side) {
                        // SAFETY: the square is part of a matrix, which has been asserted to lie
                        // inside both slices with all that `places` says of its columns.
                        unsafe {
                            let mut ends = [to.add(i); $side];
                            for c in 0..$side {
                                ends[c] = ends[c].add(places[j + c]);
                            }
                            $square(from.add(i * from_row + j), from_row, ends);
                        }
                    }
                }
                for j in columns - rest..columns {
                    for i in 0..rows {
                        // SAFETY: as above.
                        unsafe { *to.add(places[j] + i) = *from.add(i * from_row + j) };
                    }
                }
            }
        }
    };
}

turn!(turn_f32, apart_f32, spread_f32, f32, 8, square_f32);
turn!(turn_f64, apart_f64, spread_f64, f64, 4, square_f64);

/// # Safety
/// Eight numbers must lie at each of eight rows of `from`, `from_row` apart, and from each of `to` on.
#[inline]
#[target_feature(enable = "avx")]
unsafe fn square_f32(from: *const f32, from_row: usize, to: [*mut f32; 8]) {
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
            _mm256_storeu_ps(to[i], low);
            _mm256_storeu_ps(to[i + 4], high);
        }
    }
}

/// # Safety
/// Four numbers must lie at each of four rows of `from`, `from_row` apart, and from each of `to` on.
#[inline]
#[target_feature(enable = "avx")]
unsafe fn square_f64(from: *const f64, from_row: usize, to: [*mut f64; 4]) {
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
            _mm256_storeu_pd(to[i], low);
            _mm256_storeu_pd(to[i + 2], high);
        }
    }
}
