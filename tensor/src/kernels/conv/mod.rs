//! Convolution kernels: a geometry, a trait, and an ordered list.

use crate::Real;

mod error;
mod geometry;
mod line;

pub use error::GeometryError;
pub use geometry::ConvGeometry;
pub use line::GRAMMAR;

/// One algorithm for the convolution of contiguous NC(D)HW arrays, in its three directions.
pub trait ConvKernel<T: Real>: Send + Sync {
    /// A short unique name, as used on command lines: `im2col`.
    fn name(&self) -> &'static str;

    /// Whether the kernel can do this geometry in all three directions, or why not.
    ///
    /// # Errors
    /// The reason, as one short clause.
    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str>;

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

/// The kernels of any number type: the plain loops.
#[must_use]
pub fn portable<T: Real>() -> &'static [&'static dyn ConvKernel<T>] {
    &[]
}

/// The kernels of `f32`, best first.
#[must_use]
pub fn builtin_f32() -> &'static [&'static dyn ConvKernel<f32>] {
    portable()
}

/// The kernels of `f64`, best first.
#[must_use]
pub fn builtin_f64() -> &'static [&'static dyn ConvKernel<f64>] {
    portable()
}
