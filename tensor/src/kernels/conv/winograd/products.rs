//! The correlation of two directions: transform, multiply point by point, transform back.

use std::marker::PhantomData;

use super::filters::{self, Filters};
use super::tiles::{self, Grid, STRIP, Source, Spectrum, Strip, TOGETHER};
use super::transform::{From, Linear, Scheme, To, twice};
use crate::kernels::gemm::balanced;
use crate::kernels::gemm::microkernel::{self, Matrix, Panel, Rows, columns};
use crate::kernels::simd::non_temporal;
use crate::kernels::simd::transpose::turn_apart;
use crate::kernels::simd::{Float, Lanewise, Level, Vector};
use crate::memory::scratch;
use crate::parallel;

/// Longest sum in one pass.
const DEPTH: usize = 288;

/// Input channels whose filters are transformed for one block of output channels and used at once, from the second
/// cache.
const SOME: usize = 128;

/// Tiles whose products with one block of output channels stay in the second cache.
const WAITING: usize = 200;

/// So few tiles are one strip: rows enough for the tiles of a product, and soon transformed.
const FEW: usize = 32;

/// Extents of the images on one side: `[batch, channels, height, width]`.
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
    /// The images that are read, and those that are made.
    pub from: Planes,
    pub to: Planes,
}

/// `dst[o, i, j] = Σ src[c, i + k + origin, j + l + origin'] · g[o, c, k, l]`
///
/// Threads share what is smaller: the transforms of the filters, and take strips, or those of the tiles, and
/// take blocks of channels.
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
        let strips = if tiles <= FEW { tiles } else { even(tiles) };
        return by_blocks::<T, S, M, K, A>(problem, grid, strips, src, w, dst);
    }
    let together = grid.images(problem.batch, TOGETHER);
    let most = if together == problem.batch {
        even(tiles)
    } else {
        STRIP
    };
    if together == problem.batch && grid.strips(together, most).nth(1).is_none() {
        return by_blocks::<T, S, M, K, A>(problem, grid, most, src, w, dst);
    }
    by_strips::<T, S, M, K, A>(problem, grid, [together, most], src, w, dst);
}

/// Tiles of a strip, at most, of an even number of strips.
fn even(tiles: usize) -> usize {
    tiles.div_ceil(tiles.div_ceil(STRIP).next_multiple_of(2))
}

impl Problem {
    /// Elementary steps of one image.
    fn work<T: Float>(&self) -> usize {
        self.from.channels * self.to.channels * self.to.pixels() / columns::<T>()
    }

    /// The transforms of a strip of some images, from `first` on.
    fn prepare<T: Float, L: Linear<A, A>, const A: usize>(
        &self,
        src: &[T],
        first: usize,
        strip: &Strip,
    ) -> Vec<T> {
        let source = Source {
            planes: &src[first * self.from.channels * self.from.pixels()..],
            channels: self.from.channels,
            height: self.from.height,
            width: self.from.width,
            origin: self.origin,
        };
        let turned = source.turn(self.level, strip, A);
        let spectra = tiles::transform::<T, L, A, A>(self.level, strip, &turned);
        turned.recycle();
        spectra
    }
}

/// All transforms of the filters first, then strip after strip of some images, of so many tiles.
fn by_strips<T: Float, S: Scheme<M, K, A>, const M: usize, const K: usize, const A: usize>(
    problem: &Problem,
    grid: Grid,
    [together, most]: [usize; 2],
    src: &[T],
    w: &[T],
    dst: &mut [T],
) {
    let (level, filters) = (problem.level, &problem.filters);
    let (lanes, points) = (columns::<T>(), A * A);
    let blocks = filters.outputs.div_ceil(lanes);
    let length = filters.length::<T>(points);
    let mut buffer = scratch::stale::<T>(non_temporal::with_line::<T>(length));
    let values = &mut non_temporal::from_line(&mut buffer)[..length];
    filters.transform::<T, S::Filter, K, A>(level, w, values, parallel::threads() > 1);
    let values = &*values;

    let channels = filters.inputs.next_multiple_of(lanes);
    let image = problem.to.channels * problem.to.pixels();
    let work = problem.batch * problem.work::<T>();
    parallel::for_chunks_mut(dst, together * image, work, |group, dst| {
        let images = dst.len() / image;
        let strips: Vec<Strip> = grid.strips(images, most).collect();
        let work = images * problem.work::<T>();
        let place = |strip, block| strip * blocks + block;
        let mut targets = cut(dst, problem.to, &strips, place);
        parallel::for_chunks_mut(&mut targets, blocks, work, |strip, targets| {
            let strip = &strips[strip];
            let spectra = problem.prepare::<T, S::Data, A>(src, group * together, strip);
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
                    let mut product = scratch::stale::<T>(points * plane);
                    multiply::<T, A>(level, &spectrum, count, &block, &mut product);
                    put::<T, S::Result, M, A>(level, strip, [first, count], &product, &mut rows[0]);
                    scratch::recycle(product);
                }
            });
            scratch::recycle(spectra);
        });
    });
    scratch::recycle(buffer);
}

/// All transforms of the tiles first, in strips of so many, then block after block of channels, whose filters are
/// transformed where they are used: those of many channels would go through memory once more.
fn by_blocks<T: Float, S: Scheme<M, K, A>, const M: usize, const K: usize, const A: usize>(
    problem: &Problem,
    grid: Grid,
    most: usize,
    src: &[T],
    w: &[T],
    dst: &mut [T],
) {
    let (level, filters) = (problem.level, &problem.filters);
    let (lanes, points) = (columns::<T>(), A * A);
    let strips: Vec<Strip> = grid.strips(problem.batch, most).collect();
    let channels = filters.inputs.next_multiple_of(lanes);
    let transforms = problem.batch * grid.tiles() * channels * A;
    let spectra = parallel::map_chunks(strips.len(), transforms, |strip| {
        let spectra = problem.prepare::<T, S::Data, A>(src, 0, &strips[strip]);
        if parallel::threads() == 1 {
            spectra
        } else {
            published(spectra)
        }
    });
    let parts: Vec<(usize, usize)> = (0..strips.len())
        .flat_map(|strip| (0..strips[strip].parts().count).map(move |part| (strip, part)))
        .collect();
    // Some filters meet all tiles, whose products wait in a cache; or, where these are too many, all filters
    // meet some tiles.
    let [some, together] = if problem.batch * grid.tiles() <= WAITING {
        [filters.inputs.min(SOME), parts.len()]
    } else {
        [filters.inputs, 1]
    };
    let tallest = strips.iter().map(|strip| strip.parts().most()).max();
    let length = points * tiles::plane::<T>(tallest.unwrap_or(0), lanes);
    let place = |strip, block| block * strips.len() + strip;
    let mut targets = cut(dst, problem.to, &strips, place);
    let work = problem.batch * problem.work::<T>();
    parallel::for_chunks_mut(&mut targets, strips.len(), work, |block, targets| {
        let mut products = scratch::stale::<T>(together * length);
        let mut values = scratch::stale::<T>(points * filters::plane::<T>(some));
        for parts in parts.chunks(together) {
            for (first, inputs) in balanced(filters.inputs, some) {
                let values = &mut values[..points * filters::plane::<T>(inputs)];
                // Of all input channels at once they are still there from the first parts.
                if inputs < filters.inputs || parts[0] == (0, 0) {
                    let some = [first, inputs];
                    filters
                        .transform_some::<T, S::Filter, K, A>(level, w, block, some, values, false);
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
                put::<T, S::Result, M, A>(level, strip, [first, count], product, rows);
            }
        }
        scratch::recycle(products);
        scratch::recycle(values);
    });
    spectra.into_iter().for_each(scratch::recycle);
}

/// The rows of each strip and block of channels, `[image][channel]`, at the place that `place(strip, block)`
/// says.
fn cut<'a, T: Float>(
    dst: &'a mut [T],
    planes: Planes,
    strips: &[Strip],
    place: impl Fn(usize, usize) -> usize,
) -> Vec<Vec<&'a mut [T]>> {
    let lanes = columns::<T>();
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

/// A copy for all threads to read.
fn published<T: Float>(values: Vec<T>) -> Vec<T> {
    let mut shared = scratch::stale(values.len());
    non_temporal::past_caches(|past| past.copy(&values, &mut shared));
    scratch::recycle(values);
    shared
}

/// Transformed filters between some input channels, from `first` on, and one block of output channels:
/// `values[point][input][lane]`, points a [`plane`](filters::plane) apart.
#[derive(Clone, Copy, Debug)]
struct Block<'a, T> {
    values: &'a [T],
    first: usize,
    inputs: usize,
}

/// `product[point][tile][lane]` of some tiles with a block; added to what the input channels before its first have
/// made.
fn multiply<T: Float, const A: usize>(
    level: Level,
    spectrum: &Spectrum<'_, T>,
    tiles: usize,
    block: &Block<'_, T>,
    product: &mut [T],
) {
    let lanes = columns::<T>();
    let plane = tiles::plane::<T>(tiles, lanes);
    for point in 0..A * A {
        let values = &block.values[point * filters::plane::<T>(block.inputs)..];
        let from = &spectrum.values[point * spectrum.plane + block.first..];
        let product = &mut product[point * plane..][..plane];
        for (c0, depth) in balanced(block.inputs, DEPTH) {
            let vectors = Panel {
                panel: &values[c0 * lanes..],
                stride: lanes,
            };
            let rows = Rows {
                matrix: &from[c0..],
                stride: spectrum.channels,
            };
            let to = Matrix {
                head: &mut *product,
                stride: lanes,
                add: block.first + c0 > 0,
            };
            microkernel::sweep(level, [tiles, depth], rows, vectors, to);
        }
    }
}

/// Transforms products back and writes them to the strip's rows of their channels.
fn put<T: Float, L: Linear<A, M>, const M: usize, const A: usize>(
    level: Level,
    strip: &Strip,
    [first, count]: [usize; 2],
    product: &[T],
    rows: &mut [&mut [T]],
) {
    let lanes = columns::<T>();
    let (height, width) = (strip.height(), strip.grid.width);
    let plane = tiles::plane::<T>(count, lanes);
    let channels = rows.len() / strip.images;
    // The pixels of a run of tiles of one row, channels in the lanes; turned together.
    let row = strip.grid.columns.min(count) * M * lanes;
    let mut pixels = scratch::stale::<T>(M * row);
    let mut tile = 0;
    while tile < count {
        let (place, run) = strip.run(first + tile, count - tile);
        level.line(Results::<T, L, M, A> {
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
            turn_apart(level, across, &pixels[i * row..], lanes, rows, at);
        }
        tile += run;
    }
    scratch::recycle(pixels);
}

/// Some tiles of one row, in one block of channels.
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
    fn at<V: Vector<T>, const FMA: bool>(&mut self, lane: usize) {
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
            twice::<T, V, L, _, FMA, A, M>(square, to);
        }
    }
}
