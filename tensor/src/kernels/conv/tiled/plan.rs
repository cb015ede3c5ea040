//! A convolution and its input gradient, both as correlations of a padded image.

use std::ops::Range;

use super::padded::{Axis, Band, Padded};
use crate::kernels::conv::ConvGeometry;
use crate::kernels::conv::phases::{self, AxisPhase};
use crate::kernels::gemm::microkernel::Offsets;
use crate::kernels::simd::Float;

/// `dst[o, i] = Σ src[c, s·q + δ(k)] · w[o, c, k]` over an image with its padding.
///
/// A convolution is one such sum. Its input gradient at stride `s` is one for each [`Phase`] of the position
/// modulo `s`, with the taps that read positions of that phase.
#[derive(Debug)]
pub(super) struct Correlation {
    pub batch: usize,
    pub groups: usize,
    /// Channels of a group of `src` and of `dst`.
    pub channels: [usize; 2],
    /// Pixels of a channel of `src` and of `dst`.
    pub pixels: [usize; 2],
    pub image: Padded,
    pub phases: Vec<Phase>,
    /// Strides of `w`: from one output channel, input channel or group to the next.
    pub weight: [usize; 3],
    /// Spatial extents of `dst`.
    extents: [usize; 3],
}

/// Output positions of one phase, and their taps.
#[derive(Debug)]
pub(super) struct Phase {
    /// Indices of the taps in a filter.
    pub taps: Vec<usize>,
    /// The taps by rows of the filter.
    pub rows: Vec<TapRow>,
    /// Offset of every `(channel, tap)` from the first element of its window in the padded image.
    pub offsets: Offsets,
    /// First position, step and count along each axis of `dst`.
    outputs: [[usize; 3]; 3],
    /// Strides of the padded image between the windows of neighbouring outputs along depth and height.
    steps: [usize; 2],
}

/// Taps of one row of a filter: of one depth and height.
#[derive(Clone, Debug)]
pub(super) struct TapRow {
    /// Their range in the phase's taps.
    pub taps: Range<usize>,
    /// The depths and heights of the phase's output at which these taps cover the image; at all others they
    /// lie in the padding.
    pub covered: [Range<usize>; 2],
}

/// Rows of output planes, and the band of the padded image that they are computed from.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub rows: Range<usize>,
    columns: usize,
    pub band: Band,
}

impl Span {
    /// Their pixels.
    pub fn pixels(&self) -> Range<usize> {
        self.rows.start * self.columns..self.rows.end * self.columns
    }
}

/// Output columns of a column block: a block of output pixels then has few columns and many rows, and the
/// windows of neighbouring rows overlap.
const BLOCK_COLUMNS: usize = 64;

/// Bytes of a band of an image: half of a second-level cache of 1 MB.
const BAND_BYTES: usize = 1 << 19;

/// A run of output pixels along the last axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Offset in the padded image of the window of its first pixel.
    pub origin: usize,
    /// Index of its first pixel in the plane of `dst`.
    pub target: usize,
}

impl Phase {
    /// Whether the taps are those of a filter from the first on, without gaps.
    pub fn taps_in_order(&self) -> bool {
        self.taps.iter().enumerate().all(|(t, &tap)| t == tap)
    }

    /// Depths and heights of the output.
    pub fn heights(&self) -> [usize; 2] {
        [self.outputs[0][2], self.outputs[1][2]]
    }

    /// Output pixels in a row.
    pub fn width(&self) -> usize {
        self.outputs[2][2]
    }

    /// Stride in `dst` between the pixels of a row.
    pub fn step(&self) -> usize {
        self.outputs[2][1]
    }

    /// All output pixels.
    pub fn count(&self) -> usize {
        self.outputs.iter().map(|[_, _, count]| count).product()
    }
}

fn forward_image<T: Float>(geometry: &ConvGeometry, block: usize) -> Padded {
    let output = geometry.output();
    let axes = [0, 1, 2].map(|axis| Axis {
        before: geometry.padding[axis][0],
        outputs: output[axis],
        step: geometry.stride[axis],
        window: geometry.window(axis),
    });
    Padded::new::<T>(geometry.group_channels(), geometry.input, axes, block)
}

impl Correlation {
    /// The convolution itself.
    pub fn forward<T: Float>(geometry: &ConvGeometry) -> Self {
        Self::forward_in_blocks::<T>(geometry, BLOCK_COLUMNS)
    }

    /// The convolution itself, of images in one column block.
    pub fn whole<T: Float>(geometry: &ConvGeometry) -> Self {
        Self::forward_in_blocks::<T>(geometry, usize::MAX)
    }

    /// The padded image of one group, for the convolution itself. It makes no list, so it is cheap for any geometry.
    pub fn forward_image<T: Float>(geometry: &ConvGeometry) -> Padded {
        forward_image::<T>(geometry, BLOCK_COLUMNS)
    }

    fn forward_in_blocks<T: Float>(geometry: &ConvGeometry, block: usize) -> Self {
        let (channels, filters) = (geometry.group_channels(), geometry.group_filters());
        let (taps, output) = (geometry.taps(), geometry.output());
        let deltas = [0, 1, 2].map(|axis| {
            (0..geometry.kernel[axis])
                .map(|k| [k, k * geometry.dilation[axis]])
                .collect()
        });
        let image = forward_image::<T>(geometry, block);
        let outputs = output.map(|count| [0, 1, count]);
        let phase = Phase::new(
            geometry,
            &image,
            channels,
            &deltas,
            outputs,
            geometry.stride,
        );
        Self {
            batch: geometry.batch,
            groups: geometry.groups,
            channels: [channels, filters],
            pixels: [geometry.input_pixels(), geometry.output_pixels()],
            image,
            phases: vec![phase],
            weight: [channels * taps, taps, filters * channels * taps],
            extents: output,
        }
    }

    /// The input gradient: a correlation of the gradient of the output.
    pub fn input_gradient<T: Float>(geometry: &ConvGeometry) -> Self {
        let (channels, filters) = (geometry.group_channels(), geometry.group_filters());
        let (taps, output) = (geometry.taps(), geometry.output());
        let axis_phases = [0, 1, 2].map(|axis| phases::of_input_gradient(geometry, axis));
        let axes = [0, 1, 2].map(|axis| {
            let (before, axis_phases) = &axis_phases[axis];
            let windows = axis_phases.iter().map(AxisPhase::window);
            Axis {
                before: *before,
                outputs: axis_phases.iter().map(|r| r.count).max().unwrap_or(1),
                step: 1,
                window: windows.max().unwrap_or(1),
            }
        });
        let image = Padded::new::<T>(filters, output, axes, BLOCK_COLUMNS);
        let mut phases = Vec::new();
        for z in &axis_phases[0].1 {
            for y in &axis_phases[1].1 {
                for x in &axis_phases[2].1 {
                    let deltas = [z.taps.clone(), y.taps.clone(), x.taps.clone()];
                    let [sz, sy, sx] = geometry.stride;
                    let outputs = [
                        [z.first, sz, z.count],
                        [y.first, sy, y.count],
                        [x.first, sx, x.count],
                    ];
                    phases.push(Phase::new(
                        geometry, &image, filters, &deltas, outputs, [1; 3],
                    ));
                }
            }
        }
        Self {
            batch: geometry.batch,
            groups: geometry.groups,
            channels: [filters, channels],
            pixels: [geometry.output_pixels(), geometry.input_pixels()],
            image,
            phases,
            weight: [taps, channels * taps, filters * channels * taps],
            extents: geometry.input,
        }
    }

    /// Which depth and height of a phase's output a pixel of `dst` has.
    pub fn height(&self, phase: &Phase, pixel: usize) -> [usize; 2] {
        let [_, rows, columns] = self.extents;
        let [[z0, dz, _], [y0, dy, _], _] = phase.outputs;
        let y = pixel / columns;
        [(y / rows - z0) / dz, (y % rows - y0) / dy]
    }

    /// The rows of the output planes in at most `parts` spans.
    pub fn spans(&self, parts: usize) -> Vec<Span> {
        let rows = self.extents[0] * self.extents[1];
        let parts = parts.min(rows);
        let spans = (0..parts).map(|part| Span {
            rows: part * rows / parts..(part + 1) * rows / parts,
            columns: self.extents[2],
            band: self.image.whole(),
        });
        spans.collect()
    }

    /// Spans of rows, each computed from a band of the padded image that stays in the second-level cache,
    /// if that is faster. `saved` is how many times the whole image is read without bands; `tile` is how many
    /// pixels share one read of the weights.
    pub fn bands<T: Float>(&self, saved: usize, tile: usize) -> Option<Vec<Span>> {
        let [depths, height, columns] = self.extents;
        let most = BAND_BYTES / size_of::<T>();
        if self.image.len() <= 2 * most || depths > 1 || !self.image.is_flat() {
            return None;
        }
        let small = |rows: &usize| {
            let image = self.image.band_len(self.band(&(0..*rows)));
            image.max(self.channels[1] * rows * columns) <= most
        };
        let rows = (1..height).rev().find(small).unwrap_or(1);
        let rows = height.div_ceil(height.div_ceil(rows));
        // The cost of bands: results are copied once more, and every band reads all weights; weights that do
        // not stay in the second-level cache are read once per tile.
        let weight_reads = if self.weight[2] > most {
            height * columns / tile
        } else {
            height.div_ceil(rows)
        };
        let banded = self.channels[1] * height * columns + self.weight[2] * weight_reads;
        if self.image.len() * saved < 2 * banded {
            return None;
        }
        Some(self.strips(rows))
    }

    /// Spans of at most `rows` rows of an image of one depth.
    pub fn strips(&self, rows: usize) -> Vec<Span> {
        let [_, height, columns] = self.extents;
        let spans = (0..height).step_by(rows).map(|first| {
            let rows = first..(first + rows).min(height);
            Span {
                columns,
                band: self.band(&rows),
                rows,
            }
        });
        spans.collect()
    }

    /// The heights of the padded image under some rows of an image of one depth.
    fn band(&self, rows: &Range<usize>) -> Band {
        // All phases have the same step, and each starts within its first step.
        let phase = &self.phases[0];
        let step = phase.outputs[1][1];
        let source = phase.steps[1] / self.image.rows;
        let first = rows.start / step * source;
        let last = (rows.end.max(1) - 1) / step * source;
        Band {
            first,
            heights: last - first + self.image.window,
        }
    }

    /// The rows of output pixels of a span in one column block.
    fn rows(&self, phase: &Phase, span: &Span, block: usize) -> impl Iterator<Item = Run> + use<> {
        let [[z0, dz, depth], [y0, dy, height], [x0, dx, _]] = phase.outputs;
        let ([sz, sy], [_, rows, columns]) = (phase.steps, self.extents);
        let origin = block * self.image.column_block_len(span.band);
        let skipped = span.band.first * self.image.rows;
        let first = x0 + block * self.image.outputs * dx;
        let Span { rows: of_span, .. } = span.clone();
        let all = (0..depth).flat_map(move |z| (0..height).map(move |y| [z, y]));
        all.filter_map(move |[z, y]| {
            let row = (z0 + z * dz) * rows + y0 + y * dy;
            of_span.contains(&row).then(|| Run {
                origin: origin + z * sz + y * sy - skipped,
                target: (row - of_span.start) * columns + first,
            })
        })
    }

    /// The runs of `lanes` output pixels that cover the rows of a span. Origins are offsets in the span's band
    /// of the padded image, targets are indices in the span's part of the plane of `dst`.
    ///
    /// The last vector of a row overlaps the one before it, so that no lane is idle.
    pub fn pieces(&self, phase: &Phase, span: &Span, lanes: usize) -> Vec<Run> {
        let (width, step) = (phase.width(), phase.step());
        let mut pieces = Vec::new();
        for first in (0..width).step_by(self.image.outputs) {
            let narrow = phase.width() < lanes;
            let width = self.image.outputs.min(width - first);
            debug_assert!(
                narrow || width >= lanes,
                "a vector reaches into the next row"
            );
            let last = width.saturating_sub(lanes);
            for row in self.rows(phase, span, first / self.image.outputs) {
                pieces.extend((0..width).step_by(lanes).map(|q| Run {
                    origin: row.origin + q.min(last),
                    target: row.target + q.min(last) * step,
                }));
            }
        }
        pieces
    }

    /// The offset in the padded image of the window of each output pixel, column block by column block.
    pub fn origins(&self, phase: &Phase) -> Offsets {
        let (whole, width) = (&self.spans(1)[0], phase.width());
        let firsts = (0..width).step_by(self.image.outputs);
        let origins = firsts.flat_map(|first| {
            let width = self.image.outputs.min(width - first);
            let rows = self.rows(phase, whole, first / self.image.outputs);
            rows.flat_map(move |row| row.origin..row.origin + width)
        });
        Offsets::collect(phase.count(), origins)
    }
}

impl Phase {
    fn new(
        geometry: &ConvGeometry,
        image: &Padded,
        channels: usize,
        deltas: &[Vec<[usize; 2]>; 3],
        outputs: [[usize; 3]; 3],
        stride: [usize; 3],
    ) -> Self {
        let [_, height, width] = geometry.kernel;
        let mut taps = Vec::new();
        let mut rows = Vec::new();
        let mut distances = Vec::new();
        for &[kz, dz] in &deltas[0] {
            for &[ky, dy] in &deltas[1] {
                rows.push(TapRow {
                    taps: taps.len()..taps.len() + deltas[2].len(),
                    covered: [
                        image.covered(0, dz, stride[0], outputs[0][2]),
                        image.covered(1, dy, stride[1], outputs[1][2]),
                    ],
                });
                for &[kx, dx] in &deltas[2] {
                    taps.push((kz * height + ky) * width + kx);
                    distances.push(image.at(dz, dy, dx));
                }
            }
        }
        let list = (0..channels)
            .flat_map(|channel| distances.iter().map(move |d| channel * image.row + d));
        Self {
            taps,
            rows,
            offsets: Offsets::collect(channels * distances.len(), list),
            outputs,
            steps: [stride[0] * image.plane, stride[1] * image.rows],
        }
    }
}
