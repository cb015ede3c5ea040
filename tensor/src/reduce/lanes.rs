//! The inner loops of the reduction engine: elements are accumulated into lanes.

use super::accumulate::Accumulate;
use super::plan::{BLOCK, LANES};
use crate::kernels::simd::Body;

/// Some neighbouring results: `step` apart in memory, with their parameters.
pub(super) struct Results<'a, P> {
    pub(super) base: isize,
    pub(super) step: isize,
    pub(super) params: &'a [P],
}

/// Accumulates one value into each lane, as far as there are values.
#[inline(always)]
fn accumulate<T, P, F>(function: &F, lanes: &mut [F::Output], values: &[T], param: P)
where
    T: Copy,
    P: Copy,
    F: Accumulate<T, P>,
{
    for (lane, &x) in lanes.iter_mut().zip(values) {
        *lane = function.add(*lane, x, param);
    }
}

/// Accumulates value `i` into lane `i mod LANES`.
#[inline(always)]
fn accumulate_all<T, P, F>(function: &F, lanes: &mut [F::Output; LANES], values: &[T], param: P)
where
    T: Copy,
    P: Copy,
    F: Accumulate<T, P>,
{
    let (chunks, tail) = values.as_chunks::<LANES>();
    // By value, which keeps the lanes in registers.
    *lanes = function.add_chunks(*lanes, chunks, param);
    accumulate(function, lanes, tail, param);
}

/// Accumulates value `i` into lane `(lane + i) mod LANES`.
pub(super) struct AccumulateValues<'a, T, P, F: Accumulate<T, P>> {
    pub(super) function: &'a F,
    pub(super) lanes: &'a mut [F::Output; LANES],
    pub(super) lane: usize,
    pub(super) values: &'a [T],
    pub(super) param: P,
}

impl<T, P, F> Body for AccumulateValues<'_, T, P, F>
where
    T: Copy,
    P: Copy,
    F: Accumulate<T, P>,
{
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let to_lane_0 = (LANES - self.lane) % LANES;
        let (head, rest) = self.values.split_at(to_lane_0.min(self.values.len()));
        accumulate(
            self.function,
            &mut self.lanes[self.lane..],
            head,
            self.param,
        );
        accumulate_all(self.function, self.lanes, rest, self.param);
    }
}

/// Results each of which folds one contiguous range of `count` elements.
pub(super) struct Rows<'a, T, P, F: Accumulate<T, P>> {
    pub(super) function: &'a F,
    pub(super) buffer: &'a [T],
    pub(super) start: Results<'a, P>,
    /// The length of each range.
    pub(super) count: usize,
    pub(super) out: &'a mut [F::Output],
}

impl<T, P, F> Body for Rows<'_, T, P, F>
where
    T: Copy,
    P: Copy,
    F: Accumulate<T, P>,
{
    const USES_512_BITS: bool = F::USES_512_BITS;
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Results {
            mut base,
            step,
            params,
        } = self.start;
        for (out, &param) in self.out.iter_mut().zip(params) {
            let values = &self.buffer[base as usize..base as usize + self.count];
            let mut lanes = [self.function.identity(); LANES];
            accumulate_all(self.function, &mut lanes, values, param);
            *out = self.function.join_lanes(lanes);
            base += step;
        }
    }
}

/// The partial results of consecutive blocks of one result, of which the last may be shorter.
pub(super) struct Blocks<'a, T, P, F: Accumulate<T, P>> {
    pub(super) function: &'a F,
    pub(super) values: &'a [T],
    pub(super) param: P,
    pub(super) out: &'a mut [F::Output],
}

impl<T, P, F> Body for Blocks<'_, T, P, F>
where
    T: Copy,
    P: Copy,
    F: Accumulate<T, P>,
{
    const USES_512_BITS: bool = F::USES_512_BITS;
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (block, out) in self.values.chunks(BLOCK).zip(self.out) {
            let mut lanes = [self.function.identity(); LANES];
            accumulate_all(self.function, &mut lanes, block, self.param);
            *out = self.function.join_lanes(lanes);
        }
    }
}

/// Accumulates row `i`, one value for each of several results, into lane `(lane + i) mod LANES`.
pub(super) struct AccumulateColumns<'a, T, P, F: Accumulate<T, P>> {
    pub(super) function: &'a F,
    pub(super) buffer: &'a [T],
    /// The first row.
    pub(super) start: Results<'a, P>,
    /// The distance from one row to the next.
    pub(super) stride: isize,
    /// The number of rows.
    pub(super) count: usize,
    pub(super) lane: usize,
    /// The lanes of all results: lane by lane, one value for each result.
    pub(super) tile: &'a mut [F::Output],
}

impl<'a, T, P, F> AccumulateColumns<'a, T, P, F>
where
    T: Copy,
    P: Copy,
    F: Accumulate<T, P>,
{
    #[inline(always)]
    fn lane(&mut self, row: usize) -> &mut [F::Output] {
        let width = self.start.params.len();
        let lane = (self.lane + row) % LANES;
        &mut self.tile[lane * width..(lane + 1) * width]
    }

    #[inline(always)]
    fn row(&self, row: usize) -> &'a [T] {
        let start = (self.start.base + row as isize * self.stride) as usize;
        &self.buffer[start..start + self.start.params.len()]
    }

    /// Accumulates rows `first`, `first + LANES`, …, `N` of them, which belong to the same lane.
    #[inline(always)]
    fn accumulate_rows<const N: usize>(&mut self, first: usize) {
        let (function, params) = (self.function, self.start.params);
        let rows: [&[T]; N] = std::array::from_fn(|n| self.row(first + n * LANES));
        for (j, (sum, &param)) in self.lane(first).iter_mut().zip(params).enumerate() {
            let mut local = *sum;
            for row in rows {
                local = function.add(local, row[j], param);
            }
            *sum = local;
        }
    }

    #[inline(always)]
    fn accumulate_strided(&mut self, row: usize) {
        let (function, buffer) = (self.function, self.buffer);
        let Results { base, step, params } = self.start;
        let mut position = base + row as isize * self.stride;
        for (sum, &param) in self.lane(row).iter_mut().zip(params) {
            *sum = function.add(*sum, buffer[position as usize], param);
            position += step;
        }
    }
}

impl<T, P, F> Body for AccumulateColumns<'_, T, P, F>
where
    T: Copy,
    P: Copy,
    F: Accumulate<T, P>,
{
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        if self.start.step != 1 {
            for row in 0..self.count {
                self.accumulate_strided(row);
            }
            return;
        }
        // Several rows of one lane together: each lane is loaded and stored less often. And a join that keeps
        // one of two numbers, as a maximum, is compiled to a slow masked store if it is the only one.
        let mut done = 0;
        while done + 4 * LANES <= self.count {
            (done..done + LANES).for_each(|row| self.accumulate_rows::<4>(row));
            done += 4 * LANES;
        }
        while done + 2 * LANES <= self.count {
            (done..done + LANES).for_each(|row| self.accumulate_rows::<2>(row));
            done += 2 * LANES;
        }
        (done..self.count).for_each(|row| self.accumulate_rows::<1>(row));
    }
}
