//! Both a convolution and its input gradient as correlations of a padded image.

use std::ops::Range;

use crate::kernels::conv::ConvGeometry;
use crate::kernels::conv::residue::{self, Residue};
use crate::kernels::residues::{self, Halves};
use crate::kernels::simd::{Float, Level};
use crate::kernels::tile::Offsets;
use crate::parallel;

/// `dst[o, i] = Σ src[c, s·q + δ(k)] · w[o, c, k]` over an image with its padding.
///
/// A convolution is one such sum. Its input gradient at stride `s` is one for each residue of the
/// position modulo `s`: the [`Phase`]s, whose taps are those that meet a position of that residue.
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
    /// Distances in `w`: from an output channel to the next, from an input channel, from a group.
    pub weight: [usize; 3],
    /// Spatial extents of `dst`.
    extents: [usize; 3],
}

/// Output positions of one residue, and the taps that they see.
#[derive(Debug)]
pub(super) struct Phase {
    /// Which taps of a filter.
    pub taps: Vec<usize>,
    /// Distance in the padded image of every `(channel, tap)`.
    pub offsets: Offsets,
    /// First position, step and count along each axis of `dst`.
    outputs: [[usize; 3]; 3],
    /// Distance in the image of a step of the output along depth and height.
    steps: [usize; 2],
}

/// Output columns of an image that are kept apart from the others: a block of pixels then has few
/// columns and many rows, and most of the image under it is shared.
const CUT: usize = 64;

/// A run of output pixels along the last axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Where its first pixel's window begins in the padded image.
    pub origin: usize,
    /// Its first pixel in the plane of `dst`.
    pub target: usize,
}

impl Phase {
    /// Whether the taps are those of a filter from the first on, without gaps.
    pub fn taps_in_order(&self) -> bool {
        self.taps.iter().enumerate().all(|(t, &tap)| t == tap)
    }

    /// Output pixels in a row.
    pub fn width(&self) -> usize {
        self.outputs[2][2]
    }

    /// Distance in `dst` between the pixels of a row.
    pub fn step(&self) -> usize {
        self.outputs[2][1]
    }

    /// All output pixels.
    pub fn count(&self) -> usize {
        self.outputs.iter().map(|[_, _, count]| count).product()
    }
}

impl Correlation {
    /// The convolution itself.
    pub fn forward<T: Float>(geometry: &ConvGeometry) -> Self {
        Self::forward_in_cuts::<T>(geometry, CUT)
    }

    /// The convolution of images that are not cut.
    pub fn whole<T: Float>(geometry: &ConvGeometry) -> Self {
        Self::forward_in_cuts::<T>(geometry, usize::MAX)
    }

    fn forward_in_cuts<T: Float>(geometry: &ConvGeometry, cut: usize) -> Self {
        let (channels, filters) = (geometry.group_channels(), geometry.group_filters());
        let (taps, output) = (geometry.taps(), geometry.output());
        let deltas = [0, 1, 2].map(|axis| {
            (0..geometry.kernel[axis])
                .map(|k| [k, k * geometry.dilation[axis]])
                .collect()
        });
        let axes = [0, 1, 2].map(|axis| Axis {
            before: geometry.padding[axis][0],
            outputs: output[axis],
            step: geometry.stride[axis],
            window: geometry.window(axis),
        });
        let image = Padded::new::<T>(channels, geometry.input, axes, cut);
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

    /// The gradient by the input, from the gradient by the output.
    pub fn input_gradient<T: Float>(geometry: &ConvGeometry) -> Self {
        let (channels, filters) = (geometry.group_channels(), geometry.group_filters());
        let (taps, output) = (geometry.taps(), geometry.output());
        let residues = [0, 1, 2].map(|axis| residue::of_input(geometry, axis));
        let axes = [0, 1, 2].map(|axis| {
            let (before, residues) = &residues[axis];
            let windows = residues.iter().map(Residue::window);
            Axis {
                before: *before,
                outputs: residues.iter().map(|r| r.count).max().unwrap_or(1),
                step: 1,
                window: windows.max().unwrap_or(1),
            }
        });
        let image = Padded::new::<T>(filters, output, axes, CUT);
        let mut phases = Vec::new();
        for z in &residues[0].1 {
            for y in &residues[1].1 {
                for x in &residues[2].1 {
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

    /// The pixels of an output plane in at most `parts` parts of whole rows.
    pub fn spans(&self, parts: usize) -> Vec<Range<usize>> {
        let row = self.extents[2];
        let rows = self.extents[0] * self.extents[1];
        let parts = parts.min(rows);
        (0..parts)
            .map(|part| part * rows / parts * row..(part + 1) * rows / parts * row)
            .collect()
    }

    /// The rows of output pixels in one cut.
    fn rows(&self, phase: &Phase, cut: usize) -> impl Iterator<Item = Run> + use<> {
        let [[z0, dz, depth], [y0, dy, height], [x0, dx, _]] = phase.outputs;
        let ([sz, sy], [_, rows, columns]) = (phase.steps, self.extents);
        let origin = cut * self.image.cut;
        let first = x0 + cut * self.image.outputs * dx;
        (0..depth).flat_map(move |z| {
            (0..height).map(move |y| Run {
                origin: origin + z * sz + y * sy,
                target: ((z0 + z * dz) * rows + y0 + y * dy) * columns + first,
            })
        })
    }

    /// Vectors of `lanes` output pixels of one row: where the windows of the first begin in the
    /// padded image, and where it goes in the plane of `dst`.
    ///
    /// The last vector of a row overlaps the one before it rather than leave lanes idle.
    pub fn pieces(&self, phase: &Phase, lanes: usize) -> Vec<Run> {
        let (width, step) = (phase.width(), phase.step());
        let mut pieces = Vec::new();
        for first in (0..width).step_by(self.image.outputs) {
            let width = self.image.outputs.min(width - first);
            let last = width.saturating_sub(lanes);
            for row in self.rows(phase, first / self.image.outputs) {
                pieces.extend((0..width).step_by(lanes).map(|q| Run {
                    origin: row.origin + q.min(last),
                    target: row.target + q.min(last) * step,
                }));
            }
        }
        pieces
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
        let mut distances = Vec::new();
        for &[kz, dz] in &deltas[0] {
            for &[ky, dy] in &deltas[1] {
                for &[kx, dx] in &deltas[2] {
                    taps.push((kz * height + ky) * width + kx);
                    distances.push(image.at(dz, dy, dx));
                }
            }
        }
        let list = (0..channels)
            .flat_map(|channel| distances.iter().map(move |d| channel * image.row + d))
            .collect();
        Self {
            taps,
            offsets: Offsets::new(list),
            outputs,
            steps: [stride[0] * image.plane, stride[1] * image.rows],
        }
    }
}

/// How an image lies in memory with its padding: `[cut, depth, height, channel, column]`, each row
/// split by the residue of the column modulo the stride.
///
/// The rows of all channels at one height lie together, so that a window touches few pages. The
/// pixels of a row that meet one tap are neighbours, whatever the stride. Wide images are cut into
/// upright parts that repeat the columns which both need.
#[derive(Debug)]
pub(super) struct Padded {
    channels: usize,
    /// The image's own extents, and the zeros before it.
    extents: [usize; 3],
    before: [usize; 3],
    /// Extents of a cut with padding.
    with_zeros: [usize; 3],
    /// Output columns of a cut, the distance of the first column of one cut from the last's, and
    /// how many cuts there are.
    outputs: usize,
    advance: usize,
    cuts: usize,
    /// Residues, and columns of each.
    residues: usize,
    columns: usize,
    /// Elements of a row of one channel, of all channels, of a plane of rows, of a cut.
    row: usize,
    rows: usize,
    plane: usize,
    cut: usize,
}

/// Along one axis: zeros before, output positions, the step between their windows and the extent of
/// a window.
#[derive(Clone, Copy, Debug)]
struct Axis {
    before: usize,
    outputs: usize,
    step: usize,
    window: usize,
}

impl Axis {
    fn padded(&self) -> usize {
        (self.outputs.max(1) - 1) * self.step + self.window
    }
}

impl Padded {
    fn new<T: Float>(channels: usize, extents: [usize; 3], axes: [Axis; 3], cut: usize) -> Self {
        let width = axes[2].outputs.max(1);
        let even = width.div_ceil(width.div_ceil(cut));
        let whole = even.next_multiple_of(T::LANES);
        // The last cut must not be narrower than a vector.
        let fits = width <= whole || (width - 1) % whole + 1 >= 2 * T::LANES;
        let outputs = if fits { whole } else { even };
        let (cuts, outputs) = (width.div_ceil(outputs), outputs.min(width));
        let last = Axis { outputs, ..axes[2] };
        let with_zeros = [axes[0].padded(), axes[1].padded(), last.padded()];
        let residues = last.step;
        let columns = with_zeros[2].div_ceil(residues);
        let row = columns * residues;
        // An odd number of cache lines: the rows under a window then spread over the first cache.
        let line = 64 / size_of::<T>();
        let rows = ((channels * row).div_ceil(line) | 1) * line;
        let plane = rows * with_zeros[1];
        Self {
            channels,
            extents,
            before: axes.map(|axis| axis.before),
            with_zeros,
            outputs,
            advance: outputs * last.step,
            cuts,
            residues,
            columns,
            row,
            rows,
            plane,
            cut: plane * with_zeros[0],
        }
    }

    /// The place of a position of channel 0 in its cut.
    fn at(&self, z: usize, y: usize, x: usize) -> usize {
        z * self.plane + y * self.rows + x % self.residues * self.columns + x / self.residues
    }

    /// Elements of one image, with those that may be read, not used, behind the last.
    pub fn len(&self) -> usize {
        self.heights() * self.rows
    }

    /// Rows of all cuts, depths and heights, and one more that a vector may reach into.
    fn heights(&self) -> usize {
        self.cuts * self.with_zeros[0] * self.with_zeros[1] + 1
    }

    /// Copies images of `pixels` elements one after another; every element that a tap can meet is
    /// written.
    pub fn fill<T: Float>(&self, level: Level, images: &[T], pixels: usize, to: &mut [T]) {
        let heights = self.heights();
        parallel::for_chunks_mut(to, self.rows, images.len(), |index, to| {
            let image = &images[index / heights * pixels..][..pixels];
            self.fill_row(level, index % heights, image, to);
        });
    }

    /// Copies the rows of all channels of one cut, depth and height, `index` counting all three.
    fn fill_row<T: Float>(&self, level: Level, index: usize, image: &[T], to: &mut [T]) {
        let [depth, height, width] = self.extents;
        let [z0, y0, x0] = self.before;
        let (index, y) = (index / self.with_zeros[1], index % self.with_zeros[1]);
        let (cut, z) = (index / self.with_zeros[0], index % self.with_zeros[0]);
        if cut == self.cuts {
            return;
        }
        // The positions of the cut's rows that lie in the image, and the first one's column.
        let start = cut * self.advance;
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
        if self.residues > 1 {
            channels.fill(T::zero());
        }
        if self.residues == 2 {
            let rows = Halves {
                from,
                width: pixels,
                count: end - first,
                to: channels,
                row: self.row,
                at: residues::halves(first, self.columns),
            };
            return T::halve(level, rows);
        }
        for (channel, to) in channels.chunks_exact_mut(self.row).enumerate() {
            let from = &from[channel * pixels..][..end - first];
            if self.residues == 1 {
                to[..first].fill(T::zero());
                copy(from, &mut to[first..end]);
                to[end..].fill(T::zero());
            } else {
                residues::split(level, from, first, self.residues, to, self.columns);
            }
        }
    }
}

/// A copy of a row. Rows are short, and a call to `memcpy` costs as much as eight moves.
#[inline]
fn copy<T: Float>(from: &[T], to: &mut [T]) {
    let (heads, rest) = from.as_chunks::<8>();
    let (to_heads, to_rest) = to.as_chunks_mut::<8>();
    for (to, from) in to_heads.iter_mut().zip(heads) {
        *to = *from;
    }
    for (to, from) in to_rest.iter_mut().zip(rest) {
        *to = *from;
    }
}
