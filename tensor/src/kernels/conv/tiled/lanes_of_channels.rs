//! Lanes of output channels: vectors from packed weights, broadcast pixels of a tile of windows anywhere in the
//! image. Two blocks of output channels are computed at once, so that a broadcast is used twice.

use super::packed::{Group, Weights};
use super::part::Part;
use super::plan::Run;
use crate::kernels::gemm::microkernel::{self, MR, Next, Offsets, OutputRows, Panel, Windows};
use crate::kernels::simd::transpose::transpose;
use crate::kernels::simd::{Float, Level};
use crate::memory::Scratch;

/// Most windows whose sums are kept in a buffer, with the channels in the lanes, until the last step (as `MC`).
pub(super) const MAX_WINDOWS: usize = 64 * MR;

/// Blocks of output channels that share a pass over the image.
const BLOCKS: usize = 4;

pub(super) fn run<T: Float>(part: &Part<'_, T>, weights: &Weights<T>, dst: &mut [T]) {
    let (width, pixels) = (T::NR, part.span.pixels().len());
    let steps = &weights.steps;
    let mut group = Group::new(part.plan, part.phase, weights, part.w, part.group);
    let runs = part.pieces(1);
    let origins = Offsets::collect(runs.len(), runs.iter().map(|run| run.origin));
    let most = MAX_WINDOWS.min(runs.len()) * width;
    let mut sums = Scratch::<T>::new(BLOCKS.min(dst.len().div_ceil(width * pixels)) * most);
    for (runs, origins) in runs
        .chunks(MAX_WINDOWS)
        .zip(origins.list().chunks(MAX_WINDOWS))
    {
        let covered = steps.covered(part, runs);
        for (some, dst) in dst.chunks_mut(BLOCKS * width * pixels).enumerate() {
            let blocks = dst.len().div_ceil(width * pixels);
            let first_block = part.first / width + some * BLOCKS;
            if steps.rows.len() > 1 {
                sums.fill(T::zero());
            }
            // Chunk by chunk, so that the channels of a chunk stay in a cache while all blocks read them.
            let panels = steps.chunks.iter().flat_map(|&chunk| {
                let pairs = (0..blocks).step_by(2);
                pairs.map(move |at| (first_block + at..first_block + blocks.min(at + 2), chunk))
            });
            let mut panels = panels.peekable();
            while let Some((pair, chunk)) = panels.next() {
                let sums = &mut sums[(pair.start - first_block) * most..][..pair.len() * most];
                let passes = steps.passes(chunk.1, &covered);
                let first = chunk.0 * part.phase.taps.len();
                group.pack(part.level, pair.clone(), chunk);
                for (index, pass) in passes.iter().enumerate() {
                    if let Some((pair, chunk)) = panels.peek() {
                        group.prefetch(pair.clone(), *chunk, [index, passes.len()]);
                    }
                    let vectors = Panel {
                        panel: &group.panel(pair.start, chunk)[pass.first * width..],
                        stride: width,
                    };
                    let scalars = Windows {
                        image: part.image,
                        origins: &origins[pass.runs.clone()],
                        offsets: &steps.offsets,
                        first: first + pass.first,
                    };
                    let to = OutputRows {
                        head: &mut sums[pass.runs.start * width..],
                        stride: width,
                        add: steps.rows.len() > 1 || first + pass.first > 0,
                    };
                    let size = [pass.runs.len(), pass.steps];
                    if pair.len() == 2 {
                        let next = Next {
                            panel: group.distance(),
                            output: most,
                        };
                        microkernel::run_pair(part.level, size, scalars, vectors, to, next);
                    } else {
                        microkernel::run(part.level, size, scalars, vectors, to);
                    }
                }
            }
            for (sums, dst) in sums.chunks(most).zip(dst.chunks_mut(width * pixels)) {
                store(part.level, sums, runs, pixels, dst);
            }
        }
    }
}

/// Writes the sums of a range of pixels to the planes of their channels.
fn store<T: Float>(level: Level, sums: &[T], runs: &[Run], pixels: usize, dst: &mut [T]) {
    let width = T::NR;
    let mut first = 0;
    while first < runs.len() {
        let target = runs[first].target;
        let adjacent = runs[first..]
            .iter()
            .enumerate()
            .take_while(|(at, run)| run.target == target + at)
            .count();
        let (from, to) = (&sums[first * width..], &mut dst[target..]);
        transpose(
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
