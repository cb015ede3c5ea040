//! Direct convolution in register tiles, over images that are copied with their padding.
//!
//! The image is copied with its padding, each row split into phases of the column modulo the stride
//! (`padded`). Then every tap is a constant distance from the first element of its window, whatever the
//! kernel size, stride and dilation: one table of offsets, one inner loop. It is the microkernel of
//! [`gemm`](crate::kernels::gemm) with gathered rows; nothing is unfolded as in im2col. Loops, from outside:
//!
//! 1. images, groups and blocks of output channels: the tasks of the threads (`engine`);
//! 2. bands of rows, if an image does not stay in the second-level cache (`plan`);
//! 3. chunks of input channels: their packed weights of one block of output channels fill half of a first-level
//!    cache of 32 KB (`steps`, as `KC`);
//! 4. windows: a tile of them with two blocks of output channels in the lanes (`lanes_of_channels`), or
//!    vectors of neighbouring pixels with up to `MR` output channels (`lanes_of_pixels`); `lanes` estimates
//!    which is faster;
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

use super::pointwise::MIN_CHANNELS;
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

    /// With lanes of pixels and with lanes of output channels, at a given level: both forms that the
    /// kernel chooses from.
    pub(crate) fn forms(level: Level) -> [Self; 2] {
        [Lanes::Pixels, Lanes::Channels].map(|lanes| Self {
            level: Some(level),
            lanes: Some(lanes),
        })
    }

    fn level(self) -> Level {
        self.level.unwrap_or_else(Level::best)
    }

    fn run<T: Float>(self, plan: &Correlation, src: &[T], w: &[T], dst: &mut [T]) {
        let lanes = self.lanes.unwrap_or_else(|| Lanes::choose::<T>(plan));
        engine::run(self.level(), lanes, plan, src, w, dst);
    }
}

/// Whether taps, without regard to dilation, cover at most six tenths of the image: unfolding copies no other pixels.
fn leaves_gaps(geometry: &ConvGeometry) -> bool {
    let axes = geometry.kernel.iter().zip(&geometry.stride);
    let covered: f64 = axes
        .map(|(&k, &s)| (k as f64 / s as f64).min(1.0))
        .product();
    covered <= 0.6
}

/// Whether a product of the unfolded image would have few steps or few rows.
fn is_short(geometry: &ConvGeometry) -> bool {
    const MIN_FILTERS: usize = 16;
    let steps = geometry.group_channels() * geometry.taps();
    steps < MIN_CHANNELS || geometry.group_filters() < MIN_FILTERS
}

#[allow(private_bounds)] // `Float` is f32 and f64 and nothing else
impl<T: Float> ConvKernel<T> for Tiled {
    fn name(&self) -> &'static str {
        "tiled"
    }

    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str> {
        if geometry.has_long_lists() {
            return Err("a kernel or a stride is longer than 2²⁰");
        }
        if geometry.is_mostly_padding() {
            return Err("the padded image is many times as large as image and result");
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
        if leaves_gaps(geometry) && !(direction == Direction::Forward && is_short(geometry)) {
            return Err("the stride skips pixels of the image, which is copied whole");
        }
        // A phase of the stride for each tap: sums are short, and results are written one by one.
        let is_phase_by_phase = geometry.taps() <= geometry.stride.iter().product()
            && geometry.stride != [1; 3]
            && geometry.groups == 1
            && geometry.filters >= MIN_CHANNELS;
        if direction == Direction::InputGradient && is_phase_by_phase {
            return Err("no more taps than phases of the stride: sums are short");
        }
        Ok(())
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
        let image = Correlation::forward_image::<T>(geometry).len();
        let image = image.saturating_mul(geometry.groups);
        let images = image.saturating_mul(geometry.batch.min(16));
        let others = geometry.w_len() + geometry.y_len();
        images.saturating_add(others).saturating_mul(size_of::<T>())
    }
}
