//! Vectors of output channels from packed weights, scalars from the image: six pixels, anywhere.

use super::engine::Part;
use super::packed::{Group, Weights};
use super::plan::Run;
use crate::kernels::gemm::microkernel::{self, Matrix, Offsets, Panel, Points, ROWS, columns};
use crate::kernels::simd::transpose::turn;
use crate::kernels::simd::{Float, Level};
use crate::memory::scratch;

/// Pixels whose sums are kept with the channels in the lanes, until the last step.
pub(super) const POINTS: usize = 64 * ROWS;

/// Blocks of channels that share a pass over the pixels' steps.
const BLOCKS: usize = 4;

pub(super) fn run<T: Float>(part: &Part<'_, T>, weights: &Weights<T>, dst: &mut [T]) {
    let (width, pixels) = (columns::<T>(), part.span.pixels().len());
    let steps = &weights.steps;
    let mut group = Group::new(part.plan, part.phase, weights, part.w, part.group);
    let runs = part.pieces(1);
    let origins = Offsets::of(runs.len(), runs.iter().map(|run| run.origin));
    let most = POINTS.min(runs.len()) * width;
    let mut sums = scratch::stale::<T>(BLOCKS.min(dst.len().div_ceil(width * pixels)) * most);
    for (runs, points) in runs.chunks(POINTS).zip(origins.list().chunks(POINTS)) {
        let met = steps.met(part, runs);
        for (some, dst) in dst.chunks_mut(BLOCKS * width * pixels).enumerate() {
            let blocks = dst.len().div_ceil(width * pixels);
            let first_block = part.first / width + some * BLOCKS;
            if steps.rows.len() > 1 {
                sums.fill(T::zero());
            }
            // Chunk by chunk, so that the part of the image that one meets serves all blocks.
            let panels = steps.chunks.iter().flat_map(|&chunk| {
                let blocks = first_block..first_block + blocks;
                blocks.map(move |block| (block, chunk))
            });
            let mut panels = panels.peekable();
            while let Some((block, chunk)) = panels.next() {
                let sums = &mut sums[(block - first_block) * most..][..most];
                let passes = steps.passes(chunk.1, &met);
                let first = chunk.0 * part.phase.taps.len();
                group.pack(part.level, block, chunk);
                for (index, pass) in passes.iter().enumerate() {
                    if let Some(&(block, chunk)) = panels.peek() {
                        group.prefetch(block, chunk, [index, passes.len()]);
                    }
                    let vectors = Panel {
                        panel: &group.panel(block, chunk)[pass.first * width..],
                        stride: width,
                    };
                    let scalars = Points {
                        image: part.image,
                        at: &points[pass.runs.clone()],
                        offsets: &steps.offsets,
                        first: first + pass.first,
                    };
                    let to = Matrix {
                        head: &mut sums[pass.runs.start * width..],
                        stride: width,
                        add: steps.rows.len() > 1 || first + pass.first > 0,
                    };
                    let size = [pass.runs.len(), pass.steps];
                    microkernel::sweep(part.level, size, scalars, vectors, to);
                }
            }
            for (sums, dst) in sums.chunks(most).zip(dst.chunks_mut(width * pixels)) {
                store(part.level, sums, runs, pixels, dst);
            }
        }
    }
    scratch::recycle(sums);
    group.recycle();
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
