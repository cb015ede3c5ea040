//! The gradient by the weights with pixels in the lanes: gradients of the output are read where they lie.
//!
//! Turning them costs more than the sums where few taps share it. Here a few filters meet a few taps, and
//! every sum is a vector to the end. Its steps are the pixels of some rows, one row after the other: so
//! that these lie like that under every tap, the image is copied once for each column of a filter.

use std::ops::Range;

use super::plan::{Correlation, Span};
use crate::kernels::conv::ConvGeometry;
use crate::kernels::gemm::balanced;
use crate::kernels::gemm::microkernel::columns;
use crate::kernels::simd::prefetch;
use crate::kernels::simd::{Body, Float, Level, Vector};
use crate::memory::scratch;
use crate::parallel;

/// Filters and taps of a tile: 24 sums, four vectors of gradients and one of the image, of 32 registers.
const FILTERS: usize = 4;
const TAPS: usize = 6;

/// The same of 16 registers: with four taps the compiler keeps some sums in memory.
const NARROW_FILTERS: usize = 2;
const NARROW_TAPS: usize = 3;

/// Gradients of a tile's filters in one pass: half of the first cache.
const PASS: usize = 1 << 14;

/// A batch, or the rows of an image, are cut into at most so many shares, each of at least so many steps.
const SHARES: usize = 16;
const STEPS: usize = 192;

/// Tasks that several threads share evenly.
const TASKS: usize = 8;

/// Rows of an output plane in one pass.
fn rows<T: Float>(geometry: &ConvGeometry) -> usize {
    let [_, height, width] = geometry.output();
    let most = (PASS / (FILTERS * size_of::<T>()) / width).clamp(1, height);
    height.div_ceil(height.div_ceil(most))
}

/// Whether images have one depth, before and behind.
pub(super) fn serves(geometry: &ConvGeometry) -> bool {
    geometry.padded(0) == 1
}

/// Whether this costs less than to turn the gradients.
pub(super) fn pays<T: Float>(geometry: &ConvGeometry) -> bool {
    let [_, height, width] = geometry.output();
    // In steps of a vector, of all filters and taps over the rows of a pass; factors as measured, with
    // 8 … 64 filters of 1 … 64 channels. What a pass adds to sums costs as much as twelve steps.
    let rows = rows::<T>(geometry).min(height);
    let (filters, channels) = (geometry.group_filters(), geometry.group_channels());
    let (pixels, lanes) = ((rows * width) as f64, columns::<T>() as f64);
    let taps = (channels * geometry.taps()) as f64;
    let blocks = filters.div_ceil(columns::<T>()) as f64;
    let turned = pixels * blocks * (1.15 * taps + 0.8 * lanes);
    let heights = (rows * geometry.stride[1] + geometry.window(1)) as f64;
    let copied = 3.0 * heights * width as f64 / lanes * (channels * geometry.kernel[2]) as f64;
    let steps = (rows * width).div_ceil(columns::<T>()) as f64;
    let summed = (steps + 12.0) * taps * filters as f64;
    copied + summed < turned
}

/// `dw[o, c, k] = Σ x[n, c, window(i) + k] · dy[n, o, i]` for images of one depth.
///
/// Within a share, images and in them passes add up in their order, lane by lane; then the lanes add up,
/// and then the shares in their order.
pub(super) fn run<T: Float>(
    level: Level,
    geometry: &ConvGeometry,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
) {
    let plan = Correlation::whole::<T>(geometry);
    let spans = plan.strips(rows::<T>(geometry));
    let count = geometry.batch * spans.len();
    let steps = geometry.batch * plan.pixels[1].div_ceil(columns::<T>());
    let shares = (steps / STEPS).clamp(1, SHARES).min(count);
    let [_, filters] = plan.channels;
    let parts = TASKS.div_ceil(shares * plan.groups);
    let block = filters.div_ceil(parts).next_multiple_of(FILTERS);
    let dots = Dots::new(level, &plan, &spans, geometry);
    let mut sums = scratch::stale::<T>(shares * dw.len());
    let mut tasks = Vec::new();
    for (share, sums) in sums.chunks_mut(dw.len()).enumerate() {
        let passes = share * count / shares..(share + 1) * count / shares;
        for (group, sums) in sums.chunks_mut(filters * dots.offsets.len()).enumerate() {
            let parts = sums.chunks_mut(block * dots.offsets.len()).enumerate();
            tasks.extend(parts.map(|(part, to)| {
                let task = Task {
                    passes: passes.clone(),
                    group,
                    first: part * block,
                };
                (task, to)
            }));
        }
    }
    let work = geometry.multiply_adds() as usize / columns::<T>();
    parallel::for_chunks_mut(&mut tasks, 1, work, |_, task| {
        let (task, to) = &mut task[0];
        dots.add_up(task, x, dy, to);
    });
    let (first, rest) = sums.split_at(dw.len());
    dw.copy_from_slice(first);
    for sums in rest.chunks(dw.len()) {
        for (total, &sum) in dw.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    scratch::recycle(sums);
}

/// A share of the passes, for some filters of a group.
struct Task {
    passes: Range<usize>,
    group: usize,
    first: usize,
}

/// What is common to all tasks.
struct Dots<'a> {
    level: Level,
    plan: &'a Correlation,
    spans: &'a [Span],
    /// Of each column of a filter, the distance from one to the next.
    columns: usize,
    dilation: usize,
    /// Output pixels of a row, and rows of a window's step.
    width: usize,
    step: usize,
    /// Rows of one residue of the height, and elements of one copy of a channel.
    rows: usize,
    copy: usize,
    /// Where the steps of each channel and tap begin in the copies.
    offsets: Vec<usize>,
}

impl<'a> Dots<'a> {
    fn new(
        level: Level,
        plan: &'a Correlation,
        spans: &'a [Span],
        geometry: &ConvGeometry,
    ) -> Self {
        let [_, kernel_rows, columns] = geometry.kernel;
        let [_, _, width] = geometry.output();
        let step = geometry.stride[1];
        let heights = spans.iter().map(|span| span.band.heights).max();
        let rows = heights.unwrap_or(0).div_ceil(step);
        let copy = step * rows * width;
        let mut offsets = Vec::with_capacity(plan.channels[0] * geometry.taps());
        for channel in 0..plan.channels[0] {
            for y in 0..kernel_rows {
                let y = y * geometry.dilation[1];
                let row = y % step * rows + y / step;
                offsets.extend((0..columns).map(|x| (channel * columns + x) * copy + row * width));
            }
        }
        Self {
            level,
            plan,
            spans,
            columns,
            dilation: geometry.dilation[2],
            width,
            step,
            rows,
            copy,
            offsets,
        }
    }

    fn add_up<T: Float>(&self, task: &Task, x: &[T], dy: &[T], to: &mut [T]) {
        let plan = self.plan;
        let ([channels, filters], [x_pixels, y_pixels]) = (plan.channels, plan.pixels);
        let band = self.spans.iter().map(|span| plan.image.band_len(span.band));
        let mut band = scratch::stale::<T>(band.max().unwrap_or(0));
        let mut copies = scratch::stale::<T>(channels * self.columns * self.copy);
        let mut sums = scratch::stale::<T>(to.len() * columns::<T>());
        for pass in task.passes.clone() {
            let span = &self.spans[pass % self.spans.len()];
            let image = pass / self.spans.len() * plan.groups + task.group;
            let x = &x[image * channels * x_pixels..][..channels * x_pixels];
            let band = &mut band[..plan.image.band_len(span.band)];
            plan.image
                .fill_band(self.level, span.band, x, channels * x_pixels, band);
            self.copy(span, band, &mut copies);
            let planes = Planes {
                dy: &dy[(image * filters + task.first) * y_pixels..],
                pixels: y_pixels,
                span: span.pixels(),
            };
            let add = pass > task.passes.start;
            self.sweep(
                &planes,
                &copies,
                to.len() / self.offsets.len(),
                &mut sums,
                add,
            );
        }
        for (to, lanes) in to.iter_mut().zip(sums.chunks_exact(columns::<T>())) {
            *to = total(lanes);
        }
        scratch::recycle(band);
        scratch::recycle(copies);
        scratch::recycle(sums);
    }

    /// Copies what each column of a filter sees.
    fn copy<T: Float>(&self, span: &Span, band: &[T], copies: &mut [T]) {
        let image = &self.plan.image;
        for (index, copy) in copies.chunks_mut(self.copy).enumerate() {
            let (channel, column) = (index / self.columns, index % self.columns);
            let start = channel * image.row + image.at(0, 0, column * self.dilation);
            for height in 0..span.band.heights {
                let row = height % self.step * self.rows + height / self.step;
                let from = &band[height * image.rows + start..][..self.width];
                super::padded::copy(from, &mut copy[row * self.width..][..self.width]);
            }
        }
    }

    /// Adds the pixels of one pass to the sums of so many filters.
    fn sweep<T: Float>(
        &self,
        planes: &Planes<'_, T>,
        copies: &[T],
        filters: usize,
        sums: &mut [T],
        add: bool,
    ) {
        let wide = self.level.is_wide();
        let [most, most_taps] = if wide {
            [FILTERS, TAPS]
        } else {
            [NARROW_FILTERS, NARROW_TAPS]
        };
        let stride = self.offsets.len() * columns::<T>();
        for (first, count) in balanced(filters, most) {
            let mut tap = 0;
            // Tiles that have one tap more come first.
            let tiles = self.offsets.len().div_ceil(most_taps);
            let (height, larger) = (self.offsets.len() / tiles, self.offsets.len() % tiles);
            for (taps, tiles) in [(height + 1, larger), (height, tiles - larger)] {
                if tiles == 0 {
                    continue;
                }
                macro_rules! run {
                    ($body:ident, $r:literal, $v:literal) => {
                        self.level.run($body(Tiles::<T, $r, $v> {
                            dy: planes.filters(first),
                            ahead: planes.filters((first + $r).min(filters - $r)),
                            image: copies,
                            offsets: &self.offsets[tap..][..tiles * $v],
                            to: &mut sums[first * stride + tap * columns::<T>()..],
                            stride,
                            add,
                        }))
                    };
                }
                macro_rules! taps {
                    ($body:ident, $r:literal: $($v:literal)*) => {
                        match taps {
                            $($v => run!($body, $r, $v),)*
                            _ => unreachable!("tiles have at most so many taps"),
                        }
                    };
                }
                match (wide, count) {
                    (false, 1) => taps!(Narrow, 1: 1 2 3),
                    (false, _) => taps!(Narrow, 2: 1 2 3),
                    (true, 1) => taps!(Wide, 1: 1 2 3 4 5 6),
                    (true, 2) => taps!(Wide, 2: 1 2 3 4 5 6),
                    (true, 3) => taps!(Wide, 3: 1 2 3 4 5 6),
                    (true, _) => taps!(Wide, 4: 1 2 3 4 5 6),
                }
                tap += taps * tiles;
            }
        }
    }
}

/// The sum of lanes: halves add up until one is left.
fn total<T: Float>(lanes: &[T]) -> T {
    let mut sums = [T::zero(); 16];
    let sums = &mut sums[..lanes.len()];
    sums.copy_from_slice(lanes);
    let mut count = lanes.len();
    while count > 1 {
        count /= 2;
        for lane in 0..count {
            sums[lane] += sums[lane + count];
        }
    }
    sums[0]
}

/// Gradients of some filters at some pixels.
struct Planes<'a, T> {
    dy: &'a [T],
    pixels: usize,
    span: Range<usize>,
}

impl<'a, T: Float> Planes<'a, T> {
    fn filters<const R: usize>(&self, first: usize) -> [&'a [T]; R] {
        std::array::from_fn(|r| &self.dy[(first + r) * self.pixels..][self.span.clone()])
    }
}

/// Some tiles of `R` filters and `V` taps.
struct Tiles<'a, T, const R: usize, const V: usize> {
    dy: [&'a [T]; R],
    /// Gradients that are needed next.
    ahead: [&'a [T]; R],
    image: &'a [T],
    offsets: &'a [usize],
    /// `to[filter · stride + tap · lanes + lane]`
    to: &'a mut [T],
    stride: usize,
    add: bool,
}

impl<T: Float, const R: usize, const V: usize> Tiles<'_, T, R, V> {
    /// Adds up, of all steps, the `width` lanes from `lane` on.
    #[inline(always)]
    fn run<X: Vector<T>, const FMA: bool>(&mut self, lane: usize, width: usize) {
        let line = columns::<T>();
        let count = self.dy[0].len();
        let mut dy = self.dy;
        let mut ahead = self.ahead;
        for r in 0..R {
            dy[r] = &dy[r][..count];
            ahead[r] = &ahead[r][..count];
        }
        let whole = count / line;
        for (tile, offsets) in self.offsets.as_chunks::<V>().0.iter().enumerate() {
            let mut windows = [&self.image[..0]; V];
            for v in 0..V {
                windows[v] = &self.image[offsets[v]..][..count];
            }
            let mut sums = [[X::splat(T::zero()); V]; R];
            for step in 0..whole {
                let at = step * line + lane;
                let mut vectors = [X::splat(T::zero()); R];
                for r in 0..R {
                    vectors[r] = X::load(&dy[r][at..][..width]);
                    if tile == 0 {
                        prefetch::line(&ahead[r][at..]);
                    }
                }
                for v in 0..V {
                    let x = X::load(&windows[v][at..][..width]);
                    for r in 0..R {
                        sums[r][v] = x.multiply_add::<FMA>(vectors[r], sums[r][v]);
                    }
                }
            }
            let at = whole * line + lane;
            if at < count {
                let rest = (count - at).min(width);
                let mut vectors = [X::splat(T::zero()); R];
                for r in 0..R {
                    vectors[r] = X::load_head(&dy[r][at..][..rest]);
                }
                for v in 0..V {
                    let x = X::load_head(&windows[v][at..][..rest]);
                    for r in 0..R {
                        sums[r][v] = x.multiply_add::<FMA>(vectors[r], sums[r][v]);
                    }
                }
            }
            // A slice of constant length and two plain loops: what the compiler does not unroll indexes the
            // sums, keeps them in memory, and writes them there at every step.
            for r in 0..R {
                let to = &mut self.to[r * self.stride + tile * V * line..][..V * line];
                if self.add {
                    for v in 0..V {
                        sums[r][v] = sums[r][v].add(X::load(&to[v * line + lane..][..width]));
                    }
                }
                for v in 0..V {
                    sums[r][v].store(&mut to[v * line + lane..][..width]);
                }
            }
        }
    }
}

struct Wide<'a, T, const R: usize, const V: usize>(Tiles<'a, T, R, V>);

impl<T: Float, const R: usize, const V: usize> Body for Wide<'_, T, R, V> {
    type Output = ();
    const WIDE: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        self.0.run::<T::Wide, FMA>(0, columns::<T>());
    }
}

struct Narrow<'a, T, const R: usize, const V: usize>(Tiles<'a, T, R, V>);

impl<T: Float, const R: usize, const V: usize> Body for Narrow<'_, T, R, V> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        self.0.run::<T::Vector, FMA>(0, T::LANES);
        self.0.run::<T::Vector, FMA>(T::LANES, T::LANES);
    }
}
