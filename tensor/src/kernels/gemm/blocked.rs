//! The blocked product: panels of B stay in the first cache while rows of A stream past.

use super::{Gemm, pack};
use crate::kernels::simd::{Float, Level};
use crate::kernels::tile::{self, Columns, Matrix, Packed, Panel, ROWS, Rows, columns, groups};
use crate::{parallel, pool};

/// Longest sum within one pass: a panel of B of this depth takes 18 KB, and leaves room for A's.
const DEPTH: usize = 288;

/// Most rows of A in one block; at full depth they take a quarter of a 512 KB second cache.
const BLOCK_ROWS: usize = 120;

/// Side of the squares in which a result is turned.
const SIDE: usize = 16;

/// Columns of B that are packed together.
const BLOCK_COLUMNS: usize = 512;

/// `count` divided into the fewest parts of at most `most`, as equal as can be.
pub(crate) fn balanced(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = count.div_ceil(most);
    (0..parts).map(move |part| {
        let start = part * count / parts;
        (start, (part + 1) * count / parts - start)
    })
}

/// How A's factors reach the tiles.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Row by row, where they are.
    Rows,
    /// Column by column, where they are.
    Columns,
    /// From a packed copy.
    Packed,
}

/// Whether rows so many elements apart compete for the same few lines of the first cache.
fn is_aliased<T>(stride: usize) -> bool {
    (stride * size_of::<T>()).is_multiple_of(1024)
}

/// The order for A: a copy costs one pass over A, the gain grows with the columns of B.
fn order<T>(task: &Gemm) -> Order {
    let aliased = is_aliased::<T>(task.a[0].max(task.a[1]));
    let in_place = task.n < 64 || !aliased && task.n < 512;
    match task.a {
        [_, 1] if in_place => Order::Rows,
        [1, _] if task.n < 64 => Order::Columns,
        _ => Order::Packed,
    }
}

/// Whether tiles read B where it is: its rows must be contiguous, and since every step of the sum
/// then lies in another line and page, panels must be used few times or be short. Rows a multiple
/// of 1 KB apart would all compete for the same lines of the first cache.
fn reads_in_place<T: Float>(task: &Gemm) -> bool {
    let aliased = is_aliased::<T>(task.b[0]) && task.k > 8;
    task.b[1] == 1 && !aliased && (task.m <= 4 * ROWS || task.m <= 96 && task.k <= 32)
}

/// Rows in one task: from the shape alone, so that the same sums are made on any number of threads.
fn block_rows(task: &Gemm) -> usize {
    let blocks = task.m.div_ceil(BLOCK_ROWS);
    let fewest = if task.m * task.n * task.k < 1 << 20 {
        1
    } else {
        (task.m / 24).clamp(1, 4)
    };
    // An even number of blocks keeps two threads equally busy.
    let blocks = if blocks > 1 {
        blocks.next_multiple_of(2)
    } else {
        blocks
    }
    .max(fewest);
    task.m.div_ceil(blocks).next_multiple_of(ROWS)
}

/// Computes the product.
pub(crate) fn multiply<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    if task.c[1] == 1 && task.c[0] >= task.n {
        return rows_contiguous(level, task, a, b, c);
    }
    let mut rows = pool::stale::<T>(task.m * task.n);
    let contiguous = Gemm {
        c: [task.n, 1],
        accumulate: false,
        ..*task
    };
    rows_contiguous(level, &contiguous, a, b, &mut rows);
    for (j0, columns) in balanced(task.n, SIDE) {
        for (i0, block) in balanced(task.m, SIDE) {
            for j in j0..j0 + columns {
                for i in i0..i0 + block {
                    let sum = rows[i * task.n + j];
                    let to = &mut c[i * task.c[0] + j * task.c[1]];
                    *to = if task.accumulate { *to + sum } else { sum };
                }
            }
        }
    }
    pool::recycle(rows);
}

fn rows_contiguous<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    let width = columns::<T>();
    let order = order::<T>(task);
    // Twelve rows that compete for the same lines of the first cache would drive each other out.
    let level = if order == Order::Rows && is_aliased::<T>(task.a[0]) {
        level.narrow()
    } else {
        level
    };
    let in_place = reads_in_place::<T>(task);
    let rows = block_rows(task);
    let packed = if in_place {
        usize::from(!task.n.is_multiple_of(width))
    } else {
        task.n.div_ceil(width).min(BLOCK_COLUMNS / width)
    };
    let mut right = pool::stale::<T>(task.k.min(DEPTH) * width * packed);
    for (panel0, panels) in balanced(task.n.div_ceil(width), BLOCK_COLUMNS / width) {
        let j0 = panel0 * width;
        let across = (panels * width).min(task.n - j0);
        for (k0, depth) in balanced(task.k, DEPTH) {
            let from = &b[k0 * task.b[0] + j0 * task.b[1]..];
            if !in_place {
                let work = depth * across;
                let to = &mut right[..panels * depth * width];
                parallel::for_chunks_mut(to, depth * width, work, |panel, to| {
                    let from = &from[panel * width * task.b[1]..];
                    let columns = width.min(across - panel * width);
                    pack::vectors(level, from, task.b, depth, columns, width, to);
                });
            } else if !across.is_multiple_of(width) {
                let last = across / width * width;
                let from = &from[last * task.b[1]..];
                pack::vectors(level, from, task.b, depth, across - last, width, &mut right);
            }
            let pass = Pass {
                level,
                task,
                order,
                in_place,
                left: &a[k0 * task.a[1]..],
                middle: from,
                right: &right,
                depth,
                across,
                add: task.accumulate || k0 > 0,
            };
            let work = task.m * across * depth / width;
            let head = &mut c[j0..(task.m - 1) * task.c[0] + j0 + across];
            parallel::for_chunks_mut(head, rows * task.c[0], work, |block, c| {
                let i0 = block * rows;
                pass.rows(i0, rows.min(task.m - i0), c);
            });
        }
    }
    pool::recycle(right);
}

/// One block of depth and columns: what is common to its rows.
struct Pass<'a, T> {
    level: Level,
    task: &'a Gemm,
    order: Order,
    in_place: bool,
    /// A, from the first step of the block.
    left: &'a [T],
    /// B, from the first element of the block.
    middle: &'a [T],
    /// The packed panels of B: all of them, or only the last and incomplete one.
    right: &'a [T],
    depth: usize,
    across: usize,
    add: bool,
}

impl<T: Float> Pass<'_, T> {
    /// Rows `i0..i0 + block` of A with every panel of B; `c` starts at row `i0`.
    fn rows(&self, i0: usize, block: usize, c: &mut [T]) {
        let (task, depth, width) = (self.task, self.depth, columns::<T>());
        let a = &self.left[i0 * task.a[0]..];
        let panels = block.div_ceil(ROWS);
        let packing = self.order == Order::Packed;
        let mut packed = pool::stale::<T>(if packing { panels * depth * ROWS } else { 0 });
        if packing {
            for (panel, (r, rows)) in groups(block).enumerate() {
                let to = &mut packed[panel * depth * ROWS..];
                pack::scalars(&a[r * task.a[0]..], task.a, rows, depth, to);
            }
        }
        // A last and incomplete panel goes through a strip as wide as the others.
        let partial = !self.across.is_multiple_of(width);
        let mut strip = pool::stale::<T>(if partial { block * width } else { 0 });
        for j in (0..self.across).step_by(width) {
            let across = width.min(self.across - j);
            let vectors = if self.in_place && across == width {
                Panel {
                    panel: &self.middle[j..],
                    stride: task.b[0],
                }
            } else {
                let slot = if self.in_place { 0 } else { j * depth };
                Panel {
                    panel: &self.right[slot..],
                    stride: width,
                }
            };
            let to = if across == width {
                Matrix {
                    head: &mut c[j..],
                    stride: task.c[0],
                    add: self.add,
                }
            } else {
                Matrix {
                    head: &mut strip,
                    stride: width,
                    add: false,
                }
            };
            let size = [block, depth];
            let (matrix, [row, column]) = (a, task.a);
            match self.order {
                Order::Rows => {
                    let rows = Rows {
                        matrix,
                        stride: row,
                    };
                    tile::sweep(self.level, size, rows, vectors, to);
                }
                Order::Columns => {
                    let columns = Columns {
                        matrix,
                        stride: column,
                    };
                    tile::sweep(self.level, size, columns, vectors, to);
                }
                Order::Packed => {
                    tile::sweep(self.level, size, Packed(&packed), vectors, to);
                }
            }
            if across < width {
                for (r, sums) in strip.chunks_exact(width).enumerate().take(block) {
                    let to = &mut c[r * task.c[0] + j..][..across];
                    for (to, &sum) in to.iter_mut().zip(sums) {
                        *to = if self.add { *to + sum } else { sum };
                    }
                }
            }
        }
        pool::recycle(strip);
        pool::recycle(packed);
    }
}
