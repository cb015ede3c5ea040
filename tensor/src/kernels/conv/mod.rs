//! Convolution kernels: a geometry, a trait, and an ordered list.
//!
//! Automatic choice takes the first kernel of the list that [`supports`](ConvKernel::supports) the geometry
//! and [`is_profitable`](ConvKernel::is_profitable) for it in the given direction. [`explain`] prints the
//! choice and why the kernels before it were rejected.
//!
#![doc = include_str!("dispatch.md")]
//!
//! `direct`, the plain loops, is what tests compare the others with.
//!
//! The accurate policy rejects the Winograd kernels other than [`Winograd::F2`]: their rounding error is
//! ten times that of a plain sum.

use crate::Real;
use crate::kernels::Private;
use crate::kernels::simd::Float;

mod depthwise;
mod direct;
mod dispatch;
mod error;
mod geometry;
mod im2col;
mod im2row;
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
pub use im2row::Im2row;
pub use notation::GRAMMAR;
pub use pointwise::Pointwise;
pub use tiled::Tiled;
pub use winograd::{StridedWinograd, Winograd};

/// One algorithm for the convolution of contiguous NC(D)HW arrays, in its three directions.
///
/// A tap in the padding may be skipped or multiplied by zero: with an infinite or NaN weight, kernels may
/// differ at the border.
pub trait ConvKernel<T: Real>: Send + Sync {
    /// A short unique name for command lines: `im2col`.
    fn name(&self) -> &'static str;

    /// Whether the kernel computes this geometry in all three directions, or why not.
    ///
    /// # Errors
    /// The reason, as one short clause.
    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str>;

    /// Whether automatic choice should use the kernel for this geometry and direction, or why not. A kernel
    /// may support geometries for which others are faster. Called only for supported geometries.
    ///
    /// # Errors
    /// The reason, as one short clause.
    fn is_profitable(
        &self,
        _geometry: &ConvGeometry,
        _direction: Direction,
    ) -> Result<(), &'static str> {
        Ok(())
    }

    /// Whether the rounding error is that of a plain sum. That of Winograd's larger tiles is not.
    fn is_accurate(&self) -> bool {
        true
    }

    /// `y[n, o, i] = Σ x[n, c, s·i + d·k − p] · w[o, c, k]`; `y` is overwritten completely.
    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]);

    /// The cotangent of `x`; `dx` is overwritten completely.
    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]);

    /// The cotangent of `w`; `dw` is overwritten completely.
    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]);

    /// Bytes of scratch memory that one call needs, the most of its three directions; `usize::MAX` if they are more
    /// than can be counted.
    fn workspace(&self, geometry: &ConvGeometry) -> usize;
}

/// The kernels of a number type, best first; the last one supports every geometry.
#[must_use]
pub fn kernels<T: Real>() -> &'static [&'static dyn ConvKernel<T>] {
    T::conv_kernels(Private)
}

/// The kernels of any number type.
pub(crate) fn portable<T: Real>() -> &'static [&'static dyn ConvKernel<T>] {
    &[&Im2col, &Direct]
}

/// The kernels of `f32` and `f64`.
pub(crate) fn vectorised<T: Float>() -> &'static [&'static dyn ConvKernel<T>] {
    &[
        &Depthwise::BEST,
        &Pointwise,
        &Winograd::F4,
        &Winograd::F3_OF_4,
        &Winograd::F2_OF_5,
        &StridedWinograd::BEST,
        &Winograd::F2,
        &Im2row,
        &Tiled::BEST,
        &Im2col,
        &Direct,
    ]
}
