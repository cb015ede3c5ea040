//! The plain loops, which tests compare every other kernel with.

use super::{ConvGeometry, ConvKernel};
use crate::Real;

/// Convolution by its definition, for every geometry and number type.
#[derive(Clone, Copy, Debug)]
pub struct Direct;

impl<T: Real> ConvKernel<T> for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn supports(&self, _geometry: &ConvGeometry) -> Result<(), &'static str> {
        Ok(())
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        y.fill(T::zero());
        for_each_term(geometry, |i, j, k| y[k] += x[i] * w[j]);
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        dx.fill(T::zero());
        for_each_term(geometry, |i, j, k| dx[i] += w[j] * dy[k]);
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        dw.fill(T::zero());
        for_each_term(geometry, |i, j, k| dw[j] += x[i] * dy[k]);
    }

    fn workspace(&self, _geometry: &ConvGeometry) -> usize {
        0
    }
}

/// Visits the terms of the form `⟨conv(x, w), y⟩ = Σ x[i]·w[j]·y[k]`, which is linear in each of the three;
/// each direction of the convolution is its derivative with respect to one of them.
fn for_each_term(geometry: &ConvGeometry, mut term: impl FnMut(usize, usize, usize)) {
    let (channels, filters) = (geometry.group_channels(), geometry.group_filters());
    let (taps, input, output) = (geometry.taps(), geometry.input, geometry.output());
    let (x_plane, y_plane) = (geometry.input_pixels(), geometry.output_pixels());
    let pixel = |axis: usize, at: usize, tap: usize| {
        geometry.stride[axis] * at + geometry.dilation[axis] * tap - geometry.padding[axis][0]
    };
    for image in 0..geometry.batch {
        for filter in 0..geometry.filters {
            let first = image * geometry.channels + filter / filters * channels;
            let k = (image * geometry.filters + filter) * y_plane;
            for channel in 0..channels {
                let i = (first + channel) * x_plane;
                for (tap, [dz, dy, dx]) in positions(geometry.kernel) {
                    let j = (filter * channels + channel) * taps + tap;
                    for z in geometry.inside(0, dz) {
                        for y in geometry.inside(1, dy) {
                            let source = (pixel(0, z, dz) * input[1] + pixel(1, y, dy)) * input[2];
                            let target = (z * output[1] + y) * output[2];
                            for x in geometry.inside(2, dx) {
                                term(i + source + pixel(2, x, dx), j, k + target + x);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Every position of a spatial box in row-major order, with its number.
pub(super) fn positions(
    [depth, height, width]: [usize; 3],
) -> impl Iterator<Item = (usize, [usize; 3])> {
    (0..depth)
        .flat_map(move |z| (0..height).flat_map(move |y| (0..width).map(move |x| [z, y, x])))
        .enumerate()
}
