//! Vectors of output channels from packed weights, scalars from the image: six pixels, anywhere.

use super::engine::{Part, Weights};
use super::plan::{Correlation, Phase, Run};
use crate::kernels::gemm::balanced;
use crate::kernels::simd::{Float, Vector};
use crate::kernels::tile::{self, AddTo, Panel, Points, ROWS, Tile, columns};
use crate::{parallel, pool};

/// Longest sum in one pass: its weights fill half of the first cache.
const DEPTH: usize = 288;

/// Blocks of channels as wide as a tile: `packed[(block · depth + t) · columns + lane]`.
pub(super) fn pack<T: Float>(plan: &Correlation, phase: &Phase, w: &[T]) -> Weights<T> {
    let (width, depth, outputs) = (columns::<T>(), phase.offsets.len(), plan.channels[1]);
    let taps = phase.taps.len();
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
        plan,
        phase,
        image,
        ..
    } = *part;
    let (width, depth, pixels) = (columns::<T>(), phase.offsets.len(), plan.pixels[1]);
    let points = plan.points(phase);
    let parts = points.len().div_ceil(ROWS);
    let several = depth > DEPTH;
    let mut sums = vec![tile::zeros::<T>(); if several { parts } else { 1 }];
    for (block, dst) in dst.chunks_mut(width * pixels).enumerate() {
        let index = part.first / width + block;
        let packed = &weights.packed[part.group * weights.group + index * depth * width..];
        for (t0, steps) in balanced(depth, DEPTH) {
            let vectors = Panel {
                panel: &packed[t0 * width..],
                stride: width,
            };
            for (at, (first, count)) in balanced(points.len(), ROWS).enumerate() {
                let runs = &points[first..first + count];
                let mut origins = [0; ROWS];
                for (origin, run) in origins.iter_mut().zip(runs) {
                    *origin = run.origin;
                }
                let scalars =
                    Points::new(image, origins, [count, 1], &phase.offsets, t0..t0 + steps);
                if !several {
                    tile::multiply(level, count, steps, scalars, vectors, &mut sums[0]);
                    store(&sums[0], runs, pixels, dst);
                } else if t0 == 0 {
                    tile::multiply(level, count, steps, scalars, vectors, &mut sums[at]);
                } else {
                    let sink = AddTo(&mut sums[at]);
                    tile::multiply(level, count, steps, scalars, vectors, sink);
                }
            }
        }
        if several {
            for (sums, (first, count)) in sums.iter().zip(balanced(points.len(), ROWS)) {
                store(sums, &points[first..first + count], pixels, dst);
            }
        }
    }
}

/// Writes the sums of some pixels, each to the planes of its channels.
fn store<T: Float>(sums: &Tile<T>, runs: &[Run], pixels: usize, dst: &mut [T]) {
    let adjacent = runs.len() == ROWS && runs[ROWS - 1].target == runs[0].target + ROWS - 1;
    for (lane, plane) in dst.chunks_mut(pixels).enumerate() {
        let (v, lane) = (lane / T::LANES, lane % T::LANES);
        if adjacent {
            let to: &mut [T] = &mut plane[runs[0].target..][..ROWS];
            for r in 0..ROWS {
                to[r] = sums[r][v].lanes()[lane];
            }
        } else {
            for (r, run) in runs.iter().enumerate() {
                plane[run.target] = sums[r][v].lanes()[lane];
            }
        }
    }
}
