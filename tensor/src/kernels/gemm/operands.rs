//! The operands of the microkernel: matrices in place, packed panels, windows of an image.

use super::microkernel::{MR, MR_512};
use crate::kernels::simd::{Array, Float};
use crate::memory::Scratch;

/// The operand whose numbers are broadcast: A of a product, weights or pixels of a convolution.
pub(crate) trait LeftOperand<T>: Copy {
    /// The rows of one tile.
    type Rows: LeftRows<T>;
    /// Most rows of a tile with registers of 512 bits.
    const MR_512: usize = MR_512;
    /// The same for this operand.
    fn most_512(&self) -> usize {
        Self::MR_512
    }
    /// The rows of tile `index`: `R` rows from `first` on, for `depth` steps. If `is_short`, the last of them
    /// does not exist, and a row that does is read in its place.
    fn rows<const R: usize>(
        &self,
        index: usize,
        first: usize,
        depth: usize,
        is_short: bool,
    ) -> Self::Rows;
}

/// The rows of A that one tile reads.
pub(crate) trait LeftRows<T>: Copy {
    /// The location of the numbers of one step.
    type Step: Copy;
    /// Step `t` of `R` rows.
    fn step<const R: usize>(&self, t: usize) -> Self::Step;
    /// The number of row `r`.
    fn factor<const R: usize>(&self, step: Self::Step, r: usize) -> T;
}

/// A matrix in place, contiguous along the sum: row `r` at step `t` is `matrix[r · stride + t]`.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    pub matrix: &'a [T],
    pub stride: usize,
    /// Most rows of a tile with registers of 512 bits: an even number, at most [`MR_512`].
    pub most: usize,
}

/// The rows of [`Rows`] in one tile.
#[derive(Clone, Copy)]
pub(crate) struct TileRows<'a, T>([&'a [T]; MR_512]);

// Loops rather than closures below: a closure that is not inlined is compiled without the level's instructions.
impl<'a, T: Float> LeftOperand<T> for Rows<'a, T> {
    type Rows = TileRows<'a, T>;

    fn most_512(&self) -> usize {
        self.most
    }

    #[inline(always)]
    fn rows<const R: usize>(
        &self,
        _: usize,
        first: usize,
        depth: usize,
        is_short: bool,
    ) -> TileRows<'a, T> {
        let mut rows = [&self.matrix[..0]; MR_512];
        for r in 0..R {
            let row = first + r - usize::from(is_short && r + 1 == R);
            rows[r] = &self.matrix[row * self.stride..][..depth];
        }
        TileRows(rows)
    }
}

impl<T: Float> LeftRows<T> for TileRows<'_, T> {
    type Step = usize;

    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> usize {
        t
    }
    #[inline(always)]
    fn factor<const R: usize>(&self, t: usize, r: usize) -> T {
        self.0[r][t]
    }
}

/// A panel of B: the row of step `t` begins at `panel[t · stride]`. Packed, or columns in place.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a, T> {
    pub panel: &'a [T],
    pub stride: usize,
}

impl<T: Float> Panel<'_, T> {
    /// The two vectors of step `t`.
    #[inline(always)]
    pub fn vectors(&self, t: usize) -> [T::Vector; 2] {
        let step = &self.panel[t * self.stride..][..T::NR];
        [Array::load(step), Array::load(&step[T::LANES..])]
    }
}

/// A matrix that is contiguous across the sum: columns in place, or packed panels. Both are one type, so that tiles are
/// compiled once for both.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a, T> {
    matrix: &'a [T],
    /// Elements from one step of a tile to the next.
    step: usize,
    /// Elements from one row to the next: 1 in place, 0 if the index of the tile tells where it begins.
    row: usize,
    /// Elements from one tile to the next, besides those of its rows.
    tile: usize,
}

impl<'a, T> Columns<'a, T> {
    /// Columns in place: row `r` at step `t` is `matrix[t · stride + r]`.
    pub const fn in_place(matrix: &'a [T], stride: usize) -> Self {
        Self {
            matrix,
            step: stride,
            row: 1,
            tile: 0,
        }
    }

    /// Packed panels of `height` rows: row `r` of tile `i` at step `t` is `panels[(i · depth + t) · height + r]`.
    pub const fn packed(panels: &'a [T], height: usize, depth: usize) -> Self {
        Self {
            matrix: panels,
            step: height,
            row: 0,
            tile: depth * height,
        }
    }
}

impl<'a, T: Float> LeftOperand<T> for Columns<'a, T> {
    type Rows = ColumnRows<'a, T>;

    #[inline(always)]
    fn rows<const R: usize>(
        &self,
        index: usize,
        first: usize,
        _: usize,
        is_short: bool,
    ) -> ColumnRows<'a, T> {
        ColumnRows {
            tile: &self.matrix[index * self.tile + first * self.row..],
            step: self.step,
            last: R - 1 - usize::from(is_short),
        }
    }
}

/// The rows of one tile in [`Columns`].
#[derive(Clone, Copy)]
pub(crate) struct ColumnRows<'a, T> {
    tile: &'a [T],
    step: usize,
    /// The row that is read for the last one of the tile.
    last: usize,
}

impl<'a, T: Float> LeftRows<T> for ColumnRows<'a, T> {
    type Step = (&'a [T], T);

    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> (&'a [T], T) {
        let step = &self.tile[t * self.step..];
        (&step[..R - 1], step[self.last])
    }
    #[inline(always)]
    fn factor<const R: usize>(&self, (step, last): (&'a [T], T), r: usize) -> T {
        if r + 1 == R { last } else { step[r] }
    }
}

/// Packed panels of [`MR`] rows: row `r` of tile `i` at step `t` is `panels[(i · depth + t) · MR + r]`.
///
/// [`Columns::packed`] reads the same. With a constant height, short sums with few columns are up to 5 % faster.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a, T>(pub &'a [T]);

impl<'a, T: Float> LeftOperand<T> for Packed<'a, T> {
    type Rows = PackedRows<'a, T>;
    const MR_512: usize = MR;

    // A row that does not exist has its place in the panel: nothing reads what the tile computes with it.
    #[inline(always)]
    fn rows<const R: usize>(&self, index: usize, _: usize, depth: usize, _: bool) -> Self::Rows {
        PackedRows(&self.0[index * depth * MR..][..depth * MR])
    }
}

/// The rows of one tile in [`Packed`].
#[derive(Clone, Copy)]
pub(crate) struct PackedRows<'a, T>(&'a [T]);

impl<'a, T: Float> LeftRows<T> for PackedRows<'a, T> {
    type Step = &'a [T];

    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> &'a [T] {
        &self.0[t * MR..][..R]
    }
    #[inline(always)]
    fn factor<const R: usize>(&self, step: &'a [T], r: usize) -> T {
        step[r]
    }
}

/// Distances from the first element of a window to the elements under its taps.
#[derive(Clone, Debug)]
pub(crate) struct Offsets {
    list: Scratch<usize>,
    largest: usize,
}

impl Offsets {
    /// From `count` distances.
    pub fn collect(count: usize, distances: impl Iterator<Item = usize>) -> Self {
        Self::new(Scratch::collect(count, distances))
    }

    /// From a list of distances.
    pub fn new(list: Scratch<usize>) -> Self {
        let largest = list.iter().copied().max().unwrap_or(0);
        Self { list, largest }
    }

    /// The distances.
    pub fn list(&self) -> &[usize] {
        &self.list
    }

    /// The number of distances.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Elements from the first of a window to the last that a vector of `width` at any tap reads.
    pub fn span(&self, width: usize) -> usize {
        self.largest + width
    }
}

/// Windows of an image as rows: row `r` at step `t` is `image[origins[r] + offsets[first + t]]`.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a, T> {
    pub image: &'a [T],
    /// The index in the image of the first element of each row's window.
    pub origins: &'a [usize],
    pub offsets: &'a Offsets,
    /// The first offset.
    pub first: usize,
}

/// The [`Windows`] of one tile, each as the part of the image from its first to its last tap.
#[derive(Clone, Copy)]
pub(crate) struct TileWindows<'a, T> {
    windows: [&'a [T]; MR_512],
    offsets: &'a [usize],
}

impl<'a, T: Float> LeftOperand<T> for Windows<'a, T> {
    type Rows = TileWindows<'a, T>;
    // The compiler loads all numbers of a step before it multiplies: 10, two vectors and 20 sums are 32 registers. With
    // 12 rows it kept sums in memory, and the tile ran at half the speed.
    const MR_512: usize = 10;

    #[inline(always)]
    fn rows<const R: usize>(
        &self,
        _: usize,
        first: usize,
        depth: usize,
        is_short: bool,
    ) -> TileWindows<'a, T> {
        // All windows have the same length, so that one comparison a step checks all bounds.
        let span = self.offsets.span(1);
        let count = R - usize::from(is_short);
        let origins = &self.origins[first..][..count];
        let mut windows = [&self.image[..0]; MR_512];
        for r in 0..R {
            windows[r] = &self.image[origins[r.min(count - 1)]..][..span];
        }
        let offsets = &self.offsets.list[self.first..][..depth];
        TileWindows { windows, offsets }
    }
}

impl<T: Float> LeftRows<T> for TileWindows<'_, T> {
    type Step = usize;

    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> usize {
        self.offsets[t]
    }
    #[inline(always)]
    fn factor<const R: usize>(&self, offset: usize, r: usize) -> T {
        self.windows[r][offset]
    }
}
