//! Vectors of output channels from packed weights, scalars from the image: six pixels, anywhere.

use super::engine::{Part, Weights};
use super::plan::{Correlation, Phase, Run};
use crate::kernels::gemm::balanced;
use crate::kernels::simd::{Float, Level};
use crate::kernels::tile::{self, Matrix, Panel, Points, ROWS, columns};
use crate::kernels::turn::turn;
use crate::{parallel, pool};

/// Longest sum in one pass: its weights fill half of the first cache.
const DEPTH: usize = 288;

/// Pixels whose sums are kept with the channels in the lanes, until the last step.
const POINTS: usize = 64 * ROWS;

/// Blocks of channels that share a pass over the pixels' steps.
const BLOCKS: usize = 4;

/// Blocks of channels as wide as a tile: `packed[(block · depth + t) · columns + lane]`.
pub(super) fn pack<T: Float>(
    level: Level,
    plan: &Correlation,
    phase: &Phase,
    w: &[T],
) -> Weights<T> {
    let (width, depth, outputs) = (columns::<T>(), phase.offsets.len(), plan.channels[1]);
    let taps = phase.taps.len();
    let all_taps = phase.taps_in_order();
    let blocks = outputs.div_ceil(width);
    let group = blocks * depth * width;
    let mut packed = pool::stale::<T>(plan.groups * group);
    parallel::for_chunks_mut(
        &mut packed,
        (depth * width).max(1),
        plan.groups * group,
        |index, to| {
            let (g, first) = (index / blocks, index % blocks * width);
            let lanes = width.min(outputs - first);
            let start = g * plan.weight[2] + first * plan.weight[0];
            // Channel by channel of the input, whose filters' taps lie together.
            for (channel, to) in to.chunks_mut(taps * width).enumerate() {
                let from = &w[start + channel * plan.weight[1]..];
                if all_taps {
                    turn(level, [lanes, taps], from, plan.weight[0], to, width);
                    if lanes < width {
                        to.chunks_exact_mut(width)
                            .for_each(|to| to[lanes..].fill(T::zero()));
                    }
                    continue;
                }
                for (to, &tap) in to.chunks_exact_mut(width).zip(&phase.taps) {
                    for (lane, to) in to[..lanes].iter_mut().enumerate() {
                        *to = from[lane * plan.weight[0] + tap];
                    }
                    to[lanes..].fill(T::zero());
                }
            }
        },
    );
    Weights { packed, group }
}

pub(super) fn run<T: Float>(part: &Part<'_, T>, weights: &Weights<T>, dst: &mut [T]) {
    let Part {
        level,
        phase,
        image,
        ..
    } = *part;
    let (width, depth, pixels) = (columns::<T>(), phase.offsets.len(), part.pixels.len());
    let runs = part.pieces(1);
    let origins: Vec<usize> = runs.iter().map(|run| run.origin).collect();
    let most = POINTS.min(runs.len()) * width;
    let mut sums = pool::stale::<T>(BLOCKS.min(dst.len().div_ceil(width * pixels)) * most);
    for (runs, points) in runs.chunks(POINTS).zip(origins.chunks(POINTS)) {
        for (part_of_blocks, dst) in dst.chunks_mut(BLOCKS * width * pixels).enumerate() {
            let blocks = dst.len().div_ceil(width * pixels);
            let index = part.first / width + part_of_blocks * BLOCKS;
            let packed = &weights.packed[part.group * weights.group + index * depth * width..];
            for (first, steps) in balanced(depth, DEPTH) {
                for (block, sums) in sums.chunks_mut(most).enumerate().take(blocks) {
                    let vectors = Panel {
                        panel: &packed[(block * depth + first) * width..],
                        stride: width,
                    };
                    let points = Points {
                        image,
                        at: points,
                        offsets: &phase.offsets,
                        first,
                    };
                    let to = Matrix {
                        head: sums,
                        stride: width,
                        add: first > 0,
                    };
                    tile::sweep(level, [runs.len(), steps], points, vectors, to);
                }
            }
            for (sums, dst) in sums.chunks(most).zip(dst.chunks_mut(width * pixels)) {
                store(level, sums, runs, pixels, dst);
            }
        }
    }
    pool::recycle(sums);
}

/// Writes the sums of some pixels, each to the planes of its channels.
fn store<T: Float>(level: Level, sums: &[T], points: &[Run], pixels: usize, dst: &mut [T]) {
    let width = columns::<T>();
    let mut first = 0;
    while first < points.len() {
        let target = points[first].target;
        let adjacent = points[first..]
            .iter()
            .enumerate()
            .take_while(|(at, run)| run.target == target + at)
            .count();
        let (from, to) = (&sums[first * width..], &mut dst[target..]);
        turn(
            level,
            [adjacent, to.len().div_ceil(pixels)],
            from,
            width,
            to,
            pixels,
        );
        first += adjacent;
    }
}
