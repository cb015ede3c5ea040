//! The weight gradient with filters in the lanes: the steps of the sum are pixels.

use std::ops::Range;

use super::dots;
use super::lanes::Lanes;
use super::plan::Correlation;
use crate::kernels::conv::ConvGeometry;
use crate::kernels::gemm::microkernel::{self, MR, Next, Offsets, OutputRows, Panel, Windows};
use crate::kernels::gemm::pack;
use crate::kernels::partition::balanced;
use crate::kernels::simd::transpose::transpose;
use crate::kernels::simd::{Float, Level};
use crate::memory::Scratch;
use crate::parallel;

/// Pixels in one pass: their gradients of one block of filters fill half of a first-level cache of 32 KB.
const KC: usize = 256;

/// Bytes of padded images and transposed gradients that are prepared at once: half of the second-level cache,
/// since every task reads all of them.
const PREPARED: usize = 1 << 19;

/// Blocks of filters that are summed at once, so that a broadcast number of the image is used for both.
const PAIR: usize = 2;

/// Fewest tasks, so that they divide evenly between threads.
const TASKS: usize = 16;

/// Most pixels for which sums are completed part by part: with so few steps a sum takes as long to load and
/// store as to compute. (With 196 pixels, completing them part by part was slower.)
const MAX_PIXELS_BY_PARTS: usize = 64;

/// Rows of sums in a part, if sums are completed part by part (as `MC`).
const PART: usize = 192 * MR;

/// Most shares of a batch.
const MAX_SHARES: usize = 16;

/// The number of shares of a batch, each with its own partial sums; from the shape alone. If the sums are small
/// compared with the images, more shares are faster: each thread reads only images that it has prepared.
fn shares(batch: usize, image: usize, sums: usize) -> usize {
    let affordable = batch * image / (8 * sums).max(1);
    MAX_SHARES.min(batch).min(affordable).max(1)
}

/// `dw[o, c, k] = Σ x[n, c, window(i) + k] · dy[n, o, i]`.
///
/// Lanes hold what `lanes` requires, or whatever is faster if it is `None`. With filters in the lanes, rows of
/// sums are `(channel, tap)` pairs. Within a share of the batch, images and blocks of their pixels are added in
/// order, and then the shares in order.
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
        None => dots::is_profitable::<T>(geometry),
    };
    if pixels && dots::supports(geometry) {
        return dots::run(level, geometry, x, dy, dw);
    }
    let plan = Correlation::whole::<T>(geometry);
    let phase = &plan.phases[0];
    let filters = plan.channels[1];
    let width = T::NR;
    let blocks = filters.div_ceil(width);
    let shared = Shared {
        level,
        pixels: plan.origins(phase),
        taps: phase.offsets.len(),
        blocks,
        image: plan.image.len(),
        transposed: blocks * plan.pixels[1] * width,
        plan: &plan,
    };
    let length = plan.groups * blocks * shared.taps * width;
    if shared.is_by_parts::<T>(geometry.batch, length) {
        return shared.run_by_parts(geometry.batch, x, dy, dw);
    }
    let image = plan.groups * (shared.image + shared.transposed);
    let shares = shares(geometry.batch, image, length);
    let share = geometry.batch.div_ceil(shares);
    let count = geometry.batch.div_ceil(share);
    let mut sums = Scratch::<T>::new(count * length);
    let work = geometry.multiply_adds() as usize / width;
    parallel::for_chunks_mut(&mut sums, length, work, |index, sums| {
        let first = index * share;
        shared.accumulate(first..(first + share).min(geometry.batch), x, dy, sums);
    });
    let (total, rest) = sums.split_at_mut(length);
    for sums in rest.chunks(length) {
        for (total, &sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }

    let taps = shared.taps;
    let mut tasks = Vec::new();
    for (group, dw) in dw.chunks_mut(filters * taps).enumerate() {
        for (pair, dw) in dw.chunks_mut(PAIR * width * taps).enumerate() {
            let first = (group * blocks + pair * PAIR) * taps * width;
            tasks.push((&total[first..], shared.columns::<T>(pair * PAIR), dw));
        }
    }
    parallel::for_chunks_mut(&mut tasks, 1, length, |_, task| {
        let (sums, columns, dw) = &mut task[0];
        transpose(level, [taps, dw.len() / taps], sums, *columns, dw, taps);
    });
}

/// What is the same for all images.
struct Shared<'a> {
    level: Level,
    plan: &'a Correlation,
    /// Offset in the padded image of the window of each output pixel.
    pixels: Offsets,
    taps: usize,
    /// Blocks of filters in a group.
    blocks: usize,
    /// Elements of one group of a padded image.
    image: usize,
    /// Elements of one group of a transposed gradient.
    transposed: usize,
}

impl Shared<'_> {
    /// Lanes of one or two blocks of filters: those that are summed together, from `block` on.
    fn columns<T: Float>(&self, block: usize) -> usize {
        PAIR.min(self.blocks - block) * T::NR
    }

    /// Computes `sums[group, pair of blocks, tap, lane of the pair]` of a range of images.
    fn accumulate<T: Float>(&self, images: Range<usize>, x: &[T], dy: &[T], sums: &mut [T]) {
        let (plan, taps, blocks, width) = (self.plan, self.taps, self.blocks, T::NR);
        let [x_group, y_group] = self.lengths();
        let y_pixels = plan.pixels[1];
        // A task computes `share` rows, `(channel, tap)` pairs, for two blocks of filters of one group; no sum
        // depends on `share`.
        let work = images.len() * plan.groups * taps * blocks * y_pixels;
        let tasks = TASKS.max(parallel::tasks_for_threads(work));
        let parts = tasks.div_ceil(plan.groups * blocks.div_ceil(PAIR));
        let share = taps.div_ceil(parts).next_multiple_of(MR);
        let share = taps.div_ceil(taps.div_ceil(share));
        let together = self.at_once::<T>(images.len());
        let mut padded = Scratch::<T>::new(together * plan.groups * self.image);
        let mut transposed = Scratch::<T>::new(together * plan.groups * self.transposed);
        for first in images.clone().step_by(together) {
            let count = together.min(images.end - first) * plan.groups;
            let (x, dy) = (
                &x[first * plan.groups * x_group..][..count * x_group],
                &dy[first * plan.groups * y_group..][..count * y_group],
            );
            self.prepare(x, dy, &mut padded, &mut transposed);
            let mut tasks = Vec::new();
            for (group, sums) in sums.chunks_mut(blocks * taps * width).enumerate() {
                for (pair, sums) in sums.chunks_mut(PAIR * taps * width).enumerate() {
                    let block = pair * PAIR;
                    let columns = self.columns::<T>(block);
                    for (part, sums) in sums.chunks_mut(share * columns).enumerate() {
                        tasks.push((group, block, part * share, sums));
                    }
                }
            }
            let work = count * taps * blocks * y_pixels;
            parallel::for_chunks_mut(&mut tasks, 1, work, |_, task| {
                let (group, block, tap, sums) = &mut task[0];
                let columns = self.columns::<T>(*block);
                let rows = sums.len() / columns;
                for index in (*group..count).step_by(plan.groups) {
                    for (i0, steps) in balanced(y_pixels, KC) {
                        let to = OutputRows {
                            head: sums,
                            stride: columns,
                            add: first > images.start || index > *group || i0 > 0,
                        };
                        let prepared = [&padded[..], &transposed[..]];
                        self.sum(prepared, [index, *block], [*tap, rows], [i0, steps], to);
                    }
                }
            });
        }
    }

    /// Elements of a group of an image and of its gradient.
    fn lengths(&self) -> [usize; 2] {
        [0, 1].map(|side| self.plan.channels[side] * self.plan.pixels[side])
    }

    /// How many of `images` images are prepared at once.
    fn at_once<T>(&self, images: usize) -> usize {
        let each = self.plan.groups * (self.image + self.transposed) * size_of::<T>();
        (PREPARED / each).clamp(1, images)
    }

    /// Pads images and transposes their gradients, so that filters are in the lanes.
    fn prepare<T: Float>(&self, x: &[T], dy: &[T], padded: &mut [T], transposed: &mut [T]) {
        let [x_group, y_group] = self.lengths();
        let (pixels, filters, width) = (self.plan.pixels[1], self.plan.channels[1], T::NR);
        let count = x.len() / x_group;
        let padded = &mut padded[..count * self.image];
        self.plan.image.fill(self.level, x, x_group, padded);
        let transposed = &mut transposed[..count * self.transposed];
        parallel::for_chunks_mut(transposed, pixels * width, dy.len(), |i, to| {
            let (index, block) = (i / self.blocks, i % self.blocks);
            let lanes = width.min(filters - block * width);
            let from = &dy[index * y_group + block * width * pixels..];
            pack::right_panel(self.level, from, [1, pixels], pixels, lanes, width, to);
        });
    }

    /// Sums of a range of rows over a range of pixels, in one group of an image, for one or two blocks of
    /// filters.
    fn sum<T: Float>(
        &self,
        [padded, transposed]: [&[T]; 2],
        [index, block]: [usize; 2],
        [tap, rows]: [usize; 2],
        [first, steps]: [usize; 2],
        to: OutputRows<'_, T>,
    ) {
        let width = T::NR;
        let panel = self.plan.pixels[1] * width;
        let of_block = index * self.transposed + block * panel;
        let vectors = Panel {
            panel: &transposed[of_block + first * width..],
            stride: width,
        };
        let windows = Windows {
            image: &padded[index * self.image..][..self.image],
            origins: &self.plan.phases[0].offsets.list()[tap..],
            offsets: &self.pixels,
            first,
        };
        let size = [rows, steps];
        if self.columns::<T>(block) > width {
            let next = Next {
                panel,
                output: width,
            };
            microkernel::run_pair(self.level, size, windows, vectors, to, next);
        } else {
            microkernel::run(self.level, size, windows, vectors, to);
        }
    }

    /// Whether it is faster to complete the `length` sums part by part, each part over the whole batch. It
    /// is if all images are prepared at once, there are few pixels, the sums do not fit in the
    /// second-level cache and there are enough tasks. Either way there is one share and one pass over the pixels, so
    /// that bits are the same.
    fn is_by_parts<T: Float>(&self, batch: usize, length: usize) -> bool {
        let work = batch * self.plan.groups * self.taps * self.blocks * self.plan.pixels[1];
        self.at_once::<T>(batch) == batch
            && self.plan.pixels[1] <= MAX_PIXELS_BY_PARTS
            && length * size_of::<T>() > 2 * PREPARED
            && self.plan.groups * self.blocks >= TASKS
            && self.plan.groups * self.blocks.div_ceil(PAIR) >= parallel::tasks_for_threads(work)
    }

    /// The whole gradient. Each part of the sums is transposed into `dw` while it is in the second-level cache.
    fn run_by_parts<T: Float>(&self, batch: usize, x: &[T], dy: &[T], dw: &mut [T]) {
        let (plan, taps, width) = (self.plan, self.taps, T::NR);
        let (pixels, filters) = (plan.pixels[1], plan.channels[1]);
        let count = batch * plan.groups;
        let mut padded = Scratch::<T>::new(count * self.image);
        let mut transposed = Scratch::<T>::new(count * self.transposed);
        self.prepare(x, dy, &mut padded, &mut transposed);
        let mut tasks = Vec::new();
        for (group, dw) in dw.chunks_mut(filters * taps).enumerate() {
            let pairs = dw.chunks_mut(PAIR * width * taps).enumerate();
            tasks.extend(pairs.map(|(pair, dw)| (group, pair * PAIR, dw)));
        }
        let work = count * taps * self.blocks * pixels;
        parallel::for_chunks_mut(&mut tasks, 1, work, |_, task| {
            let (group, block, dw) = &mut task[0];
            let columns = self.columns::<T>(*block);
            let mut sums = Scratch::<T>::new(PART.min(taps) * columns);
            for (first, rows) in balanced(taps, PART) {
                for index in (*group..count).step_by(plan.groups) {
                    let to = OutputRows {
                        head: &mut sums,
                        stride: columns,
                        add: index > *group,
                    };
                    let prepared = [&padded[..], &transposed[..]];
                    self.sum(prepared, [index, *block], [first, rows], [0, pixels], to);
                }
                let lanes = dw.len() / taps;
                transpose(
                    self.level,
                    [rows, lanes],
                    &sums,
                    columns,
                    &mut dw[first..],
                    taps,
                );
            }
        });
    }
}
