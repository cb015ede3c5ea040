//! Transposing copies.
//!
//! A block of `LANES × LANES` numbers is transposed in registers: `LANES` loads of rows, shuffles, `LANES`
//! stores of columns. LLVM compiles a loop over arrays to one load and one store for each number, which is six
//! times slower. Rows or columns that are no multiple of a block are covered by a last block
//! that overlaps the one before it.

use super::level::Level;
use super::scalar::Scalar;
use crate::kernels::lies_inside;

#[cfg(target_arch = "x86_64")]
mod avx;

/// First rows of the blocks of height `side` that cover `count` rows, `count ≥ side`.
fn block_starts(count: usize, side: usize) -> impl Iterator<Item = usize> + Clone {
    let last = count - side;
    (0..last).step_by(side).chain([last])
}

/// Transposes of at least one block, with the instructions of a level.
pub(crate) trait Transpose: Scalar {
    /// [`transpose`] of a matrix of at least `LANES × LANES`.
    fn transpose_blocks(
        level: Level,
        size: [usize; 2],
        from: &[Self],
        from_stride: usize,
        to: &mut [Self],
        to_stride: usize,
    );

    /// [`transpose_to_slices`] of a matrix of at least `LANES × LANES`.
    fn transpose_blocks_to_slices(
        level: Level,
        rows: usize,
        from: &[Self],
        from_stride: usize,
        to: &mut [&mut [Self]],
        first: usize,
    );

    /// [`ScatteredTranspose::run`] for matrices of at least `LANES × LANES`.
    fn transpose_blocks_scattered(level: Level, task: ScatteredTranspose<'_, Self>);
}

macro_rules! transpose {
    ($t:ty, $lanes:literal, $matrix:ident, $to_slices:ident, $scattered:ident) => {
        impl Transpose for $t {
            fn transpose_blocks(
                level: Level,
                size: [usize; 2],
                from: &[Self],
                from_stride: usize,
                to: &mut [Self],
                to_stride: usize,
            ) {
                #[cfg(target_arch = "x86_64")]
                if level.avx2_fma().is_some() {
                    // SAFETY: the processor has AVX2, as the level proves, which includes AVX.
                    return unsafe { avx::$matrix(size, from, from_stride, to, to_stride) };
                }
                let _ = level;
                portable::<Self, $lanes>(size, from, from_stride, to, to_stride);
            }

            fn transpose_blocks_to_slices(
                level: Level,
                rows: usize,
                from: &[Self],
                from_stride: usize,
                to: &mut [&mut [Self]],
                first: usize,
            ) {
                #[cfg(target_arch = "x86_64")]
                if level.avx2_fma().is_some() {
                    // SAFETY: the processor has AVX2, as the level proves, which includes AVX.
                    return unsafe { avx::$to_slices(rows, from, from_stride, to, first) };
                }
                let _ = level;
                portable_to_slices(rows, from, from_stride, to, first);
            }

            fn transpose_blocks_scattered(level: Level, task: ScatteredTranspose<'_, Self>) {
                #[cfg(target_arch = "x86_64")]
                if level.avx2_fma().is_some() {
                    // SAFETY: the processor has AVX2, as the level proves, which includes AVX.
                    return unsafe { avx::$scattered(task) };
                }
                let _ = level;
                task.portable();
            }
        }
    };
}

transpose!(f32, 8, matrix_f32, to_slices_f32, scattered_f32);
transpose!(f64, 4, matrix_f64, to_slices_f64, scattered_f64);

/// `to[j · to_stride + i] = from[i · from_stride + j]` for a matrix of `rows × columns` numbers.
pub(crate) fn transpose<T: Transpose>(
    level: Level,
    [rows, columns]: [usize; 2],
    from: &[T],
    from_stride: usize,
    to: &mut [T],
    to_stride: usize,
) {
    if rows >= T::LANES && columns >= T::LANES {
        return T::transpose_blocks(level, [rows, columns], from, from_stride, to, to_stride);
    }
    for i in 0..rows {
        for j in 0..columns {
            to[j * to_stride + i] = from[i * from_stride + j];
        }
    }
}

/// `to[j][first + i] = from[i · from_stride + j]` for a matrix of `rows` rows and one column for each
/// slice.
pub(crate) fn transpose_to_slices<T: Transpose>(
    level: Level,
    rows: usize,
    from: &[T],
    from_stride: usize,
    to: &mut [&mut [T]],
    first: usize,
) {
    if rows >= T::LANES && to.len() >= T::LANES {
        return T::transpose_blocks_to_slices(level, rows, from, from_stride, to, first);
    }
    portable_to_slices(rows, from, from_stride, to, first);
}

/// The plain loop of [`transpose_to_slices`].
fn portable_to_slices<T: Copy>(
    rows: usize,
    from: &[T],
    from_stride: usize,
    to: &mut [&mut [T]],
    first: usize,
) {
    for (j, to) in to.iter_mut().enumerate() {
        assert!(has_range(to.len(), first, rows), "columns lie inside");
        for (i, to) in to[first..][..rows].iter_mut().enumerate() {
            *to = from[i * from_stride + j];
        }
    }
}

/// Whether a slice of `length` elements has `count` elements from `first` on.
fn has_range(length: usize, first: usize, count: usize) -> bool {
    first.checked_add(count).is_some_and(|end| end <= length)
}

/// The plain loop over blocks.
fn portable<T: Copy, const N: usize>(
    [rows, columns]: [usize; 2],
    from: &[T],
    from_stride: usize,
    to: &mut [T],
    to_stride: usize,
) {
    for first in block_starts(rows, N) {
        for left in block_starts(columns, N) {
            for i in first..first + N {
                let row = &from[i * from_stride + left..][..N];
                for (j, &x) in row.iter().enumerate() {
                    to[(left + j) * to_stride + i] = x;
                }
            }
        }
    }
}

/// Transposes of `count` matrices whose columns go to given places:
/// `to[matrix · to_step + places[j] + i] = from[matrix · from_step + i · from_stride + j]`.
pub(crate) struct ScatteredTranspose<'a, T> {
    /// How many matrices there are.
    pub count: usize,
    /// Rows and columns of each.
    pub size: [usize; 2],
    pub from: &'a [T],
    /// Elements of `from` from one matrix to the next.
    pub from_step: usize,
    /// Elements of `from` from one row of a matrix to the next.
    pub from_stride: usize,
    pub to: &'a mut [T],
    /// Elements of `to` from the result of one matrix to the next.
    pub to_step: usize,
    /// Where each column begins in the result of its matrix.
    pub places: &'a [usize],
}

impl<T: Transpose> ScatteredTranspose<'_, T> {
    pub fn run(self, level: Level) {
        let [rows, columns] = self.size;
        if rows >= T::LANES && columns >= T::LANES {
            T::transpose_blocks_scattered(level, self);
        } else {
            self.portable();
        }
    }
}

impl<T: Copy> ScatteredTranspose<'_, T> {
    /// Whether all matrices lie inside the slices; no sum or product here may wrap.
    fn is_inside(&self) -> bool {
        let [rows, columns] = self.size;
        let last = self.count.saturating_sub(1);
        // Elements of a slice from the first element of the last matrix on.
        let room = |step: usize, length: usize| length.checked_sub(last.checked_mul(step)?);
        let from_is_inside = room(self.from_step, self.from.len())
            .is_some_and(|room| lies_inside(self.size, [self.from_stride, 1], room));
        let to_is_inside = room(self.to_step, self.to.len()).is_some_and(|room| {
            self.places
                .iter()
                .all(|&place| has_range(room, place, rows))
        });
        self.places.len() == columns && from_is_inside && to_is_inside
    }

    /// The plain loop.
    fn portable(self) {
        let [rows, columns] = self.size;
        assert!(self.is_inside(), "matrices lie inside");
        for matrix in 0..self.count {
            let from = &self.from[matrix * self.from_step..];
            let to = &mut self.to[matrix * self.to_step..];
            for j in 0..columns {
                for i in 0..rows {
                    to[self.places[j] + i] = from[i * self.from_stride + j];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_become_columns<T: Transpose + PartialEq + std::fmt::Debug>() {
        for level in Level::all() {
            for [rows, columns] in [
                [1, 1],
                [8, 8],
                [9, 17],
                [16, 7],
                [3, 40],
                [24, 24],
                [41, 57],
                [65, 9],
                [72, 8],
                [127, 9],
                [130, 33],
            ] {
                let (wide, tall) = (columns + 3, rows + 1);
                let from: Vec<T> = (0..rows * wide).map(|i| T::of(i as f64)).collect();
                let mut to = vec![T::zero(); columns * tall];
                transpose(level, [rows, columns], &from, wide, &mut to, tall);
                for i in 0..rows {
                    for j in 0..columns {
                        assert_eq!(to[j * tall + i], from[i * wide + j], "({i}, {j})");
                    }
                }
            }
        }
    }

    fn every_column_finds_its_slice<T: Transpose + PartialEq + std::fmt::Debug>() {
        for level in Level::all() {
            for [rows, columns] in [[1, 1], [8, 8], [9, 17], [16, 7], [3, 40], [41, 57]] {
                let (wide, tall) = (columns + 3, rows + 5);
                let from: Vec<T> = (0..rows * wide).map(|i| T::of(i as f64)).collect();
                let mut to = vec![vec![T::of(-1.0); tall]; columns];
                let mut slices: Vec<&mut [T]> = to.iter_mut().map(|to| &mut to[..]).collect();
                transpose_to_slices(level, rows, &from, wide, &mut slices, 2);
                for (j, to) in to.iter().enumerate() {
                    for (i, &value) in to.iter().enumerate() {
                        let inside = (2..2 + rows).contains(&i);
                        let expected = if inside {
                            from[(i - 2) * wide + j]
                        } else {
                            T::of(-1.0)
                        };
                        assert_eq!(value, expected, "({i}, {j})");
                    }
                }
            }
        }
    }

    #[test]
    fn every_column_of_a_matrix_is_copied_to_its_slice() {
        every_column_finds_its_slice::<f32>();
        every_column_finds_its_slice::<f64>();
    }

    #[test]
    #[should_panic(expected = "columns lie inside")]
    fn a_slice_that_is_too_short_panics() {
        let mut to = vec![vec![0.0_f32; 9]; 8];
        to[5].truncate(8);
        let mut slices: Vec<&mut [f32]> = to.iter_mut().map(|to| &mut to[..]).collect();
        transpose_to_slices(Level::best(), 8, &[0.0; 64], 8, &mut slices, 1);
    }

    #[test]
    fn a_transposed_matrix_has_row_i_in_column_i() {
        rows_become_columns::<f32>();
        rows_become_columns::<f64>();
    }

    fn every_column_finds_its_place<T: Transpose + PartialEq + std::fmt::Debug>() {
        for level in Level::all() {
            for [rows, columns] in [[1, 3], [8, 8], [16, 9], [9, 17], [16, 27], [7, 72], [16, 6]] {
                let (count, from_stride) = (3, columns + 2);
                let (from_step, to_step) = (rows * from_stride + 1, rows + 5);
                // Columns in reverse, as far apart as all matrices reach.
                let places: Vec<usize> = (0..columns).rev().map(|j| j * count * to_step).collect();
                let from: Vec<T> = (0..count * from_step).map(|i| T::of(i as f64)).collect();
                let mut to = vec![T::zero(); columns * count * to_step];
                let task = ScatteredTranspose {
                    count,
                    size: [rows, columns],
                    from: &from,
                    from_step,
                    from_stride,
                    to: &mut to,
                    to_step,
                    places: &places,
                };
                task.run(level);
                for matrix in 0..count {
                    for i in 0..rows {
                        for j in 0..columns {
                            let to = to[matrix * to_step + places[j] + i];
                            let from = from[matrix * from_step + i * from_stride + j];
                            assert_eq!(to, from, "matrix {matrix}, ({i}, {j})");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn columns_of_many_matrices_are_copied_to_their_places() {
        every_column_finds_its_place::<f32>();
        every_column_finds_its_place::<f64>();
    }

    #[test]
    #[should_panic(expected = "matrices lie inside")]
    fn a_column_outside_of_the_result_panics() {
        let task = ScatteredTranspose {
            count: 2,
            size: [8, 8],
            from: &[0.0_f32; 128],
            from_step: 64,
            from_stride: 8,
            to: &mut [0.0; 127],
            to_step: 64,
            places: &[0, 8, 16, 24, 32, 40, 48, 56],
        };
        task.run(Level::best());
    }

    #[test]
    fn places_near_the_largest_index_do_not_wrap() {
        for place in [usize::MAX, usize::MAX - 7, usize::MAX - 8] {
            let mut places = [0, 8, 16, 24, 32, 40, 48, 56];
            places[3] = place;
            let mut to = [0.0; 64];
            let task = ScatteredTranspose {
                count: 1,
                size: [8, 8],
                from: &[0.0_f32; 64],
                from_step: 64,
                from_stride: 8,
                to: &mut to,
                to_step: 64,
                places: &places,
            };
            assert!(!task.is_inside(), "{place}");
        }
    }

    #[test]
    fn steps_near_the_largest_index_do_not_wrap() {
        let mut to = [0.0; 64];
        let task = ScatteredTranspose {
            count: 3,
            size: [8, 8],
            from: &[0.0_f32; 64],
            from_step: usize::MAX / 2 + 1,
            from_stride: 8,
            to: &mut to,
            to_step: 0,
            places: &[0, 8, 16, 24, 32, 40, 48, 56],
        };
        assert!(!task.is_inside());
    }
}
