//! What the lanes of vectors hold: neighbouring pixels, or output channels.

use super::lanes_of_pixels;
use super::plan::Correlation;
use super::steps;
use crate::kernels::gemm::microkernel::MR;
use crate::kernels::simd::Float;

/// What the lanes of a vector hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lanes {
    /// Neighbouring pixels of a row; weights are broadcast. No lane is idle if vectors fill rows.
    Pixels,
    /// Output channels; pixels are broadcast. Rows may have any length.
    Channels,
}

impl Lanes {
    /// The faster choice by an estimate of steps, for the output channels of one group.
    ///
    /// The factors are measured, in steps of two vectors.
    pub fn choose<T: Float>(plan: &Correlation) -> Self {
        let channels = plan.channels[1];
        let panels = channels.div_ceil(MR);
        let rows = channels as f64 / panels as f64;
        let (mut pixels, mut channels_cost) = (0.0, 0.0);
        for phase in &plan.phases {
            let pieces = phase.width().div_ceil(T::LANES) * phase.count() / phase.width().max(1);
            let depth = phase.offsets.len() as f64;
            // Pixels that are not contiguous in the result are written one by one.
            let whole = phase.step() == 1 && phase.width() >= T::LANES;
            let store = if whole { 2.0 } else { T::LANES as f64 };
            pixels += (pieces * panels) as f64 * rows * (depth / 2.0 + store);
            // With channels in the lanes a step at 256 bits takes six broadcasts instead of two loads, hence the factor 1.07;
            // at 512 bits the same choice was measured to be right, and sums of another order would have other bits. The result
            // must be transposed, which costs more if its pixels are not contiguous.
            let blocks = channels.div_ceil(T::NR);
            let store = if phase.step() == 1 { 10.0 } else { 40.0 };
            channels_cost += (phase.count() * blocks) as f64 * (1.07 * steps::mean(phase) + store);
            // Weights are transposed in blocks. With pixels in the lanes they are read in place without
            // prefetch, or copied one by one.
            let weights = depth * channels as f64 / plan.batch.max(1) as f64;
            channels_cost += 0.4 * weights;
            let in_place = lanes_of_pixels::in_place(plan, phase);
            pixels += if in_place { 0.5 } else { 2.0 } * weights;
        }
        if pixels < channels_cost {
            Self::Pixels
        } else {
            Self::Channels
        }
    }
}
