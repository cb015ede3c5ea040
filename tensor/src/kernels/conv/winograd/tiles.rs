//! Tiles of an image, strips of their rows, and the transforms of the pixels under them.

use std::marker::PhantomData;

use super::transform::{From, Linear, To, twice};
use crate::kernels::gemm::pack;
use crate::kernels::partition::balanced;
use crate::kernels::simd::{Float, Lanewise, Level, Vector};
use crate::memory::Scratch;
use crate::{Element, parallel};

/// Most tiles of a part, whose products with a block of channels stay in the second-level cache until they are
/// transformed back.
pub(super) const PART: usize = 64;

/// About this many tiles are one strip: enough to reuse each transformed filter while it is in a cache.
pub(super) const STRIP: usize = 192;

/// A plane of pixels in tiles of `M × M`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Extents of the plane that the tiles cover.
    pub height: usize,
    pub width: usize,
    /// Tiles along each axis.
    pub rows: usize,
    pub columns: usize,
    /// Side of a tile.
    side: usize,
}

impl Grid {
    pub fn new(height: usize, width: usize, side: usize) -> Self {
        Self {
            height,
            width,
            rows: height.div_ceil(side),
            columns: width.div_ceil(side),
            side,
        }
    }

    /// Tiles of one plane.
    pub fn tiles(&self) -> usize {
        self.rows * self.columns
    }

    /// The fewest images that together have at least this many tiles; at most `batch`.
    pub fn images(&self, batch: usize, tiles: usize) -> usize {
        tiles.div_ceil(self.tiles()).clamp(1, batch)
    }

    /// The strips of a group of images: ranges of rows with about `tiles` tiles.
    pub fn strips(&self, images: usize, tiles: usize) -> impl Iterator<Item = Strip> + use<> {
        let grid = *self;
        let rows = tiles.div_ceil(self.columns * images);
        balanced(self.rows, rows).map(move |(first, rows)| Strip {
            grid,
            images,
            first,
            rows,
        })
    }
}

/// Neighbouring rows of tiles, of a group of images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip {
    pub grid: Grid,
    pub images: usize,
    pub first: usize,
    pub rows: usize,
}

/// Where a tile is: its image, and its first pixel in the strip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub image: usize,
    pub y: usize,
    pub x: usize,
}

impl Strip {
    /// Tiles of the strip.
    pub fn tiles(&self) -> usize {
        self.images * self.rows * self.grid.columns
    }

    /// Rows of pixels of an image that its tiles cover.
    pub fn height(&self) -> usize {
        let first = self.first * self.grid.side;
        (self.rows * self.grid.side).min(self.grid.height - first)
    }

    /// The place of a tile.
    pub fn place(&self, tile: usize) -> Place {
        let per_image = self.rows * self.grid.columns;
        let (image, rest) = (tile / per_image, tile % per_image);
        Place {
            image,
            y: rest / self.grid.columns * self.grid.side,
            x: rest % self.grid.columns * self.grid.side,
        }
    }

    /// The place of a tile, and the number of tiles from it to the end of its row, at most `most`.
    pub fn run(&self, tile: usize, most: usize) -> (Place, usize) {
        let place = self.place(tile);
        let rest = self.grid.columns - place.x / self.grid.side;
        (place, rest.min(most))
    }

    /// The parts of a strip, see [`PART`].
    pub fn parts(&self) -> Parts {
        Parts {
            tiles: self.tiles(),
            count: self.tiles().div_ceil(PART),
        }
    }
}

/// A strip's tiles in parts of nearly equal size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    tiles: usize,
    pub count: usize,
}

impl Parts {
    /// First tile of a part, and its number of tiles.
    pub fn get(self, part: usize) -> (usize, usize) {
        let first = part * self.tiles / self.count;
        (first, (part + 1) * self.tiles / self.count - first)
    }

    /// Number of tiles of the largest part.
    pub fn most(self) -> usize {
        self.tiles.div_ceil(self.count.max(1))
    }
}

/// Pixels with the channels in the lanes: `pixels[image][block][y][x][lane]`.
pub(super) struct Transposed<T: Element> {
    pub pixels: Scratch<T>,
    pub blocks: usize,
    /// Elements of a row; elements of a block of channels of one image.
    pub row: usize,
    pub block: usize,
}

/// The source of a strip: planes with an origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a, T> {
    /// `[images, channels, height, width]`
    pub planes: &'a [T],
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// The first pixel under tile 0 of the grid; may be negative.
    pub origin: [isize; 2],
}

impl<T: Float> Source<'_, T> {
    /// Transposes the pixels under a strip of tiles, `reach × reach` pixels each.
    pub fn transpose(&self, level: Level, strip: &Strip, reach: usize) -> Transposed<T> {
        let lanes = T::NR;
        let side = strip.grid.side;
        let rows = (strip.rows - 1) * side + reach;
        let width = (strip.grid.columns - 1) * side + reach;
        let blocks = self.channels.div_ceil(lanes);
        let (row, block) = (width * lanes, rows * width * lanes);
        let mut pixels = Scratch::<T>::new(strip.images * blocks * block);
        let plane = self.height * self.width;
        let y0 = (strip.first * side) as isize + self.origin[0];
        parallel::for_chunks_mut(
            &mut pixels,
            block,
            strip.images * blocks * block,
            |index, to| {
                let (image, first) = (index / blocks, index % blocks * lanes);
                let count = lanes.min(self.channels - first);
                let planes = &self.planes[(image * self.channels + first) * plane..];
                for (y, to) in to.chunks_exact_mut(row).enumerate() {
                    let y = y0 + y as isize;
                    if y < 0 || y >= self.height as isize {
                        to.fill(T::zero());
                        continue;
                    }
                    let start = self.origin[1].clamp(0, self.width as isize) as usize;
                    let before = ((-self.origin[1]).max(0) as usize).min(width);
                    let inside = (self.width - start).min(width - before);
                    to[..before * lanes].fill(T::zero());
                    to[(before + inside) * lanes..].fill(T::zero());
                    let from = &planes[y as usize * self.width + start..];
                    let to = &mut to[before * lanes..];
                    pack::right_panel(level, from, [1, plane], inside, count, lanes, to);
                }
            },
        );
        Transposed {
            pixels,
            blocks,
            row,
            block,
        }
    }
}

/// Transformed tiles of one part: `values[point][tile][channel]`, planes a cache line longer than their data.
pub(super) struct Spectrum<'a, T> {
    pub values: &'a [T],
    pub plane: usize,
    /// Stride from one tile to the next: the channels, rounded up to whole vectors.
    pub channels: usize,
}

/// Stride between the points of `tiles` transformed tiles: one cache line more than the data, or all points
/// would compete for the same sets of the first-level cache.
pub(super) fn plane<T: Float>(tiles: usize, channels: usize) -> usize {
    tiles * channels + T::NR
}

/// Transforms squares of `I` pixels into `O` points each, for all tiles of a strip and all channels.
///
/// The result holds the parts one after another, each as a [`Spectrum`].
pub(super) fn transform<T: Float, L: Linear<I, O>, const I: usize, const O: usize>(
    level: Level,
    strip: &Strip,
    transposed: &Transposed<T>,
) -> Scratch<T> {
    let lanes = T::NR;
    let channels = transposed.blocks * lanes;
    let parts = strip.parts();
    let length = O * O * plane::<T>(parts.most(), channels);
    let mut values = Scratch::<T>::new(parts.count * length);
    let work = strip.tiles() * channels * O;
    parallel::for_chunks_mut(&mut values, length, work, |part, to| {
        let (first, tiles) = parts.get(part);
        let plane = plane::<T>(tiles, channels);
        let mut tile = 0;
        while tile < tiles {
            let (place, run) = strip.run(first + tile, tiles - tile);
            for block in 0..transposed.blocks {
                let from = (place.image * transposed.blocks + block) * transposed.block
                    + place.y * transposed.row
                    + place.x * lanes;
                level.lanewise(TransformTiles::<T, L, I, O> {
                    from: &transposed.pixels[from..],
                    row: transposed.row,
                    step: strip.grid.side * lanes,
                    to: &mut to[tile * channels + block * lanes..],
                    plane,
                    channels,
                    tiles: run,
                    map: PhantomData,
                });
            }
            tile += run;
        }
    });
    values
}

/// One part of a transformed strip.
pub(super) fn spectrum<'a, T: Float>(
    values: &'a [T],
    strip: &Strip,
    part: usize,
    points: usize,
    channels: usize,
) -> Spectrum<'a, T> {
    let parts = strip.parts();
    let length = points * plane::<T>(parts.most(), channels);
    Spectrum {
        values: &values[part * length..][..length],
        plane: plane::<T>(parts.get(part).1, channels),
        channels,
    }
}

/// The transform of neighbouring tiles of one row, for one block of channels.
struct TransformTiles<'a, T, L, const I: usize, const O: usize> {
    from: &'a [T],
    /// Stride in `from` from one row of pixels to the next.
    row: usize,
    /// Stride in `from` from one tile to the next.
    step: usize,
    to: &'a mut [T],
    /// Stride in `to` from one point to the next.
    plane: usize,
    /// Stride in `to` from one tile to the next.
    channels: usize,
    tiles: usize,
    map: PhantomData<L>,
}

impl<T: Float, L: Linear<I, O>, const I: usize, const O: usize> Lanewise<T>
    for TransformTiles<'_, T, L, I, O>
{
    #[inline(always)]
    fn run_from<V: Vector<T>, const FMA: bool>(&mut self, isa: V::Isa, lane: usize) {
        for tile in 0..self.tiles {
            let from = &self.from[tile * self.step + lane..];
            let square = From {
                vectors: from,
                row: self.row,
                column: 2 * T::LANES,
            };
            let to = To {
                vectors: &mut self.to[tile * self.channels + lane..],
                row: O * self.plane,
                column: self.plane,
            };
            twice::<T, V, L, _, FMA, I, O>(isa, square, to);
        }
    }
}
