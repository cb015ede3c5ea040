//! The plain loops: the oracle of every other kernel.

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

/// Visits the terms of the form `⟨conv(x, w), y⟩ = Σ x[i]·w[j]·y[k]`, which is linear in each of
/// the three; a direction of the convolution is the derivative by one of them.
fn for_each_term(geometry: &ConvGeometry, mut term: impl FnMut(usize, usize, usize)) {
    let (channels, filters) = (geometry.group_channels(), geometry.group_filters());
    let (output, kernel) = (geometry.output(), geometry.kernel);
    for image in 0..geometry.batch {
        for filter in 0..geometry.filters {
            let group = filter / filters;
            for (pixel, at) in positions(output) {
                let k = (image * geometry.filters + filter) * geometry.output_pixels() + pixel;
                for channel in 0..channels {
                    let plane = image * geometry.channels + group * channels + channel;
                    for (tap, offset) in positions(kernel) {
                        if let Some(source) = geometry.source(at, offset) {
                            let i = plane * geometry.input_pixels() + source;
                            let j = (filter * channels + channel) * geometry.taps() + tap;
                            term(i, j, k);
                        }
                    }
                }
            }
        }
    }
}

/// Every position of a spatial box in row-major order, with its number.
fn positions([depth, height, width]: [usize; 3]) -> impl Iterator<Item = (usize, [usize; 3])> {
    (0..depth)
        .flat_map(move |z| (0..height).flat_map(move |y| (0..width).map(move |x| [z, y, x])))
        .enumerate()
}

impl ConvGeometry {
    /// The pixel of a plane of `x` that a tap of the filter meets at an output position; none in
    /// the padding.
    fn source(&self, output: [usize; 3], tap: [usize; 3]) -> Option<usize> {
        let mut pixel = 0;
        for axis in 0..3 {
            let padded = output[axis] * self.stride[axis] + tap[axis] * self.dilation[axis];
            let at = padded.checked_sub(self.padding[axis][0])?;
            if at >= self.input[axis] {
                return None;
            }
            pixel = pixel * self.input[axis] + at;
        }
        Some(pixel)
    }
}
