//! The blocked product: the loops around the macrokernel. See the [module](super) for their order.

use super::depth;
use super::grid::Grid;
use super::macrokernel::{LeftOrder, Macrokernel, Target};
use super::microkernel::{MR, MR_512, row_tiles, row_tiles_512};
use super::pack;
use super::task::Gemm;
use crate::kernels::partition::balanced;
use crate::kernels::simd::transpose::transpose;
use crate::kernels::simd::{Float, Level, non_temporal};
use crate::memory::Scratch;
use crate::parallel;

/// Longest sum of one pass: a panel of B of `KC × NR` `f32` takes 18 KB of a first-level cache of 32 KB, and
/// leaves room for rows of A.
pub(super) const KC: usize = 288;

/// Most rows of A in a block: `MC × KC` `f32` take 135 KB, a quarter of a second-level cache of 512 KB.
const MC: usize = 120;

/// Most columns of B that are packed at once, for sums of `KC` steps. For shorter sums there are more columns,
/// at most `KC · NC` elements.
const NC: usize = 512;

/// Side of the blocks in which other results than those that the kernel for transposes takes are copied.
const TRANSPOSE_SIDE: usize = 16;

/// Bytes of one operand that stay in a second-level cache together with blocks of the others.
const L2_SHARE: usize = 1 << 18;

/// Neighbouring panels of B that one task packs.
const PANELS_PER_TASK: usize = 8;

/// Whether rows `stride` elements apart fall into the same few sets of the first-level cache, so that they evict
/// each other: the twelve rows of a tile, or all rows if they do not stay in the second-level cache.
fn is_aliased<T>(stride: usize, rows: usize) -> bool {
    let apart = stride * size_of::<T>();
    apart.is_multiple_of(2048) || apart.is_multiple_of(1024) && rows * apart > 4 * L2_SHARE
}

/// How tiles read A. Packing costs one pass over A; what it saves grows with the columns of B.
fn left_order<T>(task: &Gemm) -> LeftOrder {
    let aliased = is_aliased::<T>(task.a[0].max(task.a[1]), task.m);
    let in_place = task.n < 64 || !aliased && task.n < 512;
    match task.a {
        [_, 1] if in_place => LeftOrder::Rows,
        [1, _] if task.n < 64 => LeftOrder::Columns,
        _ => LeftOrder::Packed,
    }
}

/// Whether A is packed.
pub(super) fn packs_a<T>(task: &Gemm) -> bool {
    left_order::<T>(task) == LeftOrder::Packed
}

/// Whether tiles read B in place: its rows must be contiguous. In place, every step of a sum reads another cache
/// line and page. So B must be small, or each panel must be short or used few times. If the rows are
/// [aliased](is_aliased), B must be smaller still.
fn reads_b_in_place<T: Float>(task: &Gemm) -> bool {
    let aliased = is_aliased::<T>(task.b[0], task.k) && task.k > 8;
    let bytes = task.k * task.n * size_of::<T>();
    let few = task.m <= 4 * MR || task.m <= 96 && task.k <= 32;
    let is_small = if aliased {
        bytes <= L2_SHARE / 2
    } else {
        bytes <= L2_SHARE || few
    };
    task.b[1] == 1 && is_small
}

/// Rows of A in one task: from the shape alone, so that sums are the same for any number of threads.
fn block_rows(task: &Gemm) -> usize {
    let blocks = task.m.div_ceil(MC);
    let fewest = if task.m * task.n * task.k < 1 << 20 {
        1
    } else {
        (task.m / 24).clamp(1, 4)
    };
    // An even number of blocks divides evenly between two threads.
    let blocks = if blocks > 1 {
        blocks.next_multiple_of(2)
    } else {
        blocks
    }
    .max(fewest);
    // Both heights of packed panels divide it.
    task.m.div_ceil(blocks).next_multiple_of(MR_512)
}

/// The product.
pub(crate) fn multiply<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    if task.c[1] == 1 && task.c[0] >= task.n {
        return rows_contiguous(level, task, a, b, c);
    }
    let mut rows = Scratch::<T>::new(task.m * task.n);
    let contiguous = Gemm {
        c: [task.n, 1],
        accumulate: false,
        ..*task
    };
    rows_contiguous(level, &contiguous, a, b, &mut rows);
    if task.c[0] == 1 && task.m.min(task.n) >= T::LANES {
        if !task.accumulate {
            return transpose(level, [task.m, task.n], &rows, task.n, c, task.c[1]);
        }
        let mut columns = Scratch::<T>::new(task.m * task.n);
        transpose(level, [task.m, task.n], &rows, task.n, &mut columns, task.m);
        for (to, sums) in c.chunks_mut(task.c[1]).zip(columns.chunks(task.m)) {
            for (to, &sum) in to.iter_mut().zip(sums) {
                *to += sum;
            }
        }
        return;
    }
    for (j0, columns) in balanced(task.n, TRANSPOSE_SIDE) {
        for (i0, block) in balanced(task.m, TRANSPOSE_SIDE) {
            for j in j0..j0 + columns {
                for i in i0..i0 + block {
                    let sum = rows[i * task.n + j];
                    let to = &mut c[i * task.c[0] + j * task.c[1]];
                    *to = if task.accumulate { *to + sum } else { sum };
                }
            }
        }
    }
}

fn rows_contiguous<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    let order = left_order::<T>(task);
    // Twelve rows that are aliased evict each other.
    let is_aliased = is_aliased::<T>(task.a[0], task.m);
    let product = Product {
        level,
        task,
        order,
        rows_in_place: if is_aliased { MR } else { MR_512 },
        b_in_place: reads_b_in_place::<T>(task),
        a,
        b,
    };
    // All partitions compute the same sums in the same order.
    let is_wide = task.n >= 16 * task.m && task.m * task.n * task.k >= 1 << 20;
    if depth::is_profitable(task) {
        product.by_depth(c);
    } else if let Some(grid) = Grid::of::<T>(task, block_rows(task)) {
        product.by_grid(&grid, c);
    } else if is_wide && !product.b_in_place && parallel::threads() > 1 {
        product.by_columns(c);
    } else {
        product.by_rows(c);
    }
}

/// Most panels of B that are packed at once.
pub(super) fn panels_at_once<T: Float>(task: &Gemm) -> usize {
    KC * NC / (task.k.min(KC) * T::NR)
}

/// A product and the way it is computed.
pub(super) struct Product<'a, T> {
    level: Level,
    pub task: &'a Gemm,
    order: LeftOrder,
    rows_in_place: usize,
    pub b_in_place: bool,
    a: &'a [T],
    b: &'a [T],
}

impl<T: Float> Product<'_, T> {
    /// Tasks are blocks of `MC` rows; they share panels of B.
    fn by_rows(&self, c: &mut [T]) {
        let (task, width) = (self.task, T::NR);
        let rows = block_rows(task);
        let panels = task.n.div_ceil(width);
        let most = if self.b_in_place {
            panels
        } else {
            panels_at_once::<T>(task)
        };
        let length = self.right_length(most);
        let mut buffer = Scratch::<T>::new(non_temporal::with_line::<T>(length));
        let right = &mut non_temporal::from_line(&mut buffer)[..length];
        // If all panels of B are packed at once, each block of rows of A is used by one task, which packs it.
        let packs_own_rows = panels <= most;
        let length = self.left_length(task.k.min(KC));
        let mut left = Scratch::<T>::new(if packs_own_rows { 0 } else { length });
        for (k0, depth) in balanced(task.k, KC) {
            if !packs_own_rows {
                self.pack_left(rows, k0, depth, &mut left);
            }
            for (panel0, panels) in balanced(panels, most) {
                let j0 = panel0 * width;
                let across = (panels * width).min(task.n - j0);
                self.pack_for_all([k0, depth], [j0, across], right);
                let kernel = self.macrokernel([k0, depth], [j0, across], right);
                let work = task.m * across * depth / width;
                let head = &mut c[j0..(task.m - 1) * task.c[0] + j0 + across];
                parallel::for_chunks_mut(head, rows * task.c[0], work, |block, c| {
                    let i0 = block * rows;
                    let block = rows.min(task.m - i0);
                    let target = Target::Matrix(c, task.c[0]);
                    if packs_own_rows {
                        let mut left = Scratch::<T>::new(self.block_length(block, depth));
                        self.pack_block(i0, block, k0, depth, &mut left);
                        kernel.run(i0, block, &left, target);
                    } else {
                        let left = &left[(i0 * depth).min(left.len())..];
                        kernel.run(i0, block, left, target);
                    }
                });
            }
        }
    }

    /// Tasks are blocks of columns. They share the packed A, and each packs its own part of B, so that no
    /// processor reads panels of B that another has packed. Rows of C are computed in a buffer and copied, which
    /// takes 10 % of the time if sums are short.
    fn by_columns(&self, c: &mut [T]) {
        let (task, width) = (self.task, T::NR);
        let panels = task.n.div_ceil(width);
        let parts = panels.div_ceil(panels_at_once::<T>(task)).max(4);
        let share = panels.div_ceil(parts.next_multiple_of(2));
        let mut left = Scratch::<T>::new(self.left_length(task.k));
        for (k0, depth) in balanced(task.k, KC) {
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
            let mut right = Scratch::<T>::new(task.k.min(KC) * share * width);
            for (k0, depth) in balanced(task.k, KC) {
                let b = &self.b[k0 * task.b[0] + j0 * task.b[1]..];
                let to = &mut right[..across.div_ceil(width) * depth * width];
                for (group, to) in to.chunks_mut(PANELS_PER_TASK * depth * width).enumerate() {
                    self.pack_right(b, group * PANELS_PER_TASK, depth, across, to);
                }
                let kernel = self.macrokernel([k0, depth], [j0, across], &right);
                let left = &left[self.left_length(k0)..];
                kernel.run(0, task.m, left, Target::Rows(rows));
            }
        });
    }

    /// The kernel for `depth` steps of the sum from `k0` on and `across` columns of B from `j0` on, whose packed
    /// panels are `right`.
    pub fn macrokernel<'s>(
        &'s self,
        [k0, depth]: [usize; 2],
        [j0, across]: [usize; 2],
        right: &'s [T],
    ) -> Macrokernel<'s, T> {
        let task = self.task;
        Macrokernel {
            level: self.level,
            task,
            order: self.order,
            rows_in_place: self.rows_in_place,
            b_in_place: self.b_in_place,
            a: &self.a[k0 * task.a[1]..],
            b: &self.b[k0 * task.b[0] + j0 * task.b[1]..],
            right,
            depth,
            across,
            add: task.accumulate || k0 > 0,
        }
    }

    /// Elements of the packed panels of B, of which at most `most` are packed at once.
    pub fn right_length(&self, most: usize) -> usize {
        let (task, width) = (self.task, T::NR);
        let packed = if self.b_in_place {
            usize::from(!task.n.is_multiple_of(width))
        } else {
            task.n.div_ceil(width).min(most)
        };
        task.k.min(KC) * width * packed
    }

    /// Packs the panels of a block of B that tiles do not read in place, for all threads to read.
    pub fn pack_for_all(&self, [k0, depth]: [usize; 2], [j0, across]: [usize; 2], to: &mut [T]) {
        let (task, width) = (self.task, T::NR);
        let b = &self.b[k0 * task.b[0] + j0 * task.b[1]..];
        let panels = across.div_ceil(width);
        if !self.b_in_place {
            self.pack_shared(b, depth, across, &mut to[..panels * depth * width]);
        } else if !across.is_multiple_of(width) {
            self.pack_right(b, panels - 1, depth, across, to);
        }
    }

    /// The same for one thread.
    pub fn pack_for_one(&self, [k0, depth]: [usize; 2], [j0, across]: [usize; 2], to: &mut [T]) {
        let (task, width) = (self.task, T::NR);
        let b = &self.b[k0 * task.b[0] + j0 * task.b[1]..];
        let panels = across.div_ceil(width);
        if !self.b_in_place {
            self.pack_right(b, 0, depth, across, &mut to[..panels * depth * width]);
        } else if !across.is_multiple_of(width) {
            self.pack_right(b, panels - 1, depth, across, to);
        }
    }

    /// Elements of A's packed panels for sums of `depth` steps.
    pub fn left_length(&self, depth: usize) -> usize {
        self.block_length(self.task.m, depth)
    }

    /// Elements of the packed panels of `rows` rows.
    fn block_length(&self, rows: usize, depth: usize) -> usize {
        match self.order {
            LeftOrder::Packed => rows.next_multiple_of(self.height()) * depth,
            LeftOrder::Rows | LeftOrder::Columns => 0,
        }
    }

    /// Packs A, if its order is [`LeftOrder::Packed`], in blocks of `rows` rows: a multiple of [`MR_512`], or all
    /// rows.
    pub fn pack_left(&self, rows: usize, k0: usize, depth: usize, to: &mut [T]) {
        if self.order != LeftOrder::Packed {
            return;
        }
        let task = self.task;
        let to = &mut to[..self.left_length(depth)];
        let chunk = rows.next_multiple_of(self.height()) * depth;
        parallel::for_chunks_mut(to, chunk, task.m * depth, |block, to| {
            let i0 = block * rows;
            self.pack_block(i0, rows.min(task.m - i0), k0, depth, to);
        });
    }

    /// Packs `rows` rows of A from `i0` on, if its order is [`LeftOrder::Packed`].
    pub fn pack_block(&self, i0: usize, rows: usize, k0: usize, depth: usize, to: &mut [T]) {
        if self.order != LeftOrder::Packed {
            return;
        }
        let strides = self.task.a;
        let a = &self.a[i0 * strides[0] + k0 * strides[1]..];
        let height = self.height();
        let mut pack = |panel: usize, (r, count): (usize, usize)| {
            let to = &mut to[panel * depth * height..];
            let from = &a[r * strides[0]..];
            pack::left_panel(self.level, from, strides, [count, height], depth, to);
        };
        if height == MR_512 {
            (0..)
                .zip(row_tiles_512(rows))
                .for_each(|(i, tile)| pack(i, tile));
        } else {
            (0..)
                .zip(row_tiles(rows))
                .for_each(|(i, tile)| pack(i, tile));
        }
    }

    /// Rows of a packed panel of A.
    fn height(&self) -> usize {
        if self.level.has_512_bits() {
            MR_512
        } else {
            MR
        }
    }

    /// Packs all panels of a block of B of `across` columns, for all threads to read.
    fn pack_shared(&self, b: &[T], depth: usize, across: usize, to: &mut [T]) {
        let width = T::NR;
        let work = depth * across;
        let is_shared = work >= parallel::GRAIN && parallel::prefers_non_temporal_stores();
        let chunk = PANELS_PER_TASK * depth * width;
        parallel::for_chunks_mut(to, chunk, work, |group, to| {
            let first = group * PANELS_PER_TASK;
            if !is_shared {
                return self.pack_right(b, first, depth, across, to);
            }
            let mut panels = Scratch::<T>::new(to.len());
            self.pack_right(b, first, depth, across, &mut panels);
            non_temporal::write(to, |writer| writer.copy(0, &panels));
        });
    }

    /// Packs panels of a block of B of `across` columns, from `panel` on, as many as `to` has room for.
    fn pack_right(&self, b: &[T], panel: usize, depth: usize, across: usize, to: &mut [T]) {
        let width = T::NR;
        let first = panel * width;
        let columns = (to.len() / depth).min(across - first);
        let from = &b[first * self.task.b[1]..];
        pack::right_panels(self.level, from, self.task.b, depth, columns, width, to);
    }
}
