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
                /// How many elements are added before and after the image, for each axis.
                widths: [[usize; 2]; $axes]
            }: |layer, x| {
                x.pad_border(&in_front(x, &layer.widths, [0; 2]), Border::Reflect)
            };

            #[doc = concat!("The edge repeated around the last axes, ", $axes, " of them; see [`Var::pad_border`].")]
            $replication {
                /// How many elements are added before and after the image, for each axis.
                widths: [[usize; 2]; $axes]
            }: |layer, x| {
                x.pad_border(&in_front(x, &layer.widths, [0; 2]), Border::Replicate)
            };

            #[doc = concat!("The opposite side around the last axes, ", $axes, " of them; see [`Var::pad_border`].")]
            $circular {
                /// How many elements are added before and after the image, for each axis.
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

samples! {
    |_rng| Upsample::new(InterpolateOptions::by([2.0])), [1, 2, 2, 3];
    |_rng| PixelShuffle::new(2), [2, 4, 2, 3];
    |_rng| PixelUnshuffle::new(2), [2, 1, 4, 2];
    |_rng| ConstantPad1d::new([[1, 0]], 0.5), [2, 3];
    |_rng| ConstantPad2d::new([[1, 0], [-1, 2]], 0.5), [2, 3, 2];
    |_rng| ConstantPad3d::new([[1, 0], [0, 0], [0, 2]], 0.5), [2, 1, 3, 2];
    |_rng| ReflectionPad1d::new([[1, 2]]), [2, 3];
    |_rng| ReflectionPad2d::new([[1, 0], [0, 1]]), [2, 3, 2];
    |_rng| ReflectionPad3d::new([[1, 0], [0, 1], [0, 0]]), [2, 2, 3, 2];
    |_rng| ReplicationPad1d::new([[1, 2]]), [2, 3];
    |_rng| ReplicationPad2d::new([[1, 0], [0, 1]]), [2, 3, 2];
    |_rng| ReplicationPad3d::new([[1, 0], [0, 1], [0, 0]]), [2, 2, 3, 2];
    |_rng| CircularPad1d::new([[1, 2]]), [2, 3];
    |_rng| CircularPad2d::new([[1, 0], [0, 1]]), [2, 3, 2];
    |_rng| CircularPad3d::new([[1, 0], [0, 1], [0, 0]]), [2, 2, 3, 2];
}
