//! The geometry of a convolution.

/// Batch, channels, extents and options of one convolution over up to three spatial axes.
///
/// The spatial axes are always three, depth, height and width; those that a 1-d or 2-d convolution
/// lacks have extent, kernel, stride and dilation 1 and no padding, in front.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvGeometry {
    /// Images.
    pub batch: usize,
    /// Channels of the input.
    pub channels: usize,
    /// Channels of the output.
    pub filters: usize,
    /// Groups: each sees `channels / groups` inputs and makes `filters / groups` outputs.
    pub groups: usize,
    /// Spatial extents of the input.
    pub input: [usize; 3],
    /// Spatial extents of a filter.
    pub kernel: [usize; 3],
    /// Steps between windows.
    pub stride: [usize; 3],
    /// Zeros around the input, before and behind each axis.
    pub padding: [[usize; 2]; 3],
    /// Distance between the taps of a filter.
    pub dilation: [usize; 3],
}
