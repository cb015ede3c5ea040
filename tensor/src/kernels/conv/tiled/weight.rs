//! The gradient by the weights: pixels are the steps of the sum.

use std::ops::Range;

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

/// A batch is cut into at most so many groups of images.
const GROUPS: usize = 16;

/// How many groups of images are summed apart, from the shape alone: sums that are small beside the
/// images let each thread prepare and read images of its own.
fn groups(batch: usize, images: usize, sums: usize) -> usize {
    let affordable = batch * images / (8 * sums).max(1);
    GROUPS.min(batch).min(affordable).max(1)
}

/// `dw[o, c, k] = Σ x[n, c, window(i) + k] · dy[n, o, i]`.
///
/// Lanes hold filters, rows are `(channel, tap)`. Within a group of images, these and in them blocks of
/// pixels add up in their order, and then the groups in theirs.
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
    let filters = plan.channels[1];
    let width = columns::<T>();
    let blocks = filters.div_ceil(width);
    let each = Each {
        level,
        pixels: plan.origins(phase),
        taps: phase.offsets.len(),
        blocks,
        image: plan.image.len(),
        turned: blocks * plan.pixels[1] * width,
        plan: &plan,
    };
    let length = plan.groups * blocks * each.taps * width;
    let images = plan.groups * (each.image + each.turned);
    let share = geometry
        .batch
        .div_ceil(groups(geometry.batch, images, length));
    let count = geometry.batch.div_ceil(share);
    let mut sums = pool::stale::<T>(count * length);
    let work = geometry.multiply_adds() as usize / width;
    parallel::for_chunks_mut(&mut sums, length, work, |group, sums| {
        let first = group * share;
        each.add_up(first..(first + share).min(geometry.batch), x, dy, sums);
    });
    let (total, rest) = sums.split_at_mut(length);
    for sums in rest.chunks(length) {
        for (total, &sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }

    let taps = each.taps;
    for (index, sums) in total.chunks(taps * width).enumerate() {
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

/// What is common to all images.
struct Each<'a> {
    level: Level,
    plan: &'a Correlation,
    /// Where the window of each output pixel begins.
    pixels: Offsets,
    taps: usize,
    /// Blocks of filters in a group.
    blocks: usize,
    /// Elements of one group of a padded image, and of its gradient with filters in the lanes.
    image: usize,
    turned: usize,
}

impl Each<'_> {
    /// `sums[group, block, tap, lane]` of these images.
    fn add_up<T: Float>(&self, images: Range<usize>, x: &[T], dy: &[T], sums: &mut [T]) {
        let (plan, taps, blocks, width) = (self.plan, self.taps, self.blocks, columns::<T>());
        let [channels, filters] = plan.channels;
        let [x_pixels, y_pixels] = plan.pixels;
        let phase = &plan.phases[0];
        // One task sums some rows of one block of filters of one group, over all images.
        let parts = 16_usize.div_ceil(plan.groups * blocks);
        let share = taps.div_ceil(parts).next_multiple_of(ROWS);
        let share = taps.div_ceil(taps.div_ceil(share));
        let (x_group, y_group) = (channels * x_pixels, filters * y_pixels);
        let prepared = plan.groups * (self.image + self.turned) * size_of::<T>();
        let together = (PREPARED / prepared).clamp(1, images.len());
        let mut padded = pool::stale::<T>(together * plan.groups * self.image);
        let mut turned = pool::stale::<T>(together * plan.groups * self.turned);
        for first in images.clone().step_by(together) {
            let count = together.min(images.end - first) * plan.groups;
            let (x, dy) = (
                &x[first * plan.groups * x_group..][..count * x_group],
                &dy[first * plan.groups * y_group..][..count * y_group],
            );
            plan.image
                .fill(self.level, x, x_group, &mut padded[..count * self.image]);
            let length = y_pixels * width;
            let to = &mut turned[..count * self.turned];
            parallel::for_chunks_mut(to, length, count * y_group, |i, to| {
                let (index, block) = (i / blocks, i % blocks);
                let lanes = width.min(filters - block * width);
                let from = &dy[index * y_group + block * width * y_pixels..];
                let strides = [1, y_pixels];
                pack::vectors(self.level, from, strides, y_pixels, lanes, width, to);
            });
            let mut tasks = Vec::new();
            for (index, sums) in sums.chunks_mut(taps * width).enumerate() {
                for (part, sums) in sums.chunks_mut(share * width).enumerate() {
                    tasks.push((index / blocks, index % blocks, part * share, sums));
                }
            }
            let work = count * taps * blocks * y_pixels;
            parallel::for_chunks_mut(&mut tasks, 1, work, |_, task| {
                let (group, block, tap, sums) = &mut task[0];
                let rows = sums.len() / width;
                for index in (*group..count).step_by(plan.groups) {
                    let turned = &turned[index * self.turned + *block * length..];
                    for (i0, steps) in balanced(y_pixels, DEPTH) {
                        let vectors = Panel {
                            panel: &turned[i0 * width..],
                            stride: width,
                        };
                        let points = Points {
                            image: &padded[index * self.image..][..self.image],
                            at: &phase.offsets.list()[*tap..],
                            offsets: &self.pixels,
                            first: i0,
                        };
                        let to = Matrix {
                            head: sums,
                            stride: width,
                            add: first > images.start || index > *group || i0 > 0,
                        };
                        tile::sweep(self.level, [rows, steps], points, vectors, to);
                    }
                }
            });
        }
        pool::recycle(padded);
        pool::recycle(turned);
    }
}
