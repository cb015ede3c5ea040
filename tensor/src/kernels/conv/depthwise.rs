//! One filter for each channel: rows of pixels times a few taps, close to the speed of the cache.

use super::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::residues;
use crate::kernels::simd::{Array, Body, Float, Level, Vector, multiply_add};
use crate::{parallel, pool};

/// Depthwise convolution: every group has one channel and one filter.
///
/// A plane is copied once with its padding, rows split by the residue of the column modulo the
/// stride, so that every tap reads neighbouring numbers. Filters of 9 taps keep them in registers.
#[derive(Clone, Copy, Debug)]
pub struct Depthwise {
    level: Option<Level>,
}

impl Depthwise {
    /// At the best level of the machine.
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

/// A plane with its padding: rows of `stride` residues of `columns` columns each.
struct Plane {
    before: [usize; 2],
    rows: usize,
    stride: [usize; 2],
    columns: usize,
    row: usize,
    /// Extents of the result, and where each tap of a window lies from its first.
    outputs: [usize; 2],
    taps: Vec<usize>,
}

impl Plane {
    fn new(geometry: &ConvGeometry) -> Self {
        let [_, height, width] = geometry.output();
        let [_, kernel_height, kernel_width] = geometry.kernel;
        let [_, down, stride] = geometry.stride;
        let columns = ((width - 1) * stride + geometry.window(2)).div_ceil(stride);
        let row = columns * stride;
        let taps = (0..kernel_height * kernel_width)
            .map(|tap| {
                let y = tap / kernel_width * geometry.dilation[1];
                let x = tap % kernel_width * geometry.dilation[2];
                y * row + x % stride * columns + x / stride
            })
            .collect();
        Self {
            before: [geometry.padding[1][0], geometry.padding[2][0]],
            rows: (height - 1) * down + geometry.window(1),
            stride: [down, stride],
            columns,
            row,
            outputs: [height, width],
            taps,
        }
    }

    fn len(&self) -> usize {
        self.rows * self.row
    }

    /// The part of a row of the image that windows meet, and where it begins in the padded row.
    fn inside(&self, width: usize) -> (usize, usize) {
        let left = self.before[1];
        (width.min(self.row.saturating_sub(left)), left)
    }

    fn fill<T: Float>(&self, geometry: &ConvGeometry, x: &[T], plane: &mut [T]) {
        let [_, height, width] = geometry.input;
        let top = self.before[0];
        let (count, left) = self.inside(width);
        for (y, to) in plane.chunks_exact_mut(self.row).enumerate() {
            to.fill(T::zero());
            if count > 0 && (top..top + height).contains(&y) {
                let from = &x[(y - top) * width..][..count];
                residues::split(from, left, self.stride[1], to, self.columns);
            }
        }
    }

    /// The opposite of [`fill`](Self::fill).
    fn take<T: Float>(&self, geometry: &ConvGeometry, plane: &[T], x: &mut [T]) {
        let [_, height, width] = geometry.input;
        let top = self.before[0];
        let (count, left) = self.inside(width);
        for (y, to) in x.chunks_exact_mut(width).enumerate().take(height) {
            let (inside, outside) = to.split_at_mut(if y + top < self.rows { count } else { 0 });
            if !inside.is_empty() {
                let from = &plane[(y + top) * self.row..][..self.row];
                residues::join(from, self.columns, left, self.stride[1], inside);
            }
            outside.fill(T::zero());
        }
    }

    /// Rows of the padded plane from one row of results to the next.
    fn step(&self) -> usize {
        self.stride[0] * self.row
    }

    /// Runs a body for filters of 9 taps, or the one for any.
    fn correlate<T: Float>(&self, level: Level, plane: &[T], weights: &[T], y: &mut [T]) {
        let (step, width) = (self.step(), self.outputs[1]);
        if let (Ok(taps), Ok(weights)) = (self.taps.as_slice().try_into(), weights.try_into())
            && width >= T::LANES
        {
            level.run(Correlate9 {
                plane,
                step,
                width,
                taps,
                weights,
                y,
            });
        } else {
            level.run(Correlate {
                plane,
                step,
                width,
                taps: &self.taps,
                weights,
                y,
            });
        }
    }
}

/// The convolution whose forward pass is the input gradient of one of stride 1.
fn adjoint(geometry: &ConvGeometry) -> Option<ConvGeometry> {
    let mut padding = geometry.padding;
    for axis in 1..3 {
        let reach = geometry.window(axis) - 1;
        let [before, behind] = geometry.padding[axis];
        padding[axis] = [reach.checked_sub(before)?, reach.checked_sub(behind)?];
    }
    let [_, height, width] = geometry.output();
    (geometry.stride[1..] == [1; 2]).then(|| ConvGeometry {
        input: [1, height, width],
        padding,
        ..geometry.clone()
    })
}

#[allow(private_bounds)] // `Float` is f32 and f64 and nothing else
impl<T: Float> ConvKernel<T> for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str> {
        if geometry.groups != geometry.channels || geometry.groups != geometry.filters {
            return Err("a filter sees several channels, or a channel several filters");
        }
        // Padding counts as depth: a stride may leave only padding under the filter.
        if geometry.input[0] != 1 || geometry.kernel[0] != 1 || geometry.padding[0] != [0; 2] {
            return Err("images have depth");
        }
        Ok(())
    }

    fn suits(&self, _: &ConvGeometry, _: Direction) -> Result<(), &'static str> {
        if self.level().fuses() {
            Ok(())
        } else {
            Err("this machine has no fused multiply-add")
        }
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        if y.is_empty() || x.is_empty() {
            return y.fill(T::zero());
        }
        let plane = Plane::new(geometry);
        let (inputs, outputs) = (geometry.input_pixels(), geometry.output_pixels());
        let work = geometry.multiply_adds() as usize / T::LANES + x.len();
        parallel::for_chunks_mut(y, outputs, work, |index, y| {
            let mut padded = pool::stale::<T>(plane.len());
            plane.fill(geometry, &x[index * inputs..][..inputs], &mut padded);
            let taps = geometry.taps();
            let weights = &w[index % geometry.channels * taps..][..taps];
            plane.correlate(self.level(), &padded, weights, y);
            pool::recycle(padded);
        });
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        if dx.is_empty() || dy.is_empty() {
            return dx.fill(T::zero());
        }
        if let Some(adjoint) = adjoint(geometry) {
            let taps = geometry.taps();
            let turned = w.chunks(taps).flat_map(|w| w.iter().rev().copied());
            return self.forward(&adjoint, dy, &turned.collect::<Vec<T>>(), dx);
        }
        let plane = Plane::new(geometry);
        let (inputs, outputs) = (geometry.input_pixels(), geometry.output_pixels());
        let work = geometry.multiply_adds() as usize / T::LANES + dx.len();
        parallel::for_chunks_mut(dx, inputs, work, |index, dx| {
            let mut padded = pool::stale::<T>(plane.len());
            padded.fill(T::zero());
            let taps = geometry.taps();
            self.level().run(Scatter {
                plane: &mut padded,
                step: plane.step(),
                width: plane.outputs[1],
                taps: &plane.taps,
                weights: &w[index % geometry.channels * taps..][..taps],
                dy: &dy[index * outputs..][..outputs],
            });
            plane.take(geometry, &padded, dx);
            pool::recycle(padded);
        });
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        if dw.is_empty() || x.is_empty() {
            return dw.fill(T::zero());
        }
        let plane = Plane::new(geometry);
        let (inputs, outputs) = (geometry.input_pixels(), geometry.output_pixels());
        let work = geometry.multiply_adds() as usize / T::LANES + x.len();
        parallel::for_chunks_mut(dw, geometry.taps(), work, |channel, dw| {
            dw.fill(T::zero());
            let mut padded = pool::stale::<T>(plane.len());
            for image in 0..geometry.batch {
                let index = image * geometry.channels + channel;
                plane.fill(geometry, &x[index * inputs..][..inputs], &mut padded);
                let dy = &dy[index * outputs..][..outputs];
                for (taps, dw) in plane.taps.chunks(TOGETHER).zip(dw.chunks_mut(TOGETHER)) {
                    let mut padding = [taps[0]; TOGETHER];
                    padding[..taps.len()].copy_from_slice(taps);
                    let sums = self.level().run(Dots {
                        plane: &padded,
                        step: plane.step(),
                        width: plane.outputs[1],
                        taps: padding,
                        dy,
                    });
                    for (dw, sum) in dw.iter_mut().zip(sums) {
                        *dw += sum;
                    }
                }
            }
            pool::recycle(padded);
        });
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        Plane::new(geometry).len() * size_of::<T>()
    }
}

/// `y[i, j] = Σₜ weights[t] · plane[i · step + taps[t] + j]` for 9 taps and rows of at least a vector.
struct Correlate9<'a, T> {
    plane: &'a [T],
    step: usize,
    width: usize,
    taps: &'a [usize; 9],
    weights: &'a [T; 9],
    y: &'a mut [T],
}

impl<T: Float> Body for Correlate9<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let width = self.width;
        let mut weights = [T::Vector::splat(T::zero()); 9];
        for t in 0..9 {
            weights[t] = T::Vector::splat(self.weights[t]);
        }
        for (i, y) in self.y.chunks_exact_mut(width).enumerate() {
            let mut windows = [&self.plane[..0]; 9];
            for t in 0..9 {
                windows[t] = &self.plane[i * self.step + self.taps[t]..][..width];
            }
            let mut j = 0;
            loop {
                // Two sums, so that one need not wait for the other's last product.
                let x = T::Vector::load(&windows[0][j..][..T::LANES]);
                let mut even = weights[0].multiply(x);
                let x = T::Vector::load(&windows[1][j..][..T::LANES]);
                let mut odd = weights[1].multiply(x);
                for t in 2..9 {
                    let x = T::Vector::load(&windows[t][j..][..T::LANES]);
                    if t % 2 == 0 {
                        even = weights[t].multiply_add::<FMA>(x, even);
                    } else {
                        odd = weights[t].multiply_add::<FMA>(x, odd);
                    }
                }
                even.add(odd).store(&mut y[j..][..T::LANES]);
                if j + T::LANES >= width {
                    break;
                }
                // The last vector overlaps the one before it.
                j = (j + T::LANES).min(width - T::LANES);
            }
        }
    }
}

/// The same for any filter and width.
struct Correlate<'a, T> {
    plane: &'a [T],
    step: usize,
    width: usize,
    taps: &'a [usize],
    weights: &'a [T],
    y: &'a mut [T],
}

impl<T: Float> Body for Correlate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (i, y) in self.y.chunks_exact_mut(self.width).enumerate() {
            y.fill(T::zero());
            for (&tap, &weight) in self.taps.iter().zip(self.weights) {
                let from = &self.plane[i * self.step + tap..][..self.width];
                for (y, &x) in y.iter_mut().zip(from) {
                    *y = multiply_add::<FMA, T>(weight, x, *y);
                }
            }
        }
    }
}

/// `plane[i · step + taps[t] + j] += weights[t] · dy[i, j]`
struct Scatter<'a, T> {
    plane: &'a mut [T],
    step: usize,
    width: usize,
    taps: &'a [usize],
    weights: &'a [T],
    dy: &'a [T],
}

impl<T: Float> Body for Scatter<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (i, dy) in self.dy.chunks_exact(self.width).enumerate() {
            for (&tap, &weight) in self.taps.iter().zip(self.weights) {
                let to = &mut self.plane[i * self.step + tap..][..self.width];
                for (to, &dy) in to.iter_mut().zip(dy) {
                    *to = multiply_add::<FMA, T>(weight, dy, *to);
                }
            }
        }
    }
}

/// Taps whose sums are kept in registers together.
const TOGETHER: usize = 9;

/// `Σᵢⱼ plane[i · step + taps[t] + j] · dy[i, j]` for some taps, lane by lane, then across.
struct Dots<'a, T> {
    plane: &'a [T],
    step: usize,
    width: usize,
    taps: [usize; TOGETHER],
    dy: &'a [T],
}

impl<T: Float> Body for Dots<'_, T> {
    type Output = [T; TOGETHER];

    #[inline(always)]
    fn run<const FMA: bool>(self) -> [T; TOGETHER] {
        let width = self.width;
        let mut lanes = [T::Vector::splat(T::zero()); TOGETHER];
        let mut sums = [T::zero(); TOGETHER];
        for (i, dy) in self.dy.chunks_exact(width).enumerate() {
            let (whole, rest) = T::Vector::split(dy);
            let mut windows = [&whole[..0]; TOGETHER];
            let mut rests = [&rest[..0]; TOGETHER];
            for t in 0..TOGETHER {
                let window = &self.plane[i * self.step + self.taps[t]..][..width];
                (windows[t], rests[t]) = T::Vector::split(window);
                windows[t] = &windows[t][..whole.len()];
            }
            for j in 0..whole.len() {
                for t in 0..TOGETHER {
                    lanes[t] = windows[t][j].multiply_add::<FMA>(whole[j], lanes[t]);
                }
            }
            for t in 0..TOGETHER {
                for (&x, &dy) in rests[t].iter().zip(rest) {
                    sums[t] = multiply_add::<FMA, T>(x, dy, sums[t]);
                }
            }
        }
        for t in 0..TOGETHER {
            for &lane in lanes[t].lanes() {
                sums[t] += lane;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::conv::conformance;

    #[test]
    fn every_option_is_served_at_every_level() {
        for line in [
            "mb2_ic5ih7iw9_oc5_kh3kw3_ph1pw1_g5",
            "mb2_ic2ih5iw4_oc2_kh3kw3_ph1pw1_g2",
            "mb1_ic3ih20iw37_oc3_kh3kw3_sh2sw2_ph1pw1_g3",
            "mb1_ic3ih9iw38_oc3_kh3kw3_sh1sw2_ph0+1pw2+0_g3",
            "mb2_ic4ih11iw40_oc4_kh5kw2_sh1sw3_ph2_g4",
            "mb1_ic2ih12iw70_oc2_kh3kw3_ph2pw2_dh2dw2_g2",
            "mb1_ic2ih6iw30_oc2_kh3kw3_ph4pw3_g2",
            "mb3_ic2ih4iw4_oc2_kh1kw1_sh3sw5_g2",
        ] {
            let geometry: ConvGeometry = line.parse().unwrap();
            for level in Level::all() {
                let kernel = Depthwise::at(level);
                conformance::<f32>(&kernel, &geometry)
                    .and_then(|()| conformance::<f64>(&kernel, &geometry))
                    .unwrap_or_else(|error| panic!("{level:?}: {error}"));
            }
        }
    }
}
