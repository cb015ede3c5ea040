//! The blocked product for many threads: tasks are blocks of rows and columns of C.
//!
//! Blocks of rows alone, or of columns alone, are fewer than many threads need. Smaller blocks read the panels of
//! B more often, and their rows of C are copied from a buffer. So they are for more than two threads.

use super::blocked::{KC, Product, panels_at_once};
use super::macrokernel::Target;
use super::microkernel::MR_512;
use super::task::Gemm;
use crate::kernels::partition::balanced;
use crate::kernels::simd::{Float, non_temporal};
use crate::memory::Scratch;
use crate::parallel;

/// Fewest rows of a block: each panel of B is read once per block.
const MIN_ROWS: usize = 2 * MR_512;

/// Fewest panels of a block of columns: two are multiplied at once.
const MIN_PANELS: usize = 2;

/// The extents of the blocks of C.
pub(super) struct Grid {
    rows: usize,
    panels: usize,
}

impl Grid {
    /// The blocks for the threads that there are, if blocks of `rows` rows are too few for them.
    pub fn of<T: Float>(task: &Gemm, rows: usize) -> Option<Self> {
        let panels = task.n.div_ceil(T::NR);
        let work = task.m * task.n * task.k / T::NR;
        let wanted = parallel::tasks_for_threads(work);
        if task.m.div_ceil(rows) >= wanted {
            return None;
        }
        // Blocks as high as wide have the fewest operands for their results.
        let square = (wanted as f64 * task.m as f64 / task.n as f64).sqrt() as usize;
        let most = task.m.div_ceil(MIN_ROWS);
        let across = wanted.div_ceil(square.clamp(1, most));
        let across = across.clamp(1, panels.div_ceil(MIN_PANELS));
        let down = wanted.div_ceil(across).clamp(1, most);
        Some(Self {
            rows: task.m.div_ceil(down).next_multiple_of(MR_512),
            panels: panels.div_ceil(across).next_multiple_of(MIN_PANELS),
        })
    }
}

impl<T: Float> Product<'_, T> {
    /// Tasks are blocks of rows and columns; they share the packed A and B.
    pub fn by_grid(&self, grid: &Grid, c: &mut [T]) {
        let (task, width) = (self.task, T::NR);
        let panels = task.n.div_ceil(width);
        // Every pass ends with all threads waiting, so there are few, but each packs as much as a cache holds.
        let most = 4 * panels_at_once::<T>(task);
        let most = if self.b_in_place { panels } else { most };
        let length = self.right_length(most);
        let mut buffer = Scratch::<T>::new(non_temporal::with_line::<T>(length));
        let right = &mut non_temporal::from_line(&mut buffer)[..length];
        let mut left = Scratch::<T>::new(self.left_length(task.k.min(KC)));
        for (k0, depth) in balanced(task.k, KC) {
            self.pack_left(grid.rows, k0, depth, &mut left);
            for (panel0, panels) in balanced(panels, most) {
                let j0 = panel0 * width;
                let across = (panels * width).min(task.n - j0);
                self.pack_for_all([k0, depth], [j0, across], right);
                self.blocks(grid, [k0, depth], [j0, across], [&left, right], c);
            }
        }
    }

    /// Adds some steps of the sum to some columns of C, block by block.
    fn blocks(
        &self,
        grid: &Grid,
        [k0, depth]: [usize; 2],
        [j0, across]: [usize; 2],
        [left, right]: [&[T]; 2],
        c: &mut [T],
    ) {
        let (task, columns) = (self.task, grid.panels * T::NR);
        let count = across.div_ceil(columns);
        let mut tasks: Vec<Vec<&mut [T]>> = Vec::new();
        tasks.resize_with(task.m.div_ceil(grid.rows) * count, Vec::new);
        for (i, row) in c.chunks_mut(task.c[0]).take(task.m).enumerate() {
            let pieces = row[j0..j0 + across].chunks_mut(columns);
            let first = i / grid.rows * count;
            for (task, piece) in tasks[first..].iter_mut().zip(pieces) {
                task.push(piece);
            }
        }
        let work = task.m * across * depth / T::NR;
        parallel::for_chunks_mut(&mut tasks, 1, work, |index, rows| {
            let (rows, i0) = (&mut rows[0], index / count * grid.rows);
            let first = index % count * columns;
            let packed = if self.b_in_place { 0 } else { first * depth };
            let block = [j0 + first, columns.min(across - first)];
            let kernel = self.macrokernel([k0, depth], block, &right[packed..]);
            let left = &left[(i0 * depth).min(left.len())..];
            kernel.run(i0, rows.len(), left, Target::Rows(rows));
        });
    }
}
