//! Errors of geometries.

use std::error::Error;
use std::fmt;

/// Why shapes and options are not a valid convolution or pooling.
///
/// It prints as one clause with the numbers, for messages that begin with the operation and its shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeometryError {
    /// An extent of kernel, stride or dilation is 0.
    Zero {
        /// Which of them.
        what: &'static str,
        /// Its extents: depth, height, width.
        extents: [usize; 3],
    },
    /// The groups are 0, or do not divide the channels or the filters.
    Groups {
        /// Channels of the input.
        channels: usize,
        /// Channels of the output.
        filters: usize,
        /// Number of groups.
        groups: usize,
    },
    /// The filters do not have `channels / groups` channels.
    Channels {
        /// Channels of the input.
        channels: usize,
        /// Number of groups.
        groups: usize,
        /// Channels of a filter.
        per_group: usize,
    },
    /// The window is larger than the padded image.
    Window {
        /// 0, 1, 2: depth, height, width.
        axis: usize,
        /// Taps of the filter.
        kernel: usize,
        /// Distance between neighbouring taps.
        dilation: usize,
        /// Extent of the image.
        input: usize,
        /// Zeros before and after it.
        padding: [usize; 2],
    },
    /// The padding of a pooling exceeds half of its window.
    PoolPadding {
        /// 0, 1, 2: depth, height, width.
        axis: usize,
        /// Extent of a window.
        window: usize,
        /// Pixels before and after the image.
        padding: [usize; 2],
    },
    /// The divisor of an average is 0.
    Divisor,
    /// A number is larger than any extent may be.
    Extent {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: usize,
        /// The largest allowed.
        largest: usize,
    },
    /// An array has more elements than fit in memory.
    Array {
        /// Which array.
        what: &'static str,
        /// Its extents.
        extents: [usize; 5],
    },
    /// There are more than 2⁶² multiply-adds.
    Work,
    /// The ranks of images and filters are not those of a convolution.
    Ranks {
        /// Rank of the images.
        x: usize,
        /// Rank of the filters.
        w: usize,
    },
    /// The number of values of an option is not the number of axes.
    Axes {
        /// Which option.
        what: &'static str,
        /// Number of values.
        given: usize,
        /// Number of spatial axes.
        axes: usize,
    },
    /// Padding that keeps the extents, together with a stride.
    Same {
        /// The stride.
        stride: [usize; 3],
    },
    /// Padding that keeps the extents, for a transposed convolution.
    SameTransposed,
    /// A transposed convolution with an empty input, too much padding or too much output padding.
    Transposed {
        /// 0, 1, 2: depth, height, width.
        axis: usize,
        /// Extent of the input.
        input: usize,
        /// Pixels from one window to the next.
        stride: usize,
        /// Distance between the taps.
        dilation: usize,
        /// Pixels removed before and after.
        padding: [usize; 2],
        /// Pixels added at the end.
        output_padding: usize,
    },
    /// A line of text that is not a geometry.
    Parse {
        /// The token that is invalid or missing.
        token: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

const AXES: [&str; 3] = ["depth", "height", "width"];

/// The first axis with such an extent. Messages name one axis: the caller may have given numbers for fewer than three.
fn first(extents: &[usize; 3], matches: impl Fn(usize) -> bool) -> usize {
    extents.iter().position(|&x| matches(x)).unwrap_or(0)
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero { what, extents } => {
                write!(f, "{what} 0 along the {}", AXES[first(extents, |x| x == 0)])
            }
            Self::Groups { groups: 0, .. } => write!(f, "0 groups"),
            Self::Groups {
                channels,
                filters,
                groups,
            } => write!(
                f,
                "{groups} groups do not divide {channels} channels and {filters} filters"
            ),
            Self::Channels {
                channels,
                groups: 1,
                per_group,
            } => write!(f, "{channels} channels, filters made for {per_group}"),
            Self::Channels {
                channels,
                groups,
                per_group,
            } => write!(
                f,
                "{channels} channels in groups of {}, filters made for {per_group}",
                channels / groups
            ),
            Self::Window {
                axis,
                kernel,
                dilation,
                input,
                padding: [before, after],
            } => write!(
                f,
                "window {} (kernel {kernel}, dilation {dilation}) exceeds the padded {} {} ({input} + {before} + {after})",
                dilation * (kernel - 1) + 1,
                AXES[*axis],
                input + before + after,
            ),
            Self::PoolPadding {
                axis,
                window,
                padding: [before, after],
            } => write!(
                f,
                "padding {before} + {after} of the {} exceeds half of the window {window}",
                AXES[*axis]
            ),
            Self::Divisor => write!(f, "an average cannot divide by 0"),
            Self::Extent {
                what,
                value,
                largest,
            } => write!(f, "{what} {value} exceeds the largest extent {largest}"),
            Self::Array { what, extents } => {
                write!(
                    f,
                    "{what}, {extents:?}, has more elements than can be addressed"
                )
            }
            Self::Work => write!(f, "more than 2^62 multiply-adds"),
            Self::Ranks { x, w } => write!(
                f,
                "images of rank {x} and filters of rank {w}; both need 3 (1-d), 4 (2-d) or 5 (3-d)"
            ),
            Self::Axes { what, given, axes } => {
                write!(f, "{what} has {given} values for {axes} spatial axes")
            }
            Self::Same { stride } => {
                let axis = first(stride, |x| x != 1);
                let (stride, axis) = (stride[axis], AXES[axis]);
                write!(
                    f,
                    "padding Same needs stride 1, not {stride} along the {axis}"
                )
            }
            Self::SameTransposed => {
                write!(f, "padding Same has no meaning in a transposed convolution")
            }
            Self::Transposed {
                axis,
                input,
                stride,
                dilation,
                padding: [before, after],
                output_padding,
            } => write!(
                f,
                "{} {input} with stride {stride}, dilation {dilation}, padding {before} + {after} and \
                 output padding {output_padding} has no result: the input must not be empty, the output \
                 padding must be less than the stride or the dilation, and the padding must not exceed \
                 the result without padding",
                AXES[*axis],
            ),
            Self::Parse { token, why } => write!(f, "{token:?}: {why}; {}", super::GRAMMAR),
        }
    }
}

impl Error for GeometryError {}
