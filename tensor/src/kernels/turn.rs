//! Transposing copies.
//!
//! A square as large as a vector is turned in registers: written as loops over arrays it becomes one
//! load and one store for each number, measured six times slower.

use super::simd::{Float, Level};

/// `to[j · to_row + i] = from[i · from_row + j]` for `rows × columns` numbers.
pub(crate) fn turn<T: Float>(
    level: Level,
    [rows, columns]: [usize; 2],
    from: &[T],
    from_row: usize,
    to: &mut [T],
    to_row: usize,
) {
    let side = T::LANES;
    let (whole_rows, whole_columns) = (rows / side * side, columns / side * side);
    T::turn_squares(level, [rows, columns], from, from_row, to, to_row);
    let mut rest = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
        for i in rows {
            for j in columns.clone() {
                to[j * to_row + i] = from[i * from_row + j];
            }
        }
    };
    rest(0..whole_rows, whole_columns..columns);
    rest(whole_rows..rows, 0..columns);
}

/// Runs `square(first of the rows, first of the columns)` for all whole squares.
macro_rules! squares {
    ($side:expr, $size:expr, $square:expr) => {
        for i in (0..$size[0] / $side * $side).step_by($side) {
            for j in (0..$size[1] / $side * $side).step_by($side) {
                $square(i, j);
            }
        }
    };
}

/// The plain loop over squares.
pub(crate) fn portable<T: Copy, const N: usize>(
    size: [usize; 2],
    from: &[T],
    from_row: usize,
    to: &mut [T],
    to_row: usize,
) {
    squares!(N, size, |first, left| {
        for i in first..first + N {
            let row = &from[i * from_row + left..][..N];
            for (j, &x) in row.iter().enumerate() {
                to[(left + j) * to_row + i] = x;
            }
        }
    });
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx {
    use std::arch::x86_64::{
        __m256, __m256d, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_permute2f128_pd,
        _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_pd, _mm256_storeu_ps,
        _mm256_unpackhi_pd, _mm256_unpackhi_ps, _mm256_unpacklo_pd, _mm256_unpacklo_ps,
    };

    #[inline]
    #[target_feature(enable = "avx")]
    fn load(row: &[f32]) -> __m256 {
        let row = &row[..8];
        // SAFETY: the slice has eight numbers; the load needs no alignment.
        unsafe { _mm256_loadu_ps(row.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx")]
    fn store(x: __m256, row: &mut [f32]) {
        let row = &mut row[..8];
        // SAFETY: the slice has eight numbers and is borrowed mutably; no alignment is needed.
        unsafe { _mm256_storeu_ps(row.as_mut_ptr(), x) }
    }

    /// Turns all whole squares of eight by eight numbers.
    #[target_feature(enable = "avx")]
    pub(crate) fn turn_f32(
        size: [usize; 2],
        from: &[f32],
        from_row: usize,
        to: &mut [f32],
        to_row: usize,
    ) {
        squares!(8, size, |i: usize, j: usize| {
            square_f32(
                &from[i * from_row + j..],
                from_row,
                &mut to[j * to_row + i..],
                to_row,
            );
        });
    }

    #[inline]
    #[target_feature(enable = "avx")]
    fn square_f32(from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
        let mut r = [load(from); 8];
        for (i, r) in r.iter_mut().enumerate() {
            *r = load(&from[i * from_row..]);
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
            store(low, &mut to[i * to_row..]);
            store(high, &mut to[(i + 4) * to_row..]);
        }
    }

    #[inline]
    #[target_feature(enable = "avx")]
    fn load_double(row: &[f64]) -> __m256d {
        let row = &row[..4];
        // SAFETY: the slice has four numbers; the load needs no alignment.
        unsafe { _mm256_loadu_pd(row.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx")]
    fn store_double(x: __m256d, row: &mut [f64]) {
        let row = &mut row[..4];
        // SAFETY: the slice has four numbers and is borrowed mutably; no alignment is needed.
        unsafe { _mm256_storeu_pd(row.as_mut_ptr(), x) }
    }

    /// Turns all whole squares of four by four numbers.
    #[target_feature(enable = "avx")]
    pub(crate) fn turn_f64(
        size: [usize; 2],
        from: &[f64],
        from_row: usize,
        to: &mut [f64],
        to_row: usize,
    ) {
        squares!(4, size, |i: usize, j: usize| {
            square_f64(
                &from[i * from_row + j..],
                from_row,
                &mut to[j * to_row + i..],
                to_row,
            );
        });
    }

    #[inline]
    #[target_feature(enable = "avx")]
    fn square_f64(from: &[f64], from_row: usize, to: &mut [f64], to_row: usize) {
        let mut r = [load_double(from); 4];
        for (i, r) in r.iter_mut().enumerate() {
            *r = load_double(&from[i * from_row..]);
        }
        let low = [
            _mm256_unpacklo_pd(r[0], r[1]),
            _mm256_unpacklo_pd(r[2], r[3]),
        ];
        let high = [
            _mm256_unpackhi_pd(r[0], r[1]),
            _mm256_unpackhi_pd(r[2], r[3]),
        ];
        store_double(_mm256_permute2f128_pd::<0x20>(low[0], low[1]), to);
        store_double(
            _mm256_permute2f128_pd::<0x20>(high[0], high[1]),
            &mut to[to_row..],
        );
        store_double(
            _mm256_permute2f128_pd::<0x31>(low[0], low[1]),
            &mut to[2 * to_row..],
        );
        store_double(
            _mm256_permute2f128_pd::<0x31>(high[0], high[1]),
            &mut to[3 * to_row..],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_number_is_mirrored<T: Float + PartialEq + std::fmt::Debug>() {
        for level in Level::all() {
            for [rows, columns] in [[1, 1], [8, 8], [9, 17], [16, 7], [3, 40], [24, 24]] {
                let (wide, tall) = (columns + 3, rows + 1);
                let from: Vec<T> = (0..rows * wide).map(|i| T::of(i as f64)).collect();
                let mut to = vec![T::zero(); columns * tall];
                turn(level, [rows, columns], &from, wide, &mut to, tall);
                for i in 0..rows {
                    for j in 0..columns {
                        assert_eq!(to[j * tall + i], from[i * wide + j], "({i}, {j})");
                    }
                }
            }
        }
    }

    #[test]
    fn a_turned_matrix_has_every_number_at_its_mirrored_place() {
        every_number_is_mirrored::<f32>();
        every_number_is_mirrored::<f64>();
    }
}
