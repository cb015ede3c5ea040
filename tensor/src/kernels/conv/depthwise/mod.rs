//! Depthwise convolution: one filter for each channel.
//!
//! There is no sum over channels, so nothing is reused but the image under overlapping windows: the kernel
//! is bound by loads from the first-level cache. Loops, from outside:
//!
//! 1. planes (images and channels): the tasks of the threads;
//! 2. bands of output rows: the input rows that they read are copied with their padding into half of the
//!    first-level cache, split into phases of the column modulo the stride (`lines`);
//! 3. output rows, two at a time at stride 1: they share the rows that both read;
//! 4. vectors of neighbouring output pixels;
//! 5. taps: their weights stay in registers as broadcast vectors (`sums`), or, in the weight gradient, a
//!    vector of partial sums for each (`dots`).
//!
//! Compare "High Performance Depthwise and Pointwise Convolutions on Mobile Devices" (Zhang, Lo, Lu 2020).

mod dots;
mod lines;
mod sums;

use super::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::partition::balanced;
use crate::kernels::simd::deinterleave;
use crate::kernels::simd::{Float, Level};
use crate::parallel;
use lines::{Axis, Lines};
use sums::{Taps, Target};

/// Depthwise convolution: every group has one channel and one filter.
///
/// The input gradient at a stride is one sum for each phase of the position modulo the stride.
///
/// There are loops for dense filters 3 and 5 wide at strides 1 and 2, and general ones for any filter.
#[derive(Clone, Copy, Debug)]
pub struct Depthwise {
    level: Option<Level>,
}

impl Depthwise {
    /// At the best level of the processor.
    pub const BEST: Self = Self { level: None };

    /// At a given level.
    #[must_use]
    pub const fn at(level: Level) -> Self {
        Self { level: Some(level) }
    }

    fn level(self) -> Level {
        self.level.unwrap_or_else(Level::best)
    }
}

/// A plane of results as sums over a plane of the source.
struct Plane {
    axes: [Axis; 2],
    lines: Lines,
    /// Elements of a plane of the source; elements and width of a plane of results.
    source: usize,
    target: usize,
    width: usize,
    kernel: [usize; 2],
}

impl Plane {
    fn new<T: Float>(axes: [Axis; 2], target: [usize; 2], geometry: &ConvGeometry) -> Self {
        let lines = Lines::new::<T>(&axes);
        Self {
            lines,
            source: axes[0].extent * axes[1].extent,
            target: target[0] * target[1],
            width: target[1],
            kernel: [geometry.kernel[1], geometry.kernel[2]],
            axes,
        }
    }

    fn forward<T: Float>(geometry: &ConvGeometry) -> Self {
        let [_, height, width] = geometry.output();
        let axes = [1, 2].map(|axis| Axis::forward(geometry, axis));
        Self::new::<T>(axes, [height, width], geometry)
    }

    fn input_gradient<T: Float>(geometry: &ConvGeometry) -> Self {
        let [_, height, width] = geometry.input;
        let axes = [1, 2].map(|axis| Axis::input_gradient(geometry, axis));
        Self::new::<T>(axes, [height, width], geometry)
    }

    /// Rows of results that are computed from one band of lines.
    fn band(&self) -> usize {
        self.lines.band.min(self.axes[0].count())
    }

    /// A buffer of zeros for the padded rows of the input that a band of results reads. The columns of padding stay 0.
    fn lines<T: Float>(&self) -> Vec<T> {
        vec![T::zero(); self.lines.len(self.band())]
    }

    /// Whether the results of a row are stored to `dst` directly.
    fn is_direct<T: Float>(&self) -> bool {
        let [down, across] = &self.axes;
        let mut rows = down.phases.iter();
        across.apart == 1
            && self.width >= T::LANES
            && rows.all(|phase| sums::is_whole(phase, &across.phases[0], &self.lines))
    }

    /// Elements of the buffer in which results are computed if they are not stored directly.
    fn buffer<T: Float>(&self) -> usize {
        if self.is_direct::<T>() {
            0
        } else {
            self.band() * self.axes[1].phases.len() * self.lines.width
        }
    }

    /// Elementary steps for one plane.
    fn work<T: Float>(&self) -> usize {
        let [height, width] = self.kernel;
        let products = height * width * self.source.min(self.target);
        products / T::LANES + self.source + self.target
    }

    /// Computes every plane of `dst`. All images use the same filters, one for each channel.
    fn run<T: Float>(&self, level: Level, src: &[T], w: &[T], dst: &mut [T]) {
        let planes = dst.len() / self.target;
        let share = parallel::GRAIN
            .div_ceil(self.work::<T>())
            .min(planes.div_ceil(8));
        let (work, taps) = (planes * self.work::<T>(), self.kernel[0] * self.kernel[1]);
        parallel::for_chunks_mut(dst, share * self.target, work, |index, dst| {
            let mut lines = self.lines::<T>();
            let mut buffer = vec![T::zero(); self.buffer::<T>()];
            for (plane, dst) in dst.chunks_exact_mut(self.target).enumerate() {
                let index = index * share + plane;
                let src = &src[index * self.source..][..self.source];
                let w = &w[index % (w.len() / taps) * taps..][..taps];
                for (first, rows) in balanced(self.axes[0].count(), self.lines.band) {
                    let lines = &mut lines[..self.lines.len(rows)];
                    self.lines.fill(level, first, src, lines);
                    self.rows(level, [first, rows], lines, w, &mut buffer, dst);
                }
            }
        });
    }

    /// The results from row `first` on of every phase.
    fn rows<T: Float>(
        &self,
        level: Level,
        [first, rows]: [usize; 2],
        from: &[T],
        w: &[T],
        buffer: &mut [T],
        dst: &mut [T],
    ) {
        let (lines, width) = (&self.lines, self.width);
        let [down, across] = &self.axes;
        for phase in &down.phases {
            let rows = rows.min(phase.count.saturating_sub(first));
            if rows == 0 {
                continue;
            }
            let head = &mut dst[(phase.first + first * down.apart) * width..];
            let row = down.apart * width;
            let taps = |at: usize| Taps {
                down: phase,
                across: &across.phases[at],
                weights: w,
                kernel_width: self.kernel[1],
            };
            let parts = across.phases.len();
            if buffer.is_empty() {
                let to = Target {
                    head,
                    row,
                    rows,
                    width,
                };
                sums::sum(level, taps(0), lines, from, to);
                continue;
            }
            if across.apart == 2 && parts == 2 {
                let direct = width % 2 == 0 && width >= 2 * T::LANES;
                let to = if direct {
                    Target {
                        head: &mut *head,
                        row,
                        rows,
                        width: width / 2,
                    }
                } else {
                    Target {
                        head: &mut *buffer,
                        row: 2 * lines.width,
                        rows,
                        width: lines.width,
                    }
                };
                if sums::interleaved(level, [taps(0), taps(1)], lines, from, to) {
                    if !direct {
                        let from = buffer.chunks_exact(2 * lines.width).take(rows);
                        for (to, from) in head.chunks_mut(row).zip(from) {
                            to[..width].copy_from_slice(&from[..width]);
                        }
                    }
                    continue;
                }
            }
            for part in 0..parts {
                let to = Target {
                    head: &mut buffer[part * lines.width..],
                    row: parts * lines.width,
                    rows,
                    width: lines.width,
                };
                sums::sum(level, taps(part), lines, from, to);
            }
            let from = buffer.chunks_exact(parts * lines.width).take(rows);
            for (to, from) in head.chunks_mut(row).zip(from) {
                deinterleave::join(from, lines.width, 0, across.apart, &mut to[..width]);
            }
        }
    }
}

#[allow(private_bounds)] // `Float` is f32 and f64 and nothing else
impl<T: Float> ConvKernel<T> for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str> {
        if geometry.groups != geometry.channels || geometry.groups != geometry.filters {
            return Err("a group has more than one channel or more than one filter");
        }
        // Padding counts as depth: with a stride, the only window along this axis may cover padding alone.
        if geometry.input[0] != 1 || geometry.kernel[0] != 1 || geometry.padding[0] != [0; 2] {
            return Err("the convolution is 3-d");
        }
        if geometry.has_long_lists() {
            return Err("a kernel or a stride is longer than 2²⁰");
        }
        if geometry.is_mostly_padding() {
            return Err("the padded image is many times as large as image and result");
        }
        Ok(())
    }

    fn is_profitable(&self, _: &ConvGeometry, _: Direction) -> Result<(), &'static str> {
        if self.level().fuses() {
            Ok(())
        } else {
            Err("this processor has no fused multiply-add")
        }
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        if y.is_empty() || x.is_empty() {
            return y.fill(T::zero());
        }
        Plane::forward::<T>(geometry).run(self.level(), x, w, y);
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        if dx.is_empty() || dy.is_empty() {
            return dx.fill(T::zero());
        }
        Plane::input_gradient::<T>(geometry).run(self.level(), dy, w, dx);
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        if dw.is_empty() || x.is_empty() {
            return dw.fill(T::zero());
        }
        let plane = Plane::forward::<T>(geometry);
        let each = plane.work::<T>() * geometry.batch;
        let share = parallel::GRAIN
            .div_ceil(each)
            .min(geometry.channels.div_ceil(8));
        let work = each * geometry.channels;
        let taps = geometry.taps();
        parallel::for_chunks_mut(dw, share * taps, work, |index, dw| {
            let mut buffers = Buffers::new(&plane);
            for (channel, dw) in dw.chunks_exact_mut(taps).enumerate() {
                buffers.sums.fill(T::zero());
                for image in 0..geometry.batch {
                    let index = image * geometry.channels + index * share + channel;
                    let x = &x[index * plane.source..][..plane.source];
                    let dy = &dy[index * plane.target..][..plane.target];
                    buffers.add(self.level(), &plane, x, dy);
                }
                for (dw, lanes) in dw.iter_mut().zip(buffers.sums.chunks_exact(T::LANES)) {
                    *dw = lanes.iter().fold(T::zero(), |sum, &lane| sum + lane);
                }
            }
        });
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        let of = |plane: Plane| plane.lines.len(plane.band()) + plane.buffer::<T>();
        let planes = [
            Plane::forward::<T>(geometry),
            Plane::input_gradient::<T>(geometry),
        ];
        planes.map(of).into_iter().max().unwrap_or(0) * size_of::<T>()
    }
}

/// The buffers of the weight gradient of one channel at a time.
struct Buffers<T> {
    lines: Vec<T>,
    /// Rows of the gradient that are narrower than a vector.
    rows: Vec<T>,
    /// A vector of partial sums for each tap.
    sums: Vec<T>,
}

impl<T: Float> Buffers<T> {
    fn new(plane: &Plane) -> Self {
        let narrow = plane.width < T::LANES;
        let rows = if narrow { plane.band() * T::LANES } else { 0 };
        Self {
            lines: plane.lines(),
            rows: vec![T::zero(); rows],
            sums: vec![T::zero(); plane.kernel[0] * plane.kernel[1] * T::LANES],
        }
    }

    /// Adds the products of one plane to the sums.
    fn add(&mut self, level: Level, plane: &Plane, x: &[T], dy: &[T]) {
        let (width, [down, across]) = (plane.width, &plane.axes);
        for (first, rows) in balanced(down.count(), plane.lines.band) {
            let lines = &mut self.lines[..plane.lines.len(rows)];
            plane.lines.fill(level, first, x, lines);
            let dy = &dy[first * width..][..rows * width];
            let (head, row) = if width < T::LANES {
                for (to, from) in self.rows.chunks_exact_mut(T::LANES).zip(dy.chunks(width)) {
                    to[..width].copy_from_slice(from);
                }
                (&self.rows[..], T::LANES)
            } else {
                (dy, width)
            };
            let dy = dots::Gradient {
                head,
                row,
                rows,
                width,
            };
            let taps = [&down.phases[0], &across.phases[0]];
            dots::dots(level, taps, &plane.lines, lines, dy, &mut self.sums);
        }
    }
}
