//! Images with their padding, as tiles read them.

use std::ops::Range;

use crate::kernels::simd::deinterleave::{self, PairRows};
use crate::kernels::simd::prefetch;
use crate::kernels::simd::{Float, Level};
use crate::parallel;

/// The row of the channel this many channels ahead is prefetched: channels lie in different pages, which
/// hardware prefetchers do not cross.
const AHEAD: usize = 8;

/// The layout of an image with its padding: `[column block, depth, height, channel, column]`, each row split
/// into phases of the column modulo the stride.
///
/// The rows of all channels at one height are adjacent, so that a window lies in few pages. The pixels of
/// a row under one tap of neighbouring windows are contiguous, whatever the stride. Wide images are divided
/// into column blocks; columns that two of them need are stored in both.
#[derive(Debug)]
pub(super) struct Padded {
    channels: usize,
    /// Extents of the image without padding.
    extents: [usize; 3],
    /// Zeros before the image.
    before: [usize; 3],
    /// Extents of a column block with padding.
    with_zeros: [usize; 3],
    /// Output columns of a column block.
    pub outputs: usize,
    /// Columns from the start of one column block to the start of the next.
    advance: usize,
    /// Number of column blocks.
    column_blocks: usize,
    /// Phases of a row.
    phases: usize,
    /// Columns of one phase.
    columns: usize,
    /// Elements of a row of one channel.
    pub row: usize,
    /// Elements of the rows of all channels at one height.
    pub rows: usize,
    /// Elements of all heights at one depth.
    pub plane: usize,
    /// Extent of a window along the height.
    pub window: usize,
}

/// A range of heights of a padded image, with all column blocks and depths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub first: usize,
    pub heights: usize,
}

/// Along one axis: zeros before, output positions, the step between their windows and the extent of
/// a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub before: usize,
    pub outputs: usize,
    pub step: usize,
    pub window: usize,
}

impl Axis {
    fn padded(&self) -> usize {
        (self.outputs.max(1) - 1) * self.step + self.window
    }
}

/// Output columns of the column blocks of rows of `width`, about `most` or fewer.
///
/// The last block is not narrower than a vector, which would reach into the next row: not that of `width`, and
/// not that of `width − 1`, which some phases of an input gradient have.
fn columns_of_blocks<T: Float>(width: usize, most: usize) -> usize {
    let even = width.div_ceil(width.div_ceil(most));
    let whole = even.next_multiple_of(T::LANES);
    let fits = |&columns: &usize| width <= columns || (width - 1) % columns >= T::NR;
    let multiples = (1..=whole / T::LANES).rev().map(|count| count * T::LANES);
    let any = (1..=whole).rev();
    multiples.chain(any).find(fits).unwrap_or(width)
}

impl Padded {
    pub fn new<T: Float>(
        channels: usize,
        extents: [usize; 3],
        axes: [Axis; 3],
        block_columns: usize,
    ) -> Self {
        let width = axes[2].outputs.max(1);
        let outputs = columns_of_blocks::<T>(width, block_columns).min(width);
        let column_blocks = width.div_ceil(outputs);
        let last = Axis { outputs, ..axes[2] };
        let with_zeros = [axes[0].padded(), axes[1].padded(), last.padded()];
        let phases = last.step;
        let columns = with_zeros[2].div_ceil(phases);
        let row = columns * phases;
        // An odd number of cache lines: the rows under a window are then spread over the sets of the
        // first-level cache.
        let line = 64 / size_of::<T>();
        let rows = (channels.saturating_mul(row).div_ceil(line) | 1).saturating_mul(line);
        let plane = rows.saturating_mul(with_zeros[1]);
        Self {
            channels,
            extents,
            before: axes.map(|axis| axis.before),
            with_zeros,
            outputs,
            advance: outputs * last.step,
            column_blocks,
            phases,
            columns,
            row,
            rows,
            plane,
            window: axes[1].window,
        }
    }

    /// Offset of a position of channel 0 in its column block.
    pub fn at(&self, z: usize, y: usize, x: usize) -> usize {
        z * self.plane + y * self.rows + x % self.phases * self.columns + x / self.phases
    }

    /// Which of `count` windows, `step` apart along depth (axis 0) or height (axis 1), cover a pixel of the
    /// image and not padding at `distance` from their first position.
    pub fn covered(&self, axis: usize, distance: usize, step: usize, count: usize) -> Range<usize> {
        let before = self.before[axis];
        let start = before.saturating_sub(distance).div_ceil(step);
        let end = (before + self.extents[axis])
            .saturating_sub(distance)
            .div_ceil(step)
            .min(count);
        start.min(end)..end
    }

    /// Every height.
    pub fn whole(&self) -> Band {
        Band {
            first: 0,
            heights: self.with_zeros[1],
        }
    }

    /// Whether the image has one depth only.
    pub fn is_flat(&self) -> bool {
        self.with_zeros[0] == 1
    }

    /// Elements of one column block of a band.
    pub fn column_block_len(&self, band: Band) -> usize {
        self.with_zeros[0] * band.heights * self.rows
    }

    /// Elements of one image, with one more row: vector loads may extend past the last element.
    pub fn len(&self) -> usize {
        self.band_len(self.whole())
    }

    /// Elements of one band.
    pub fn band_len(&self, band: Band) -> usize {
        self.heights(band).saturating_mul(self.rows)
    }

    /// Number of chunks of [`rows`](Self::rows) elements: one for each column block, depth and height, and one
    /// more because vector loads may extend past the last element.
    fn heights(&self, band: Band) -> usize {
        let heights = self.with_zeros[0].saturating_mul(band.heights);
        heights.saturating_mul(self.column_blocks).saturating_add(1)
    }

    /// Copies images of `pixels` elements one after another, with zeros in the padding. Elements that no tap
    /// reads may stay unwritten.
    pub fn fill<T: Float>(&self, level: Level, images: &[T], pixels: usize, to: &mut [T]) {
        self.fill_band(level, self.whole(), images, pixels, to);
    }

    /// [`fill`](Self::fill) for a band of each image.
    pub fn fill_band<T: Float>(
        &self,
        level: Level,
        band: Band,
        images: &[T],
        pixels: usize,
        to: &mut [T],
    ) {
        let heights = self.heights(band);
        let work = to.len();
        parallel::for_chunks_mut(to, self.rows, work, |index, to| {
            let image = &images[index / heights * pixels..][..pixels];
            self.fill_row(level, band, index % heights, image, to);
        });
    }

    /// Copies the rows of all channels of one column block, depth and height; `index` counts these three in
    /// row-major order.
    fn fill_row<T: Float>(
        &self,
        level: Level,
        band: Band,
        index: usize,
        image: &[T],
        to: &mut [T],
    ) {
        let [depth, height, width] = self.extents;
        let [z0, y0, x0] = self.before;
        let (index, y) = (index / band.heights, band.first + index % band.heights);
        let (block, z) = (index / self.with_zeros[0], index % self.with_zeros[0]);
        if block == self.column_blocks {
            return;
        }
        // Columns `first..end` of a padded row hold pixels of the image, the others padding.
        let start = block * self.advance;
        let first = x0.saturating_sub(start).min(self.with_zeros[2]);
        let end = (width + x0).saturating_sub(start).min(self.with_zeros[2]);
        let inside = (z0..z0 + depth).contains(&z) && (y0..y0 + height).contains(&y);
        if !inside || first >= end {
            to.fill(T::zero());
            return;
        }
        let column = first + start - x0;
        let from = &image[((z - z0) * height + y - y0) * width + column..];
        let pixels = depth * height * width;
        let channels = &mut to[..self.channels * self.row];
        if self.phases > 1 {
            channels.fill(T::zero());
        }
        if self.phases == 2 {
            let rows = PairRows {
                from,
                from_stride: pixels,
                count: end - first,
                to: channels,
                to_stride: self.row,
                starts: deinterleave::starts_of_pairs(first, self.columns),
            };
            return T::deinterleave_pairs(level, rows);
        }
        for (channel, to) in channels.chunks_exact_mut(self.row).enumerate() {
            if let Some(ahead) = from.get((channel + AHEAD) * pixels..) {
                prefetch::lines(&ahead[..(end - first).min(ahead.len())]);
            }
            let from = &from[channel * pixels..][..end - first];
            if self.phases == 1 {
                to[..first].fill(T::zero());
                copy(from, &mut to[first..end]);
                to[end..].fill(T::zero());
            } else {
                deinterleave::split(level, from, first, self.phases, to, self.columns);
            }
        }
    }
}

/// Copies a row without calling `memcpy`: rows are short, and the call takes as long as eight vector moves.
#[inline]
pub(super) fn copy<T: Float>(from: &[T], to: &mut [T]) {
    let (heads, rest) = from.as_chunks::<8>();
    let (to_heads, to_rest) = to.as_chunks_mut::<8>();
    for (to, from) in to_heads.iter_mut().zip(heads) {
        *to = *from;
    }
    for (to, from) in to_rest.iter_mut().zip(rest) {
        *to = *from;
    }
}
