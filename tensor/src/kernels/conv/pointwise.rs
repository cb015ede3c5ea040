//! Filters of a single tap: matrix products of the images in place.

use super::im2row::MAX_PIXELS_IN_PLACE;
use super::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::gemm::{self, Gemm};
use crate::{Real, parallel};

/// `y = w·x`, `dx = wᵀ·dy` and `dw = Σ dy·xᵀ`, image by image and group by group.
#[derive(Clone, Copy, Debug)]
pub struct Pointwise;

/// Fewest pixels of each of several images for which the weight gradient is profitable.
const MIN_PIXELS: usize = 256;

/// Fewest channels and filters of a group for which a product is profitable, of unfolded images too.
pub(super) const MIN_CHANNELS: usize = 4;

/// The sizes of one product: filters and channels of a group, pixels.
fn sizes(geometry: &ConvGeometry) -> [usize; 3] {
    [
        geometry.group_filters(),
        geometry.group_channels(),
        geometry.input_pixels(),
    ]
}

impl<T: Real> ConvKernel<T> for Pointwise {
    fn name(&self) -> &'static str {
        "pointwise"
    }

    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str> {
        if geometry.kernel != [1; 3] {
            return Err("filters have more than one tap");
        }
        if geometry.stride != [1; 3] || geometry.padding != [[0; 2]; 3] {
            return Err("there is a stride or padding");
        }
        Ok(())
    }

    fn is_profitable(
        &self,
        geometry: &ConvGeometry,
        direction: Direction,
    ) -> Result<(), &'static str> {
        if geometry.output_pixels() <= MAX_PIXELS_IN_PLACE {
            return Err("few pixels in an image");
        }
        // For many small images, packing costs more than the products.
        let many_small = geometry.batch > 1 && geometry.input_pixels() < MIN_PIXELS;
        if direction == Direction::WeightGradient && many_small {
            return Err("few pixels in an image");
        }
        // Two channels and filters are enough for sums over many pixels.
        let is_long_sum =
            direction == Direction::WeightGradient && geometry.input_pixels() >= MIN_PIXELS;
        let least = if is_long_sum { 2 } else { MIN_CHANNELS };
        if geometry.group_filters().min(geometry.group_channels()) < least {
            return Err("few channels or filters in a group");
        }
        Ok(())
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        let [filters, channels, pixels] = sizes(geometry);
        let task = Gemm::row_major(filters, channels, pixels);
        let work = geometry.multiply_adds() as usize / 8;
        parallel::for_chunks_mut(y, filters * pixels, work, |index, y| {
            let w = &w[index % geometry.groups * filters * channels..];
            gemm::multiply(&task, w, &x[index * channels * pixels..], y);
        });
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        let [filters, channels, pixels] = sizes(geometry);
        let task = Gemm {
            a: [1, channels],
            ..Gemm::row_major(channels, filters, pixels)
        };
        let work = geometry.multiply_adds() as usize / 8;
        parallel::for_chunks_mut(dx, channels * pixels, work, |index, dx| {
            let w = &w[index % geometry.groups * filters * channels..];
            gemm::multiply(&task, w, &dy[index * filters * pixels..], dx);
        });
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        let [filters, channels, pixels] = sizes(geometry);
        if geometry.batch == 0 {
            dw.fill(T::zero());
        }
        let work = geometry.multiply_adds() as usize / 8;
        parallel::for_chunks_mut(dw, filters * channels, work, |group, dw| {
            for image in 0..geometry.batch {
                let index = image * geometry.groups + group;
                let task = Gemm {
                    b: [1, pixels],
                    accumulate: image > 0,
                    ..Gemm::row_major(filters, pixels, channels)
                };
                let (dy, x) = (
                    &dy[index * filters * pixels..],
                    &x[index * channels * pixels..],
                );
                gemm::multiply(&task, dy, x, dw);
            }
        });
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        // An estimate: a product packs blocks of its operands, in the forward direction the weights and one
        // image.
        let image = geometry.input_pixels().saturating_mul(geometry.channels);
        image
            .saturating_add(geometry.w_len())
            .saturating_mul(size_of::<T>())
    }
}
