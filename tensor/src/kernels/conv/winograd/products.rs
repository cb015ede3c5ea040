//! Forward and input gradient: transform, multiply point by point, transform back.

use std::marker::PhantomData;

use super::filters::{self, Filters};
use super::tiles::{self, Grid, PART, STRIP, Source, Spectrum, Strip};
use super::transform::{From, Linear, Scheme, To, twice};
use crate::kernels::gemm::microkernel::{self, MR_512, OutputRows, Panel, Rows};
use crate::kernels::partition::balanced;
use crate::kernels::simd::non_temporal;
use crate::kernels::simd::transpose::transpose_to_slices;
use crate::kernels::simd::{Float, Lanewise, Level, Vector};
use crate::memory::Scratch;
use crate::parallel;

/// Longest sum of one pass.
const KC: usize = 288;

/// Input channels whose filters are transformed at once for one block of output channels, and used from the
/// second-level cache.
const INPUTS_AT_ONCE: usize = 128;

/// Most tiles whose products with one block of output channels stay in the second-level cache.
const MAX_TILES_IN_L2: usize = 200;

/// At most this many tiles are one strip: dividing them would leave the microkernel few rows, and their
/// transforms take little time.
const MAX_TILES_OF_ONE_STRIP: usize = 32;

/// Channels and spatial extents of the images that a correlation reads, or of those that it computes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Planes {
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }
}

/// A correlation of images with filters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    pub level: Level,
    pub batch: usize,
    pub filters: Filters,
    /// The first pixel under the first window; may be negative.
    pub origin: [isize; 2],
    /// The images that are read.
    pub from: Planes,
    /// The images that are computed.
    pub to: Planes,
}

/// `dst[o, i, j] = Σ src[c, i + k + origin, j + l + origin'] · g[o, c, k, l]`
///
/// Threads share the smaller transforms: those of the filters, if tasks are strips, or those of the tiles, if
/// tasks are blocks of channels.
pub(super) fn correlate<
    T: Float,
    S: Scheme<M, K, A>,
    const M: usize,
    const K: usize,
    const A: usize,
>(
    problem: &Problem,
    src: &[T],
    w: &[T],
    dst: &mut [T],
) {
    let grid = Grid::new(problem.to.height, problem.to.width, M);
    let tiles = problem.batch * grid.tiles();
    if tiles < problem.filters.outputs {
        let strip_tiles = if tiles <= MAX_TILES_OF_ONE_STRIP {
            tiles
        } else {
            in_even_strips(tiles)
        };
        return by_blocks::<T, S, M, K, A>(problem, grid, strip_tiles, src, w, dst);
    }
    let group = grid.images(problem.batch, PART);
    let strip_tiles = if group == problem.batch {
        in_even_strips(tiles)
    } else {
        STRIP
    };
    if group == problem.batch && grid.strips(group, strip_tiles).nth(1).is_none() {
        return by_blocks::<T, S, M, K, A>(problem, grid, strip_tiles, src, w, dst);
    }
    by_strips::<T, S, M, K, A>(problem, grid, [group, strip_tiles], src, w, dst);
}

/// Tiles of a strip such that the number of strips is even: it divides evenly between two threads.
fn in_even_strips(tiles: usize) -> usize {
    tiles.div_ceil(tiles.div_ceil(STRIP).next_multiple_of(2))
}

impl Problem {
    /// Elementary steps of one image.
    fn work<T: Float>(&self) -> usize {
        self.from.channels * self.to.channels * self.to.pixels() / T::NR
    }

    /// The transforms of a strip of images from `first` on.
    fn prepare<T: Float, L: Linear<A, A>, const A: usize>(
        &self,
        src: &[T],
        first: usize,
        strip: &Strip,
    ) -> Scratch<T> {
        let source = Source {
            planes: &src[first * self.from.channels * self.from.pixels()..],
            channels: self.from.channels,
            height: self.from.height,
            width: self.from.width,
            origin: self.origin,
        };
        let transposed = source.transpose(self.level, strip, A);
        tiles::transform::<T, L, A, A>(self.level, strip, &transposed)
    }
}

/// Transforms all filters first, then computes groups of `group_images` images in strips of about `strip_tiles`
/// tiles.
fn by_strips<T: Float, S: Scheme<M, K, A>, const M: usize, const K: usize, const A: usize>(
    problem: &Problem,
    grid: Grid,
    [group_images, strip_tiles]: [usize; 2],
    src: &[T],
    w: &[T],
    dst: &mut [T],
) {
    let (level, filters) = (problem.level, &problem.filters);
    let (lanes, points) = (T::NR, A * A);
    let blocks = filters.outputs.div_ceil(lanes);
    let length = filters.length::<T>(points);
    let mut buffer = Scratch::<T>::new(non_temporal::with_line::<T>(length));
    let values = &mut non_temporal::from_line(&mut buffer)[..length];
    let non_temporal = parallel::prefers_non_temporal_stores();
    filters.transform::<T, S::Filter, K, A>(level, w, values, non_temporal);
    let values = &*values;

    let channels = filters.inputs.next_multiple_of(lanes);
    let image = problem.to.channels * problem.to.pixels();
    let work = problem.batch * problem.work::<T>();
    parallel::for_chunks_mut(dst, group_images * image, work, |group, dst| {
        let images = dst.len() / image;
        let strips: Vec<Strip> = grid.strips(images, strip_tiles).collect();
        let work = images * problem.work::<T>();
        let place = |strip, block| strip * blocks + block;
        let mut targets = cut(dst, problem.to, &strips, place);
        parallel::for_chunks_mut(&mut targets, blocks, work, |strip, targets| {
            let strip = &strips[strip];
            let spectra = problem.prepare::<T, S::Data, A>(src, group * group_images, strip);
            let work = problem.work::<T>() * strip.tiles() / grid.tiles();
            parallel::for_chunks_mut(targets, 1, work, |block, rows| {
                let length = points * filters::plane::<T>(filters.inputs);
                let block = Block {
                    values: &values[block * length..][..length],
                    first: 0,
                    inputs: filters.inputs,
                };
                for part in 0..strip.parts().count {
                    let (first, count) = strip.parts().get(part);
                    let spectrum = tiles::spectrum(&spectra, strip, part, points, channels);
                    let plane = tiles::plane::<T>(count, lanes);
                    let mut product = Scratch::<T>::new(points * plane);
                    multiply::<T, A>(level, &spectrum, count, &block, &mut product);
                    store_results::<T, S::Result, M, A>(
                        level,
                        strip,
                        [first, count],
                        &product,
                        &mut rows[0],
                    );
                }
            });
        });
    });
}

/// Transforms all tiles first, in strips of about `strip_tiles`, then computes blocks of output channels. The
/// filters of a block are transformed right before their use, in a cache; transforms of all filters would be
/// written to memory and read back.
fn by_blocks<T: Float, S: Scheme<M, K, A>, const M: usize, const K: usize, const A: usize>(
    problem: &Problem,
    grid: Grid,
    strip_tiles: usize,
    src: &[T],
    w: &[T],
    dst: &mut [T],
) {
    let (level, filters) = (problem.level, &problem.filters);
    let (lanes, points) = (T::NR, A * A);
    let strips: Vec<Strip> = grid.strips(problem.batch, strip_tiles).collect();
    let channels = filters.inputs.next_multiple_of(lanes);
    let transforms = problem.batch * grid.tiles() * channels * A;
    let non_temporal = parallel::prefers_non_temporal_stores();
    let spectra = parallel::map_chunks(strips.len(), transforms, |strip| {
        let spectra = problem.prepare::<T, S::Data, A>(src, 0, &strips[strip]);
        if non_temporal {
            non_temporal_copy(&spectra)
        } else {
            spectra
        }
    });
    let parts: Vec<(usize, usize)> = (0..strips.len())
        .flat_map(|strip| (0..strips[strip].parts().count).map(move |part| (strip, part)))
        .collect();
    // The products of all tiles stay in a cache if there are few tiles: then the sum is computed for
    // `inputs_at_once` input channels at a time. Otherwise it is computed for one part of the tiles at a time.
    let [inputs_at_once, parts_at_once] = if problem.batch * grid.tiles() <= MAX_TILES_IN_L2 {
        [filters.inputs.min(INPUTS_AT_ONCE), parts.len()]
    } else {
        [filters.inputs, 1]
    };
    let tallest = strips.iter().map(|strip| strip.parts().most()).max();
    let length = points * tiles::plane::<T>(tallest.unwrap_or(0), lanes);
    let place = |strip, block| block * strips.len() + strip;
    let mut targets = cut(dst, problem.to, &strips, place);
    let work = problem.batch * problem.work::<T>();
    parallel::for_chunks_mut(&mut targets, strips.len(), work, |block, targets| {
        let mut products = Scratch::<T>::new(parts_at_once * length);
        let mut values = Scratch::<T>::new(points * filters::plane::<T>(inputs_at_once));
        for parts in parts.chunks(parts_at_once) {
            for (first, inputs) in balanced(filters.inputs, inputs_at_once) {
                let values = &mut values[..points * filters::plane::<T>(inputs)];
                // If all input channels are computed at once, `values` still holds their transforms from the
                // first iteration.
                if inputs < filters.inputs || parts[0] == (0, 0) {
                    let range = [first, inputs];
                    filters.transform_block::<T, S::Filter, K, A>(
                        level, w, block, range, values, false,
                    );
                }
                let block = Block {
                    values,
                    first,
                    inputs,
                };
                for (product, &(strip, part)) in products.chunks_exact_mut(length).zip(parts) {
                    let strip = (&strips[strip], &spectra[strip]);
                    let spectrum = tiles::spectrum(strip.1, strip.0, part, points, channels);
                    let (_, count) = strip.0.parts().get(part);
                    multiply::<T, A>(level, &spectrum, count, &block, product);
                }
            }
            for (product, &(strip, part)) in products.chunks_exact(length).zip(parts) {
                let (rows, strip) = (&mut targets[strip], &strips[strip]);
                let (first, count) = strip.parts().get(part);
                store_results::<T, S::Result, M, A>(level, strip, [first, count], product, rows);
            }
        }
    });
}

/// The rows of each strip and block of channels, `[image][channel]`, at index `place(strip, block)`.
fn cut<'a, T: Float>(
    dst: &'a mut [T],
    planes: Planes,
    strips: &[Strip],
    place: impl Fn(usize, usize) -> usize,
) -> Vec<Vec<&'a mut [T]>> {
    let lanes = T::NR;
    let mut targets: Vec<Vec<&mut [T]>> = Vec::new();
    targets.resize_with(strips.len() * planes.channels.div_ceil(lanes), Vec::new);
    for (index, mut plane) in dst.chunks_mut(planes.pixels()).enumerate() {
        let block = index % planes.channels / lanes;
        for (index, strip) in strips.iter().enumerate() {
            let rows;
            (rows, plane) = plane.split_at_mut(strip.height() * planes.width);
            targets[place(index, block)].push(rows);
        }
    }
    targets
}

/// A copy by non-temporal stores, for all threads to read.
fn non_temporal_copy<T: Float>(values: &[T]) -> Scratch<T> {
    let mut shared = Scratch::new(values.len());
    non_temporal::write(&mut shared, |writer| writer.copy(0, values));
    shared
}

/// Transformed filters of `inputs` input channels from `first` on and one block of output channels:
/// `values[point][input][lane]`, with stride [`plane`](filters::plane) between points.
#[derive(Clone, Copy, Debug)]
struct Block<'a, T> {
    values: &'a [T],
    first: usize,
    inputs: usize,
}

/// `product[point][tile][lane]`: the products of tiles and a block of filters, summed over the block's input
/// channels. Added to the values of `product` unless the block begins at input channel 0.
fn multiply<T: Float, const A: usize>(
    level: Level,
    spectrum: &Spectrum<'_, T>,
    tiles: usize,
    block: &Block<'_, T>,
    product: &mut [T],
) {
    let lanes = T::NR;
    let plane = tiles::plane::<T>(tiles, lanes);
    for point in 0..A * A {
        let values = &block.values[point * filters::plane::<T>(block.inputs)..];
        let from = &spectrum.values[point * spectrum.plane + block.first..];
        let product = &mut product[point * plane..][..plane];
        for (c0, depth) in balanced(block.inputs, KC) {
            let vectors = Panel {
                panel: &values[c0 * lanes..],
                stride: lanes,
            };
            let rows = Rows {
                matrix: &from[c0..],
                stride: spectrum.channels,
                most: MR_512,
            };
            let to = OutputRows {
                head: &mut *product,
                stride: lanes,
                add: block.first + c0 > 0,
            };
            microkernel::run(level, [tiles, depth], rows, vectors, to);
        }
    }
}

/// Transforms products back and writes them to the strip's rows of their channels.
fn store_results<T: Float, L: Linear<A, M>, const M: usize, const A: usize>(
    level: Level,
    strip: &Strip,
    [first, count]: [usize; 2],
    product: &[T],
    rows: &mut [&mut [T]],
) {
    let lanes = T::NR;
    let (height, width) = (strip.height(), strip.grid.width);
    let plane = tiles::plane::<T>(count, lanes);
    let channels = rows.len() / strip.images;
    // The pixels of neighbouring tiles of one row, channels in the lanes, before they are transposed.
    let row = strip.grid.columns.min(count) * M * lanes;
    let mut pixels = Scratch::<T>::new(M * row);
    let mut tile = 0;
    while tile < count {
        let (place, run) = strip.run(first + tile, count - tile);
        level.lanewise(Results::<T, L, M, A> {
            product: &product[tile * lanes..],
            plane,
            pixels: &mut pixels,
            row,
            tiles: run,
            map: PhantomData,
        });
        let across = (run * M).min(width - place.x);
        let rows = &mut rows[place.image * channels..][..channels];
        for i in 0..M.min(height - place.y) {
            let at = (place.y + i) * width + place.x;
            transpose_to_slices(level, across, &pixels[i * row..], lanes, rows, at);
        }
        tile += run;
    }
}

/// The inverse transform of neighbouring tiles of one row, for one block of channels.
struct Results<'a, T, L, const M: usize, const A: usize> {
    product: &'a [T],
    plane: usize,
    pixels: &'a mut [T],
    row: usize,
    tiles: usize,
    map: PhantomData<L>,
}

impl<T: Float, L: Linear<A, M>, const M: usize, const A: usize> Lanewise<T>
    for Results<'_, T, L, M, A>
{
    #[inline(always)]
    fn run_from<V: Vector<T>, const FMA: bool>(&mut self, isa: V::Isa, lane: usize) {
        for tile in 0..self.tiles {
            let from = &self.product[2 * tile * T::LANES + lane..];
            let square = From {
                vectors: from,
                row: A * self.plane,
                column: self.plane,
            };
            let to = To {
                vectors: &mut self.pixels[2 * tile * M * T::LANES + lane..],
                row: self.row,
                column: 2 * T::LANES,
            };
            twice::<T, V, L, _, FMA, A, M>(isa, square, to);
        }
    }
}
