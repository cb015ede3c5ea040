//! Transposing copies.
//!
//! A square as large as a vector is turned in registers: written as loops over arrays it becomes one
//! load and one store for each number, measured six times slower.

use super::simd::{Float, Level};

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

/// Asserts that `rows × columns` numbers with rows `stride` apart lie in a slice of this length.
#[cfg(target_arch = "x86_64")]
fn assert_inside([rows, columns]: [usize; 2], length: usize, stride: usize) {
    let end = (rows.saturating_sub(1))
        .checked_mul(stride)
        .and_then(|start| start.checked_add(columns));
    assert!(
        rows == 0 || columns == 0 || end.is_some_and(|end| end <= length),
        "{rows} × {columns} numbers with rows {stride} apart are not in a slice of {length}"
    );
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
