//! How a convolution is asked for: the options and the geometry they make.

use crate::kernels::conv::{ConvGeometry, GeometryError, KernelChoice};
use crate::spatial::window::{Extents, Padding};

/// How filters move over an image.
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
    /// Pixels from one window to the next; 1 by default.
    pub stride: Extents,
    /// Zeros around the image; none by default.
    pub padding: Padding,
    /// Pixels from one tap of a filter to the next; 1 by default.
    pub dilation: Extents,
    /// Groups of channels that do not see each other; 1 by default.
    pub groups: usize,
    /// Which kernel computes it; the fastest by default.
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

        /// With other padding: `1`, `[1, 2]` or `[[1, 2], [0, 3]]`.
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

        /// By another kernel: a [`KernelChoice`] or a name.
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

/// How filters are laid over an image that they make: the options of the convolution whose input
/// gradient this is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvTransposeOptions {
    /// Pixels of the result from one window to the next; 1 by default.
    pub stride: Extents,
    /// Pixels cut from the result on its sides; none by default.
    pub padding: Padding,
    /// Pixels added behind the result, fewer than the stride or the dilation; none by default.
    pub output_padding: Extents,
    /// Pixels from one tap of a filter to the next; 1 by default.
    pub dilation: Extents,
    /// Groups of channels that do not see each other; 1 by default.
    pub groups: usize,
    /// Which kernel computes it; the fastest by default.
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

    /// With more pixels behind the result: `1` or `[1, 0]`.
    #[must_use]
    pub fn output_padding(mut self, output_padding: impl Into<Extents>) -> Self {
        self.output_padding = output_padding.into();
        self
    }

    /// The same transposed convolution of a longer image: how many rows of zeros go behind each of the
    /// spatial axes, and the options for that. `None` if the image is long enough.
    ///
    /// A dilated filter may reach so far that output padding of a stride and more is allowed. The convolution
    /// that it is the transpose of would have more windows than the image has pixels; the missing
    /// pixels are zeros.
    #[must_use]
    #[doc(hidden)]
    pub fn lengthened(&self, axes: usize) -> Option<(Vec<usize>, Self)> {
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
        let rows = each().map(|(extra, stride)| extra / stride).collect();
        let rest: Vec<_> = each().map(|(extra, stride)| extra % stride).collect();
        Some((rows, self.clone().output_padding(rest.as_slice())))
    }
}

/// The geometry of images `[batch, channels, …]` under filters `[filters, channels / groups, …]` with
/// one, two or three spatial axes.
///
/// # Errors
/// What is wrong with the shapes or options, with the numbers.
pub fn geometry_of(
    x: &[usize],
    w: &[usize],
    options: &ConvOptions,
) -> Result<ConvGeometry, GeometryError> {
    let (axes, x, w) = five(x, w)?;
    let [_, _, kernel @ ..] = w;
    let stride = options.stride.resolve("stride", axes)?;
    let dilation = options.dilation.resolve("dilation", axes)?;
    let padding = options.padding.resolve(axes, kernel, stride, dilation)?;
    ConvGeometry::new(x, w, stride, padding, dilation, options.groups)
}

/// The geometry of the convolution whose input gradient is the transposed convolution of `x`
/// `[batch, channels, …]` by `w` `[channels, filters / groups, …]`: its `y` is our `x`.
///
/// # Errors
/// What is wrong with the shapes or options, with the numbers.
pub fn transposed_geometry_of(
    x: &[usize],
    w: &[usize],
    options: &ConvTransposeOptions,
) -> Result<ConvGeometry, GeometryError> {
    let (axes, [batch, channels, small @ ..], [rows, per_group, kernel @ ..]) = five(x, w)?;
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
        enlarge(&mut geometry, axis, extra)?;
    }
    geometry.validated()
}

/// Replaces the extent of a small image by that of the image it is the convolution of:
/// `(n − 1)·s − p₀ − p₁ + window + extra`.
fn enlarge(geometry: &mut ConvGeometry, axis: usize, extra: usize) -> Result<(), GeometryError> {
    let (stride, dilation) = (geometry.stride[axis], geometry.dilation[axis]);
    let refused = GeometryError::Transposed {
        axis,
        input: geometry.input[axis],
        stride,
        dilation,
        padding: geometry.padding[axis],
        output_padding: extra,
    };
    if extra >= stride.max(dilation) || geometry.input[axis] == 0 {
        return Err(refused);
    }
    let [before, behind] = &mut geometry.padding[axis];
    let wide = |value: usize| value as i128;
    let window = wide(dilation) * (wide(geometry.kernel[axis]) - 1) + 1;
    let reach = (wide(geometry.input[axis]) - 1) * wide(stride) + window;
    let made = reach + wide(extra) - wide(*before) - wide(*behind);
    // Where the extra pixels would make room for one more window, padding must yield to them.
    if extra >= stride {
        *behind = behind.saturating_sub(extra);
        if made + wide(*before) + wide(*behind) >= reach + wide(stride) {
            return Err(refused);
        }
    }
    if made < 0 {
        return Err(refused);
    }
    geometry.input[axis] = usize::try_from(made).unwrap_or(usize::MAX);
    Ok(())
}

/// The spatial axes, and both shapes with three of them.
fn five(x: &[usize], w: &[usize]) -> Result<(usize, [usize; 5], [usize; 5]), GeometryError> {
    if x.len() != w.len() || !(3..=5).contains(&x.len()) {
        let (x, w) = (x.len(), w.len());
        return Err(GeometryError::Ranks { x, w });
    }
    let five = |shape: &[usize]| {
        let mut extents = [1; 5];
        extents[..2].copy_from_slice(&shape[..2]);
        extents[7 - shape.len()..].copy_from_slice(&shape[2..]);
        extents
    };
    Ok((x.len() - 2, five(x), five(w)))
}
