//! Winograd's filtering at stride 2.
//!
//! Rows and columns are split into phases: `x[2j + r]` is pixel `j` of a channel of phase `r`. A convolution of
//! `K × K` taps at stride 2 becomes one of half as many taps along each axis at stride 1, over four times the
//! channels, some of whose taps are zero. So Winograd's filtering applies to the first layers ("stems") of
//! image networks, 7 × 7 at stride 2.

use super::products::{Planes, Problem};
use super::{Form, forward_problem, input_gradient_problem, planes, tiles};
use crate::kernels::conv::im2row::leaves_tiles_empty;
use crate::kernels::conv::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::simd::deinterleave;
use crate::kernels::simd::{Float, Level};
use crate::memory::Scratch;
use crate::parallel;

/// Filters of 7 × 7 or 5 × 5 taps at stride 2 with a third of the multiplications, by `F(3 × 3, 4 × 4)` or
/// `F(4 × 4, 3 × 3)` and with the rounding error of these.
#[derive(Clone, Copy, Debug)]
pub struct StridedWinograd {
    level: Option<Level>,
}

/// Phases of an image: two along each axis.
const PHASES: usize = 4;

/// Fewest tiles for which the saved multiplications outweigh the copies and transforms of the filters.
const MIN_TILES: usize = 48;

/// A convolution at stride 2 as one at stride 1.
struct Split {
    form: Form,
    /// The convolution at stride 1, over channels `[channel][phase of the row][phase of the column]`.
    geometry: ConvGeometry,
    /// `taps[axis][k]` is the phase that tap `k` is multiplied with, and its index among the taps of that phase;
    /// axes are height and width.
    taps: [Vec<[usize; 2]>; 2],
}

impl Split {
    fn new(geometry: &ConvGeometry) -> Self {
        let form = form(geometry);
        let [_, side] = form.sides();
        let mut split = geometry.clone();
        split.channels *= PHASES;
        split.kernel = [1, side, side];
        split.stride = [1; 3];
        let out = geometry.output();
        let taps = [1, 2].map(|axis| {
            let padding = geometry.padding[axis][0];
            // y[i] reads x[2i + k − p], which is pixel i + q of phase r where k − p = 2q + r.
            let before = padding.div_ceil(2);
            let extent = geometry.input[axis].div_ceil(2);
            split.input[axis] = extent;
            // Zeros after the image, as many as the last window reads. The geometry can still have more results than the
            // convolution at stride 2: see [`result`].
            let after = (out[axis] + side - 1).saturating_sub(before + extent);
            split.padding[axis] = [before, after];
            (0..geometry.kernel[axis])
                .map(|k| {
                    let place = k + 2 * before - padding;
                    [place % 2, place / 2]
                })
                .collect()
        });
        Self {
            form,
            geometry: split,
            taps,
        }
    }

    /// Pixels of a plane of the split images, and of a row.
    fn plane(&self) -> [usize; 2] {
        let [_, height, width] = self.geometry.input;
        [height * width, width]
    }

    /// The images, split into phases.
    fn images<T: Float>(&self, level: Level, geometry: &ConvGeometry, x: &[T]) -> Scratch<T> {
        let [_, height, width] = geometry.input;
        let [plane, row] = self.plane();
        let mut split = Scratch::<T>::new(geometry.batch * geometry.channels * PHASES * plane);
        let work = split.len();
        parallel::for_chunks_mut(&mut split, PHASES * plane, work, |image, split| {
            if height % 2 + width % 2 > 0 {
                split.fill(T::zero());
            }
            let rows = x[image * height * width..].chunks_exact(width).take(height);
            for (y, from) in rows.enumerate() {
                let to = &mut split[y % 2 * 2 * plane + y / 2 * row..];
                deinterleave::split(level, from, 0, 2, to, plane);
            }
        });
        split
    }

    /// The gradient of the images from that of the split ones.
    fn join<T: Float>(&self, geometry: &ConvGeometry, split: &[T], dx: &mut [T]) {
        let [_, height, width] = geometry.input;
        let [plane, row] = self.plane();
        let work = dx.len();
        parallel::for_chunks_mut(dx, height * width, work, |image, dx| {
            let split = &split[image * PHASES * plane..][..PHASES * plane];
            for (y, to) in dx.chunks_exact_mut(width).enumerate() {
                let from = &split[y % 2 * 2 * plane + y / 2 * row..];
                deinterleave::join(from, plane, 0, 2, to);
            }
        });
    }

    /// `f(index in the split filter, index in the filter)` for each tap of a filter, in order.
    fn for_taps(&self, mut f: impl FnMut(usize, usize)) {
        let [_, side] = self.form.sides();
        let [rows, columns] = &self.taps;
        for (k, [row_phase, row]) in rows.iter().enumerate() {
            for (l, [phase, column]) in columns.iter().enumerate() {
                let plane = row_phase * 2 + phase;
                f((plane * side + row) * side + column, k * columns.len() + l);
            }
        }
    }

    /// Taps of one input and output channel: in the split filters, and in the filters.
    fn pair(&self) -> [usize; 2] {
        let [_, side] = self.form.sides();
        let [rows, columns] = &self.taps;
        [PHASES * side * side, rows.len() * columns.len()]
    }

    /// The filters, split into phases.
    fn filters<T: Float>(&self, w: &[T]) -> Scratch<T> {
        let [to, from] = self.pair();
        let mut split = Scratch::<T>::new(w.len() / from * to);
        split.fill(T::zero());
        for (split, w) in split.chunks_exact_mut(to).zip(w.chunks_exact(from)) {
            self.for_taps(|to, from| split[to] = w[from]);
        }
        split
    }

    /// The gradient of the filters from that of the split ones.
    fn collect<T: Float>(&self, split: &[T], dw: &mut [T]) {
        let [from, to] = self.pair();
        for (split, dw) in split.chunks_exact(from).zip(dw.chunks_exact_mut(to)) {
            self.for_taps(|from, to| dw[to] = split[from]);
        }
    }
}

/// The form for half the taps of a supported geometry.
fn form(geometry: &ConvGeometry) -> Form {
    match geometry.kernel {
        [1, 7, 7] => Form::ThreeOfFour,
        _ => Form::Four,
    }
}

/// The extents of the output: those at stride 2, even if the split images have room for more windows.
fn result(geometry: &ConvGeometry) -> Planes {
    let [_, result] = planes(geometry);
    result
}

impl StridedWinograd {
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

#[allow(private_bounds)] // `Float` is f32 and f64 and nothing else
impl<T: Float> ConvKernel<T> for StridedWinograd {
    fn name(&self) -> &'static str {
        "winograd_strided"
    }

    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str> {
        if !matches!(geometry.kernel, [1, 7, 7] | [1, 5, 5]) {
            return Err("filters are not 7 × 7 or 5 × 5");
        }
        if geometry.stride[1..] != [2; 2] || geometry.dilation[1..] != [1; 2] {
            return Err("stride is not 2, or dilation not 1");
        }
        if geometry.groups != 1 {
            return Err("there are groups");
        }
        if geometry.input[0] != 1 || geometry.padding[0] != [0; 2] {
            return Err("the convolution is 3-d");
        }
        Ok(())
    }

    fn is_profitable(
        &self,
        geometry: &ConvGeometry,
        direction: Direction,
    ) -> Result<(), &'static str> {
        if !self.level().fuses() {
            return Err("this processor has no fused multiply-add");
        }
        if T::IS_DOUBLE {
            return Err("its rounding error is larger, which is not accepted in double precision");
        }
        if geometry.channels < 3 || geometry.filters < 2 * T::LANES {
            return Err("few channels: the transforms cost as much as they save");
        }
        if leaves_tiles_empty(geometry, direction) {
            return Err("few pixels: tiles are mostly empty");
        }
        let [side, _] = form(geometry).sides();
        if tiles(geometry, Direction::Forward, side) < MIN_TILES {
            return Err("few tiles: transforming the filters costs more than it saves");
        }
        Ok(())
    }

    fn is_accurate(&self) -> bool {
        false
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        if y.is_empty() || x.is_empty() {
            return y.fill(T::zero());
        }
        let split = Split::new(geometry);
        let images = split.images(self.level(), geometry, x);
        let filters = split.filters(w);
        let problem = Problem {
            to: result(geometry),
            ..forward_problem(self.level(), &split.geometry)
        };
        split.form.correlate(&problem, &images, &filters, y);
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        if dx.is_empty() || dy.is_empty() {
            return dx.fill(T::zero());
        }
        let split = Split::new(geometry);
        let filters = split.filters(w);
        let mut images = Scratch::<T>::new(split.geometry.x_len());
        let problem = Problem {
            from: result(geometry),
            ..input_gradient_problem(self.level(), &split.geometry)
        };
        split.form.correlate(&problem, dy, &filters, &mut images);
        split.join(geometry, &images, dx);
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        if dw.is_empty() || dy.is_empty() || x.is_empty() {
            return dw.fill(T::zero());
        }
        let split = Split::new(geometry);
        let images = split.images(self.level(), geometry, x);
        let mut sums = Scratch::<T>::new(split.geometry.w_len());
        let problem = Problem {
            to: result(geometry),
            ..forward_problem(self.level(), &split.geometry)
        };
        split.form.weights(&problem, &images, dy, &mut sums);
        split.collect(&sums, dw);
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        let split = Split::new(geometry);
        let Split { form, geometry, .. } = &split;
        let transforms = form.workspace(geometry.channels, geometry.filters);
        let elements = transforms.saturating_add(geometry.x_len() + geometry.w_len());
        elements.saturating_mul(size_of::<T>())
    }
}
