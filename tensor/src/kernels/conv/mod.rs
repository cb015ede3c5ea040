//! Convolution kernels: a geometry, a trait, and an ordered list.
//!
//! Automatic choice takes the first kernel of the list that supports a geometry and suits it in the
//! direction asked for; [`explain`] prints the choice and why the ones before it were passed over.
//!
//! | kernel | forward and input gradient | weight gradient |
//! |---|---|---|
//! | [`Depthwise`] | one channel and one filter in each group | the same |
//! | [`Pointwise`] | one tap, no stride or padding: matrix products | the same, images of 256 pixels or more |
//! | [`Winograd::F4`] | 3 × 3 at stride 1, `f32`, 16 channels or more, 8 tiles or more | the same, 80 pixels or more |
//! | [`Winograd::F3_OF_4`] | 4 × 4 at stride 1, `f32`, 16 channels or more, 8 tiles or more | the same, 80 pixels or more |
//! | [`Winograd::F2_OF_5`] | 5 × 5 at stride 1, `f32`, 16 channels or more, 8 tiles or more | the same, 80 pixels or more |
//! | [`StridedWinograd`] | 5 × 5 and 7 × 7 at stride 2, `f32`, 3 channels and 16 filters or more, 48 tiles or more | the same |
//! | [`Winograd::F2`] | 3 × 3 at stride 1, 32 channels or more (`f64`: 16), 8 tiles or more | the same, 80 pixels or more |
//! | [`Tiled`] | everything else: the direct sum in register tiles | everything else |
//! | [`Im2col`] | machines without fused multiply-add, other number types | the same |
//! | [`Direct`] | the oracle | the oracle |
//!
//! The accurate policy passes over [`Winograd::F4`], [`Winograd::F3_OF_4`], [`Winograd::F2_OF_5`] and
//! [`StridedWinograd`], whose rounding error is ten times that of a plain sum.

use crate::Real;

mod depthwise;
mod direct;
mod dispatch;
mod error;
mod geometry;
mod im2col;
mod notation;
mod phases;
mod pointwise;
mod tiled;
mod winograd;

pub use depthwise::Depthwise;
pub use direct::Direct;
pub use dispatch::{ChoiceError, Direction, KernelChoice, dispatch, explain};
pub use error::GeometryError;
pub use geometry::ConvGeometry;
pub use im2col::Im2col;
pub use notation::GRAMMAR;
pub use pointwise::Pointwise;
pub use tiled::Tiled;
pub use winograd::{StridedWinograd, Winograd};

/// One algorithm for the convolution of contiguous NC(D)HW arrays, in its three directions.
///
/// A tap that falls in the padding may be skipped or multiplied by zero: with an infinite or NaN
/// weight, kernels may differ at the border.
pub trait ConvKernel<T: Real>: Send + Sync {
    /// A short unique name, as used on command lines: `im2col`.
    fn name(&self) -> &'static str;

    /// Whether the kernel can do this geometry in all three directions, or why not.
    ///
    /// # Errors
    /// The reason, as one short clause.
    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str>;

    /// Whether automatic choice should take it for this geometry and direction, or why not: a kernel
    /// may support more than it is good at. Asked only about what it supports.
    ///
    /// # Errors
    /// The reason, as one short clause.
    fn suits(&self, _geometry: &ConvGeometry, _direction: Direction) -> Result<(), &'static str> {
        Ok(())
    }

    /// Whether the rounding error is that of a plain sum; Winograd's larger tiles are not.
    fn is_accurate(&self) -> bool {
        true
    }

    /// `y[n, o, i] = Σ x[n, c, s·i + d·k − p] · w[o, c, k]`; `y` is overwritten whole.
    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]);

    /// The cotangent of `x`; `dx` is overwritten whole.
    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]);

    /// The cotangent of `w`; `dw` is overwritten whole.
    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]);

    /// Scratch memory in bytes that one call needs, at the most of its three directions.
    fn workspace(&self, geometry: &ConvGeometry) -> usize;
}

/// The kernels of any number type, best first; the plain loops, which support everything, last.
#[must_use]
pub fn portable<T: Real>() -> &'static [&'static dyn ConvKernel<T>] {
    &[&Im2col, &Direct]
}

/// The kernels of `f32`, best first.
#[must_use]
#[inline(never)] // or every crate that calls it compiles all kernels again
pub fn builtin_f32() -> &'static [&'static dyn ConvKernel<f32>] {
    &[
        &Depthwise::BEST,
        &Pointwise,
        &Winograd::F4,
        &Winograd::F3_OF_4,
        &Winograd::F2_OF_5,
        &StridedWinograd::BEST,
        &Winograd::F2,
        &Tiled::BEST,
        &Im2col,
        &Direct,
    ]
}

/// The kernels of `f64`, best first.
#[must_use]
#[inline(never)] // or every crate that calls it compiles all kernels again
pub fn builtin_f64() -> &'static [&'static dyn ConvKernel<f64>] {
    &[
        &Depthwise::BEST,
        &Pointwise,
        &Winograd::F4,
        &Winograd::F3_OF_4,
        &Winograd::F2_OF_5,
        &StridedWinograd::BEST,
        &Winograd::F2,
        &Tiled::BEST,
        &Im2col,
        &Direct,
    ]
}
