//! Transposing copies.
//!
//! A square as large as a vector is turned in registers: written as loops over arrays it becomes one
//! load and one store for each number, measured six times slower.

use super::simd::{Float, Level};

/// Where squares of a side begin that cover so many rows, at least one side: the last overlaps the one
/// before rather than be cut.
fn starts(count: usize, side: usize) -> impl Iterator<Item = usize> + Clone {
    let last = count - side;
    (0..last).step_by(side).chain([last])
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx;

/// `to[j · to_row + i] = from[i · from_row + j]` for `rows × columns` numbers.
pub(crate) fn turn<T: Float>(
    level: Level,
    [rows, columns]: [usize; 2],
    from: &[T],
    from_row: usize,
    to: &mut [T],
    to_row: usize,
) {
    if rows >= T::LANES && columns >= T::LANES {
        return T::turn_squares(level, [rows, columns], from, from_row, to, to_row);
    }
    for i in 0..rows {
        for j in 0..columns {
            to[j * to_row + i] = from[i * from_row + j];
        }
    }
}

/// The plain loop over squares.
pub(crate) fn portable<T: Copy, const N: usize>(
    [rows, columns]: [usize; 2],
    from: &[T],
    from_row: usize,
    to: &mut [T],
    to_row: usize,
) {
    for first in starts(rows, N) {
        for left in starts(columns, N) {
            for i in first..first + N {
                let row = &from[i * from_row + left..][..N];
                for (j, &x) in row.iter().enumerate() {
                    to[(left + j) * to_row + i] = x;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_number_is_mirrored<T: Float + PartialEq + std::fmt::Debug>() {
        for level in Level::all() {
            for [rows, columns] in [
                [1, 1],
                [8, 8],
                [9, 17],
                [16, 7],
                [3, 40],
                [24, 24],
                [41, 57],
            ] {
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
