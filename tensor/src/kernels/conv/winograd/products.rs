//! The three directions: transform, multiply point by point, transform back.

use std::marker::PhantomData;

use super::filters::Filters;
use super::tiles::{self, Grid, STRIP, Source, Spectrum, Strip, TOGETHER};
use super::transform::{Linear, Scheme, twice};
use crate::kernels::gemm::balanced;
use crate::kernels::simd::{Float, Lanewise, Level, Vector};
use crate::kernels::tile::{self, Columns, Matrix, Panel, Rows, columns};
use crate::kernels::turn::turn;
use crate::{parallel, pool};

/// Longest sum in one pass.
const DEPTH: usize = 288;

/// Sums of the weight gradient of at most this many numbers are made in several parts.
const SMALL: usize = 1 << 18;

/// So many: an even share for two, four and eight threads.
const PARTS: usize = 8;

/// In how many parts so many numbers are summed; the parts are then added in their order.
pub(super) fn parts(sums: usize) -> usize {
    if sums <= SMALL { PARTS } else { 1 }
}

/// Tiles of one strip of the weight gradient: an even number of strips where each has sums of its own.
fn strip_tiles(tiles: usize, sums: usize) -> usize {
    let strips = tiles.div_ceil(STRIP);
    if parts(sums) > 1 {
        tiles.div_ceil(strips.next_multiple_of(2))
    } else {
        STRIP
    }
}

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
    let values = filters.transform::<T, S::Filter, K, A>(level, w);
    let grid = Grid::new(to.height, to.width, M);
    let images = grid.images(batch, TOGETHER);
    let (src_image, dst_image) = (from.channels * from.pixels(), to.channels * to.pixels());
    let work = batch * from.channels * to.channels * to.pixels() / columns::<T>();
    parallel::for_chunks_mut(dst, images * dst_image, work, |group, dst| {
        let images = dst.len() / dst_image;
        let source = Source {
            planes: &src[group * grid.images(batch, TOGETHER) * src_image..][..images * src_image],
            channels: from.channels,
            height: from.height,
            width: from.width,
            origin,
        };
        for strip in grid.strips(images, STRIP) {
            let turned = source.turn(level, &strip, A);
            let spectra = tiles::transform::<T, S::Data, A, A>(level, &strip, &turned);
            let channels = turned.blocks * columns::<T>();
            turned.recycle();
            let mut blocks: Vec<Vec<&mut [T]>> = Vec::new();
            blocks.resize_with(to.channels.div_ceil(columns::<T>()), Vec::new);
            for image in dst.chunks_mut(dst_image) {
                let planes = image.chunks_mut(columns::<T>() * to.pixels());
                for (block, planes) in blocks.iter_mut().zip(planes) {
                    block.push(planes);
                }
            }
            let work = work / batch * images;
            parallel::for_chunks_mut(&mut blocks, 1, work, |block, planes| {
                let length = A * A * filters.inputs * columns::<T>();
                let values = &values[block * length..][..length];
                for part in 0..strip.parts().count {
                    let (first, count) = strip.parts().get(part);
                    let spectrum = tiles::spectrum(&spectra, &strip, part, A * A, channels);
                    let product = multiply::<T, A>(level, &spectrum, count, values, filters.inputs);
                    put::<T, S::Result, M, A>(
                        level,
                        &strip,
                        [first, count],
                        &product,
                        &mut planes[0],
                    );
                    pool::recycle(product);
                }
            });
            pool::recycle(spectra);
        }
    });
    pool::recycle(values);
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

/// Transforms products back and writes them to the planes of their channels.
fn put<T: Float, L: Linear<A, M>, const M: usize, const A: usize>(
    level: Level,
    strip: &Strip,
    [first, count]: [usize; 2],
    product: &[T],
    planes: &mut [&mut [T]],
) {
    let lanes = columns::<T>();
    let (height, width) = (strip.grid.height, strip.grid.width);
    let plane = tiles::plane::<T>(count, lanes);
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
        let y0 = place.y + strip.first * M;
        let across = (run * M).min(width - place.x);
        let planes = &mut *planes[place.image];
        let channels = planes.len() / (height * width);
        for i in 0..M.min(height - y0) {
            let to = &mut planes[(y0 + i) * width + place.x..];
            turn(
                level,
                [across, channels],
                &pixels[i * row..],
                lanes,
                to,
                height * width,
            );
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

/// `dw[o, c, k, l] = Σ x[n, c, i + k + origin, j + l + origin'] · dy[n, o, i, j]`
pub(super) fn weights<
    T: Float,
    S: Scheme<M, K, A>,
    const M: usize,
    const K: usize,
    const A: usize,
>(
    problem: &Problem,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
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
    let grid = Grid::new(to.height, to.width, M);
    let blocks = filters.outputs.div_ceil(lanes);
    let size = blocks * A * A * filters.inputs * lanes;
    let tiles = strip_tiles(batch * grid.tiles(), size);
    let together = grid.images(batch, tiles);
    let (x_image, dy_image) = (from.channels * from.pixels(), to.channels * to.pixels());
    let strips: Vec<(usize, Strip)> = (0..batch)
        .step_by(together)
        .flat_map(|first| {
            let strips = grid.strips(together.min(batch - first), tiles);
            strips.map(move |strip| (first, strip))
        })
        .collect();
    let share = strips.len().div_ceil(parts(size));
    let mut sums = pool::stale::<T>(strips.len().div_ceil(share) * size);
    let work = batch * to.pixels() * filters.inputs * filters.outputs / lanes;
    parallel::for_chunks_mut(&mut sums, size, work, |part, sums| {
        let strips = strips.iter().skip(part * share).take(share);
        for (index, &(first, strip)) in strips.enumerate() {
            let source = Source {
                planes: &x[first * x_image..][..strip.images * x_image],
                channels: from.channels,
                height: from.height,
                width: from.width,
                origin,
            };
            let result = Source {
                planes: &dy[first * dy_image..][..strip.images * dy_image],
                channels: to.channels,
                height: to.height,
                width: to.width,
                origin: [0, 0],
            };
            let add = index > 0;
            sum_strip::<T, S, M, K, A>(problem, &strip, &source, &result, sums, add);
        }
    });
    let (total, parts) = sums.split_at_mut(size);
    for part in parts.chunks_exact(size) {
        for (total, &sum) in total.iter_mut().zip(part) {
            *total += sum;
        }
    }
    filters.collect::<T, S::Collect, K, A>(level, total, dw);
    pool::recycle(sums);
}

/// `Σ (A dy Aᵀ) · (Bᵀ x B)ᵀ` over the tiles of a strip, for every point and pair of channels; added to
/// what is there, or in its place.
fn sum_strip<T: Float, S: Scheme<M, K, A>, const M: usize, const K: usize, const A: usize>(
    problem: &Problem,
    strip: &Strip,
    source: &Source<'_, T>,
    result: &Source<'_, T>,
    sums: &mut [T],
    add: bool,
) {
    let (lanes, level, inputs) = (columns::<T>(), problem.level, problem.filters.inputs);
    let [channels, outputs] = [source, result].map(|side| side.channels.next_multiple_of(lanes));
    // Both sides at once, or a single strip would leave a second thread little to do.
    let work = strip.tiles() * (channels + outputs) * A;
    let spectra = parallel::map_chunks(2, work, |side| {
        if side == 0 {
            let turned = source.turn(level, strip, A);
            let data = tiles::transform::<T, S::Data, A, A>(level, strip, &turned);
            turned.recycle();
            data
        } else {
            let turned = result.turn(level, strip, M);
            let spread = tiles::transform::<T, S::Spread, M, A>(level, strip, &turned);
            turned.recycle();
            spread
        }
    });
    let [data, spread] = &spectra[..] else {
        unreachable!("there are two sides")
    };
    let work = strip.tiles() * channels * outputs * A * A / lanes;
    parallel::for_chunks_mut(sums, inputs * lanes, work, |index, sums| {
        let (block, point) = (index / (A * A), index % (A * A));
        for part in 0..strip.parts().count {
            let (_, count) = strip.parts().get(part);
            let data = tiles::spectrum(data, strip, part, A * A, channels);
            let spread = tiles::spectrum(spread, strip, part, A * A, outputs);
            let vectors = Panel {
                panel: &spread.values[point * spread.plane + block * lanes..],
                stride: outputs,
            };
            let matrix = Columns {
                matrix: &data.values[point * data.plane..],
                stride: channels,
            };
            let to = Matrix {
                head: &mut *sums,
                stride: lanes,
                add: add || part > 0,
            };
            tile::sweep(level, [inputs, count], matrix, vectors, to);
        }
    });
    spectra.into_iter().for_each(pool::recycle);
}
