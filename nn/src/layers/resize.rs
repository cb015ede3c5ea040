//! Images of other extents: resized, shuffled, padded.

use wengert_autograd::Var;
use wengert_autograd::ops::{Border, InterpolateOptions};
use wengert_tensor::{Real, require};

use crate::trace::LayerTrace;

stateless! {
    /// Images resized, as [`Var::interpolate`] does.
    ///
    /// * input: `[batch, channels, spatial…]`
    Upsample {
        /// The new size, and how pixels are made.
        options: InterpolateOptions
    }, "Upsample", |layer, x| x.interpolate(&layer.options), LayerTrace::whole();

    /// `factor²` channels into one of so many times as many rows and columns; see
    /// [`Var::pixel_shuffle`].
    ///
    /// * input: `[.., channels · factor², height, width]`
    /// * output: `[.., channels, height · factor, width · factor]`
    PixelShuffle {
        /// How many times as many.
        factor: usize
    }, "PixelShuffle", |layer, x| x.pixel_shuffle(layer.factor), LayerTrace::whole();

    /// The inverse of [`PixelShuffle`]; see [`Var::pixel_unshuffle`].
    PixelUnshuffle {
        /// How many times fewer.
        factor: usize
    }, "PixelUnshuffle", |layer, x| x.pixel_unshuffle(layer.factor), LayerTrace::whole();
}

macro_rules! pads {
    ($axes:literal: $constant:ident $constant_kind:literal, $reflection:ident $reflection_kind:literal,
     $replication:ident $replication_kind:literal, $circular:ident $circular_kind:literal) => {
        stateless! {
            #[doc = concat!("A value around the last axes, ", $axes, " of them; see [`Var::pad`].")]
            $constant {
                /// Places before and behind each axis; negative ones crop.
                widths: [[isize; 2]; $axes],
                /// The value.
                value: f64
            }, $constant_kind, |layer, x| {
                x.pad(&in_front(x, &layer.widths, [0; 2]), layer.value)
            }, LayerTrace::pointwise();

            #[doc = concat!("The mirrored image around the last axes, ", $axes, " of them, the edge not repeated; see [`Var::pad_border`].")]
            $reflection {
                /// Places before and behind each axis.
                widths: [[usize; 2]; $axes]
            }, $reflection_kind, |layer, x| {
                x.pad_border(&in_front(x, &layer.widths, [0; 2]), Border::Reflect)
            }, LayerTrace::whole();

            #[doc = concat!("The edge repeated around the last axes, ", $axes, " of them; see [`Var::pad_border`].")]
            $replication {
                /// Places before and behind each axis.
                widths: [[usize; 2]; $axes]
            }, $replication_kind, |layer, x| {
                x.pad_border(&in_front(x, &layer.widths, [0; 2]), Border::Replicate)
            }, LayerTrace::whole();

            #[doc = concat!("The opposite side around the last axes, ", $axes, " of them; see [`Var::pad_border`].")]
            $circular {
                /// Places before and behind each axis.
                widths: [[usize; 2]; $axes]
            }, $circular_kind, |layer, x| {
                x.pad_border(&in_front(x, &layer.widths, [0; 2]), Border::Circular)
            }, LayerTrace::whole();
        }
    };
}

pads!(1: ConstantPad1d "ConstantPad1d", ReflectionPad1d "ReflectionPad1d",
      ReplicationPad1d "ReplicationPad1d", CircularPad1d "CircularPad1d");
pads!(2: ConstantPad2d "ConstantPad2d", ReflectionPad2d "ReflectionPad2d",
      ReplicationPad2d "ReplicationPad2d", CircularPad2d "CircularPad2d");
pads!(3: ConstantPad3d "ConstantPad3d", ReflectionPad3d "ReflectionPad3d",
      ReplicationPad3d "ReplicationPad3d", CircularPad3d "CircularPad3d");

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
