//! The geometry of a convolution.

use std::ops::Range;

use super::GeometryError;

/// Batch, channels, extents and options of one convolution over up to three spatial axes.
///
/// There are always three spatial axes: depth, height and width. For a 1-d or 2-d convolution the first ones
/// have extent, kernel, stride and dilation 1 and no padding.
///
/// Arrays are contiguous: `x` is `[batch, channels, depth, height, width]`, `w` is
/// `[filters, channels / groups, kernel…]` and `y` is `[batch, filters, output…]`.
///
/// It prints as one line and parses from it; [`GRAMMAR`](super::GRAMMAR) describes the form.
///
/// ```
/// use wengert_tensor::kernels::conv::ConvGeometry;
///
/// let geometry: ConvGeometry = "mb64_ic32ih14iw14_oc64_kh5kw5_ph2pw2".parse()?;
/// assert_eq!(geometry.output(), [1, 14, 14]);
/// assert_eq!(geometry.multiply_adds(), 64 * 64 * 14 * 14 * 32 * 5 * 5);
/// assert_eq!(geometry.to_string(), "mb64_ic32ih14iw14_oc64_kh5kw5_ph2pw2");
/// # Ok::<(), wengert_tensor::kernels::conv::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvGeometry {
    /// Number of images.
    pub batch: usize,
    /// Channels of the input.
    pub channels: usize,
    /// Channels of the output.
    pub filters: usize,
    /// Groups: each has `channels / groups` input and `filters / groups` output channels.
    pub groups: usize,
    /// Spatial extents of the input.
    pub input: [usize; 3],
    /// Spatial extents of a filter.
    pub kernel: [usize; 3],
    /// Distance between neighbouring windows.
    pub stride: [usize; 3],
    /// Zeros around the input, before and after each axis.
    pub padding: [[usize; 2]; 3],
    /// Distance between neighbouring taps of a filter.
    pub dilation: [usize; 3],
}

/// Largest extent: sums and differences of a few extents fit in an `isize`.
const LARGEST_EXTENT: usize = i32::MAX as usize;

/// Most elements of an array: its size in bytes fits in an `isize`.
const LARGEST_ARRAY: usize = isize::MAX as usize / 64;

impl ConvGeometry {
    /// The convolution of images `x` `[batch, channels, d, h, w]` with a bank of filters `w`
    /// `[filters, channels / groups, kd, kh, kw]`.
    ///
    /// # Errors
    /// If the geometry is not [valid](Self::validated); see [`GeometryError`].
    pub fn new(
        x: [usize; 5],
        w: [usize; 5],
        stride: [usize; 3],
        padding: [[usize; 2]; 3],
        dilation: [usize; 3],
        groups: usize,
    ) -> Result<Self, GeometryError> {
        let [batch, channels, input @ ..] = x;
        let [filters, per_group, kernel @ ..] = w;
        if groups > 0 && channels % groups == 0 && channels / groups != per_group {
            return Err(GeometryError::Channels {
                channels,
                groups,
                per_group,
            });
        }
        Self {
            batch,
            channels,
            filters,
            groups,
            input,
            kernel,
            stride,
            padding,
            dilation,
        }
        .validated()
    }

    /// A plain 2-d convolution: stride and dilation 1, no padding, one group.
    ///
    /// Its fields may be changed before it is [`validated`](Self::validated).
    #[must_use]
    pub fn plain_2d(x: [usize; 4], filters: usize, kernel: [usize; 2]) -> Self {
        let [batch, channels, height, width] = x;
        Self {
            batch,
            channels,
            filters,
            groups: 1,
            input: [1, height, width],
            kernel: [1, kernel[0], kernel[1]],
            stride: [1; 3],
            padding: [[0; 2]; 3],
            dilation: [1; 3],
        }
    }

    /// The geometry itself, if it is valid: kernels rely on these checks.
    ///
    /// Kernel, stride, dilation and groups are at least 1, groups divide channels and filters, the
    /// window fits in the padded image, and no extent, array or count of operations overflows.
    /// A batch, channels, filters or input extents of 0 are allowed.
    ///
    /// # Errors
    /// The first of these that does not hold, with its numbers.
    pub fn validated(self) -> Result<Self, GeometryError> {
        self.validate().map(|()| self)
    }

    /// See [`validated`](Self::validated).
    ///
    /// # Errors
    /// The first condition that does not hold, with its numbers.
    pub fn validate(&self) -> Result<(), GeometryError> {
        self.check_options()?;
        self.check_sizes()?;
        for axis in 0..3 {
            let (window, padded) = (self.window(axis), self.padded(axis));
            if window > padded {
                return Err(GeometryError::Window {
                    axis,
                    kernel: self.kernel[axis],
                    dilation: self.dilation[axis],
                    input: self.input[axis],
                    padding: self.padding[axis],
                });
            }
        }
        self.check_products()
    }

    /// Kernel, stride, dilation and groups are at least 1, and the groups divide.
    pub(crate) fn check_options(&self) -> Result<(), GeometryError> {
        let &Self {
            channels,
            filters,
            groups,
            ..
        } = self;
        for (what, extents) in [
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("dilation", self.dilation),
        ] {
            if extents.contains(&0) {
                return Err(GeometryError::Zero { what, extents });
            }
        }
        if groups == 0 || !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            return Err(GeometryError::Groups {
                channels,
                filters,
                groups,
            });
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), GeometryError> {
        let too_large = |what, value| GeometryError::Extent {
            what,
            value,
            largest: LARGEST_EXTENT,
        };
        let paddings = self.padding.map(|[before, after]| before.max(after));
        let counts = [
            ("batch", self.batch),
            ("channels", self.channels),
            ("filters", self.filters),
        ];
        let per_axis = [
            ("input", self.input),
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("padding", paddings),
            ("dilation", self.dilation),
        ];
        let per_axis = per_axis
            .into_iter()
            .flat_map(|(what, extents)| extents.map(|value| (what, value)));
        for (what, value) in counts.into_iter().chain(per_axis) {
            if value > LARGEST_EXTENT {
                return Err(too_large(what, value));
            }
        }
        for axis in 0..3 {
            let taps = self.kernel[axis] - 1;
            let reach = taps.checked_mul(self.dilation[axis]);
            let window = reach.map_or(usize::MAX, |reach| reach.saturating_add(1));
            if window > LARGEST_EXTENT {
                return Err(too_large("dilated kernel", window));
            }
            let padded = self.padded(axis);
            if padded > LARGEST_EXTENT {
                return Err(too_large("padded input", padded));
            }
        }
        Ok(())
    }

    fn check_products(&self) -> Result<(), GeometryError> {
        let padded = [0, 1, 2].map(|axis| self.padded(axis));
        let output = self.output();
        let arrays = [
            ("x with its padding", self.batch, self.channels, padded),
            ("x", self.batch, self.channels, self.input),
            ("w", self.filters, self.group_channels(), self.kernel),
            ("y", self.batch, self.filters, output),
        ];
        for (what, outer, inner, [d, h, w]) in arrays {
            let extents = [outer, inner, d, h, w];
            // Zeros are left out: strides of an empty array overflow too if its extents are too large.
            let length = extents
                .into_iter()
                .filter(|&extent| extent > 0)
                .try_fold(1, usize::checked_mul);
            if length.is_none_or(|length| length > LARGEST_ARRAY) {
                return Err(GeometryError::Array { what, extents });
            }
        }
        let work = [self.batch, self.filters, self.group_channels()]
            .into_iter()
            .chain(output)
            .chain(self.kernel)
            .try_fold(1_u64, |product, extent| product.checked_mul(extent as u64));
        if work.is_none_or(|work| work > u64::MAX / 4) {
            return Err(GeometryError::Work);
        }
        Ok(())
    }

    /// Input channels of one filter.
    #[must_use]
    pub fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    /// Filters of one group.
    #[must_use]
    pub fn group_filters(&self) -> usize {
        self.filters / self.groups
    }

    /// The extent of the input with its padding on both sides, along one spatial axis.
    #[must_use]
    pub fn padded(&self, axis: usize) -> usize {
        let [before, after] = self.padding[axis];
        self.input[axis] + before + after
    }

    /// The extent of a filter with its dilation: `dilation · (kernel − 1) + 1`.
    #[must_use]
    pub fn window(&self, axis: usize) -> usize {
        self.dilation[axis] * (self.kernel[axis] - 1) + 1
    }

    /// Spatial extents of the result: `⌊(padded − window) / stride⌋ + 1`.
    #[must_use]
    pub fn output(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| (self.padded(axis) - self.window(axis)) / self.stride[axis] + 1)
    }

    /// Whether a padded channel is so much larger than those of image and result, by wide padding or a wide stride,
    /// that a kernel must not store one. Kernels store rows of whole strides.
    ///
    /// The bound admits every padded channel of up to 2¹⁰ elements, and all up to 16 times the sum of both.
    #[must_use]
    pub(crate) fn is_mostly_padding(&self) -> bool {
        const MAX_RATIO: usize = 16;
        const ALWAYS: usize = 1 << 10;
        let padded = (0..3).fold(1, |product: usize, axis| {
            let strides = self.padded(axis).div_ceil(self.stride[axis]);
            product.saturating_mul(strides * self.stride[axis])
        });
        padded > ALWAYS.saturating_add(MAX_RATIO * (self.input_pixels() + self.output_pixels()))
    }

    /// Whether a kernel must not list the taps or the positions of a stride along each axis, as they are too many.
    #[must_use]
    pub(crate) fn has_long_lists(&self) -> bool {
        const MAX_LIST: usize = 1 << 20;
        let phases = [0, 1, 2].map(|axis| self.stride[axis].min(self.input[axis]));
        let mut extents = self.kernel.iter().chain(&phases);
        extents.any(|&extent| extent > MAX_LIST)
    }

    /// `[batch, channels, depth, height, width]`
    #[must_use]
    pub fn x_shape(&self) -> [usize; 5] {
        let [depth, height, width] = self.input;
        [self.batch, self.channels, depth, height, width]
    }

    /// `[filters, channels / groups, kernel…]`
    #[must_use]
    pub fn w_shape(&self) -> [usize; 5] {
        let [depth, height, width] = self.kernel;
        [self.filters, self.group_channels(), depth, height, width]
    }

    /// `[batch, filters, output…]`
    #[must_use]
    pub fn y_shape(&self) -> [usize; 5] {
        let [depth, height, width] = self.output();
        [self.batch, self.filters, depth, height, width]
    }

    /// Elements of one channel of one image.
    #[must_use]
    pub fn input_pixels(&self) -> usize {
        self.input.iter().product()
    }

    /// Elements of one channel of one result.
    #[must_use]
    pub fn output_pixels(&self) -> usize {
        self.output().iter().product()
    }

    /// The same convolution for another number of images.
    #[must_use]
    pub fn with_batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Spatial taps of a filter.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Elements of `x`.
    #[must_use]
    pub fn x_len(&self) -> usize {
        self.x_shape().iter().product()
    }

    /// Elements of `w`.
    #[must_use]
    pub fn w_len(&self) -> usize {
        self.w_shape().iter().product()
    }

    /// Elements of `y`.
    #[must_use]
    pub fn y_len(&self) -> usize {
        self.y_shape().iter().product()
    }

    /// The input position of a tap at an output position along one axis, `s·i + d·k − p`; `None` in the padding.
    pub(super) fn input_position(&self, axis: usize, output: usize, tap: usize) -> Option<usize> {
        let padded = output * self.stride[axis] + tap * self.dilation[axis];
        let at = padded.checked_sub(self.padding[axis][0])?;
        (at < self.input[axis]).then_some(at)
    }

    /// The output positions of an axis at which a tap reads the input, not the padding.
    pub(super) fn inside(&self, axis: usize, tap: usize) -> Range<usize> {
        let (stride, reach) = (self.stride[axis], tap * self.dilation[axis]);
        let [before, _] = self.padding[axis];
        // The positions i with 0 ≤ s·i + reach − before < input.
        let start = before.saturating_sub(reach).div_ceil(stride);
        let end = (self.input[axis] + before)
            .saturating_sub(reach)
            .div_ceil(stride);
        let end = end.min(self.output()[axis]);
        start.min(end)..end
    }

    /// Multiply-adds of the plain loops, the same in all three directions.
    ///
    /// Taps in the padding are counted, as usual; savings of an algorithm are not.
    #[must_use]
    pub fn multiply_adds(&self) -> u64 {
        self.y_len() as u64 * self.group_channels() as u64 * self.taps() as u64
    }

    /// Floating-point operations: two for each of the [`multiply_adds`](Self::multiply_adds).
    #[must_use]
    pub fn flops(&self) -> u64 {
        2 * self.multiply_adds()
    }

    /// Asserts that three slices have the lengths of `x`, `w` and `y`.
    ///
    /// # Panics
    /// If a length differs; the message has the name of the slice and both lengths.
    #[track_caller]
    pub fn check_lengths(&self, x: usize, w: usize, y: usize) {
        for (name, given, needed) in [
            ("x", x, self.x_len()),
            ("w", w, self.w_len()),
            ("y", y, self.y_len()),
        ] {
            assert!(
                given == needed,
                "conv: {self}: {name} has {given} elements, not {needed}"
            );
        }
    }
}
