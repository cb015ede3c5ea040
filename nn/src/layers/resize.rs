//! Images of other extents: resized, shuffled, padded.

use wengert_autograd::Var;
use wengert_autograd::ops::{Border, InterpolateOptions};
use wengert_tensor::{Real, require};

stateless! {
    /// Images resized, as [`Var::interpolate`] does.
    ///
    /// * input: `[batch, channels, spatial…]`
    Upsample {
        /// The new size, and how pixels are made.
        options: InterpolateOptions
    }: |layer, x| x.interpolate(&layer.options);

    /// `factor²` channels into one image of `factor` times the rows and columns; see
    /// [`Var::pixel_shuffle`].
    ///
    /// * input: `[.., channels · factor², height, width]`
    /// * output: `[.., channels, height · factor, width · factor]`
    PixelShuffle {
        /// The factor of rows and columns.
        factor: usize
    }: |layer, x| x.pixel_shuffle(layer.factor);

    /// The inverse of [`PixelShuffle`]; see [`Var::pixel_unshuffle`].
    PixelUnshuffle {
        /// The factor of rows and columns.
        factor: usize
    }: |layer, x| x.pixel_unshuffle(layer.factor);
}

macro_rules! pads {
    ($axes:literal: $constant:ident, $reflection:ident,
     $replication:ident, $circular:ident) => {
        stateless! {
            #[doc = concat!("A value around the last axes, ", $axes, " of them; see [`Var::pad`].")]
            $constant {
                /// Places before and after each axis; negative ones crop.
                widths: [[isize; 2]; $axes],
                /// The value.
                value: f64
            }: |layer, x| {
                x.pad(&in_front(x, &layer.widths, [0; 2]), layer.value)
            };

            #[doc = concat!("The mirrored image around the last axes, ", $axes, " of them, the edge not repeated; see [`Var::pad_border`].")]
            $reflection {
                /// Places before and after each axis.
                widths: [[usize; 2]; $axes]
            }: |layer, x| {
                x.pad_border(&in_front(x, &layer.widths, [0; 2]), Border::Reflect)
            };

            #[doc = concat!("The edge repeated around the last axes, ", $axes, " of them; see [`Var::pad_border`].")]
            $replication {
                /// Places before and after each axis.
                widths: [[usize; 2]; $axes]
            }: |layer, x| {
                x.pad_border(&in_front(x, &layer.widths, [0; 2]), Border::Replicate)
            };

            #[doc = concat!("The opposite side around the last axes, ", $axes, " of them; see [`Var::pad_border`].")]
            $circular {
                /// Places before and after each axis.
                widths: [[usize; 2]; $axes]
            }: |layer, x| {
                x.pad_border(&in_front(x, &layer.widths, [0; 2]), Border::Circular)
            };
        }
    };
}

pads!(1: ConstantPad1d, ReflectionPad1d,
      ReplicationPad1d, CircularPad1d);
pads!(2: ConstantPad2d, ReflectionPad2d,
      ReplicationPad2d, CircularPad2d);
pads!(3: ConstantPad3d, ReflectionPad3d,
      ReplicationPad3d, CircularPad3d);

/// Widths of every axis, `none` for those in front of the given ones.
#[track_caller]
fn in_front<T: Real, W: Copy>(x: &Var<T>, widths: &[W], none: W) -> Vec<W> {
    require!(
        x.rank() >= widths.len(),
        "pad: {:?}: widths for {} axes",
        x.shape(),
        widths.len()
    );
    let mut all = vec![none; x.rank() - widths.len()];
    all.extend_from_slice(widths);
    all
}
