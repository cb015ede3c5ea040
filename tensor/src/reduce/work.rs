//! What one task of a reduction does.

use super::accumulate::{Accumulate, join_rows};
use super::lanes::{Blocks, Deal, DealColumns, Results, Rows};
use super::plan::{BLOCK, LANES, Piece, Plan};
use crate::Element;
use crate::kernels::simd::Level;

/// Results made at the same time where they lie side by side.
pub(super) const TILE: usize = 512;

/// A reduction under way.
pub(super) struct Work<'a, T, P, F> {
    pub(super) function: &'a F,
    pub(super) plan: &'a Plan,
    pub(super) level: Level,
    pub(super) buffer: &'a [T],
    pub(super) params: &'a [P],
}

impl<T, P, F> Work<'_, T, P, F>
where
    T: Element,
    P: Copy,
    F: Accumulate<T, P>,
{
    /// The partial results from `place` on, counted block by block.
    pub(super) fn run(&self, mut place: usize, mut out: &mut [F::Output]) {
        let [step] = self.plan.kept.inner();
        let results = self.params.len();
        // Reused from one result to the next.
        let (mut tile, mut packed) = (Vec::new(), Vec::new());
        while !out.is_empty() {
            let (block, first) = (place / results, place % results);
            let count = out.len().min(results - first);
            let (now, rest) = out.split_at_mut(count);
            let piece = self.plan.piece(block);
            self.plan
                .kept
                .for_inner_loops(first, count, |done, [base], count| {
                    let out = &mut now[done..done + count];
                    let params = &self.params[first + done..first + done + count];
                    let results = Results { base, step, params };
                    if count >= 4 && (self.plan.has_columns() || self.plan.has_short_runs()) {
                        self.columns(&piece, &results, out, &mut tile);
                    } else if self.plan.has_plain_rows() {
                        self.plain_rows(&piece, results, out);
                    } else {
                        self.rows(&piece, &results, out, &mut packed);
                    }
                });
            place += count;
            out = rest;
        }
    }

    /// One block of results side by side, a tile at a time.
    fn columns(
        &self,
        piece: &Piece,
        results: &Results<'_, P>,
        out: &mut [F::Output],
        tile: &mut Vec<F::Output>,
    ) {
        let chunks = out.chunks_mut(TILE).zip(results.params.chunks(TILE));
        for (number, (out, params)) in chunks.enumerate() {
            let width = out.len();
            let mut lanes = self.plan.lanes();
            tile.clear();
            tile.resize(lanes * width, self.function.identity());
            let base = results.base + (number * TILE) as isize * results.step;
            self.plan
                .for_stretches(piece, base, |lane, position, stride, count| {
                    self.level.run(DealColumns {
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

    /// One block of results of which each is one stretch of memory.
    fn plain_rows(&self, piece: &Piece, mut results: Results<'_, P>, out: &mut [F::Output]) {
        results.base += piece.first as isize;
        self.level.run(Rows {
            function: self.function,
            buffer: self.buffer,
            start: results,
            count: piece.count,
            out,
        });
    }

    /// The whole results from `first` on, each one stretch of memory of several blocks.
    pub(super) fn long_rows(&self, first: usize, out: &mut [F::Output]) {
        let [step] = self.plan.kept.inner();
        let count = self.plan.count();
        let mut partial = Vec::with_capacity(count.div_ceil(BLOCK));
        self.plan
            .kept
            .for_inner_loops(first, out.len(), |done, [base], results| {
                for i in 0..results {
                    let start = (base + i as isize * step) as usize;
                    partial.clear();
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

    /// One block of results, whatever they are made of.
    fn rows(
        &self,
        piece: &Piece,
        results: &Results<'_, P>,
        out: &mut [F::Output],
        packed: &mut Vec<T>,
    ) {
        let (function, buffer) = (self.function, self.buffer);
        let mut base = results.base;
        for (out, &param) in out.iter_mut().zip(results.params) {
            let mut lanes = [function.identity(); LANES];
            self.plan
                .for_stretches(piece, base, |lane, position, stride, count| {
                    let values = if stride == 1 {
                        &buffer[position as usize..position as usize + count]
                    } else {
                        let places = (0..count as isize).map(|i| (position + i * stride) as usize);
                        packed.clear();
                        packed.extend(places.map(|place| buffer[place]));
                        &packed[..]
                    };
                    let lanes = &mut lanes;
                    self.level.run(Deal {
                        function,
                        lanes,
                        lane,
                        values,
                        param,
                    });
                });
            *out = super::lanes::join(function, lanes);
            base += results.step;
        }
    }
}
