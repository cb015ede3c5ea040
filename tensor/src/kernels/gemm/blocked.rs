//! The blocked product: panels of B stay in the first cache while rows of A stream past.

use super::macrokernel::{Pass, Target};
use super::{Gemm, pack};
use crate::kernels::gemm::microkernel::{ROWS, columns, groups};
use crate::kernels::simd::non_temporal;
use crate::kernels::simd::{Float, Level};
use crate::memory::scratch;
use crate::parallel;

/// Longest sum within one pass: a panel of B of this depth takes 18 KB, and leaves room for A's.
const DEPTH: usize = 288;

/// Most rows of A in one block; at full depth they take a quarter of a 512 KB second cache.
const BLOCK_ROWS: usize = 120;

/// Side of the squares in which a result is turned.
const SIDE: usize = 16;

/// Bytes of an operand that stays in the second cache beside the others.
const NEAR: usize = 1 << 18;

/// Elements of B that are packed at once: columns of full depth, more columns where sums are short.
const BLOCK: usize = DEPTH * 512;

/// Panels of B that are packed side by side.
const SIDE_BY_SIDE: usize = 8;

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
pub(super) enum Order {
    /// Row by row, where they are.
    Rows,
    /// Column by column, where they are.
    Columns,
    /// From a packed copy.
    Packed,
}

/// Whether rows so many elements apart compete for the same few lines of the first cache: twelve of them, or
/// more if they are many and come from farther.
fn is_aliased<T>(stride: usize, rows: usize) -> bool {
    let apart = stride * size_of::<T>();
    apart.is_multiple_of(2048) || apart.is_multiple_of(1024) && rows * apart > 4 * NEAR
}

/// The order for A: a copy costs one pass over A, the gain grows with the columns of B.
fn order<T>(task: &Gemm) -> Order {
    let aliased = is_aliased::<T>(task.a[0].max(task.a[1]), task.m);
    let in_place = task.n < 64 || !aliased && task.n < 512;
    match task.a {
        [_, 1] if in_place => Order::Rows,
        [1, _] if task.n < 64 => Order::Columns,
        _ => Order::Packed,
    }
}

/// Whether A is copied.
pub(super) fn packs_left<T>(task: &Gemm) -> bool {
    order::<T>(task) == Order::Packed
}

/// Whether tiles read B where it is: its rows must be contiguous, and since every step of the sum
/// then lies in another line and page, B must be small, or its panels be used few times or be short. Rows a multiple
/// of 1 KB apart all compete for the same lines of the first cache: B must be smaller still.
fn reads_in_place<T: Float>(task: &Gemm) -> bool {
    let aliased = is_aliased::<T>(task.b[0], task.k) && task.k > 8;
    let bytes = task.k * task.n * size_of::<T>();
    let few = task.m <= 4 * ROWS || task.m <= 96 && task.k <= 32;
    let suits = if aliased {
        bytes <= NEAR / 2
    } else {
        bytes <= NEAR || few
    };
    task.b[1] == 1 && suits
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
    let mut rows = scratch::stale::<T>(task.m * task.n);
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
    scratch::recycle(rows);
}

fn rows_contiguous<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    let order = order::<T>(task);
    // Twelve rows that compete for the same lines of the first cache would drive each other out.
    let level = if order == Order::Rows && is_aliased::<T>(task.a[0], task.m) {
        level.narrow()
    } else {
        level
    };
    let product = Product {
        level,
        task,
        order,
        in_place: reads_in_place::<T>(task),
        a,
        b,
    };
    // Both cuts make the same sums in the same order.
    let wide = task.n >= 16 * task.m && task.m * task.n * task.k >= 1 << 20;
    if wide && !product.in_place && parallel::threads() > 1 {
        product.by_columns(c);
    } else {
        product.by_rows(c);
    }
}

/// Most panels of B that are packed at once.
fn panels_together<T: Float>(task: &Gemm) -> usize {
    BLOCK / (task.k.min(DEPTH) * columns::<T>())
}

/// A product and how it is made.
pub(super) struct Product<'a, T> {
    pub level: Level,
    pub task: &'a Gemm,
    pub order: Order,
    pub in_place: bool,
    a: &'a [T],
    b: &'a [T],
}

impl<T: Float> Product<'_, T> {
    /// Tasks are blocks of rows; they share panels of B.
    fn by_rows(&self, c: &mut [T]) {
        let (task, width) = (self.task, columns::<T>());
        let rows = block_rows(task);
        let panels = task.n.div_ceil(width);
        let most = if self.in_place {
            panels
        } else {
            panels_together::<T>(task)
        };
        let packed = if self.in_place {
            usize::from(!task.n.is_multiple_of(width))
        } else {
            panels.min(most)
        };
        let length = task.k.min(DEPTH) * width * packed;
        let mut buffer = scratch::stale::<T>(non_temporal::with_line::<T>(length));
        let right = &mut non_temporal::from_line(&mut buffer)[..length];
        // What a block of rows is packed for once, its own task packs.
        let own = panels <= most;
        let length = self.left_length(task.k.min(DEPTH));
        let mut left = scratch::stale::<T>(if own { 0 } else { length });
        for (k0, depth) in balanced(task.k, DEPTH) {
            if !own {
                self.pack_left(rows, k0, depth, &mut left);
            }
            for (panel0, panels) in balanced(panels, most) {
                let j0 = panel0 * width;
                let across = (panels * width).min(task.n - j0);
                let b = &self.b[k0 * task.b[0] + j0 * task.b[1]..];
                if !self.in_place {
                    let to = &mut right[..panels * depth * width];
                    self.pack_shared(b, depth, across, to);
                } else if !across.is_multiple_of(width) {
                    self.pack_right(b, panels - 1, depth, across, right);
                }
                let pass = Pass {
                    product: self,
                    a: &self.a[k0 * task.a[1]..],
                    b,
                    right,
                    depth,
                    across,
                    add: task.accumulate || k0 > 0,
                };
                let work = task.m * across * depth / width;
                let head = &mut c[j0..(task.m - 1) * task.c[0] + j0 + across];
                parallel::for_chunks_mut(head, rows * task.c[0], work, |block, c| {
                    let i0 = block * rows;
                    let block = rows.min(task.m - i0);
                    let target = Target::Matrix(c, task.c[0]);
                    if own {
                        let mut left = scratch::stale::<T>(self.block_length(block, depth));
                        self.pack_block(i0, block, k0, depth, &mut left);
                        pass.rows(i0, block, &left, target);
                        scratch::recycle(left);
                    } else {
                        let left = &left[(i0 * depth).min(left.len())..];
                        pass.rows(i0, block, left, target);
                    }
                });
            }
        }
        scratch::recycle(left);
        scratch::recycle(buffer);
    }

    /// Tasks are blocks of columns; they share A, and each packs its own part of B, which another
    /// processor would have to fetch from the one that has packed it. Their rows of C go through a
    /// strip, which costs a tenth where sums are short.
    fn by_columns(&self, c: &mut [T]) {
        let (task, width) = (self.task, columns::<T>());
        let panels = task.n.div_ceil(width);
        let parts = panels.div_ceil(panels_together::<T>(task)).max(4);
        let share = panels.div_ceil(parts.next_multiple_of(2));
        let mut left = scratch::stale::<T>(self.left_length(task.k));
        for (k0, depth) in balanced(task.k, DEPTH) {
            let from = self.left_length(k0);
            self.pack_left(task.m, k0, depth, &mut left[from..]);
        }
        let parts = task.n.div_ceil(share * width);
        let mut tasks: Vec<_> = (0..parts).map(|_| Vec::with_capacity(task.m)).collect();
        for row in c.chunks_mut(task.c[0]).take(task.m) {
            let pieces = row[..task.n].chunks_mut(share * width);
            for (task, piece) in tasks.iter_mut().zip(pieces) {
                task.push(piece);
            }
        }
        let work = task.m * task.n * task.k / width;
        parallel::for_chunks_mut(&mut tasks, 1, work, |part, rows| {
            let rows = &mut rows[0];
            let j0 = part * share * width;
            let across = (share * width).min(task.n - j0);
            let mut right = scratch::stale::<T>(task.k.min(DEPTH) * share * width);
            for (k0, depth) in balanced(task.k, DEPTH) {
                let b = &self.b[k0 * task.b[0] + j0 * task.b[1]..];
                let to = &mut right[..across.div_ceil(width) * depth * width];
                for (group, to) in to.chunks_mut(SIDE_BY_SIDE * depth * width).enumerate() {
                    self.pack_right(b, group * SIDE_BY_SIDE, depth, across, to);
                }
                let pass = Pass {
                    product: self,
                    a: &self.a[k0 * task.a[1]..],
                    b,
                    right: &right,
                    depth,
                    across,
                    add: task.accumulate || k0 > 0,
                };
                let left = &left[self.left_length(k0)..];
                pass.rows(0, task.m, left, Target::Rows(rows));
            }
            scratch::recycle(right);
        });
        scratch::recycle(left);
    }

    /// Elements of A's packed panels for so many steps.
    fn left_length(&self, depth: usize) -> usize {
        self.block_length(self.task.m, depth)
    }

    /// Those of so many rows.
    fn block_length(&self, rows: usize, depth: usize) -> usize {
        match self.order {
            Order::Packed => rows.next_multiple_of(ROWS) * depth,
            Order::Rows | Order::Columns => 0,
        }
    }

    /// Packs A, if that is its order, in blocks of so many rows, a multiple of a tile's or all.
    fn pack_left(&self, rows: usize, k0: usize, depth: usize, to: &mut [T]) {
        if self.order != Order::Packed {
            return;
        }
        let task = self.task;
        let to = &mut to[..self.left_length(depth)];
        let chunk = rows.next_multiple_of(ROWS) * depth;
        parallel::for_chunks_mut(to, chunk, task.m * depth, |block, to| {
            let i0 = block * rows;
            self.pack_block(i0, rows.min(task.m - i0), k0, depth, to);
        });
    }

    /// Packs so many rows of A from one on, if that is its order.
    fn pack_block(&self, i0: usize, rows: usize, k0: usize, depth: usize, to: &mut [T]) {
        if self.order != Order::Packed {
            return;
        }
        let strides = self.task.a;
        let a = &self.a[i0 * strides[0] + k0 * strides[1]..];
        for (panel, (r, count)) in groups(rows).enumerate() {
            let to = &mut to[panel * depth * ROWS..];
            pack::scalars(&a[r * strides[0]..], strides, count, depth, to);
        }
    }

    /// Packs all panels of a block of B with so many columns, for all threads to read.
    fn pack_shared(&self, b: &[T], depth: usize, across: usize, to: &mut [T]) {
        let width = columns::<T>();
        let work = depth * across;
        // Past the caches, or filling them would wait for the other threads to give up what they have
        // read in the product before.
        let past = parallel::threads() > 1 && work >= parallel::GRAIN;
        let together = SIDE_BY_SIDE * depth * width;
        parallel::for_chunks_mut(to, together, work, |group, to| {
            let first = group * SIDE_BY_SIDE;
            if !past {
                return self.pack_right(b, first, depth, across, to);
            }
            let mut panels = scratch::stale::<T>(to.len());
            self.pack_right(b, first, depth, across, &mut panels);
            non_temporal::past_caches(|past| past.copy(&panels, to));
            scratch::recycle(panels);
        });
    }

    /// Packs panels of a block of B with so many columns, from one on, as many as there is room for.
    fn pack_right(&self, b: &[T], panel: usize, depth: usize, across: usize, to: &mut [T]) {
        let width = columns::<T>();
        let first = panel * width;
        let columns = (to.len() / depth).min(across - first);
        let from = &b[first * self.task.b[1]..];
        pack::panels(self.level, from, self.task.b, depth, columns, width, to);
    }
}
