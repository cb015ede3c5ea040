//! Both a convolution and its input gradient as correlations of a padded image.

use crate::kernels::conv::ConvGeometry;
use crate::kernels::simd::Float;
use crate::kernels::tile::Offsets;

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
    /// Where the image meets output `(q₀, q₁, q₂)`: distance of a step along each axis.
    steps: [usize; 3],
}

/// A run of output pixels along the last axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Where its first pixel's window begins in the padded image.
    pub origin: usize,
    /// Its first pixel in the plane of `dst`.
    pub target: usize,
}

impl Phase {
    /// The rows of output pixels: each is as long as [`width`](Self::width).
    pub fn rows(&self, extents: [usize; 3]) -> impl Iterator<Item = Run> + '_ {
        let [[z0, dz, depth], [y0, dy, height], [x0, _, _]] = self.outputs;
        (0..depth).flat_map(move |z| {
            (0..height).map(move |y| Run {
                origin: z * self.steps[0] + y * self.steps[1],
                target: ((z0 + z * dz) * extents[1] + y0 + y * dy) * extents[2] + x0,
            })
        })
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
        let (channels, filters) = (geometry.group_channels(), geometry.group_filters());
        let (taps, output) = (geometry.taps(), geometry.output());
        let deltas = [0, 1, 2].map(|axis| {
            (0..geometry.kernel[axis])
                .map(|k| [k, k * geometry.dilation[axis]])
                .collect()
        });
        let image = Padded::new::<T>(
            geometry.input,
            [0, 1, 2].map(|axis| geometry.padding[axis][0]),
            [0, 1, 2]
                .map(|axis| (output[axis] - 1) * geometry.stride[axis] + geometry.window(axis)),
            geometry.stride[2],
        );
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
        // On one axis: x[i] meets tap k of y[j] where s·j = i + p − d·k. With i = s·q + r that is
        // j = q + (r + p − d·k) / s, for those taps for which s divides.
        let mut before = [0; 3];
        let mut needed = output;
        let mut residues: [Vec<(usize, Vec<[usize; 2]>, usize)>; 3] = Default::default();
        for axis in 0..3 {
            let (stride, extent) = (
                geometry.stride[axis] as isize,
                geometry.input[axis] as isize,
            );
            let padding = geometry.padding[axis][0] as isize;
            let delta = |r: isize, k: usize| {
                let distance = r + padding - (k * geometry.dilation[axis]) as isize;
                (distance.rem_euclid(stride) == 0).then_some(distance.div_euclid(stride))
            };
            let all = 0..stride.min(extent);
            let lowest = all
                .clone()
                .flat_map(|r| (0..geometry.kernel[axis]).filter_map(move |k| delta(r, k)))
                .min()
                .unwrap_or(0);
            before[axis] = (-lowest).max(0) as usize;
            for r in all {
                let count = ((extent - r + stride - 1) / stride) as usize;
                let met: Vec<[usize; 2]> = (0..geometry.kernel[axis])
                    .filter_map(|k| Some([k, (delta(r, k)? + before[axis] as isize) as usize]))
                    .collect();
                let reach = met
                    .iter()
                    .map(|[_, delta]| delta + count)
                    .max()
                    .unwrap_or(0);
                needed[axis] = needed[axis].max(reach);
                residues[axis].push((r as usize, met, count));
            }
            needed[axis] = needed[axis].max(before[axis] + output[axis]);
        }
        let image = Padded::new::<T>(output, before, needed, 1);
        let mut phases = Vec::new();
        for (z, dz, depth) in &residues[0] {
            for (y, dy, height) in &residues[1] {
                for (x, dx, width) in &residues[2] {
                    let deltas = [dz.clone(), dy.clone(), dx.clone()];
                    let [sz, sy, sx] = geometry.stride;
                    let outputs = [[*z, sz, *depth], [*y, sy, *height], [*x, sx, *width]];
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

    /// The rows of output pixels of a phase.
    pub fn rows<'a>(&'a self, phase: &'a Phase) -> impl Iterator<Item = Run> + 'a {
        phase.rows(self.extents)
    }

    /// Where every output pixel's window begins, and where the pixel goes.
    pub fn points(&self, phase: &Phase) -> Vec<Run> {
        let (width, step) = (phase.width(), phase.step());
        let run = |row: Run| {
            (0..width).map(move |q| Run {
                origin: row.origin + q,
                target: row.target + q * step,
            })
        };
        self.rows(phase).flat_map(run).collect()
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
            .flat_map(|channel| distances.iter().map(move |d| channel * image.channel + d))
            .collect();
        Self {
            taps,
            offsets: Offsets::new(list),
            outputs,
            steps: [stride[0] * image.plane, stride[1] * image.row, 1],
        }
    }
}

/// How an image lies in memory with its padding: rows split by the residue of the column modulo
/// the stride, so that the pixels that meet one tap are neighbours again.
#[derive(Debug)]
pub(super) struct Padded {
    /// The image's own extents, and the zeros before it.
    extents: [usize; 3],
    before: [usize; 3],
    /// Extents with padding.
    padded: [usize; 3],
    /// Residues, and columns of each.
    residues: usize,
    columns: usize,
    row: usize,
    plane: usize,
    /// Elements from a channel to the next.
    pub channel: usize,
    /// Elements that may be read, not used, behind the last.
    slack: usize,
}

impl Padded {
    fn new<T: Float>(
        extents: [usize; 3],
        before: [usize; 3],
        padded: [usize; 3],
        residues: usize,
    ) -> Self {
        let columns = padded[2].div_ceil(residues);
        let row = columns * residues;
        let plane = row * padded[1];
        // An odd number of cache lines: channels then spread over all sets of the first cache.
        let line = 64 / size_of::<T>();
        let channel = (plane * padded[0]).div_ceil(line) | 1;
        Self {
            extents,
            before,
            padded,
            residues,
            columns,
            row,
            plane,
            channel: channel * line,
            slack: 2 * T::LANES,
        }
    }

    /// The place of a position in its channel.
    fn at(&self, z: usize, y: usize, x: usize) -> usize {
        z * self.plane + y * self.row + x % self.residues * self.columns + x / self.residues
    }

    /// Elements of `channels` channels.
    pub fn len(&self, channels: usize) -> usize {
        channels * self.channel + self.slack
    }

    /// Copies channels of an image into the padded form; every element that a tap can meet is written.
    pub fn fill<T: Float>(&self, image: &[T], padded: &mut [T]) {
        let pixels: usize = self.extents.iter().product();
        if pixels == 0 {
            padded.fill(T::zero());
            return;
        }
        for (image, padded) in image
            .chunks_exact(pixels)
            .zip(padded.chunks_mut(self.channel))
        {
            self.fill_channel(image, padded);
        }
    }

    fn fill_channel<T: Float>(&self, image: &[T], padded: &mut [T]) {
        let [depth, height, width] = self.extents;
        let [z0, y0, x0] = self.before;
        for z in 0..self.padded[0] {
            for y in 0..self.padded[1] {
                let to = &mut padded[z * self.plane + y * self.row..][..self.row];
                let inside = (z0..z0 + depth).contains(&z) && (y0..y0 + height).contains(&y);
                if !inside {
                    to.fill(T::zero());
                    continue;
                }
                let from = &image[((z - z0) * height + y - y0) * width..][..width];
                if self.residues == 1 {
                    let x0 = x0.min(self.row);
                    let whole = width.min(self.row - x0);
                    to[..x0].fill(T::zero());
                    copy(&from[..whole], &mut to[x0..x0 + whole]);
                    to[x0 + whole..].fill(T::zero());
                    continue;
                }
                to.fill(T::zero());
                for residue in 0..self.residues {
                    // Columns x with (x + x0) mod residues = residue.
                    let first = (residue + self.residues - x0 % self.residues) % self.residues;
                    let q0 = (first + x0) / self.residues;
                    let to = &mut to[residue * self.columns..][..self.columns];
                    let columns = from.iter().skip(first).step_by(self.residues);
                    for (to, &x) in to.iter_mut().skip(q0).zip(columns) {
                        *to = x;
                    }
                }
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
