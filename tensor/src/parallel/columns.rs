//! Matrices whose columns are independent: a few matrices are cut into ranges of columns, one for each task.

use super::{CHUNK, GRAIN, TASKS_PER_THREAD, for_chunks_mut, share_of_threads};

/// The rows of a matrix, or of a range of its columns.
pub(crate) enum Rows<'a, U> {
    /// Rows of `width` elements, one after the other.
    Whole { out: &'a mut [U], width: usize },
    /// A slice for each row.
    Pieces(Vec<&'a mut [U]>),
}

impl<U> Rows<'_, U> {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Whole { out, width } => out.len() / width,
            Self::Pieces(rows) => rows.len(),
        }
    }

    /// Elements of a row.
    pub fn width(&self) -> usize {
        match self {
            Self::Whole { width, .. } => *width,
            Self::Pieces(rows) => rows[0].len(),
        }
    }

    /// Row `i`.
    #[inline]
    pub fn row(&mut self, i: usize) -> &mut [U] {
        match self {
            Self::Whole { out, width } => &mut out[i * *width..][..*width],
            Self::Pieces(rows) => rows[i],
        }
    }

    /// Rows `i` and `i + 1`.
    #[inline]
    pub fn neighbours(&mut self, i: usize) -> (&mut [U], &mut [U]) {
        match self {
            Self::Whole { out, width } => out[i * *width..][..2 * *width].split_at_mut(*width),
            Self::Pieces(rows) => {
                let (row, next) = rows[i..].split_at_mut(1);
                (row[0], next[0])
            }
        }
    }
}

/// Runs `f(matrix, first, rows)` for `out` cut into matrices of `length` rows of `width` elements: the rows of each matrix
/// from column `first` on. On several threads a few matrices are cut into ranges of a multiple of `unit` columns;
/// otherwise a range is a whole matrix.
///
/// For work whose results do not depend on the cut. `work` estimates the elementary steps of the whole call.
pub(crate) fn for_columns_mut<U: Send>(
    out: &mut [U],
    [length, width]: [usize; 2],
    unit: usize,
    work: usize,
    f: impl Fn(usize, usize, &mut Rows<'_, U>) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let size = length * width;
    assert!(out.len().is_multiple_of(size), "whole matrices");
    let matrices = out.len() / size;
    let threads = if work < GRAIN { 1 } else { share_of_threads() };
    let tasks = TASKS_PER_THREAD * threads;
    if threads == 1 || matrices >= tasks {
        let together = CHUNK.div_ceil(4 * size);
        return for_chunks_mut(out, together * size, work, |index, out| {
            for (matrix, out) in out.chunks_mut(size).enumerate() {
                f(
                    index * together + matrix,
                    0,
                    &mut Rows::Whole { out, width },
                );
            }
        });
    }
    let columns = width.div_ceil(tasks.div_ceil(matrices));
    let columns = columns.next_multiple_of(unit);
    let ranges = width.div_ceil(columns);
    let mut tasks: Vec<Vec<&mut [U]>> = (0..matrices * ranges)
        .map(|_| Vec::with_capacity(length))
        .collect();
    for (row, out) in out.chunks_mut(width).enumerate() {
        let tasks = &mut tasks[row / length * ranges..];
        for (task, out) in tasks.iter_mut().zip(out.chunks_mut(columns)) {
            task.push(out);
        }
    }
    for_chunks_mut(&mut tasks, 1, work, |task, pieces| {
        let rows = std::mem::take(&mut pieces[0]);
        f(
            task / ranges,
            task % ranges * columns,
            &mut Rows::Pieces(rows),
        );
    });
}
