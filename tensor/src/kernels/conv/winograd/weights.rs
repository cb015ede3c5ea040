//! The weight gradient: both sides are transformed, multiplied and summed over tiles, and the sums transformed back.

use super::products::Problem;
use super::tiles::{self, Grid, STRIP, Source, Strip};
use super::transform::Scheme;
use crate::kernels::simd::Float;
use crate::kernels::tile::{self, Columns, Matrix, Panel, columns};
use crate::{parallel, pool};

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

/// `dw[o, c, k, l] = Σ x[n, c, i + k + origin, j + l + origin'] · dy[n, o, i, j]`
pub(super) fn gradient<
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
    filters.collect::<T, S::Collect, K, A>(level, &sums, dw);
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
    // Point by point: its planes of both sides stay in a cache for all blocks.
    parallel::for_chunks_mut(sums, inputs * outputs, work, |point, sums| {
        for (block, sums) in sums.chunks_exact_mut(inputs * lanes).enumerate() {
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
        }
    });
    spectra.into_iter().for_each(pool::recycle);
}
