//! The gradient by the weights: pixels are the steps of the sum.

use super::plan::Correlation;
use crate::kernels::conv::ConvGeometry;
use crate::kernels::gemm::{balanced, pack};
use crate::kernels::simd::{Float, Level, Vector};
use crate::kernels::tile::{self, AddTo, Offsets, Panel, Points, ROWS, Tile, columns};
use crate::{parallel, pool};

/// Pixels in one pass: their gradients fill half of the first cache.
const DEPTH: usize = 256;

/// Images are prepared in batches of about this many elements.
const PREPARED: usize = 1 << 21;

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
    let plan = Correlation::forward::<T>(geometry);
    let phase = &plan.phases[0];
    let [channels, filters] = plan.channels;
    let [x_pixels, y_pixels] = plan.pixels;
    let width = columns::<T>();
    let pixels = Offsets::new(plan.points(phase).iter().map(|run| run.origin).collect());
    let taps = phase.offsets.len();
    let blocks = filters.div_ceil(width);
    let rows = taps.div_ceil(ROWS);
    // One task sums some rows of one block of filters of one group, over all images.
    let parts = 16_usize.div_ceil(plan.groups * blocks).min(rows);
    let share = rows.div_ceil(parts);
    let mut sums: Vec<Tile<T>> = vec![tile::zeros::<T>(); plan.groups * blocks * rows];

    let x_length = plan.image.len(channels);
    let y_length = blocks * y_pixels * width;
    let (x_group, y_group) = (channels * x_pixels, filters * y_pixels);
    let each = plan.groups * (x_length + y_length);
    let together = (PREPARED / each).clamp(1, geometry.batch);
    let mut padded = pool::stale::<T>(together * plan.groups * x_length);
    let mut turned = pool::stale::<T>(together * plan.groups * y_length);
    for first in (0..geometry.batch).step_by(together) {
        let images = together.min(geometry.batch - first);
        let count = images * plan.groups;
        parallel::for_chunks_mut(
            &mut padded[..count * x_length],
            x_length,
            count * x_group,
            |i, to| {
                plan.image
                    .fill(&x[(first * plan.groups + i) * x_group..][..x_group], to);
            },
        );
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
        for (index, sums) in sums.chunks_mut(rows).enumerate() {
            for (part, sums) in sums.chunks_mut(share).enumerate() {
                tasks.push((index / blocks, index % blocks, part * share, sums));
            }
        }
        let work = images * geometry.multiply_adds() as usize / geometry.batch / width;
        parallel::for_chunks_mut(&mut tasks, 1, work, |_, task| {
            let (group, block, row, sums) = &mut task[0];
            for image in 0..images {
                let index = image * plan.groups + *group;
                let image = &padded[index * x_length..][..x_length];
                let turned = &turned[index * y_length + *block * block_length..];
                for (i0, steps) in balanced(y_pixels, DEPTH) {
                    let vectors = Panel {
                        panel: &turned[i0 * width..],
                        stride: width,
                    };
                    for (at, sums) in sums.iter_mut().enumerate() {
                        let t0 = (*row + at) * ROWS;
                        let count = ROWS.min(taps - t0);
                        let mut points = [0; ROWS];
                        points[..count].copy_from_slice(&phase.offsets.list()[t0..t0 + count]);
                        let scalars =
                            Points::new(image, points, [count, 1], &pixels, i0..i0 + steps);
                        tile::multiply(level, count, steps, scalars, vectors, AddTo(sums));
                    }
                }
            }
        });
    }
    pool::recycle(padded);
    pool::recycle(turned);

    for (index, sums) in sums.chunks(rows).enumerate() {
        let (group, block) = (index / blocks, index % blocks);
        let first = group * filters + block * width;
        let lanes = width.min(filters - block * width);
        let dw = &mut dw[first * taps..][..lanes * taps];
        for (lane, dw) in dw.chunks_mut(taps).enumerate() {
            let (v, lane) = (lane / T::LANES, lane % T::LANES);
            for (dw, sums) in dw.chunks_mut(ROWS).zip(sums) {
                for (dw, row) in dw.iter_mut().zip(sums) {
                    *dw = row[v].lanes()[lane];
                }
            }
        }
    }
}
