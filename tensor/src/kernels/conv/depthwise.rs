//! One filter for each channel: rows of pixels times a few taps, close to the speed of memory.

use super::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::simd::{Body, Float, Level, Vector, multiply_add};
use crate::{parallel, pool};

/// Depthwise convolution: every group has one channel and one filter.
///
/// A plane is copied once with its padding, rows split by the residue of the column modulo the
/// stride, so that every tap reads neighbouring numbers.
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
    stride: usize,
    columns: usize,
    row: usize,
}

impl Plane {
    fn new<T: Float>(geometry: &ConvGeometry) -> Self {
        let [_, height, width] = geometry.output();
        let stride = geometry.stride[2];
        let padded = (width - 1) * stride + geometry.window(2);
        // Vectors of four registers may reach beyond the last column.
        let columns = padded.div_ceil(stride) + BLOCK * T::LANES;
        Self {
            before: [geometry.padding[1][0], geometry.padding[2][0]],
            rows: (height - 1) * geometry.stride[1] + geometry.window(1),
            stride,
            columns,
            row: columns * stride,
        }
    }

    fn len(&self) -> usize {
        self.rows * self.row
    }

    /// Where column `x` of a row is.
    fn column(&self, x: usize) -> usize {
        x % self.stride * self.columns + x / self.stride
    }

    fn fill<T: Float>(&self, geometry: &ConvGeometry, x: &[T], plane: &mut [T]) {
        let [_, height, width] = geometry.input;
        let [top, left] = self.before;
        for (y, to) in plane.chunks_exact_mut(self.row).enumerate() {
            to.fill(T::zero());
            if !(top..top + height).contains(&y) {
                continue;
            }
            let from = &x[(y - top) * width..][..width];
            if self.stride == 1 {
                let count = width.min(self.row.saturating_sub(left));
                to[left..left + count].copy_from_slice(&from[..count]);
                continue;
            }
            for (residue, to) in to.chunks_exact_mut(self.columns).enumerate() {
                let skipped = (residue + self.stride - left % self.stride) % self.stride;
                let column = (left + skipped) / self.stride;
                let from = from.iter().skip(skipped).step_by(self.stride);
                for (to, &x) in to.iter_mut().skip(column).zip(from) {
                    *to = x;
                }
            }
        }
    }

    /// The opposite of [`fill`](Self::fill).
    fn take<T: Float>(&self, geometry: &ConvGeometry, plane: &[T], x: &mut [T]) {
        let [_, height, width] = geometry.input;
        let [top, left] = self.before;
        for (y, to) in x.chunks_exact_mut(width).enumerate().take(height) {
            let Some(from) = plane.get((y + top) * self.row..(y + top + 1) * self.row) else {
                to.fill(T::zero());
                continue;
            };
            for (x, to) in to.iter_mut().enumerate() {
                let at = (x + left) / self.stride;
                let inside = at < self.columns;
                *to = if inside {
                    from[self.column(x + left)]
                } else {
                    T::zero()
                };
            }
        }
    }
}

/// Vectors of a row that are summed together.
const BLOCK: usize = 4;

/// The taps of a filter: row and place in the row of each.
fn taps(geometry: &ConvGeometry, plane: &Plane) -> Vec<usize> {
    let [_, height, width] = geometry.kernel;
    (0..height * width)
        .map(|tap| {
            let (k, l) = (tap / width, tap % width);
            k * geometry.dilation[1] * plane.row + plane.column(l * geometry.dilation[2])
        })
        .collect()
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
        if geometry.input[0] != 1 || geometry.kernel[0] != 1 || geometry.output()[0] != 1 {
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
        let (inputs, outputs) = (geometry.input_pixels(), geometry.output_pixels());
        if y.is_empty() || inputs == 0 {
            return y.fill(T::zero());
        }
        let plane = Plane::new::<T>(geometry);
        let offsets = taps(geometry, &plane);
        let [_, _, width] = geometry.output();
        let step = geometry.stride[1] * plane.row;
        let work = geometry.multiply_adds() as usize / T::LANES + x.len();
        parallel::for_chunks_mut(y, outputs, work, |index, y| {
            let mut padded = pool::stale::<T>(plane.len());
            plane.fill(geometry, &x[index * inputs..][..inputs], &mut padded);
            let weights = &w[index % geometry.channels * offsets.len()..][..offsets.len()];
            for (i, y) in y.chunks_exact_mut(width).enumerate() {
                self.level().run(Correlate {
                    from: &padded[i * step..],
                    offsets: &offsets,
                    weights,
                    y,
                });
            }
            pool::recycle(padded);
        });
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        let (inputs, outputs) = (geometry.input_pixels(), geometry.output_pixels());
        if dx.is_empty() || dy.is_empty() {
            return dx.fill(T::zero());
        }
        let plane = Plane::new::<T>(geometry);
        let offsets = taps(geometry, &plane);
        let [_, _, width] = geometry.output();
        let step = geometry.stride[1] * plane.row;
        let work = geometry.multiply_adds() as usize / T::LANES + dx.len();
        parallel::for_chunks_mut(dx, inputs, work, |index, dx| {
            let mut padded = pool::stale::<T>(plane.len());
            padded.fill(T::zero());
            let weights = &w[index % geometry.channels * offsets.len()..][..offsets.len()];
            let dy = &dy[index * outputs..][..outputs];
            for (i, dy) in dy.chunks_exact(width).enumerate() {
                self.level().run(Scatter {
                    to: &mut padded[i * step..],
                    offsets: &offsets,
                    weights,
                    dy,
                });
            }
            plane.take(geometry, &padded, dx);
            pool::recycle(padded);
        });
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        let (inputs, outputs) = (geometry.input_pixels(), geometry.output_pixels());
        if dw.is_empty() || x.is_empty() {
            return dw.fill(T::zero());
        }
        let plane = Plane::new::<T>(geometry);
        let offsets = taps(geometry, &plane);
        let [_, _, width] = geometry.output();
        let step = geometry.stride[1] * plane.row;
        let work = geometry.multiply_adds() as usize / T::LANES + x.len();
        parallel::for_chunks_mut(dw, offsets.len(), work, |channel, dw| {
            dw.fill(T::zero());
            let mut padded = pool::stale::<T>(plane.len());
            for image in 0..geometry.batch {
                let index = image * geometry.channels + channel;
                plane.fill(geometry, &x[index * inputs..][..inputs], &mut padded);
                let dy = &dy[index * outputs..][..outputs];
                for (offset, dw) in offsets.iter().zip(&mut *dw) {
                    *dw += self.level().run(Dots {
                        from: &padded[*offset..],
                        step,
                        width,
                        dy,
                    });
                }
            }
            pool::recycle(padded);
        });
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        Plane::new::<T>(geometry).len() * size_of::<T>()
    }
}

/// `y[j] = Σₜ weights[t] · from[offsets[t] + j]`
struct Correlate<'a, T> {
    from: &'a [T],
    offsets: &'a [usize],
    weights: &'a [T],
    y: &'a mut [T],
}

impl<T: Float> Body for Correlate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let width = BLOCK * T::LANES;
        let mut first = 0;
        while first < self.y.len() {
            let mut sums = [T::Vector::splat(T::zero()); BLOCK];
            for (&offset, &weight) in self.offsets.iter().zip(self.weights) {
                let from = &self.from[offset + first..][..width];
                let weight = T::Vector::splat(weight);
                for v in 0..BLOCK {
                    let x = T::Vector::load(&from[v * T::LANES..]);
                    sums[v] = weight.multiply_add::<FMA>(x, sums[v]);
                }
            }
            for v in 0..BLOCK {
                let start = (first + v * T::LANES).min(self.y.len());
                let to = &mut self.y[start..];
                if to.len() >= T::LANES {
                    sums[v].store(to);
                } else {
                    let count = to.len();
                    to.copy_from_slice(&sums[v].lanes()[..count]);
                }
            }
            first += width;
        }
    }
}

/// `to[offsets[t] + j] += weights[t] · dy[j]`
struct Scatter<'a, T> {
    to: &'a mut [T],
    offsets: &'a [usize],
    weights: &'a [T],
    dy: &'a [T],
}

impl<T: Float> Body for Scatter<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (&offset, &weight) in self.offsets.iter().zip(self.weights) {
            let to = &mut self.to[offset..][..self.dy.len()];
            for (to, &dy) in to.iter_mut().zip(self.dy) {
                *to = multiply_add::<FMA, T>(weight, dy, *to);
            }
        }
    }
}

/// `Σᵢⱼ from[i · step + j] · dy[i, j]`, lane by lane, then across.
struct Dots<'a, T> {
    from: &'a [T],
    step: usize,
    width: usize,
    dy: &'a [T],
}

impl<T: Float> Body for Dots<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> T {
        let mut sums = [T::Vector::splat(T::zero()); 4];
        let mut sum = T::zero();
        for (i, dy) in self.dy.chunks_exact(self.width).enumerate() {
            let from = &self.from[i * self.step..][..self.width];
            let (x, x_rest) = T::Vector::split(from);
            let (y, y_rest) = T::Vector::split(dy);
            let (x_fours, x_ones) = x.as_chunks::<4>();
            let (y_fours, y_ones) = y.as_chunks::<4>();
            for (x, y) in x_fours.iter().zip(y_fours) {
                for v in 0..4 {
                    sums[v] = x[v].multiply_add::<FMA>(y[v], sums[v]);
                }
            }
            for (x, y) in x_ones.iter().zip(y_ones) {
                sums[0] = x.multiply_add::<FMA>(*y, sums[0]);
            }
            for (&x, &y) in x_rest.iter().zip(y_rest) {
                sum = multiply_add::<FMA, T>(x, y, sum);
            }
        }
        let lanes = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
        for &lane in lanes.lanes() {
            sum += lane;
        }
        sum
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
            "mb1_ic3ih20iw37_oc3_kh3kw3_sh2sw2_ph1pw1_g3",
            "mb2_ic4ih11iw40_oc4_kh5kw2_sh1sw3_ph2_g4",
            "mb1_ic2ih12iw70_oc2_kh3kw3_ph2pw2_dh2dw2_g2",
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
