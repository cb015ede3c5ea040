//! The reduction engine: one fold over some of the axes, in an order that the shape alone fixes.
//!
//! The elements that make one result are taken in row-major order and dealt to [`LANES`] partial
//! results in turn, afresh with each run of neighbouring reduced axes; the lanes of a block are
//! folded as a tree, and so are the blocks. Strides and threads decide only how the elements are
//! fetched and who does it. So the same elements give the same bits in any layout and on any
//! number of threads, the lanes are vectors of the machine, and the rounding error of a sum of
//! `n` numbers grows like `log n` beyond the 32 steps of a lane.

use std::array::from_fn;

use crate::create::buffer;
use crate::layout::Layout;
use crate::nest::Nest;
use crate::{Axes, Element, Tensor, parallel};

/// Partial results side by side: 8 vectors of 4 `f32`, enough to hide the latency of an addition.
const LANES: usize = 32;
/// Elements folded into one partial result; a multiple of [`LANES`].
const BLOCK: usize = 1024;
/// Results made at the same time where they are neighbours in memory.
const TILE: usize = 128;
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

/// The result's layout, and one loop nest for each group of axes of the input.
struct Plan {
    result: Layout,
    /// Over the results.
    kept: Nest<1>,
    /// Over the runs that make one result: the reduced axes before a kept one.
    outer: Nest<1>,
    /// Over one run: the last neighbouring reduced axes.
    inner: Nest<1>,
    runs: usize,
    run: usize,
}

impl Plan {
    #[track_caller]
    fn new(op: &str, layout: &Layout, axes: &Axes) -> Self {
        let shape = layout.shape();
        let reduced = axes.resolve(op, shape);
        let mut plan = Self {
            result: result_layout(op, shape, axes),
            kept: Nest::starting_at([layout.offset() as isize]),
            outer: Nest::starting_at([0]),
            inner: Nest::starting_at([0]),
            runs: 1,
            run: 1,
        };
        let last = (0..shape.len())
            .rev()
            .find(|&axis| reduced.contains(axis) && shape[axis] > 1);
        // The first axis of the run: no kept axis lies between it and the last reduced one.
        let first = last.map_or(0, |last| {
            (0..=last)
                .rev()
                .find(|&axis| !reduced.contains(axis) && shape[axis] > 1)
                .map_or(0, |kept| kept + 1)
        });
        for (axis, (&extent, &stride)) in shape.iter().zip(layout.strides()).enumerate() {
            if !reduced.contains(axis) {
                if extent > 1 {
                    plan.kept.push(extent, [stride]);
                }
                continue;
            }
            let (nest, count) = if axis >= first {
                (&mut plan.inner, &mut plan.run)
            } else {
                (&mut plan.outer, &mut plan.runs)
            };
            *count *= extent;
            if extent > 1 {
                nest.push(extent, [stride]);
            }
        }
        plan
    }

    /// Blocks per run; or, if runs are short, a part of a block per run.
    fn blocks(&self) -> usize {
        if self.run >= BLOCK {
            self.runs * self.run.div_ceil(BLOCK)
        } else {
            self.runs.div_ceil(self.runs_per_block())
        }
    }

    fn runs_per_block(&self) -> usize {
        (BLOCK / self.run).max(1)
    }

    /// Calls `f(lane, position, stride, count)` for the stretches of memory that make one block of
    /// the result at `base`; the lane is that of the first element.
    fn for_stretches(
        &self,
        block: usize,
        base: isize,
        mut f: impl FnMut(usize, isize, isize, usize),
    ) {
        let [stride] = self.inner.inner();
        let (runs, first_run, first, count) = if self.run >= BLOCK {
            let per_run = self.run.div_ceil(BLOCK);
            let first = block % per_run * BLOCK;
            (1, block / per_run, first, BLOCK.min(self.run - first))
        } else {
            let first = block * self.runs_per_block();
            let runs = self.runs_per_block().min(self.runs - first);
            (runs, first, 0, self.run)
        };
        let [step] = self.outer.inner();
        self.outer.for_runs(first_run, runs, |_, [start], runs| {
            for run in 0..runs as isize {
                let start = base + start + run * step;
                self.inner.for_runs(first, count, |done, [at], count| {
                    f(done % LANES, start + at, stride, count);
                });
            }
        });
    }

    /// How many lanes ever hold more than the identity, rounded up so that they fold as a tree.
    fn lanes(&self) -> usize {
        self.run.min(LANES).next_power_of_two()
    }
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

impl<A: Element, Term, Join: Fn(A, A) -> A + Sync> Fold<A, Term, Join> {
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
        Term: Fn(T, P) -> A + Sync,
    {
        let plan = Plan::new(op, x.layout(), axes);
        let results = plan.result.len();
        assert_eq!(params.len(), results, "fold: one parameter per result");
        if x.is_empty() {
            return Tensor::full(plan.result.shape(), self.identity);
        }
        let blocks = plan.blocks();
        let mut partial = buffer(op, &[blocks, results]);
        let per_result = (plan.runs * plan.run).min(2 * BLOCK);
        let chunk = TASK.div_ceil(per_result).next_multiple_of(TILE);
        parallel::for_chunks_mut(&mut partial, chunk, x.len(), |index, mut out| {
            let mut place = index * chunk;
            while !out.is_empty() {
                let (block, first) = (place / results, place % results);
                let count = out.len().min(results - first);
                let (now, rest) = out.split_at_mut(count);
                self.block(
                    &plan,
                    x.buffer(),
                    block,
                    first,
                    &params[first..first + count],
                    now,
                );
                place += count;
                out = rest;
            }
        });
        self.join_rows(&mut partial, results);
        Tensor::from_parts(partial, plan.result)
    }

    /// One block of the results from `first` on.
    fn block<T: Element, P: Copy>(
        &self,
        plan: &Plan,
        buffer: &[T],
        block: usize,
        first: usize,
        params: &[P],
        out: &mut [A],
    ) where
        Term: Fn(T, P) -> A,
    {
        let ([step], [stride]) = (plan.kept.inner(), plan.inner.inner());
        plan.kept.for_runs(first, out.len(), |done, [base], count| {
            let (out, params) = (&mut out[done..done + count], &params[done..done + count]);
            let side_by_side = step == 1 && count >= 4 && (stride != 1 || plan.run == 1);
            if side_by_side {
                let tiles = out.chunks_mut(TILE).zip(params.chunks(TILE));
                for (tile, (out, params)) in tiles.enumerate() {
                    let base = base + (tile * TILE) as isize;
                    self.columns(plan, buffer, block, base, params, out);
                }
                return;
            }
            for (i, (out, &param)) in out.iter_mut().zip(params).enumerate() {
                *out = self.row(plan, buffer, block, base + i as isize * step, param);
            }
        });
    }

    /// One block of one result.
    fn row<T: Element, P: Copy>(
        &self,
        plan: &Plan,
        buffer: &[T],
        block: usize,
        base: isize,
        param: P,
    ) -> A
    where
        Term: Fn(T, P) -> A,
    {
        let mut lanes = [self.identity; LANES];
        plan.for_stretches(block, base, |lane, position, stride, count| {
            if stride == 1 {
                let values = &buffer[position as usize..position as usize + count];
                self.accumulate(&mut lanes, lane, values, param);
                return;
            }
            let mut done = 0;
            while done < count {
                let packed: [T; LANES] = from_fn(|i| {
                    let i = (done + i).min(count - 1);
                    buffer[(position + i as isize * stride) as usize]
                });
                let now = LANES.min(count - done);
                self.accumulate(&mut lanes, (lane + done) % LANES, &packed[..now], param);
                done += now;
            }
        });
        let mut width = plan.lanes();
        while width > 1 {
            width /= 2;
            for lane in 0..width {
                lanes[lane] = (self.join)(lanes[lane], lanes[lane + width]);
            }
        }
        lanes[0]
    }

    /// Deals `values` to the lanes, the first to `lane`.
    #[inline]
    fn accumulate<T: Element, P: Copy>(
        &self,
        lanes: &mut [A; LANES],
        lane: usize,
        values: &[T],
        param: P,
    ) where
        Term: Fn(T, P) -> A,
    {
        let add = |lane: &mut A, x: T| *lane = (self.join)(*lane, (self.term)(x, param));
        let head = if lane == 0 {
            0
        } else {
            values.len().min(LANES - lane)
        };
        let (head, body) = values.split_at(head);
        for (lane, &x) in lanes[lane..].iter_mut().zip(head) {
            add(lane, x);
        }
        let (chunks, tail) = body.as_chunks::<LANES>();
        // A copy, so that the lanes stay in registers.
        let mut local = *lanes;
        for chunk in chunks {
            for (lane, &x) in local.iter_mut().zip(chunk) {
                add(lane, x);
            }
        }
        for (lane, &x) in local.iter_mut().zip(tail) {
            add(lane, x);
        }
        *lanes = local;
    }

    /// One block of up to [`TILE`] results that are neighbours in memory.
    fn columns<T: Element, P: Copy>(
        &self,
        plan: &Plan,
        buffer: &[T],
        block: usize,
        base: isize,
        params: &[P],
        out: &mut [A],
    ) where
        Term: Fn(T, P) -> A,
    {
        let mut width = plan.lanes();
        let mut lanes = [[self.identity; TILE]; LANES];
        plan.for_stretches(block, base, |first, position, stride, count| {
            for i in 0..count {
                let start = (position + i as isize * stride) as usize;
                let values = &buffer[start..start + out.len()];
                let lane = &mut lanes[(first + i) % LANES];
                for ((lane, &x), &param) in lane.iter_mut().zip(values).zip(params) {
                    *lane = (self.join)(*lane, (self.term)(x, param));
                }
            }
        });
        while width > 1 {
            width /= 2;
            let (low, high) = lanes.split_at_mut(width);
            for (low, high) in low.iter_mut().zip(high) {
                for (low, &high) in low[..out.len()].iter_mut().zip(&*high) {
                    *low = (self.join)(*low, high);
                }
            }
        }
        out.copy_from_slice(&lanes[0][..out.len()]);
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
