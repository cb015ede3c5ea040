//! [`PoolOptions`], and the windows that they describe.

use crate::kernels::conv::GeometryError;
use crate::kernels::pooling::{Divisor, PoolGeometry, Windows};
use crate::spatial::window::{Extents, Padding};

/// Options of max and average pooling.
///
/// ```
/// use wengert_tensor::{PoolOptions, Tensor};
///
/// let x = Tensor::<f32>::ones([2, 3, 9, 8]);
/// assert_eq!(x.max_pool2d(2).shape(), [2, 3, 4, 4]);
/// assert_eq!(x.avg_pool2d([3, 2]).shape(), [2, 3, 3, 4]);
/// let overlapping = PoolOptions::new(3).stride(2).padding(1);
/// let (y, positions) = x.max_pool2d_with_indices(overlapping);
/// assert_eq!((y.shape(), positions.shape()), (&[2, 3, 5, 4][..], &[2, 3, 5, 4][..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolOptions {
    /// Extents of the window; 2 by default.
    pub kernel: Extents,
    /// Distance between neighbouring windows; `None`, the default, means the kernel extents.
    pub stride: Option<Extents>,
    /// Padding around the image: −∞ for a maximum, 0 for an average; none by default.
    pub padding: Padding,
    /// Distance between neighbouring elements of a window; 1 by default.
    pub dilation: Extents,
    /// Whether the last window may extend past the padded image; false by default. A window that would start
    /// past the end of the image is dropped, as in `PyTorch`.
    pub ceil_mode: bool,
    /// What an average divides by; by default the number of window elements inside the image or its padding.
    pub divisor: Divisor,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self::new(2)
    }
}

impl From<usize> for PoolOptions {
    fn from(kernel: usize) -> Self {
        Self::new(kernel)
    }
}

impl<const N: usize> From<[usize; N]> for PoolOptions {
    fn from(kernel: [usize; N]) -> Self {
        Self::new(kernel)
    }
}

impl From<&Self> for PoolOptions {
    fn from(options: &Self) -> Self {
        *options
    }
}

impl PoolOptions {
    /// Windows of the given extents, `2` or `[3, 2]`, that do not overlap: the stride is the kernel.
    #[must_use]
    pub fn new(kernel: impl Into<Extents>) -> Self {
        Self {
            kernel: kernel.into(),
            stride: None,
            padding: 0.into(),
            dilation: 1.into(),
            ceil_mode: false,
            divisor: Divisor::Padded,
        }
    }

    /// With another stride: `2` or `[2, 1]`.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Extents>) -> Self {
        self.stride = Some(stride.into());
        self
    }

    /// With padding: `1`, `[1, 2]` or `[[1, 2], [0, 3]]`; at most half of the kernel extent.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Padding>) -> Self {
        self.padding = padding.into();
        self
    }

    /// With another dilation: `2` or `[2, 1]`.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Extents>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// With a last window that may extend past the padded image; see [`ceil_mode`](Self::ceil_mode).
    #[must_use]
    pub fn ceil(mut self) -> Self {
        self.ceil_mode = true;
        self
    }

    /// With another divisor.
    #[must_use]
    pub fn divisor(mut self, divisor: Divisor) -> Self {
        self.divisor = divisor;
        self
    }

    /// The windows over the last `axes` axes of a shape.
    ///
    /// # Errors
    /// If the options do not fit the shape.
    pub fn windows(&self, shape: &[usize], axes: usize) -> Result<Windows, GeometryError> {
        let kernel = self.kernel.resolve("kernel", axes)?;
        let stride = self.stride.unwrap_or(self.kernel);
        let stride = stride.resolve("stride", axes)?;
        let dilation = self.dilation.resolve("dilation", axes)?;
        let geometry = PoolGeometry {
            input: spatial(shape, axes)?,
            kernel,
            stride,
            padding: self.padding.resolve(axes, kernel, stride, dilation)?,
            dilation,
            ceil_mode: self.ceil_mode,
        };
        Ok(geometry.windows(self.divisor)?.over(axes))
    }
}

/// The windows of adaptive pooling of the last `axes` axes of a shape to `output` extents.
///
/// # Errors
/// If the extents do not fit the shape.
pub fn adaptive_windows(
    shape: &[usize],
    axes: usize,
    output: Extents,
) -> Result<Windows, GeometryError> {
    let windows = Windows::adaptive(spatial(shape, axes)?, output.resolve("output", axes)?)?;
    Ok(windows.over(axes))
}

/// The last `axes` extents of a shape as three, with ones in front.
fn spatial(shape: &[usize], axes: usize) -> Result<[usize; 3], GeometryError> {
    let Some(front) = shape.len().checked_sub(axes) else {
        let (what, given) = ("shape", shape.len());
        return Err(GeometryError::Axes { what, given, axes });
    };
    let mut extents = [1; 3];
    extents[3 - axes..].copy_from_slice(&shape[front..]);
    Ok(extents)
}
