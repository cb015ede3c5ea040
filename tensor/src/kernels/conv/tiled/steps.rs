//! The steps of a sum whose weights are packed, in an order that can leave out what is padding.

use std::ops::Range;

use super::engine::Part;
use super::plan::{Phase, Run, TapRow};
use crate::kernels::gemm::balanced;
use crate::kernels::gemm::microkernel::Offsets;
use crate::memory::scratch;

/// Longest sum in one pass: its weights fill half of the first cache.
pub(super) const DEPTH: usize = 288;

/// Setting up a tile costs as much as so many steps of it.
const SETUP: f64 = 30.0;

/// The steps of a phase's sums: some channels at a time, of these the rows of the filter one after the
/// other, of each row channel by channel.
#[derive(Debug)]
pub(super) struct Steps {
    /// Distances in the padded image, in this order.
    pub offsets: Offsets,
    /// First channel and number of channels of each chunk.
    pub chunks: Vec<(usize, usize)>,
    /// The rows of the filter, or all its taps as one row that every pixel meets.
    pub rows: Vec<TapRow>,
}

impl Steps {
    pub fn new(phase: &Phase) -> Self {
        let taps = phase.taps.len();
        let channels = phase.offsets.len() / taps.max(1);
        let rows = rows(phase);
        let chunks: Vec<_> = balanced(channels, together(rows[0].taps.len())).collect();
        let mut list = scratch::stale(phase.offsets.len());
        list.clear();
        for &(first, count) in &chunks {
            for row in &rows {
                for channel in first..first + count {
                    let of_channel = &phase.offsets.list()[channel * taps..];
                    list.extend_from_slice(&of_channel[row.taps.clone()]);
                }
            }
        }
        let offsets = Offsets::new(list);
        Self {
            offsets,
            chunks,
            rows,
        }
    }

    /// For each row the runs among some that meet it, as ranges of their list.
    pub fn met<T>(&self, part: &Part<'_, T>, runs: &[Run]) -> Vec<Vec<Range<usize>>> {
        if let [_] = self.rows[..] {
            return vec![vec![0..runs.len()]];
        }
        let heights: Vec<[usize; 2]> = runs
            .iter()
            .map(|run| {
                part.plan
                    .height(part.phase, part.span.pixels().start + run.target)
            })
            .collect();
        let of_row = |row: &TapRow| {
            let mut ranges: Vec<Range<usize>> = Vec::new();
            for (at, [z, y]) in heights.iter().enumerate() {
                if !row.met[0].contains(z) || !row.met[1].contains(y) {
                    continue;
                }
                match ranges.last_mut() {
                    Some(last) if last.end == at => last.end += 1,
                    _ => ranges.push(at..at + 1),
                }
            }
            ranges
        };
        self.rows.iter().map(of_row).collect()
    }

    /// The passes over a chunk of so many channels, given what [`met`](Self::met) says.
    pub fn passes(&self, channels: usize, met: &[Vec<Range<usize>>]) -> Vec<Pass> {
        let mut passes = Vec::new();
        for (row, met) in self.rows.iter().zip(met) {
            for (at, steps) in balanced(channels * row.taps.len(), DEPTH) {
                let first = channels * row.taps.start + at;
                passes.extend(met.iter().map(|runs| Pass {
                    runs: runs.clone(),
                    first,
                    steps,
                }));
            }
        }
        passes
    }
}

/// Some runs with some steps that they all meet.
#[derive(Debug)]
pub(super) struct Pass {
    pub runs: Range<usize>,
    /// The first step of the chunk, and how many.
    pub first: usize,
    pub steps: usize,
}

/// The rows that a phase's sums are taken in: one by one where that saves more steps than it costs to
/// set up tiles for shorter sums, else all as one.
pub(super) fn rows(phase: &Phase) -> Vec<TapRow> {
    let channels = phase.offsets.len() / phase.taps.len().max(1);
    let whole = vec![TapRow {
        taps: 0..phase.taps.len(),
        met: phase.heights().map(|count| 0..count),
    }];
    let cost = |rows: &[TapRow]| {
        let of_row = |row: &TapRow| {
            let passes = channels.div_ceil(together(row.taps.len()));
            met(phase, row) * ((channels * row.taps.len()) as f64 + SETUP * passes as f64)
        };
        rows.iter().map(of_row).sum::<f64>()
    };
    if cost(&phase.rows) < cost(&whole) {
        phase.rows.clone()
    } else {
        whole
    }
}

/// Steps of a pixel in the mean.
pub(super) fn mean(phase: &Phase) -> f64 {
    let channels = phase.offsets.len() / phase.taps.len().max(1);
    let of_row = |row: &TapRow| met(phase, row) * (channels * row.taps.len()) as f64;
    rows(phase).iter().map(of_row).sum()
}

/// Channels in one pass over rows of so many taps.
fn together(taps: usize) -> usize {
    (DEPTH / taps.max(1)).max(1)
}

/// The share of a phase's pixels that meet a row.
fn met(phase: &Phase, row: &TapRow) -> f64 {
    let shares = row.met.iter().zip(phase.heights());
    shares
        .map(|(met, count)| met.len() as f64 / count.max(1) as f64)
        .product()
}
