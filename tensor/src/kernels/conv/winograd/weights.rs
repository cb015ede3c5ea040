//! The weight gradient: images and gradients are transformed, multiplied and summed over tiles, and the sums
//! are transformed back.

use super::filters::{Filters, Sums};
use super::products::Problem;
use super::tiles::{self, Grid, STRIP, Source, Strip};
use super::transform::{Linear, Scheme};
use crate::kernels::gemm::microkernel::{self, Columns, OutputRows, Panel};
use crate::kernels::partition::balanced;
use crate::kernels::simd::{Float, Level};
use crate::memory::Scratch;
use crate::{Element, parallel};

/// Most sums of the weight gradient for which the strips are divided into shares with partial sums.
const MAX_SUMS_IN_SHARES: usize = 1 << 18;

/// Shares of the strips, each with its own partial sums: they divide evenly between two, four and eight threads.
const SHARES: usize = 8;

/// Input channels whose sums with a block of output channels are computed and transformed back at once, in
/// the second-level cache.
const INPUTS_AT_ONCE: usize = 48;

/// Most bytes of transformed input for which [`by_blocks`] is used, since it reads them again for every
/// [`BLOCKS`] blocks of output channels: more bytes would not stay in a near cache.
const MAX_BYTES_REREAD: usize = 3 << 19;

/// Blocks of output channels that are computed in one pass over the transformed input.
const BLOCKS: usize = 2;

/// The number of shares of the strips for `sums` sums. The partial sums of the shares are added in order.
pub(super) fn shares(sums: usize) -> usize {
    if sums <= MAX_SUMS_IN_SHARES {
        SHARES
    } else {
        1
    }
}

/// Tiles of one strip of the weight gradient. If they are divided into shares, their number is even.
fn strip_tiles(tiles: usize, sums: usize) -> usize {
    let strips = tiles.div_ceil(STRIP);
    if shares(sums) > 1 {
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
    let lanes = T::NR;
    let grid = Grid::new(to.height, to.width, M);
    let blocks = filters.outputs.div_ceil(lanes);
    let pairs = blocks * A * A * filters.inputs * lanes;
    let size = A * A * filters.plane_of_sums::<T>();
    let tiles = strip_tiles(batch * grid.tiles(), pairs);
    let group = grid.images(batch, tiles);
    let (x_image, dy_image) = (from.channels * from.pixels(), to.channels * to.pixels());
    let strips: Vec<(usize, Strip)> = (0..batch)
        .step_by(group)
        .flat_map(|first| {
            let strips = grid.strips(group.min(batch - first), tiles);
            strips.map(move |strip| (first, strip))
        })
        .collect();
    let sources = |first: usize, strip: &Strip| {
        [
            Source {
                planes: &x[first * x_image..][..strip.images * x_image],
                channels: from.channels,
                height: from.height,
                width: from.width,
                origin,
            },
            Source {
                planes: &dy[first * dy_image..][..strip.images * dy_image],
                channels: to.channels,
                height: to.height,
                width: to.width,
                origin: [0, 0],
            },
        ]
    };
    if let ([(first, strip)], 1) = (&strips[..], shares(pairs))
        && strip.tiles() * A * A * filters.inputs * size_of::<T>() <= MAX_BYTES_REREAD
    {
        let pair = Pair::new::<S, M, K, A>(level, strip, &sources(*first, strip));
        by_blocks::<T, S::Collect, K, A>(&filters, &pair, dw);
        return;
    }
    let strips_per_share = strips.len().div_ceil(shares(pairs));
    let mut sums = Scratch::<T>::new(strips.len().div_ceil(strips_per_share) * size);
    let work = batch * to.pixels() * filters.inputs * filters.outputs / lanes;
    parallel::for_chunks_mut(&mut sums, size, work, |share, sums| {
        let strips = strips.iter().skip(share * strips_per_share);
        let strips = strips.take(strips_per_share);
        for (index, (first, strip)) in strips.enumerate() {
            let pair = Pair::new::<S, M, K, A>(level, strip, &sources(*first, strip));
            sum_strip(&filters, &pair, sums, index > 0);
        }
    });
    filters.collect::<T, S::Collect, K, A>(level, &sums, dw);
}

/// The transforms of a strip of images and of gradients.
struct Pair<'a, T: Element> {
    level: Level,
    strip: &'a Strip,
    points: usize,
    data: Scratch<T>,
    spread: Scratch<T>,
    /// Input channels, rounded up to whole vectors.
    inputs: usize,
    /// Output channels, rounded up to whole vectors.
    outputs: usize,
}

impl<'a, T: Float> Pair<'a, T> {
    /// `Bᵀ x B` and `A dy Aᵀ`.
    fn new<S: Scheme<M, K, A>, const M: usize, const K: usize, const A: usize>(
        level: Level,
        strip: &'a Strip,
        [source, result]: &[Source<'_, T>; 2],
    ) -> Self {
        // In parallel, since a single strip would leave a second thread idle.
        let work = strip.tiles() * (source.channels + result.channels) * A;
        let spectra = parallel::map_chunks(2, work, |operand| {
            if operand == 0 {
                let transposed = source.transpose(level, strip, A);
                tiles::transform::<T, S::Data, A, A>(level, strip, &transposed)
            } else {
                let transposed = result.transpose(level, strip, M);
                tiles::transform::<T, S::Spread, M, A>(level, strip, &transposed)
            }
        });
        let [data, spread] = <[Scratch<T>; 2]>::try_from(spectra).expect("there are two operands");
        Self {
            level,
            strip,
            points: A * A,
            data,
            spread,
            inputs: source.channels.next_multiple_of(T::NR),
            outputs: result.channels.next_multiple_of(T::NR),
        }
    }

    /// The transformed weight gradient at one point, a matrix product over the tiles of the strip:
    /// `sums[input][lane] = Σ (Bᵀ x B)[tile][first + input] · (A dy Aᵀ)[tile][lane]`, for `inputs` input
    /// channels and one block of output channels. Added to the values of `sums` if `add`.
    fn sum(
        &self,
        point: usize,
        [first, inputs]: [usize; 2],
        block: usize,
        sums: &mut [T],
        add: bool,
    ) {
        let lanes = T::NR;
        for part in 0..self.strip.parts().count {
            let (_, count) = self.strip.parts().get(part);
            let data = tiles::spectrum(&self.data, self.strip, part, self.points, self.inputs);
            let spread = tiles::spectrum(&self.spread, self.strip, part, self.points, self.outputs);
            let vectors = Panel {
                panel: &spread.values[point * spread.plane + block * lanes..],
                stride: self.outputs,
            };
            let from = &data.values[point * data.plane + first..];
            let matrix = Columns::in_place(from, self.inputs);
            let to = OutputRows {
                head: &mut *sums,
                stride: lanes,
                add: add || part > 0,
            };
            microkernel::run(self.level, [inputs, count], matrix, vectors, to);
        }
    }
}

/// The sums of a strip at every point, of all pairs of channels: `sums[point][block][input][lane]`.
fn sum_strip<T: Float>(filters: &Filters, pair: &Pair<'_, T>, sums: &mut [T], add: bool) {
    let (lanes, inputs) = (T::NR, filters.inputs);
    let work = pair.strip.tiles() * inputs * pair.outputs * pair.points / lanes;
    // Point by point: the planes of both operands stay in a cache while all blocks are computed.
    let (length, blocks) = (inputs * lanes, pair.outputs / lanes);
    let tasks = parallel::tasks_for_threads(work).div_ceil(pair.points);
    let each = blocks.div_ceil(tasks);
    let planes = sums.chunks_mut(filters.plane_of_sums::<T>());
    let mut tasks: Vec<_> = planes
        .flat_map(|sums| sums[..blocks * length].chunks_mut(each * length))
        .collect();
    let count = blocks.div_ceil(each);
    parallel::for_chunks_mut(&mut tasks, 1, work, |index, sums| {
        let (point, first) = (index / count, index % count * each);
        for (block, sums) in sums[0].chunks_exact_mut(length).enumerate() {
            pair.sum(point, [0, inputs], first + block, sums, add);
        }
    });
}

/// The gradient of a single strip. With many channels the sums would be written to memory and read back. So
/// they are computed for some input channels and one block of output channels at a time, and transformed back
/// while they are in a cache.
fn by_blocks<T: Float, L: Linear<A, K>, const K: usize, const A: usize>(
    filters: &Filters,
    pair: &Pair<'_, T>,
    dw: &mut [T],
) {
    let lanes = T::NR;
    let work = pair.strip.tiles() * filters.inputs * filters.outputs * A * A / lanes;
    let row = lanes * filters.output;
    let blocks = filters.outputs.div_ceil(lanes);
    let is_enough = blocks.div_ceil(BLOCKS) >= parallel::tasks_for_threads(work);
    let at_once = if is_enough { BLOCKS } else { 1 };
    parallel::for_chunks_mut(dw, at_once * row, work, |group, dw| {
        let mut sums = Scratch::<T>::new(A * A * (INPUTS_AT_ONCE + 1) * lanes);
        for (first, inputs) in balanced(filters.inputs, INPUTS_AT_ONCE) {
            let (range, plane) = ([first, inputs], (inputs + 1) * lanes);
            for (block, dw) in dw.chunks_mut(row).enumerate() {
                let block = group * at_once + block;
                for (point, sums) in sums.chunks_exact_mut(plane).take(A * A).enumerate() {
                    pair.sum(point, range, block, sums, false);
                }
                let size = A * A * plane;
                let sums = Sums {
                    values: &sums[..size],
                    plane,
                    size,
                };
                filters.collect_block::<T, L, K, A>(pair.level, &sums, range, dw);
            }
        }
    });
}
