//! The weight gradient with pixels in the lanes: gradients of the output are read in place.
//!
//! Transposing them, as `weight` does, takes longer than the sums if few taps reuse them. Here a tile is a few
//! filters by a few taps, and every sum is a vector of partial sums until the end. The steps of the sum are the
//! pixels of some rows, one row after the other. The image is copied once for each column of a filter, so that
//! the pixels under every tap are contiguous in this order.

use std::ops::Range;

use super::plan::{Correlation, Span};
use crate::kernels::conv::ConvGeometry;
use crate::kernels::partition::balanced;
use crate::kernels::simd::prefetch;
use crate::kernels::simd::{Body, Float, Level, Vector, WideIsa};
use crate::memory::Scratch;
use crate::parallel;

/// Filters and taps of a tile with 32 registers: 24 sums, four vectors of gradients and one of the image.
const FILTERS: usize = 4;
const TAPS: usize = 6;

/// Filters and taps of a tile with 16 registers: with four taps the compiler keeps some sums in memory.
const NARROW_FILTERS: usize = 2;
const NARROW_TAPS: usize = 3;

/// Bytes of the gradients of a tile's filters in one pass: half of the first-level cache.
const PASS_BYTES: usize = 1 << 14;

/// Most shares of a batch, or of the rows of an image.
const MAX_SHARES: usize = 16;

/// Fewest steps of a share.
const MIN_STEPS: usize = 192;

/// Fewest tasks, so that they divide evenly between threads.
const TASKS: usize = 8;

/// Rows of an output plane in one pass.
fn rows<T: Float>(geometry: &ConvGeometry) -> usize {
    let [_, height, width] = geometry.output();
    let most = (PASS_BYTES / (FILTERS * size_of::<T>()) / width).clamp(1, height);
    height.div_ceil(height.div_ceil(most))
}

/// Whether images have depth 1, padding included.
pub(super) fn supports(geometry: &ConvGeometry) -> bool {
    geometry.padded(0) == 1
}

/// Whether this is faster than transposing the gradients, as `weight` does.
pub(super) fn is_profitable<T: Float>(geometry: &ConvGeometry) -> bool {
    let [_, height, width] = geometry.output();
    // Costs in steps of a vector, for all filters and taps over the rows of a pass. The factors were measured
    // with 8 … 64 filters of 1 … 64 channels. Adding a pass to the sums takes as long as twelve steps.
    let rows = rows::<T>(geometry).min(height);
    let (filters, channels) = (geometry.group_filters(), geometry.group_channels());
    let (pixels, lanes) = ((rows * width) as f64, T::NR as f64);
    let taps = (channels * geometry.taps()) as f64;
    let blocks = filters.div_ceil(T::NR) as f64;
    let transposed = pixels * blocks * (1.15 * taps + 0.8 * lanes);
    let heights = (rows * geometry.stride[1] + geometry.window(1)) as f64;
    let copied = 3.0 * heights * width as f64 / lanes * (channels * geometry.kernel[2]) as f64;
    let steps = (rows * width).div_ceil(T::NR) as f64;
    let summed = (steps + 12.0) * taps * filters as f64;
    copied + summed < transposed
}

/// `dw[o, c, k] = Σ x[n, c, window(i) + k] · dy[n, o, i]` for images of one depth.
///
/// Within a share, images and their passes are added in order, lane by lane; then the lanes are added, and
/// then the shares in order.
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
    let steps = geometry.batch * plan.pixels[1].div_ceil(T::NR);
    let shares = (steps / MIN_STEPS).clamp(1, MAX_SHARES).min(count);
    let [_, filters] = plan.channels;
    let work = geometry.multiply_adds() as usize / T::NR;
    let tasks = TASKS.max(parallel::tasks_for_threads(work));
    let parts = tasks.div_ceil(shares * plan.groups);
    let block = filters.div_ceil(parts).next_multiple_of(FILTERS);
    let dots = Dots::new(level, &plan, &spans, geometry);
    let mut sums = Scratch::<T>::new(shares * dw.len());
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
    parallel::for_chunks_mut(&mut tasks, 1, work, |_, task| {
        let (task, to) = &mut task[0];
        dots.accumulate(task, x, dy, to);
    });
    let (first, rest) = sums.split_at(dw.len());
    dw.copy_from_slice(first);
    for sums in rest.chunks(dw.len()) {
        for (total, &sum) in dw.iter_mut().zip(sums) {
            *total += sum;
        }
    }
}

/// A share of the passes, for some filters of a group.
struct Task {
    passes: Range<usize>,
    group: usize,
    first: usize,
}

/// What is the same for all tasks.
struct Dots<'a> {
    level: Level,
    plan: &'a Correlation,
    spans: &'a [Span],
    /// Columns of a filter.
    columns: usize,
    /// Distance between neighbouring columns of a filter.
    dilation: usize,
    /// Output pixels of a row.
    width: usize,
    /// Stride of the convolution along the height.
    step: usize,
    /// Rows of one phase of the height.
    rows: usize,
    /// Elements of one copy of a channel.
    copy: usize,
    /// Offset in the copies of the first step of each channel and tap.
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

    fn accumulate<T: Float>(&self, task: &Task, x: &[T], dy: &[T], to: &mut [T]) {
        let plan = self.plan;
        let ([channels, filters], [x_pixels, y_pixels]) = (plan.channels, plan.pixels);
        let band = self.spans.iter().map(|span| plan.image.band_len(span.band));
        let mut band = Scratch::<T>::new(band.max().unwrap_or(0));
        let mut copies = Scratch::<T>::new(channels * self.columns * self.copy);
        let mut sums = Scratch::<T>::new(to.len() * T::NR);
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
            self.run_pass(
                &planes,
                &copies,
                to.len() / self.offsets.len(),
                &mut sums,
                add,
            );
        }
        for (to, lanes) in to.iter_mut().zip(sums.chunks_exact(T::NR)) {
            *to = total(lanes);
        }
    }

    /// Makes the copies of a band: for each channel and column of a filter, the pixels under that column.
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

    /// Adds the pixels of one pass to the sums of `filters` filters.
    fn run_pass<T: Float>(
        &self,
        planes: &Planes<'_, T>,
        copies: &[T],
        filters: usize,
        sums: &mut [T],
        add: bool,
    ) {
        let wide = T::wide(self.level);
        let [most, most_taps] = if wide.is_some() {
            [FILTERS, TAPS]
        } else {
            [NARROW_FILTERS, NARROW_TAPS]
        };
        let stride = self.offsets.len() * T::NR;
        for (first, count) in balanced(filters, most) {
            let mut tap = 0;
            // Tiles with one more tap come first.
            let tiles = self.offsets.len().div_ceil(most_taps);
            let (height, larger) = (self.offsets.len() / tiles, self.offsets.len() % tiles);
            for (taps, tiles) in [(height + 1, larger), (height, tiles - larger)] {
                if tiles == 0 {
                    continue;
                }
                macro_rules! run {
                    ($r:literal, $v:literal, $tiles:ident => $run:expr) => {{
                        let $tiles = Tiles::<T, $r, $v> {
                            dy: planes.filters(first),
                            ahead: planes.filters((first + $r).min(filters - $r)),
                            image: copies,
                            offsets: &self.offsets[tap..][..tiles * $v],
                            to: &mut sums[first * stride + tap * T::NR..],
                            stride,
                            add,
                        };
                        $run
                    }};
                }
                macro_rules! taps {
                    (Narrow, $r:literal: $($v:literal)*) => {
                        match taps {
                            $($v => run!($r, $v, tiles => self.level.run(Narrow { tiles })),)*
                            _ => unreachable!("tiles have at most 3 taps"),
                        }
                    };
                    (Wide $isa:ident, $r:literal: $($v:literal)*) => {
                        match taps {
                            $($v => run!($r, $v, tiles => T::run_wide($isa, Wide { tiles, isa: $isa })),)*
                            _ => unreachable!("tiles have at most 6 taps"),
                        }
                    };
                }
                match (wide, count) {
                    (None, 1) => taps!(Narrow, 1: 1 2 3),
                    (None, _) => taps!(Narrow, 2: 1 2 3),
                    (Some(isa), 1) => taps!(Wide isa, 1: 1 2 3 4 5 6),
                    (Some(isa), 2) => taps!(Wide isa, 2: 1 2 3 4 5 6),
                    (Some(isa), 3) => taps!(Wide isa, 3: 1 2 3 4 5 6),
                    (Some(isa), _) => taps!(Wide isa, 4: 1 2 3 4 5 6),
                }
                tap += taps * tiles;
            }
        }
    }
}

/// The sum of lanes, by adding halves until one lane is left.
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

/// Gradients of filters at some pixels.
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

/// Neighbouring tiles of `R` filters and `V` taps.
struct Tiles<'a, T, const R: usize, const V: usize> {
    dy: [&'a [T]; R],
    /// The gradients of the next filters, which are prefetched.
    ahead: [&'a [T]; R],
    image: &'a [T],
    offsets: &'a [usize],
    /// `to[filter · stride + tap · lanes + lane]`
    to: &'a mut [T],
    stride: usize,
    add: bool,
}

impl<T: Float, const R: usize, const V: usize> Tiles<'_, T, R, V> {
    /// Sums the `width` lanes from `lane` on over all steps.
    #[inline(always)]
    fn run<X: Vector<T>, const FMA: bool>(&mut self, isa: X::Isa, lane: usize, width: usize) {
        let line = T::NR;
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
            let mut sums = [[X::splat_with(isa, T::zero()); V]; R];
            for step in 0..whole {
                let at = step * line + lane;
                let mut vectors = [X::splat_with(isa, T::zero()); R];
                for r in 0..R {
                    vectors[r] = X::load_with(isa, &dy[r][at..][..width]);
                    if tile == 0 {
                        prefetch::line(&ahead[r][at..]);
                    }
                }
                for v in 0..V {
                    let x = X::load_with(isa, &windows[v][at..][..width]);
                    for r in 0..R {
                        sums[r][v] = x.multiply_add::<FMA>(vectors[r], sums[r][v]);
                    }
                }
            }
            let at = whole * line + lane;
            if at < count {
                let rest = (count - at).min(width);
                let mut vectors = [X::splat_with(isa, T::zero()); R];
                for r in 0..R {
                    vectors[r] = X::load_head_with(isa, &dy[r][at..][..rest]);
                }
                for v in 0..V {
                    let x = X::load_head_with(isa, &windows[v][at..][..rest]);
                    for r in 0..R {
                        sums[r][v] = x.multiply_add::<FMA>(vectors[r], sums[r][v]);
                    }
                }
            }
            // The slice has a constant length and each loop does one thing, so that the compiler unrolls them.
            // Otherwise `sums` would be indexed by variables, and so kept in memory and stored at every step.
            for r in 0..R {
                let to = &mut self.to[r * self.stride + tile * V * line..][..V * line];
                if self.add {
                    for v in 0..V {
                        sums[r][v] =
                            sums[r][v].add(X::load_with(isa, &to[v * line + lane..][..width]));
                    }
                }
                for v in 0..V {
                    sums[r][v].store(&mut to[v * line + lane..][..width]);
                }
            }
        }
    }
}

/// Tiles of vectors of 512 bits.
struct Wide<'a, T: Float, const R: usize, const V: usize> {
    tiles: Tiles<'a, T, R, V>,
    isa: WideIsa<T>,
}

impl<T: Float, const R: usize, const V: usize> Body for Wide<'_, T, R, V> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        self.tiles.run::<T::Wide, FMA>(self.isa, 0, T::NR);
    }
}

/// Tiles of two vectors of 256 bits, one after the other.
struct Narrow<'a, T, const R: usize, const V: usize> {
    tiles: Tiles<'a, T, R, V>,
}

impl<T: Float, const R: usize, const V: usize> Body for Narrow<'_, T, R, V> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        // A loop, so that the tile is compiled once.
        for half in 0..2 {
            let lane = half * T::LANES;
            self.tiles.run::<T::Vector, FMA>((), lane, T::LANES);
        }
    }
}
