//! The steps of a sum with packed weights, in an order that can skip padding.

use std::ops::Range;

use super::part::Part;
use super::plan::{Phase, Run, TapRow};
use crate::kernels::gemm::microkernel::Offsets;
use crate::kernels::partition::balanced;
use crate::memory::Scratch;

/// Longest sum of one pass: its weights of one block of output channels fill half of a first-level cache of 32 KB.
pub(super) const KC: usize = 288;

/// The time of setting up a tile, in steps.
const SETUP: f64 = 30.0;

/// The steps of a phase's sums. Loops, from outside: chunks of channels, rows of the filter, channels of the
/// chunk, taps of the row.
#[derive(Debug)]
pub(super) struct Steps {
    /// Offsets from the first element of a window in the padded image, in the order of the steps.
    pub offsets: Offsets,
    /// First channel and number of channels of each chunk.
    pub chunks: Vec<(usize, usize)>,
    /// The rows of the filter; or a single row of all taps, if padding is not skipped.
    pub rows: Vec<TapRow>,
}

impl Steps {
    pub fn new(phase: &Phase) -> Self {
        let taps = phase.taps.len();
        let channels = phase.offsets.len() / taps.max(1);
        let rows = rows(phase);
        let chunks: Vec<_> = balanced(channels, channels_at_once(rows[0].taps.len())).collect();
        let mut list = Scratch::new(phase.offsets.len());
        let mut rest = &mut list[..];
        for &(first, count) in &chunks {
            for row in &rows {
                for channel in first..first + count {
                    let of_channel = &phase.offsets.list()[channel * taps..];
                    let to;
                    (to, rest) = rest.split_at_mut(row.taps.len());
                    to.copy_from_slice(&of_channel[row.taps.clone()]);
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

    /// For each row of the filter, the runs whose windows have this row in the image and not in the padding, as
    /// ranges of `runs`.
    pub fn covered<T>(&self, part: &Part<'_, T>, runs: &[Run]) -> Vec<Vec<Range<usize>>> {
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
                if !row.covered[0].contains(z) || !row.covered[1].contains(y) {
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

    /// The passes over a chunk of `channels` channels, given the result of [`covered`](Self::covered).
    pub fn passes(&self, channels: usize, covered: &[Vec<Range<usize>>]) -> Vec<Pass> {
        let mut passes = Vec::new();
        for (row, covered) in self.rows.iter().zip(covered) {
            for (at, steps) in balanced(channels * row.taps.len(), KC) {
                let first = channels * row.taps.start + at;
                passes.extend(covered.iter().map(|runs| Pass {
                    runs: runs.clone(),
                    first,
                    steps,
                }));
            }
        }
        passes
    }
}

/// A range of runs, and a range of steps to add to the sums of all of them.
#[derive(Debug)]
pub(super) struct Pass {
    pub runs: Range<usize>,
    /// The first step, counted from the start of the chunk.
    pub first: usize,
    /// Number of steps.
    pub steps: usize,
}

/// The rows of the filter, if skipping their padding saves more than the set-up of tiles for shorter sums
/// costs; otherwise a single row of all taps.
pub(super) fn rows(phase: &Phase) -> Vec<TapRow> {
    let channels = phase.offsets.len() / phase.taps.len().max(1);
    let whole = vec![TapRow {
        taps: 0..phase.taps.len(),
        covered: phase.heights().map(|count| 0..count),
    }];
    let cost = |rows: &[TapRow]| {
        let of_row = |row: &TapRow| {
            let passes = channels.div_ceil(channels_at_once(row.taps.len()));
            covered(phase, row) * ((channels * row.taps.len()) as f64 + SETUP * passes as f64)
        };
        rows.iter().map(of_row).sum::<f64>()
    };
    if cost(&phase.rows) < cost(&whole) {
        phase.rows.clone()
    } else {
        whole
    }
}

/// The mean number of steps of an output pixel.
pub(super) fn mean(phase: &Phase) -> f64 {
    let channels = phase.offsets.len() / phase.taps.len().max(1);
    let of_row = |row: &TapRow| covered(phase, row) * (channels * row.taps.len()) as f64;
    rows(phase).iter().map(of_row).sum()
}

/// Channels in one pass over rows of `taps` taps.
fn channels_at_once(taps: usize) -> usize {
    (KC / taps.max(1)).max(1)
}

/// The share of a phase's pixels at which a row covers the image.
fn covered(phase: &Phase, row: &TapRow) -> f64 {
    let shares = row.covered.iter().zip(phase.heights());
    shares
        .map(|(covered, count)| covered.len() as f64 / count.max(1) as f64)
        .product()
}
