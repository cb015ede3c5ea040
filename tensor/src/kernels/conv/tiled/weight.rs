//! The gradient by the weights: pixels are the steps of the sum.

use super::plan::Correlation;
use crate::kernels::conv::ConvGeometry;
use crate::kernels::gemm::{balanced, pack};
use crate::kernels::simd::{Float, Level};
use crate::kernels::tile::{self, Matrix, Offsets, Panel, Points, ROWS, columns};
use crate::kernels::turn::turn;
use crate::{parallel, pool};

/// Pixels in one pass: their gradients fill half of the first cache.
const DEPTH: usize = 256;

/// Images are prepared in batches of about this many bytes, half of the second cache: every part of
/// the gradient reads them all.
const PREPARED: usize = 1 << 19;

/// `dw[o, c, k] = Σ x[n, c, window(i) + k] · dy[n, o, i]`.
///
/// Lanes hold filters, rows are `(channel, tap)`; images, and in them blocks of pixels, add up in
/// their order.
pub(super) fn run<T: Float>(
    level: Level,
    geometry: &ConvGeometry,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
) {
    if dw.is_empty() {
        return;
    }
    if x.is_empty() || dy.is_empty() {
        dw.fill(T::zero());
        return;
    }
    let plan = Correlation::whole::<T>(geometry);
    let phase = &plan.phases[0];
    let [channels, filters] = plan.channels;
    let [x_pixels, y_pixels] = plan.pixels;
    let width = columns::<T>();
    let pixels = plan.pieces(phase, 1);
    let pixels = Offsets::new(pixels.iter().map(|run| run.origin).collect());
    let taps = phase.offsets.len();
    let blocks = filters.div_ceil(width);
    // One task sums some rows of one block of filters of one group, over all images.
    let parts = 16_usize.div_ceil(plan.groups * blocks);
    let share = taps.div_ceil(parts).next_multiple_of(ROWS);
    let share = taps.div_ceil(taps.div_ceil(share));
    let mut sums = pool::stale::<T>(plan.groups * blocks * taps * width);

    let x_length = plan.image.len();
    let y_length = blocks * y_pixels * width;
    let (x_group, y_group) = (channels * x_pixels, filters * y_pixels);
    let each = plan.groups * (x_length + y_length);
    let together = (PREPARED / size_of::<T>() / each).clamp(1, geometry.batch);
    let mut padded = pool::stale::<T>(together * plan.groups * x_length);
    let mut turned = pool::stale::<T>(together * plan.groups * y_length);
    for first in (0..geometry.batch).step_by(together) {
        let images = together.min(geometry.batch - first);
        let count = images * plan.groups;
        let x = &x[first * plan.groups * x_group..][..count * x_group];
        plan.image
            .fill(level, x, x_group, &mut padded[..count * x_length]);
        let block_length = y_pixels * width;
        parallel::for_chunks_mut(
            &mut turned[..count * y_length],
            block_length,
            count * y_group,
            |i, to| {
                let (index, block) = (i / blocks, i % blocks);
                let lanes = width.min(filters - block * width);
                let from =
                    &dy[(first * plan.groups + index) * y_group + block * width * y_pixels..];
                pack::vectors(level, from, [1, y_pixels], y_pixels, lanes, width, to);
            },
        );
        let mut tasks = Vec::new();
        for (index, sums) in sums.chunks_mut(taps * width).enumerate() {
            for (part, sums) in sums.chunks_mut(share * width).enumerate() {
                tasks.push((index / blocks, index % blocks, part * share, sums));
            }
        }
        let work = images * geometry.multiply_adds() as usize / geometry.batch / width;
        parallel::for_chunks_mut(&mut tasks, 1, work, |_, task| {
            let (group, block, tap, sums) = &mut task[0];
            let rows = sums.len() / width;
            for image in 0..images {
                let index = image * plan.groups + *group;
                let turned = &turned[index * y_length + *block * block_length..];
                for (i0, steps) in balanced(y_pixels, DEPTH) {
                    let vectors = Panel {
                        panel: &turned[i0 * width..],
                        stride: width,
                    };
                    let points = Points {
                        image: &padded[index * x_length..][..x_length],
                        at: &phase.offsets.list()[*tap..],
                        offsets: &pixels,
                        first: i0,
                    };
                    let to = Matrix {
                        head: sums,
                        stride: width,
                        add: first + image + i0 > 0,
                    };
                    tile::sweep(level, [rows, steps], points, vectors, to);
                }
            }
        });
    }
    pool::recycle(padded);
    pool::recycle(turned);

    for (index, sums) in sums.chunks(taps * width).enumerate() {
        let (group, block) = (index / blocks, index % blocks);
        let first = group * filters + block * width;
        let lanes = width.min(filters - block * width);
        turn(
            level,
            [taps, lanes],
            sums,
            width,
            &mut dw[first * taps..],
            taps,
        );
    }
    pool::recycle(sums);
}
