//! Transposing copies.
//!
//! A square as large as a vector is turned in registers: written as loops over arrays it becomes one
//! load and one store for each number, measured six times slower.

use super::{Float, Level};

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

/// `to[j][at + i] = from[i · from_row + j]` for so many rows, and a column for each slice.
pub(crate) fn turn_apart<T: Float>(
    level: Level,
    rows: usize,
    from: &[T],
    from_row: usize,
    to: &mut [&mut [T]],
    at: usize,
) {
    if rows >= T::LANES && to.len() >= T::LANES {
        return T::turn_squares_apart(level, rows, from, from_row, to, at);
    }
    portable_apart(rows, from, from_row, to, at);
}

/// The plain loop of [`turn_apart`].
pub(crate) fn portable_apart<T: Copy>(
    rows: usize,
    from: &[T],
    from_row: usize,
    to: &mut [&mut [T]],
    at: usize,
) {
    for (j, to) in to.iter_mut().enumerate() {
        assert!(at + rows <= to.len(), "columns lie inside");
        for (i, to) in to[at..][..rows].iter_mut().enumerate() {
            *to = from[i * from_row + j];
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

/// Matrices whose columns go each to a place of its own:
/// `to[matrix · to_each + places[j] + i] = from[matrix · from_each + i · from_row + j]`.
pub(crate) struct Spread<'a, T> {
    pub count: usize,
    /// Rows and columns of each.
    pub size: [usize; 2],
    pub from: &'a [T],
    pub from_each: usize,
    pub from_row: usize,
    pub to: &'a mut [T],
    pub to_each: usize,
    /// One for each column.
    pub places: &'a [usize],
}

impl<T: Float> Spread<'_, T> {
    pub fn run(self, level: Level) {
        let [rows, columns] = self.size;
        if rows >= T::LANES && columns >= T::LANES {
            T::spread_squares(level, self);
        } else {
            self.portable();
        }
    }
}

impl<T: Copy> Spread<'_, T> {
    /// Whether all matrices lie inside the slices.
    fn is_inside(&self) -> bool {
        let [rows, columns] = self.size;
        let last = self.count.saturating_sub(1);
        let inside = |each: usize, size: [usize; 2], row: usize, length: usize| {
            let first = last.checked_mul(each);
            first.is_some_and(|first| {
                first <= length && crate::kernels::lies_inside(size, [row, 1], length - first)
            })
        };
        let farthest = self.places.iter().max().map_or(0, |place| place + 1);
        self.places.len() == columns
            && inside(self.from_each, self.size, self.from_row, self.from.len())
            && inside(self.to_each, [farthest, rows], 1, self.to.len())
    }

    /// The plain loop.
    pub fn portable(self) {
        let [rows, columns] = self.size;
        assert!(self.is_inside(), "matrices lie inside");
        for matrix in 0..self.count {
            let from = &self.from[matrix * self.from_each..];
            let to = &mut self.to[matrix * self.to_each..];
            for j in 0..columns {
                for i in 0..rows {
                    to[self.places[j] + i] = from[i * self.from_row + j];
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

    fn every_column_finds_its_slice<T: Float + PartialEq + std::fmt::Debug>() {
        for level in Level::all() {
            for [rows, columns] in [[1, 1], [8, 8], [9, 17], [16, 7], [3, 40], [41, 57]] {
                let (wide, tall) = (columns + 3, rows + 5);
                let from: Vec<T> = (0..rows * wide).map(|i| T::of(i as f64)).collect();
                let mut to = vec![vec![T::of(-1.0); tall]; columns];
                let mut slices: Vec<&mut [T]> = to.iter_mut().map(|to| &mut to[..]).collect();
                turn_apart(level, rows, &from, wide, &mut slices, 2);
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
    fn a_matrix_turned_into_slices_has_every_number_at_its_place() {
        every_column_finds_its_slice::<f32>();
        every_column_finds_its_slice::<f64>();
    }

    #[test]
    #[should_panic(expected = "columns lie inside")]
    fn a_slice_that_is_too_short_is_refused() {
        let mut to = vec![vec![0.0_f32; 9]; 8];
        to[5].truncate(8);
        let mut slices: Vec<&mut [f32]> = to.iter_mut().map(|to| &mut to[..]).collect();
        turn_apart(Level::best(), 8, &[0.0; 64], 8, &mut slices, 1);
    }

    #[test]
    fn a_turned_matrix_has_every_number_at_its_mirrored_place() {
        every_number_is_mirrored::<f32>();
        every_number_is_mirrored::<f64>();
    }

    fn every_column_finds_its_place<T: Float + PartialEq + std::fmt::Debug>() {
        for level in Level::all() {
            for [rows, columns] in [[1, 3], [8, 8], [16, 9], [9, 17], [16, 27], [7, 72], [16, 6]] {
                let (count, from_row) = (3, columns + 2);
                let (from_each, to_each) = (rows * from_row + 1, rows + 5);
                // Columns in reverse, as far apart as all matrices reach.
                let places: Vec<usize> = (0..columns).rev().map(|j| j * count * to_each).collect();
                let from: Vec<T> = (0..count * from_each).map(|i| T::of(i as f64)).collect();
                let mut to = vec![T::zero(); columns * count * to_each];
                let task = Spread {
                    count,
                    size: [rows, columns],
                    from: &from,
                    from_each,
                    from_row,
                    to: &mut to,
                    to_each,
                    places: &places,
                };
                task.run(level);
                for matrix in 0..count {
                    for i in 0..rows {
                        for j in 0..columns {
                            let to = to[matrix * to_each + places[j] + i];
                            let from = from[matrix * from_each + i * from_row + j];
                            assert_eq!(to, from, "matrix {matrix}, ({i}, {j})");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn columns_of_many_matrices_find_their_places() {
        every_column_finds_its_place::<f32>();
        every_column_finds_its_place::<f64>();
    }

    #[test]
    #[should_panic(expected = "matrices lie inside")]
    fn a_place_outside_is_refused() {
        let task = Spread {
            count: 2,
            size: [8, 8],
            from: &[0.0_f32; 128],
            from_each: 64,
            from_row: 8,
            to: &mut [0.0; 127],
            to_each: 64,
            places: &[0, 8, 16, 24, 32, 40, 48, 56],
        };
        task.run(Level::best());
    }
}
