//! Direct convolution in register tiles, over images that are copied with their padding.
//!
//! The image is copied with its padding, each row split into phases of the column modulo the stride
//! (`padded`). Then every tap is a constant distance from the first element of its window, whatever the
//! kernel size, stride and dilation: one table of offsets, one inner loop. It is the microkernel of
//! [`gemm`](crate::kernels::gemm) with gathered rows; nothing is unfolded as in im2col. Loops, from outside:
//!
//! 1. images, groups and blocks of output channels: the tasks of the threads (`engine`);
//! 2. bands of rows, if an image does not stay in the second-level cache (`plan`);
//! 3. chunks of input channels, whose packed weights fill half of the first-level cache (`steps`, as `KC`);
//! 4. windows: `MR` at a time with output channels in the lanes (`lanes_of_channels`), or vectors of
//!    neighbouring pixels with up to `MR` output channels (`lanes_of_pixels`); `lanes` estimates which is
//!    faster;
//! 5. channels and taps: the steps of the sum.
//!
//! The input gradient is the same sum for each phase of the position modulo the stride. In the weight
//! gradient the steps of the sum are pixels (`weight`, `dots`). Compare "Anatomy of High-Performance Deep
//! Learning Convolutions on SIMD Architectures" (Georganas et al. 2018), which blocks a direct convolution
//! in the same way.

mod dots;
mod engine;
mod lanes;
mod lanes_of_channels;
mod lanes_of_pixels;
mod packed;
mod padded;
mod part;
mod plan;
mod steps;
mod weight;

use super::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::simd::{Float, Level};
use lanes::Lanes;
use plan::Correlation;

/// Direct convolution in register tiles: any geometry, the rounding error of a plain sum.
#[derive(Clone, Copy, Debug)]
pub struct Tiled {
    level: Option<Level>,
    lanes: Option<Lanes>,
}

impl Tiled {
    /// At the best level of the processor.
    pub const BEST: Self = Self {
        level: None,
        lanes: None,
    };

    /// At a given level.
    #[must_use]
    pub const fn at(level: Level) -> Self {
        Self {
            level: Some(level),
            lanes: None,
        }
    }

    fn level(self) -> Level {
        self.level.unwrap_or_else(Level::best)
    }

    fn run<T: Float>(self, plan: &Correlation, src: &[T], w: &[T], dst: &mut [T]) {
        let lanes = self.lanes.unwrap_or_else(|| Lanes::choose::<T>(plan));
        engine::run(self.level(), lanes, plan, src, w, dst);
    }
}

#[allow(private_bounds)] // `Float` is f32 and f64 and nothing else
impl<T: Float> ConvKernel<T> for Tiled {
    fn name(&self) -> &'static str {
        "tiled"
    }

    fn supports(&self, _: &ConvGeometry) -> Result<(), &'static str> {
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
        let plan = Correlation::forward::<T>(geometry);
        self.run(&plan, x, w, y);
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        if dx.is_empty() {
            return;
        }
        let plan = Correlation::input_gradient::<T>(geometry);
        self.run(&plan, dy, w, dx);
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        weight::run(self.level(), self.lanes, geometry, x, dy, dw);
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        let plan = Correlation::forward::<T>(geometry);
        let image = plan.image.len() * geometry.groups;
        let images = image * geometry.batch.min(16);
        (images + geometry.w_len() + geometry.y_len()) * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::conformance::conformance;
    use crate::testing::geometries;

    #[test]
    fn both_kinds_of_lanes_compute_every_corner_at_every_level() {
        for level in Level::all() {
            for lanes in [Lanes::Pixels, Lanes::Channels] {
                let kernel = Tiled {
                    level: Some(level),
                    lanes: Some(lanes),
                };
                let corners = geometries::corners()
                    .into_iter()
                    .map(|corner| corner.geometry);
                // Wide enough for several column blocks, the last of another width.
                let wide = [
                    "mb1_ic2ih3iw150_oc3_kh3kw3_ph1pw2",
                    "mb1_ic2ih3iw193_oc7_kh3kw5_sh2sw2_ph1pw1",
                    "mb1_ic3ih2iw131_oc18_kh2kw3_ph1pw0_dh1dw3",
                ];
                // Sums long enough to skip rows of padding: of one image, of several, of volumes, with
                // strides and dilation, with rows of the filter that lie in padding everywhere.
                let padded = [
                    "mb1_ic70ih5iw4_oc20_kh3kw3_ph1pw1",
                    "mb2_ic67ih5iw9_oc35_kh3kw3_ph1pw1",
                    "mb1_ic82id3ih4iw3_oc9_kd3kh3kw2_pd1ph1",
                    "mb1_ic150ih7iw6_oc19_kh3kw3_sh2sw2_ph2pw1_dh2dw1",
                    "mb2_ic100ih2iw3_oc85_kh5kw3_ph2pw1",
                    "mb1_ic160ih5iw4_oc160_kh3kw3_ph1pw1_g2",
                ];
                // Rows of several passes, of one that ends within a vector; filters in several tasks.
                let rows = [
                    "mb3_ic1ih37iw71_oc9_kh5kw3_ph2pw1",
                    "mb2_ic2ih70iw67_oc37_kh3kw7_sh3sw2_ph2pw3_dh2dw1",
                    "mb2_ic4ih5iw1100_oc6_kh2kw3_sh2sw1_pw1_g2",
                ];
                // Few pixels and many weights, whose gradients are completed part by part.
                let deep = [
                    "mb1_ic160ih5iw4_oc272_kh3kw3_ph1pw1",
                    "mb3_ic280ih4iw3_oc260_kh3kw2_ph1pw1_g2",
                ];
                // Images too large for the second-level cache, computed band by band.
                let large = [
                    "mb1_ic64ih61iw77_oc3_kh3kw3_ph1pw1",
                    "mb2_ic90ih60iw131_oc8_kh5kw3_sh2sw1_ph2pw1_g2",
                    "mb1_ic2ih150iw130_oc100_kh3kw2_sh2sw2_ph1pw1",
                ];
                let more = wide
                    .iter()
                    .chain(&padded)
                    .chain(&rows)
                    .chain(&large)
                    .chain(&deep)
                    .map(|line| line.parse().unwrap());
                for geometry in corners.chain(more) {
                    conformance::<f32>(&kernel, &geometry)
                        .and_then(|()| conformance::<f64>(&kernel, &geometry))
                        .unwrap_or_else(|error| panic!("{lanes:?} at {level:?}: {error}"));
                }
            }
        }
    }
}
