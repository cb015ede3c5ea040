//! Blocks transposed in registers of 256 bits. With registers of 512 bits a whole convolution was 5 %
//! slower.
//!
//! All bounds are checked once: checks at each row took longer than the transpose.

use std::arch::x86_64::{
    _mm256_loadu_pd, _mm256_loadu_ps, _mm256_permute2f128_pd, _mm256_permute2f128_ps,
    _mm256_shuffle_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_unpackhi_pd, _mm256_unpackhi_ps,
    _mm256_unpacklo_pd, _mm256_unpacklo_ps,
};

use super::{ScatteredTranspose, block_starts, has_range};
use crate::kernels::lies_inside;

/// Rows of a matrix whose blocks are transposed column by column: several cache lines of each column are
/// written in a row. Written one block at a time, lines of columns that are a multiple of 2 KB apart evicted each
/// other half written.
const ROWS: usize = 64;

macro_rules! transposes {
    ($matrix:ident, $to_slices:ident, $scattered:ident, $number:ty, $side:literal, $block:ident) => {
        /// Transposes a matrix of at least one block.
        #[target_feature(enable = "avx")]
        pub(crate) fn $matrix(
            size: [usize; 2],
            from: &[$number],
            from_stride: usize,
            to: &mut [$number],
            to_stride: usize,
        ) {
            let [rows, columns] = size;
            assert!(rows >= $side && columns >= $side, "a block fits");
            assert!(
                lies_inside(size, [from_stride, 1], from.len()),
                "rows lie inside"
            );
            assert!(
                lies_inside(size, [1, to_stride], to.len()),
                "columns lie inside"
            );
            let (from, to) = (from.as_ptr(), to.as_mut_ptr());
            for first in (0..rows).step_by(ROWS) {
                // The last rows may be fewer than a block has: then one block overlaps the rows before.
                let (end, first) = (rows.min(first + ROWS), first.min(rows - $side));
                for j in block_starts(columns, $side) {
                    for i in block_starts(end - first, $side) {
                        // SAFETY: the block is part of the matrix, which is no smaller than a block, and
                        // both slices have been asserted to hold it.
                        unsafe {
                            let corner = to.add(j * to_stride + first + i);
                            let mut to = [corner; $side];
                            for c in 1..$side {
                                to[c] = corner.add(c * to_stride);
                            }
                            $block(from.add((first + i) * from_stride + j), from_stride, to);
                        }
                    }
                }
            }
        }

        /// Transposes a matrix of at least one block into a slice for each column.
        #[target_feature(enable = "avx")]
        pub(crate) fn $to_slices(
            rows: usize,
            from: &[$number],
            from_stride: usize,
            to: &mut [&mut [$number]],
            first: usize,
        ) {
            let size = [rows, to.len()];
            assert!(rows >= $side && to.len() >= $side, "a block fits");
            assert!(
                lies_inside(size, [from_stride, 1], from.len()),
                "rows lie inside"
            );
            let from = from.as_ptr();
            for j in block_starts(to.len(), $side) {
                let mut ends = [std::ptr::null_mut(); $side];
                for (end, to) in ends.iter_mut().zip(&mut to[j..]) {
                    assert!(has_range(to.len(), first, rows), "columns lie inside");
                    *end = to[first..].as_mut_ptr();
                }
                for i in block_starts(rows, $side) {
                    // SAFETY: the block is part of the matrix, which is no smaller than a block and
                    // lies inside `from`; the slices, which are borrowed mutably, have been asserted to
                    // have `rows` numbers from `first` on.
                    unsafe {
                        let to = ends.map(|end| end.add(i));
                        $block(from.add(i * from_stride + j), from_stride, to);
                    }
                }
            }
        }

        /// Transposes matrices of at least one block.
        #[target_feature(enable = "avx")]
        pub(crate) fn $scattered(task: ScatteredTranspose<'_, $number>) {
            let [rows, columns] = task.size;
            assert!(rows >= $side && columns >= $side, "a block fits");
            assert!(task.is_inside(), "matrices lie inside");
            let ScatteredTranspose {
                from_stride,
                places,
                ..
            } = task;
            // Overlapping blocks cost more than one or two columns copied element by element.
            let rest = columns % $side;
            let rest = if rest <= $side / 4 { rest } else { 0 };
            for matrix in 0..task.count {
                let from = &task.from[matrix * task.from_step..];
                let to = &mut task.to[matrix * task.to_step..];
                let (from, to) = (from.as_ptr(), to.as_mut_ptr());
                for j in block_starts(columns - rest, $side) {
                    for i in block_starts(rows, $side) {
                        // SAFETY: the block is part of a matrix, which has been asserted to lie
                        // inside both slices with the columns at `places`.
                        unsafe {
                            let mut ends = [to.add(i); $side];
                            for c in 0..$side {
                                ends[c] = ends[c].add(places[j + c]);
                            }
                            $block(from.add(i * from_stride + j), from_stride, ends);
                        }
                    }
                }
                for j in columns - rest..columns {
                    for i in 0..rows {
                        // SAFETY: as above.
                        unsafe { *to.add(places[j] + i) = *from.add(i * from_stride + j) };
                    }
                }
            }
        }
    };
}

transposes!(matrix_f32, to_slices_f32, scattered_f32, f32, 8, block_f32);
transposes!(matrix_f64, to_slices_f64, scattered_f64, f64, 4, block_f64);

/// # Safety
/// Eight numbers must lie at each of eight rows of `from`, `from_stride` apart, and from each of `to` on.
#[inline]
#[target_feature(enable = "avx")]
unsafe fn block_f32(from: *const f32, from_stride: usize, to: [*mut f32; 8]) {
    // SAFETY: required of the caller.
    let mut r = [unsafe { _mm256_loadu_ps(from) }; 8];
    for i in 1..8 {
        // SAFETY: required of the caller.
        r[i] = unsafe { _mm256_loadu_ps(from.add(i * from_stride)) };
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
        // SAFETY: required of the caller.
        unsafe {
            _mm256_storeu_ps(to[i], low);
            _mm256_storeu_ps(to[i + 4], high);
        }
    }
}

/// # Safety
/// Four numbers must lie at each of four rows of `from`, `from_stride` apart, and from each of `to` on.
#[inline]
#[target_feature(enable = "avx")]
unsafe fn block_f64(from: *const f64, from_stride: usize, to: [*mut f64; 4]) {
    // SAFETY: required of the caller.
    let mut r = [unsafe { _mm256_loadu_pd(from) }; 4];
    for i in 1..4 {
        // SAFETY: required of the caller.
        r[i] = unsafe { _mm256_loadu_pd(from.add(i * from_stride)) };
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
        // SAFETY: required of the caller.
        unsafe {
            _mm256_storeu_pd(to[i], low);
            _mm256_storeu_pd(to[i + 2], high);
        }
    }
}
