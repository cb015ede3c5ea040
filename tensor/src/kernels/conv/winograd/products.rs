//! The correlation of two directions: transform, multiply point by point, transform back.

use std::marker::PhantomData;

use super::filters::Filters;
use super::tiles::{self, Grid, STRIP, Source, Spectrum, Strip, TOGETHER};
use super::transform::{Linear, Scheme, twice};
use crate::kernels::gemm::balanced;
use crate::kernels::simd::{Float, Lanewise, Level, Vector};
use crate::kernels::stream;
use crate::kernels::tile::{self, Matrix, Panel, Rows, columns};
use crate::kernels::turn::turn_apart;
use crate::{parallel, pool};

/// Longest sum in one pass.
const DEPTH: usize = 288;

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
    let Problem {
        level,
        batch,
        filters,
        origin,
        from,
        to,
    } = *problem;
    let lanes = columns::<T>();
    let (blocks, points) = (filters.outputs.div_ceil(lanes), A * A);
    let grid = Grid::new(to.height, to.width, M);
    let tiles = batch * grid.tiles();
    // Threads share what is smaller: the transforms of the filters, and take strips, or those of the tiles,
    // and take blocks of channels.
    let few = tiles < filters.outputs;
    let together = if few {
        batch
    } else {
        grid.images(batch, TOGETHER)
    };
    let strips = |images: usize| -> Vec<Strip> {
        grid.strips(images, most(batch, together, grid)).collect()
    };
    let by_strips = !few && (together < batch || strips(batch).len() > 1);
    let threads = parallel::threads();

    let length = filters.length::<T>(points);
    let mut buffer = pool::stale::<T>(stream::with_line::<T>(length));
    let values = &mut stream::from_line(&mut buffer)[..length];
    filters.transform::<T, S::Filter, K, A>(level, w, values, by_strips && threads > 1);
    let values = &*values;

    let channels = from.channels.next_multiple_of(lanes);
    let prepare = |first: usize, strip: &Strip| {
        let source = Source {
            planes: &src[first * from.channels * from.pixels()..],
            channels: from.channels,
            height: from.height,
            width: from.width,
            origin,
        };
        let turned = source.turn(level, strip, A);
        let spectra = tiles::transform::<T, S::Data, A, A>(level, strip, &turned);
        turned.recycle();
        spectra
    };
    let finish = |strip: &Strip, block: usize, spectra: &[T], rows: &mut [&mut [T]]| {
        let length = points * filters.inputs * lanes;
        let values = &values[block * length..][..length];
        for part in 0..strip.parts().count {
            let (first, count) = strip.parts().get(part);
            let spectrum = tiles::spectrum(spectra, strip, part, points, channels);
            let product = multiply::<T, A>(level, &spectrum, count, values, filters.inputs);
            put::<T, S::Result, M, A>(level, strip, [first, count], &product, rows);
            pool::recycle(product);
        }
    };
    let work = batch * from.channels * to.channels * to.pixels() / lanes;
    let image = to.channels * to.pixels();
    parallel::for_chunks_mut(dst, together * image, work, |group, dst| {
        let images = dst.len() / image;
        let (first, strips) = (group * together, strips(images));
        let work = work / batch * images;
        if by_strips {
            let mut targets = cut(dst, to, &strips, |strip, block| strip * blocks + block);
            parallel::for_chunks_mut(&mut targets, blocks, work, |strip, targets| {
                let strip = &strips[strip];
                let spectra = prepare(first, strip);
                let work = work / images * strip.tiles() / grid.tiles();
                parallel::for_chunks_mut(targets, 1, work, |block, rows| {
                    finish(strip, block, &spectra, &mut rows[0]);
                });
                pool::recycle(spectra);
            });
            return;
        }
        let transforms = images * grid.tiles() * channels * A;
        let spectra = parallel::map_chunks(strips.len(), transforms, |strip| {
            let spectra = prepare(first, &strips[strip]);
            if threads == 1 {
                spectra
            } else {
                published(spectra)
            }
        });
        let place = |strip, block| block * strips.len() + strip;
        let mut targets = cut(dst, to, &strips, place);
        parallel::for_chunks_mut(&mut targets, strips.len(), work, |block, targets| {
            for ((rows, spectra), strip) in targets.iter_mut().zip(&spectra).zip(&strips) {
                finish(strip, block, spectra, rows);
            }
        });
        spectra.into_iter().for_each(pool::recycle);
    });
    pool::recycle(buffer);
}

/// Tiles of a strip, at most, where so many images are one group: an even number of strips where all are.
fn most(batch: usize, together: usize, grid: Grid) -> usize {
    let tiles = together * grid.tiles();
    if together == batch {
        tiles.div_ceil(tiles.div_ceil(STRIP).next_multiple_of(2))
    } else {
        STRIP
    }
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
    let mut shared = pool::stale(values.len());
    stream::past_caches(|past| past.copy(&values, &mut shared));
    pool::recycle(values);
    shared
}

/// `product[point][tile][lane]` of some tiles with one block of output channels.
fn multiply<T: Float, const A: usize>(
    level: Level,
    spectrum: &Spectrum<'_, T>,
    tiles: usize,
    values: &[T],
    inputs: usize,
) -> Vec<T> {
    let lanes = columns::<T>();
    let plane = tiles::plane::<T>(tiles, lanes);
    let mut product = pool::stale::<T>(A * A * plane);
    for point in 0..A * A {
        let values = &values[point * inputs * lanes..];
        let from = &spectrum.values[point * spectrum.plane..];
        let product = &mut product[point * plane..][..plane];
        for (c0, depth) in balanced(inputs, DEPTH) {
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
                add: c0 > 0,
            };
            tile::sweep(level, [tiles, depth], rows, vectors, to);
        }
    }
    product
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
    let mut pixels = pool::stale::<T>(M * row);
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
    pool::recycle(pixels);
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
            let mut square = [[V::splat(T::zero()); A]; A];
            for i in 0..A {
                for j in 0..A {
                    square[i][j] = V::load(&from[(i * A + j) * self.plane..]);
                }
            }
            let pixels = twice::<T, V, L, FMA, A, M>(square);
            let to = &mut self.pixels[2 * tile * M * T::LANES + lane..];
            for i in 0..M {
                for j in 0..M {
                    pixels[i][j].store(&mut to[i * self.row + 2 * j * T::LANES..]);
                }
            }
        }
    }
}
