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
    let Part { level, plan, phase, image, .. } = *part;
    let (width, depth, pixels) = (columns::<T>(), phase.offsets.len(), plan.pixels[1]);
    let points = plan.points(phase);
    let mut sums = pool::stale::<T>(POINTS.min(points.len()) * width);
    for points in points.chunks(POINTS) {
        for (block, dst) in dst.chunks_mut(width * pixels).enumerate() {
            let index = part.first / width + block;
            let packed = &weights.packed[part.group * weights.group + index * depth * width..];
            for (t0, steps) in balanced(depth, DEPTH) {
                let vectors = Panel { panel: &packed[t0 * width..], stride: width };
                for (first, count) in balanced(points.len(), ROWS) {
                    let mut origins = [0; ROWS];
                    for (origin, run) in origins.iter_mut().zip(&points[first..first + count]) {
                        *origin = run.origin;
                    }
                    let scalars =
                        Points::new(image, origins, [count, 1], &phase.offsets, t0..t0 + steps);
                    let head = &mut sums[first * width..];
                    if t0 == 0 {
                        let sink = Matrix::<T, false> { head, stride: width };
                        tile::multiply(level, count, steps, scalars, vectors, sink);
                    } else {
                        let sink = Matrix::<T, true> { head, stride: width };
                        tile::multiply(level, count, steps, scalars, vectors, sink);
                    }
                }
            }
            store(level, &sums, points, pixels, dst);
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
        turn(level, [adjacent, to.len().div_ceil(pixels)], from, width, to, pixels);
        first += adjacent;
    }
}
