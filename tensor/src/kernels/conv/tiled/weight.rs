//! The gradient by the weights: pixels are the steps of the sum.

use std::ops::Range;

use super::dots;
use super::engine::Lanes;
use super::plan::Correlation;
use crate::kernels::conv::ConvGeometry;
use crate::kernels::gemm::microkernel::{self, Matrix, Offsets, Panel, Points, ROWS, columns};
use crate::kernels::gemm::{balanced, pack};
use crate::kernels::simd::transpose::turn;
use crate::kernels::simd::{Float, Level};
use crate::memory::scratch;
use crate::parallel;

/// Pixels in one pass: their gradients fill half of the first cache.
const DEPTH: usize = 256;

/// Images are prepared in batches of about this many bytes, half of the second cache: every part of
/// the gradient reads them all.
const PREPARED: usize = 1 << 19;

/// Tasks that several threads share evenly.
const TASKS: usize = 16;

/// With so few pixels, sums take as long to be moved as to be made. (With 196 of them, finishing sums part
/// by part was slower.)
const FEW: usize = 64;

/// Sums that are finished together, where they are finished part by part.
const PART: usize = 192 * ROWS;

/// A batch is cut into at most so many shares.
const SHARES: usize = 16;

/// In how many shares a batch is summed, from the shape alone: sums that are small beside the images
/// let each thread prepare and read images of its own.
fn shares(batch: usize, image: usize, sums: usize) -> usize {
    let affordable = batch * image / (8 * sums).max(1);
    SHARES.min(batch).min(affordable).max(1)
}

/// `dw[o, c, k] = Σ x[n, c, window(i) + k] · dy[n, o, i]`.
///
/// Lanes hold pixels where that pays, or what is asked for. Otherwise they hold filters, rows are
/// `(channel, tap)`. Within a share of the batch, images and in them blocks of pixels add up in their
/// order, and then the shares in theirs.
pub(super) fn run<T: Float>(
    level: Level,
    lanes: Option<Lanes>,
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
    let pixels = match lanes {
        Some(lanes) => lanes == Lanes::Pixels,
        None => dots::pays::<T>(geometry),
    };
    if pixels && dots::serves(geometry) {
        return dots::run(level, geometry, x, dy, dw);
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
    if each.finishes::<T>(geometry.batch, length) {
        return each.finish(geometry.batch, x, dy, dw);
    }
    let image = plan.groups * (each.image + each.turned);
    let shares = shares(geometry.batch, image, length);
    let share = geometry.batch.div_ceil(shares);
    let count = geometry.batch.div_ceil(share);
    let mut sums = scratch::stale::<T>(count * length);
    let work = geometry.multiply_adds() as usize / width;
    parallel::for_chunks_mut(&mut sums, length, work, |index, sums| {
        let first = index * share;
        each.add_up(first..(first + share).min(geometry.batch), x, dy, sums);
    });
    let (total, rest) = sums.split_at_mut(length);
    for sums in rest.chunks(length) {
        for (total, &sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }

    let taps = each.taps;
    let mut tasks = Vec::new();
    for (group, dw) in dw.chunks_mut(filters * taps).enumerate() {
        for (block, dw) in dw.chunks_mut(width * taps).enumerate() {
            tasks.push((&total[(group * blocks + block) * taps * width..], dw));
        }
    }
    parallel::for_chunks_mut(&mut tasks, 1, length, |_, task| {
        let (sums, dw) = &mut task[0];
        turn(level, [taps, dw.len() / taps], sums, width, dw, taps);
    });
    scratch::recycle(sums);
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
        let [x_group, y_group] = self.lengths();
        let y_pixels = plan.pixels[1];
        // One task sums some rows of one block of filters of one group, over all images.
        let parts = TASKS.div_ceil(plan.groups * blocks);
        let share = taps.div_ceil(parts).next_multiple_of(ROWS);
        let share = taps.div_ceil(taps.div_ceil(share));
        let together = self.together::<T>(images.len());
        let mut padded = scratch::stale::<T>(together * plan.groups * self.image);
        let mut turned = scratch::stale::<T>(together * plan.groups * self.turned);
        for first in images.clone().step_by(together) {
            let count = together.min(images.end - first) * plan.groups;
            let (x, dy) = (
                &x[first * plan.groups * x_group..][..count * x_group],
                &dy[first * plan.groups * y_group..][..count * y_group],
            );
            self.prepare(x, dy, &mut padded, &mut turned);
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
                    for (i0, steps) in balanced(y_pixels, DEPTH) {
                        let to = Matrix {
                            head: sums,
                            stride: width,
                            add: first > images.start || index > *group || i0 > 0,
                        };
                        let prepared = [&padded[..], &turned[..]];
                        self.sweep(prepared, [index, *block], [*tap, rows], [i0, steps], to);
                    }
                }
            });
        }
        scratch::recycle(padded);
        scratch::recycle(turned);
    }

    /// Elements of a group of an image and of its gradient.
    fn lengths(&self) -> [usize; 2] {
        [0, 1].map(|side| self.plan.channels[side] * self.plan.pixels[side])
    }

    /// How many of some images are prepared together.
    fn together<T>(&self, images: usize) -> usize {
        let each = self.plan.groups * (self.image + self.turned) * size_of::<T>();
        (PREPARED / each).clamp(1, images)
    }

    /// Pads images, and turns their gradients so that filters lie in the lanes.
    fn prepare<T: Float>(&self, x: &[T], dy: &[T], padded: &mut [T], turned: &mut [T]) {
        let [x_group, y_group] = self.lengths();
        let (pixels, filters, width) = (self.plan.pixels[1], self.plan.channels[1], columns::<T>());
        let count = x.len() / x_group;
        let padded = &mut padded[..count * self.image];
        self.plan.image.fill(self.level, x, x_group, padded);
        let turned = &mut turned[..count * self.turned];
        parallel::for_chunks_mut(turned, pixels * width, dy.len(), |i, to| {
            let (index, block) = (i / self.blocks, i % self.blocks);
            let lanes = width.min(filters - block * width);
            let from = &dy[index * y_group + block * width * pixels..];
            pack::vectors(self.level, from, [1, pixels], pixels, lanes, width, to);
        });
    }

    /// Sums of some rows over some pixels of one group of an image, for one block of filters.
    fn sweep<T: Float>(
        &self,
        [padded, turned]: [&[T]; 2],
        [index, block]: [usize; 2],
        [tap, rows]: [usize; 2],
        [first, steps]: [usize; 2],
        to: Matrix<'_, T>,
    ) {
        let width = columns::<T>();
        let of_block = index * self.turned + block * self.plan.pixels[1] * width;
        let vectors = Panel {
            panel: &turned[of_block + first * width..],
            stride: width,
        };
        let points = Points {
            image: &padded[index * self.image..][..self.image],
            at: &self.plan.phases[0].offsets.list()[tap..],
            offsets: &self.pixels,
            first,
        };
        microkernel::sweep(self.level, [rows, steps], points, vectors, to);
    }

    /// Whether sums, `length` of them, are better finished part by part: where all images are prepared
    /// at once, pixels are few, sums outgrow the second cache and there are tasks enough.
    fn finishes<T: Float>(&self, batch: usize, length: usize) -> bool {
        self.together::<T>(batch) == batch
            && self.plan.pixels[1] <= FEW
            && length * size_of::<T>() > 2 * PREPARED
            && self.plan.groups * self.blocks >= TASKS
    }

    /// The whole gradient; each part of the sums is turned to its place while it is in the second cache.
    fn finish<T: Float>(&self, batch: usize, x: &[T], dy: &[T], dw: &mut [T]) {
        let (plan, taps, width) = (self.plan, self.taps, columns::<T>());
        let (pixels, filters) = (plan.pixels[1], plan.channels[1]);
        let count = batch * plan.groups;
        let mut padded = scratch::stale::<T>(count * self.image);
        let mut turned = scratch::stale::<T>(count * self.turned);
        self.prepare(x, dy, &mut padded, &mut turned);
        let mut tasks = Vec::new();
        for (group, dw) in dw.chunks_mut(filters * taps).enumerate() {
            let blocks = dw.chunks_mut(width * taps).enumerate();
            tasks.extend(blocks.map(|(block, dw)| (group, block, dw)));
        }
        let work = count * taps * self.blocks * pixels;
        parallel::for_chunks_mut(&mut tasks, 1, work, |_, task| {
            let (group, block, dw) = &mut task[0];
            let mut sums = scratch::stale::<T>(PART.min(taps) * width);
            for (first, rows) in balanced(taps, PART) {
                for index in (*group..count).step_by(plan.groups) {
                    let to = Matrix {
                        head: &mut sums,
                        stride: width,
                        add: index > *group,
                    };
                    let prepared = [&padded[..], &turned[..]];
                    self.sweep(prepared, [index, *block], [first, rows], [0, pixels], to);
                }
                let lanes = dw.len() / taps;
                turn(
                    self.level,
                    [rows, lanes],
                    &sums,
                    width,
                    &mut dw[first..],
                    taps,
                );
            }
            scratch::recycle(sums);
        });
        scratch::recycle(padded);
        scratch::recycle(turned);
    }
}
