//! Vectors of neighbouring pixels, scalars from the weights: six channels by two pieces of a row.

use super::engine::{Part, Weights};
use super::plan::{Correlation, Phase};
use crate::kernels::gemm::balanced;
use crate::kernels::simd::{Float, Level, Vector};
use crate::kernels::tile::{self, Panel, Points, ROWS, Rows, Scalars, Sink};
use crate::pool;

/// Longest sum in one pass, and what longer ones are cut to: the pixels under a block of tiles stay
/// in the second cache.
const WHOLE: usize = 800;
const DEPTH: usize = 288;

/// Pieces in one block, kept hot while all channels pass.
const PIECES: usize = 32;

/// A vector of output pixels of one row, not all of which need exist.
#[derive(Clone, Copy)]
struct Piece {
    origin: usize,
    target: usize,
    lanes: usize,
}

fn pieces<T: Float>(plan: &Correlation, phase: &Phase) -> Vec<Piece> {
    let (width, step) = (phase.width(), phase.step());
    plan.rows(phase)
        .flat_map(|row| {
            (0..width).step_by(T::LANES).map(move |q| Piece {
                origin: row.origin + q,
                target: row.target + q * step,
                lanes: T::LANES.min(width - q),
            })
        })
        .collect()
}

/// Whether the sum runs along `w` as it lies.
fn in_place(plan: &Correlation, phase: &Phase) -> bool {
    plan.weight[1] == phase.taps.len() && phase.taps.iter().enumerate().all(|(t, &tap)| t == tap)
}

/// Panels of six channels; each block of channels starts a new panel.
pub(super) fn pack<T: Float>(
    plan: &Correlation,
    phase: &Phase,
    block: usize,
    w: &[T],
) -> Weights<T> {
    let depth = phase.offsets.len();
    if in_place(plan, phase) || depth == 0 {
        return Weights {
            packed: Vec::new(),
            group: 0,
        };
    }
    let outputs = plan.channels[1];
    let panels: usize = balanced_blocks(outputs, block).count();
    let group = panels * depth * ROWS;
    let mut packed = pool::stale::<T>(plan.groups * group);
    let taps = phase.taps.len();
    for (g, packed) in packed.chunks_mut(group).enumerate() {
        for (panel, (first, rows)) in balanced_blocks(outputs, block).enumerate() {
            let start = g * plan.weight[2] + first * plan.weight[0];
            let to = &mut packed[panel * depth * ROWS..][..depth * ROWS];
            for (channel, to) in to.chunks_mut(taps * ROWS).enumerate() {
                let from = &w[start + channel * plan.weight[1]..];
                for (to, &tap) in to.chunks_mut(ROWS).zip(&phase.taps) {
                    for (r, to) in to.iter_mut().enumerate().take(rows) {
                        *to = from[r * plan.weight[0] + tap];
                    }
                }
            }
        }
    }
    Weights { packed, group }
}

/// The panels of all blocks of channels: first channel and count.
fn balanced_blocks(outputs: usize, block: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..outputs).step_by(block).flat_map(move |first| {
        balanced(block.min(outputs - first), ROWS).map(move |(r, rows)| (first + r, rows))
    })
}

pub(super) fn run<T: Float>(part: &Part<'_, T>, weights: &Weights<T>, dst: &mut [T]) {
    let Part {
        level,
        plan,
        phase,
        image,
        ..
    } = *part;
    let pixels = plan.pixels[1];
    let depth = phase.offsets.len();
    let channels = dst.len() / pixels;
    let pieces = pieces::<T>(plan, phase);
    let most = if depth <= WHOLE { WHOLE } else { DEPTH };
    let start = part.group * plan.weight[2] + part.first * plan.weight[0];
    // Panels before this block of channels: every block but the last is full.
    let before = part.first / ROWS;
    let packed = weights
        .packed
        .get(part.group * weights.group + before * depth * ROWS..);
    for pieces in pieces.chunks(PIECES) {
        for (t0, steps) in balanced(depth, most) {
            for (panel, (r0, rows)) in balanced(channels, ROWS).enumerate() {
                let head = &mut dst[r0 * pixels..];
                for pair in pieces.chunks(2) {
                    let tile = Pair {
                        first: pair[0],
                        second: pair[pair.len() - 1],
                        step: phase.step(),
                        pixels,
                    };
                    let points = [tile.first.origin, tile.second.origin];
                    let vectors =
                        Points::new(image, points, [2, T::LANES], &phase.offsets, t0..t0 + steps);
                    let add = t0 > 0;
                    if weights.packed.is_empty() {
                        let from = start + r0 * plan.weight[0] + t0;
                        let scalars = Rows::of(part.w, from, plan.weight[0], rows, steps);
                        tile.compute(level, rows, steps, scalars, vectors, head, add);
                    } else {
                        let panels = packed.expect("a panel for each block");
                        let panel = &panels[(panel * depth + t0) * ROWS..];
                        let scalars = Panel {
                            panel,
                            stride: ROWS,
                        };
                        tile.compute(level, rows, steps, scalars, vectors, head, add);
                    }
                }
            }
        }
    }
}

/// Two pieces, and where their sums go.
struct Pair {
    first: Piece,
    second: Piece,
    step: usize,
    pixels: usize,
}

impl Pair {
    #[inline]
    #[allow(clippy::too_many_arguments)] // the operands of one tile
    fn compute<T: Float, S: Scalars<T>>(
        &self,
        level: Level,
        rows: usize,
        steps: usize,
        scalars: S,
        vectors: Points<'_, T, 2>,
        head: &mut [T],
        add: bool,
    ) {
        let whole = self.step == 1 && self.first.lanes == T::LANES && self.second.lanes == T::LANES;
        let targets = [self.first.target, self.second.target];
        if whole && !add {
            let sink = Planes::<T, false> {
                head,
                stride: self.pixels,
                targets,
            };
            tile::multiply(level, rows, steps, scalars, vectors, sink);
            return;
        }
        if whole && self.first.target != self.second.target {
            let sink = Planes::<T, true> {
                head,
                stride: self.pixels,
                targets,
            };
            tile::multiply(level, rows, steps, scalars, vectors, sink);
            return;
        }
        let mut sums = tile::zeros::<T>();
        tile::multiply(level, rows, steps, scalars, vectors, &mut sums);
        let count = if self.first.target == self.second.target {
            1
        } else {
            2
        };
        for (r, pair) in sums.iter().enumerate().take(rows) {
            let row = &mut head[r * self.pixels..][..self.pixels];
            for (piece, sums) in [self.first, self.second].iter().zip(pair).take(count) {
                for (lane, &sum) in sums.lanes().iter().enumerate().take(piece.lanes) {
                    let to = &mut row[piece.target + lane * self.step];
                    *to = if add { *to + sum } else { sum };
                }
            }
        }
    }
}

/// Two vectors in each of some planes, overwritten or added to.
struct Planes<'a, T, const ADD: bool> {
    head: &'a mut [T],
    stride: usize,
    targets: [usize; 2],
}

impl<T: Float, const ADD: bool> Sink<T> for Planes<'_, T, ADD> {
    #[inline(always)]
    fn take<const R: usize>(self, sums: [[T::Vector; 2]; R]) {
        for r in 0..R {
            for v in 0..2 {
                let to = &mut self.head[r * self.stride + self.targets[v]..][..T::LANES];
                let mut sum = sums[r][v];
                if ADD {
                    sum = sum.add(Vector::load(to));
                }
                sum.store(to);
            }
        }
    }
}
