//! The reduction engine: one fold over some of the axes, in an order that the shape alone fixes.
//!
//! The elements that make one result are taken in row-major order and dealt to [`LANES`] partial
//! results in turn, afresh with each run of neighbouring reduced axes; the lanes of a block are
//! folded as a tree, and so are the blocks. Strides and threads decide only how the elements are
//! fetched and who does it. So the same elements give the same bits in any layout and on any
//! number of threads, the lanes are vectors of the machine, and the rounding error of a sum of
//! `n` numbers grows like `log n` beyond the 32 steps of a lane.

use super::lanes::{Columns, Deal, DealColumns};
use super::plan::{BLOCK, LANES, Piece, Plan};
use crate::create::buffer;
use crate::kernels::simd::Level;
use crate::layout::Layout;
use crate::{Axes, Element, Tensor, parallel};

/// Results made at the same time where they are neighbours in memory.
pub(super) const TILE: usize = 128;
/// Elements a task should have at least.
const TASK: usize = 1 << 16;

/// What a fold does with the elements of one result, given a parameter of that result.
pub(super) struct Fold<A, Term, Join> {
    /// The result of no elements; joined with anything, it changes nothing.
    pub identity: A,
    /// What one element contributes.
    pub term: Term,
    /// Two contributions as one.
    pub join: Join,
}

/// The row-major layout of a reduction's result.
#[track_caller]
pub(super) fn result_layout(op: &str, shape: &[usize], axes: &Axes) -> Layout {
    let reduced = axes.resolve(op, shape);
    let mut extents = [1; crate::MAX_RANK];
    let mut rank = 0;
    for (axis, &extent) in shape.iter().enumerate() {
        if !reduced.contains(axis) {
            extents[rank] = extent;
        }
        rank += usize::from(axes.is_kept() || !reduced.contains(axis));
    }
    Layout::row_major(op, &extents[..rank])
}

impl<A: Element, Term: Sync, Join: Fn(A, A) -> A + Sync> Fold<A, Term, Join> {
    /// Folds the axes of `x`; `params` has one element per result, in row-major order.
    #[track_caller]
    pub(super) fn run<T: Element, P: Copy + Sync>(
        &self,
        op: &str,
        x: &Tensor<T>,
        axes: &Axes,
        params: &[P],
    ) -> Tensor<A>
    where
        Term: Fn(T, P) -> A,
    {
        let result = result_layout(op, x.shape(), axes);
        assert_eq!(params.len(), result.len(), "fold: one parameter per result");
        if x.len() == 1 {
            let value = (self.join)(self.identity, (self.term)(x.first(), params[0]));
            return Tensor::from_one(value, result);
        }
        if x.is_empty() {
            return Tensor::full(result.shape(), self.identity);
        }
        let plan = Plan::new(op, x.layout(), axes);
        if plan.is_scattered() {
            return self.run(op, &x.contiguous(), axes, params);
        }
        let mut partial = buffer(op, &[plan.blocks(), result.len()]);
        let per_result = plan.count().min(2 * BLOCK);
        let chunk = TASK.div_ceil(per_result).next_multiple_of(TILE);
        parallel::for_chunks_mut(&mut partial, chunk, x.len(), |index, out| {
            self.partial(&plan, x.buffer(), params, index * chunk, out);
        });
        self.join_rows(&mut partial, result.len());
        Tensor::from_parts(partial, result)
    }

    /// The partial results from `place` on, counted block by block.
    fn partial<T: Element, P: Copy>(
        &self,
        plan: &Plan,
        buffer: &[T],
        params: &[P],
        mut place: usize,
        mut out: &mut [A],
    ) where
        Term: Fn(T, P) -> A,
    {
        let level = Level::best();
        let ([step], [stride]) = (plan.kept.inner(), plan.inner.inner());
        let neighbours = step == 1 && stride != 1;
        let (mut tile, mut packed) = (Vec::new(), Vec::new());
        while !out.is_empty() {
            let (block, first) = (place / params.len(), place % params.len());
            let count = out.len().min(params.len() - first);
            let (now, rest) = out.split_at_mut(count);
            let piece = plan.piece(block);
            plan.kept.for_runs(first, count, |done, [base], count| {
                let out = &mut now[done..done + count];
                let params = &params[first + done..first + done + count];
                if count >= 4 && (neighbours || plan.run < LANES) {
                    let tiles = out.chunks_mut(TILE).zip(params.chunks(TILE));
                    for (i, (out, params)) in tiles.enumerate() {
                        let base = base + (i * TILE) as isize * step;
                        let columns = Columns {
                            buffer,
                            base,
                            step,
                            params,
                        };
                        self.columns(level, plan, &piece, &columns, &mut tile);
                        out.copy_from_slice(&tile[0][..out.len()]);
                    }
                    return;
                }
                for (i, (out, &param)) in out.iter_mut().zip(params).enumerate() {
                    let base = base + i as isize * step;
                    *out = self.row(level, plan, &piece, (buffer, base), param, &mut packed);
                }
            });
            place += count;
            out = rest;
        }
    }

    /// One block of one result.
    #[inline]
    fn row<T: Element, P: Copy>(
        &self,
        level: Level,
        plan: &Plan,
        piece: &Piece,
        (buffer, base): (&[T], isize),
        param: P,
        packed: &mut Vec<T>,
    ) -> A
    where
        Term: Fn(T, P) -> A,
    {
        let mut lanes = [self.identity; LANES];
        plan.for_stretches(piece, base, |lane, position, stride, count| {
            let mut deal = |lane, values: &[T]| {
                level.run(Deal {
                    fold: self,
                    lanes: &mut lanes,
                    lane,
                    values,
                    param,
                });
            };
            if stride == 1 {
                deal(lane, &buffer[position as usize..position as usize + count]);
                return;
            }
            packed.clear();
            packed.extend((0..count as isize).map(|i| buffer[(position + i * stride) as usize]));
            deal(lane, packed);
        });
        let mut width = LANES;
        while width > 1 {
            width /= 2;
            for lane in 0..width {
                lanes[lane] = (self.join)(lanes[lane], lanes[lane + width]);
            }
        }
        lanes[0]
    }

    /// One block of up to [`TILE`] results at equal distances in memory; they are left in lane 0.
    fn columns<T: Element, P: Copy>(
        &self,
        level: Level,
        plan: &Plan,
        piece: &Piece,
        columns: &Columns<'_, T, P>,
        tile: &mut Vec<[A; TILE]>,
    ) where
        Term: Fn(T, P) -> A,
    {
        let mut width = plan.lanes();
        tile.clear();
        tile.resize(width, [self.identity; TILE]);
        plan.for_stretches(piece, columns.base, |lane, position, stride, count| {
            level.run(DealColumns {
                fold: self,
                columns,
                tile,
                lane,
                position,
                stride,
                count,
            });
        });
        while width > 1 {
            width /= 2;
            let (low, high) = tile.split_at_mut(width);
            for (low, high) in low.iter_mut().zip(high) {
                for (low, &high) in low.iter_mut().zip(&*high) {
                    *low = (self.join)(*low, high);
                }
            }
        }
    }

    /// Joins rows of partial results as a tree, neighbours first, until one is left.
    fn join_rows(&self, partial: &mut Vec<A>, length: usize) {
        let mut rows = partial.len() / length;
        while rows > 1 {
            for row in 0..rows / 2 {
                for i in 0..length {
                    let pair = (
                        partial[2 * row * length + i],
                        partial[(2 * row + 1) * length + i],
                    );
                    partial[row * length + i] = (self.join)(pair.0, pair.1);
                }
            }
            if rows % 2 == 1 {
                let last = (rows - 1) * length;
                partial.copy_within(last..last + length, rows / 2 * length);
            }
            rows = rows.div_ceil(2);
        }
        partial.truncate(length);
    }
}
