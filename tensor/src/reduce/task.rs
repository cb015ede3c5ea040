//! The part of a reduction that one task computes.

use super::accumulate::{Accumulate, join_rows};
use super::lanes::{AccumulateColumns, AccumulateValues, Blocks, Results, Rows};
use super::plan::{BLOCK, BlockRange, LANES, Plan};
use crate::Element;
use crate::kernels::simd::Level;

/// The number of results computed together if neighbouring results read neighbouring elements.
pub(super) const COLUMN_TILE: usize = 512;

/// A reduction: the fold, the order of its elements, and its operands.
pub(super) struct Task<'a, T, P, F> {
    pub(super) function: &'a F,
    pub(super) plan: &'a Plan,
    pub(super) level: Level,
    pub(super) buffer: &'a [T],
    pub(super) params: &'a [P],
}

impl<T, P, F> Task<'_, T, P, F>
where
    T: Element,
    P: Copy,
    F: Accumulate<T, P>,
{
    /// Computes partial results `index..` in the order block by block, within a block result by result.
    pub(super) fn run(&self, mut index: usize, mut out: &mut [F::Output]) {
        let [step] = self.plan.kept.inner();
        let results = self.params.len();
        // Scratch vectors, reused for all results.
        let (mut tile, mut packed) = (Vec::new(), Vec::new());
        while !out.is_empty() {
            let (block, first) = (index / results, index % results);
            let count = out.len().min(results - first);
            let (now, rest) = out.split_at_mut(count);
            let range = self.plan.range(block);
            self.plan
                .kept
                .for_inner_loops(first, count, |done, [base], count| {
                    let out = &mut now[done..done + count];
                    let params = &self.params[first + done..first + done + count];
                    let results = Results { base, step, params };
                    if count >= 4 && (self.plan.has_columns() || self.plan.has_short_segments()) {
                        self.columns(&range, &results, out, &mut tile);
                    } else if self.plan.has_contiguous_rows() {
                        self.contiguous_rows(&range, results, out);
                    } else {
                        self.rows(&range, &results, out, &mut packed);
                    }
                });
            index += count;
            out = rest;
        }
    }

    /// One block of results that read neighbouring elements, `COLUMN_TILE` results at a time.
    fn columns(
        &self,
        range: &BlockRange,
        results: &Results<'_, P>,
        out: &mut [F::Output],
        tile: &mut Vec<F::Output>,
    ) {
        let chunks = out
            .chunks_mut(COLUMN_TILE)
            .zip(results.params.chunks(COLUMN_TILE));
        for (number, (out, params)) in chunks.enumerate() {
            let width = out.len();
            let mut lanes = self.plan.lanes();
            tile.clear();
            tile.resize(lanes * width, self.function.identity());
            let base = results.base + (number * COLUMN_TILE) as isize * results.step;
            self.plan
                .for_ranges(range, base, |lane, position, stride, count| {
                    self.level.run(AccumulateColumns {
                        function: self.function,
                        buffer: self.buffer,
                        start: Results {
                            base: position,
                            step: results.step,
                            params,
                        },
                        tile,
                        lane,
                        stride,
                        count,
                    });
                });
            while lanes > 1 {
                lanes /= 2;
                let (low, high) = tile.split_at_mut(lanes * width);
                for (low, &high) in low.iter_mut().zip(&*high) {
                    *low = self.function.join(*low, high);
                }
            }
            out.copy_from_slice(&tile[..width]);
        }
    }

    /// One block of results, each of which reads one contiguous range.
    fn contiguous_rows(
        &self,
        range: &BlockRange,
        mut results: Results<'_, P>,
        out: &mut [F::Output],
    ) {
        results.base += range.first as isize;
        self.level.run(Rows {
            function: self.function,
            buffer: self.buffer,
            start: results,
            count: range.count,
            out,
        });
    }

    /// Blocks `first..` of the only result, which reads one contiguous range.
    pub(super) fn long_row(&self, first: usize, out: &mut [F::Output]) {
        let ([base], count) = (self.plan.kept.start, self.plan.count());
        let (from, to) = (first * BLOCK, count.min((first + out.len()) * BLOCK));
        self.level.run(Blocks {
            function: self.function,
            values: &self.buffer[base as usize + from..base as usize + to],
            param: self.params[0],
            out,
        });
    }

    /// Results `first..`, each of which reads one contiguous range of several blocks.
    pub(super) fn long_rows(&self, first: usize, out: &mut [F::Output]) {
        let [step] = self.plan.kept.inner();
        let count = self.plan.count();
        let blocks = count.div_ceil(BLOCK);
        let mut partial = Vec::with_capacity(blocks);
        self.plan
            .kept
            .for_inner_loops(first, out.len(), |done, [base], results| {
                for i in 0..results {
                    let start = (base + i as isize * step) as usize;
                    partial.clear();
                    partial.resize(blocks, self.function.identity());
                    self.level.run(Blocks {
                        function: self.function,
                        values: &self.buffer[start..start + count],
                        param: self.params[first + done + i],
                        out: &mut partial,
                    });
                    join_rows(&mut partial, 1, |a, b| self.function.join(a, b));
                    out[done + i] = partial[0];
                }
            });
    }

    /// One block of results in the general case.
    fn rows(
        &self,
        range: &BlockRange,
        results: &Results<'_, P>,
        out: &mut [F::Output],
        packed: &mut Vec<T>,
    ) {
        let (function, buffer) = (self.function, self.buffer);
        let mut base = results.base;
        for (out, &param) in out.iter_mut().zip(results.params) {
            let mut lanes = [function.identity(); LANES];
            self.plan
                .for_ranges(range, base, |lane, position, stride, count| {
                    let values = if stride == 1 {
                        &buffer[position as usize..position as usize + count]
                    } else {
                        let positions =
                            (0..count as isize).map(|i| (position + i * stride) as usize);
                        packed.clear();
                        packed.extend(positions.map(|position| buffer[position]));
                        &packed[..]
                    };
                    let lanes = &mut lanes;
                    self.level.run(AccumulateValues {
                        function,
                        lanes,
                        lane,
                        values,
                        param,
                    });
                });
            *out = function.join_lanes(lanes);
            base += results.step;
        }
    }
}
