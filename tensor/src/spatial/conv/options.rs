//! [`ConvOptions`] and [`ConvTransposeOptions`], and the geometries that they describe.

use crate::kernels::conv::{ConvGeometry, GeometryError, KernelChoice};
use crate::spatial::window::{Extents, Padding};

/// Options of a convolution.
///
/// ```
/// use wengert_tensor::{ConvOptions, Padding, Tensor};
///
/// let x = Tensor::<f32>::ones([2, 4, 9, 9]);
/// let w = Tensor::<f32>::ones([6, 2, 3, 3]);
/// let options = ConvOptions::default().stride(2).padding([1, 0]).groups(2);
/// assert_eq!(x.conv2d(&w, &options).shape(), [2, 6, 5, 4]);
/// let options = ConvOptions::default().padding(Padding::Same).groups(2);
/// assert_eq!(x.conv2d(&w, &options).shape(), [2, 6, 9, 9]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvOptions {
    /// Distance between neighbouring windows; 1 by default.
    pub stride: Extents,
    /// Zeros around the image; none by default.
    pub padding: Padding,
    /// Distance between neighbouring elements of a filter in the image; 1 by default.
    pub dilation: Extents,
    /// Number of groups: filters of a group read the channels of that group only; 1 by default.
    pub groups: usize,
    /// Which implementation computes it; [`KernelChoice::Auto`] by default.
    pub kernel: KernelChoice,
}

impl Default for ConvOptions {
    fn default() -> Self {
        Self {
            stride: 1.into(),
            padding: 0.into(),
            dilation: 1.into(),
            groups: 1,
            kernel: KernelChoice::Auto,
        }
    }
}

macro_rules! builders {
    () => {
        /// With another stride: `2` or `[2, 1]`.
        #[must_use]
        pub fn stride(mut self, stride: impl Into<Extents>) -> Self {
            self.stride = stride.into();
            self
        }

        /// With padding: `1`, `[1, 2]` or `[[1, 2], [0, 3]]`.
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

        /// With another number of groups.
        #[must_use]
        pub fn groups(mut self, groups: usize) -> Self {
            self.groups = groups;
            self
        }

        /// With another implementation: a [`KernelChoice`] or the name of a kernel.
        #[must_use]
        pub fn kernel(mut self, kernel: impl Into<KernelChoice>) -> Self {
            self.kernel = kernel.into();
            self
        }
    };
}

impl ConvOptions {
    builders!();
}

/// Options of a transposed convolution: those of the convolution whose input gradient it is, and
/// `output_padding`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvTransposeOptions {
    /// Distance in the result between the windows of neighbouring inputs; 1 by default.
    pub stride: Extents,
    /// Elements cropped from the result on its sides; none by default.
    pub padding: Padding,
    /// Elements added at the end of each axis of the result, fewer than the stride or the dilation; none by
    /// default.
    pub output_padding: Extents,
    /// Distance between neighbouring elements of a filter in the image; 1 by default.
    pub dilation: Extents,
    /// Number of groups: filters of a group read the channels of that group only; 1 by default.
    pub groups: usize,
    /// Which implementation computes it; [`KernelChoice::Auto`] by default.
    pub kernel: KernelChoice,
}

impl Default for ConvTransposeOptions {
    fn default() -> Self {
        Self {
            stride: 1.into(),
            padding: 0.into(),
            output_padding: 0.into(),
            dilation: 1.into(),
            groups: 1,
            kernel: KernelChoice::Auto,
        }
    }
}

impl ConvTransposeOptions {
    builders!();

    /// With more elements at the end of each axis of the result: `1` or `[1, 0]`.
    #[must_use]
    pub fn output_padding(mut self, output_padding: impl Into<Extents>) -> Self {
        self.output_padding = output_padding.into();
        self
    }

    /// An equal transposed convolution of an image padded with zeros, for output padding of a stride or more:
    /// how many zeros to append to each spatial axis, and the options to use with them. `None` if none are
    /// needed.
    ///
    /// Output padding may reach the stride if the dilation is larger. The convolution whose input gradient is
    /// wanted would then have more windows than the image has pixels; the missing pixels are zeros.
    #[must_use]
    #[doc(hidden)]
    pub fn with_padded_input(&self, axes: usize) -> Option<(Vec<usize>, Self)> {
        let extents =
            |what, given: &Extents| Some(given.resolve(what, axes).ok()?[3 - axes..].to_vec());
        let extra = extents("output padding", &self.output_padding)?;
        let stride = extents("stride", &self.stride)?;
        let dilation = extents("dilation", &self.dilation)?;
        let each = || extra.iter().zip(&stride);
        let allowed = (0..axes)
            .all(|axis| stride[axis] > 0 && extra[axis] < stride[axis].max(dilation[axis]));
        if !allowed || each().all(|(extra, stride)| extra < stride) {
            return None;
        }
        let zeros = each().map(|(extra, stride)| extra / stride).collect();
        let rest: Vec<_> = each().map(|(extra, stride)| extra % stride).collect();
        Some((zeros, self.clone().output_padding(rest.as_slice())))
    }
}

/// The geometry of a convolution of images of shape `x`, `[batch, channels, …]`, with filters of shape `w`,
/// `[filters, channels / groups, …]`, with one, two or three spatial axes.
///
/// # Errors
/// If the shapes and options do not fit each other.
pub fn geometry_of(
    x: &[usize],
    w: &[usize],
    options: &ConvOptions,
) -> Result<ConvGeometry, GeometryError> {
    let (axes, x, w) = with_three_axes(x, w)?;
    let [_, _, kernel @ ..] = w;
    let stride = options.stride.resolve("stride", axes)?;
    let dilation = options.dilation.resolve("dilation", axes)?;
    let padding = options.padding.resolve(axes, kernel, stride, dilation)?;
    ConvGeometry::new(x, w, stride, padding, dilation, options.groups)
}

/// The geometry of the convolution whose input gradient is the transposed convolution of images of shape
/// `x`, `[batch, channels, …]`, with filters of shape `w`, `[channels, filters / groups, …]`. The result of
/// that convolution has the shape `x`.
///
/// # Errors
/// If the shapes and options do not fit each other.
pub fn transposed_geometry_of(
    x: &[usize],
    w: &[usize],
    options: &ConvTransposeOptions,
) -> Result<ConvGeometry, GeometryError> {
    let (axes, [batch, channels, small @ ..], [rows, per_group, kernel @ ..]) =
        with_three_axes(x, w)?;
    if channels != rows {
        return Err(GeometryError::Channels {
            channels,
            groups: 1,
            per_group: rows,
        });
    }
    let stride = options.stride.resolve("stride", axes)?;
    let dilation = options.dilation.resolve("dilation", axes)?;
    let padding = match options.padding {
        Padding::Same => return Err(GeometryError::SameTransposed),
        pixels @ Padding::Pixels(_) => pixels.resolve(axes, kernel, stride, dilation)?,
    };
    let mut extra = options.output_padding.resolve("output padding", axes)?;
    extra[..3 - axes].fill(0);
    let mut geometry = ConvGeometry {
        batch,
        channels: per_group.saturating_mul(options.groups),
        filters: channels,
        groups: options.groups,
        input: small,
        kernel,
        stride,
        padding,
        dilation,
    };
    geometry.check_options()?;
    for (axis, extra) in extra.into_iter().enumerate() {
        set_result_extent(&mut geometry, axis, extra)?;
    }
    geometry.validated()
}

/// Replaces the extent `n` of an axis of a transposed convolution's input by that of its result,
/// `(n − 1)·s − p₀ − p₁ + window + extra`.
fn set_result_extent(
    geometry: &mut ConvGeometry,
    axis: usize,
    extra: usize,
) -> Result<(), GeometryError> {
    let (stride, dilation) = (geometry.stride[axis], geometry.dilation[axis]);
    let error = GeometryError::Transposed {
        axis,
        input: geometry.input[axis],
        stride,
        dilation,
        padding: geometry.padding[axis],
        output_padding: extra,
    };
    if extra >= stride.max(dilation) || geometry.input[axis] == 0 {
        return Err(error);
    }
    let [before, after] = &mut geometry.padding[axis];
    // In `i128` the sums cannot overflow.
    let wide = |value: usize| value as i128;
    let window = wide(dilation) * (wide(geometry.kernel[axis]) - 1) + 1;
    let reach = (wide(geometry.input[axis]) - 1) * wide(stride) + window;
    let extent = reach + wide(extra) - wide(*before) - wide(*after);
    // If the extra elements would make room for one more window, as many are taken from the padding after.
    if extra >= stride {
        *after = after.saturating_sub(extra);
        if extent + wide(*before) + wide(*after) >= reach + wide(stride) {
            return Err(error);
        }
    }
    if extent < 0 {
        return Err(error);
    }
    geometry.input[axis] = usize::try_from(extent).unwrap_or(usize::MAX);
    Ok(())
}

/// The number of spatial axes, and both shapes extended to three spatial axes, with ones in front.
fn with_three_axes(
    x: &[usize],
    w: &[usize],
) -> Result<(usize, [usize; 5], [usize; 5]), GeometryError> {
    if x.len() != w.len() || !(3..=5).contains(&x.len()) {
        let (x, w) = (x.len(), w.len());
        return Err(GeometryError::Ranks { x, w });
    }
    let extended = |shape: &[usize]| {
        let mut extents = [1; 5];
        extents[..2].copy_from_slice(&shape[..2]);
        extents[7 - shape.len()..].copy_from_slice(&shape[2..]);
        extents
    };
    Ok((x.len() - 2, extended(x), extended(w)))
}
