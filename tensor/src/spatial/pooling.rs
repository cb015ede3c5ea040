//! Pooling of tensors: the maps, their adjoints, and the methods.

mod options;

pub use options::{PoolOptions, adaptive_windows};

use crate::fail::fail;
use crate::kernels::conv::GeometryError;
use crate::kernels::pooling::{self as kernels, Windows};
use crate::spatial::window::Extents;
use crate::{Element, Number, Real, Tensor, create, require};

/// The largest element of every window, and its position: a flat index into the spatial axes.
///
/// The first of equal elements counts, in row-major order; the first NaN before any number. A window
/// without a pixel has the value −∞ and the position −1.
///
/// # Panics
/// If the last axes of `x` are not those of the windows.
#[must_use]
#[track_caller]
pub fn max<T: Number>(x: &Tensor<T>, windows: &Windows) -> (Tensor<T>, Tensor<i64>) {
    let shape = moved("max_pool", x, windows, Towards::Output);
    let mut values = create::buffer("max_pool", &shape);
    let mut positions = create::buffer("max_pool", &shape);
    kernels::max(windows, dense(&x.contiguous()), &mut values, &mut positions);
    (
        Tensor::from_vec(values, &shape),
        Tensor::from_vec(positions, &shape),
    )
}

/// The elements at the positions that [`max`] gave, 0 where there is none: its derivative.
///
/// # Panics
/// If the last axes of `x` are not those of the windows, or a position is outside.
#[must_use]
#[track_caller]
pub fn gather<T: Number>(x: &Tensor<T>, positions: &Tensor<i64>, windows: &Windows) -> Tensor<T> {
    let shape = moved("max_pool", x, windows, Towards::Output);
    let (x, positions) = (x.contiguous(), positions.contiguous());
    check_positions(&positions, &shape, windows);
    let mut values = create::buffer("max_pool", &shape);
    kernels::gather(windows, dense(&x), dense(&positions), &mut values);
    Tensor::from_vec(values, &shape)
}

/// Every element added to the pixel at its position: the adjoint of [`gather`].
///
/// # Panics
/// If the last axes of `y` are not those of the windows, or a position is outside.
#[must_use]
#[track_caller]
pub fn scatter<T: Number>(y: &Tensor<T>, positions: &Tensor<i64>, windows: &Windows) -> Tensor<T> {
    let shape = moved("max_pool", y, windows, Towards::Input);
    let (y, positions) = (y.contiguous(), positions.contiguous());
    check_positions(&positions, y.shape(), windows);
    let mut values = create::buffer("max_pool", &shape);
    kernels::scatter(windows, dense(&y), dense(&positions), &mut values);
    Tensor::from_vec(values, &shape)
}

/// The mean of every window, `Σ x / divisor`.
///
/// # Panics
/// If the last axes of `x` are not those of the windows.
#[must_use]
#[track_caller]
pub fn average<T: Real>(x: &Tensor<T>, windows: &Windows) -> Tensor<T> {
    let shape = moved("avg_pool", x, windows, Towards::Output);
    let mut values = create::buffer("avg_pool", &shape);
    kernels::average(windows, dense(&x.contiguous()), &mut values);
    Tensor::from_vec(values, &shape)
}

/// The adjoint of [`average`]: every element divided and added to the pixels of its window.
///
/// # Panics
/// If the last axes of `dy` are not those of the windows.
#[must_use]
#[track_caller]
pub fn average_adjoint<T: Real>(dy: &Tensor<T>, windows: &Windows) -> Tensor<T> {
    let shape = moved("avg_pool", dy, windows, Towards::Input);
    let mut values = create::buffer("avg_pool", &shape);
    kernels::average_adjoint(windows, dense(&dy.contiguous()), &mut values);
    Tensor::from_vec(values, &shape)
}

fn dense<T: Element>(x: &Tensor<T>) -> &[T] {
    x.as_slice().expect("the caller made it contiguous")
}

#[derive(Clone, Copy, PartialEq)]
enum Towards {
    Input,
    Output,
}

/// The shape of a tensor on one side of the windows, as it is on the other.
#[track_caller]
fn moved<T: Element>(op: &str, x: &Tensor<T>, windows: &Windows, towards: Towards) -> Vec<usize> {
    let lacking = 3 - windows.axes();
    let (input, output) = (windows.input(), windows.output());
    let (from, to) = match towards {
        Towards::Output => (&input[lacking..], &output[lacking..]),
        Towards::Input => (&output[lacking..], &input[lacking..]),
    };
    let Some(planes) = x.shape().strip_suffix(from) else {
        fail(format_args!(
            "{op}: {:?}: the last axes are not {from:?}",
            x.shape()
        ))
    };
    [planes, to].concat()
}

#[track_caller]
fn check_positions(positions: &Tensor<i64>, shape: &[usize], windows: &Windows) {
    require!(
        positions.shape() == shape,
        "max_pool: {shape:?}: positions are {:?}",
        positions.shape()
    );
    let pixels = windows.input_pixels() as i64;
    let largest = dense(positions).iter().copied().max();
    if let Some(at) = largest.filter(|&at| at >= pixels) {
        fail(format_args!(
            "max_pool: {shape:?}: position {at} is outside of {pixels} pixels"
        ));
    }
}

/// The windows of an operation, or its failure at the caller.
#[track_caller]
fn windows_for<T: Element>(
    op: &str,
    x: &Tensor<T>,
    axes: usize,
    windows: impl FnOnce(&[usize], usize) -> Result<Windows, GeometryError>,
) -> Windows {
    require!(
        x.rank() == axes + 2 || x.rank() == axes + 1,
        "{op}: {:?}: rank {}, {} or, without a batch, {} is needed",
        x.shape(),
        x.rank(),
        axes + 2,
        axes + 1
    );
    match windows(x.shape(), axes) {
        Ok(windows) => windows,
        Err(error) => fail(format_args!("{op}: {:?}: {error}", x.shape())),
    }
}

macro_rules! pools {
    ($(
        $axes:literal, $images:literal, $shape:literal:
        $max:ident $average:ident $adaptive_max:ident $adaptive_average:ident;
    )*) => {$(
        impl<T: Number> Tensor<T> {
            #[doc = concat!("The largest element of each window of ", $images, ", and its position.")]
            ///
            /// `y[n, c, i] = max x[n, c, s·i + d·k − p]` over the taps `k`; padding never wins. Of
            /// equal elements the first in row-major order counts; a NaN wins.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * returns values and positions, which are flat indices into the spatial axes
            ///
            /// # Panics
            /// If the rank is another, the window exceeds the padded input, or the padding half of
            /// the window.
            #[must_use]
            #[track_caller]
            pub fn $max(&self, options: &PoolOptions) -> (Self, Tensor<i64>) {
                let windows = windows_for(stringify!($max), self, $axes, |shape, axes| {
                    options.windows(shape, axes)
                });
                max(self, &windows)
            }

            #[doc = concat!("The largest element of each of a number of windows that share ", $images, " out, and its position.")]
            ///
            /// Along an axis of extent `m`, window `i` of `n` reaches from `⌊i·m/n⌋` to
            /// `⌈(i + 1)·m/n⌉`. Ties and NaN as in a plain maximum.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `output`: the spatial extents of the result
            ///
            /// # Panics
            /// If the rank is another, or there are windows but no pixels.
            #[must_use]
            #[track_caller]
            pub fn $adaptive_max(&self, output: impl Into<Extents>) -> (Self, Tensor<i64>) {
                let output = output.into();
                let windows = windows_for(stringify!($adaptive_max), self, $axes, |shape, axes| {
                    adaptive_windows(shape, axes, output)
                });
                max(self, &windows)
            }
        }

        impl<T: Real> Tensor<T> {
            #[doc = concat!("The mean of each window of ", $images, ".")]
            ///
            /// `y[n, c, i] = Σ x[n, c, s·i + d·k − p] / divisor` over the taps `k`, see
            /// [`Divisor`](crate::Divisor).
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            ///
            /// # Panics
            /// If the rank is another, the window exceeds the padded input, or the padding half of
            /// the window.
            #[must_use]
            #[track_caller]
            pub fn $average(&self, options: &PoolOptions) -> Self {
                let windows = windows_for(stringify!($average), self, $axes, |shape, axes| {
                    options.windows(shape, axes)
                });
                average(self, &windows)
            }

            #[doc = concat!("The mean of each of a number of windows that share ", $images, " out.")]
            ///
            /// Along an axis of extent `m`, window `i` of `n` reaches from `⌊i·m/n⌋` to
            /// `⌈(i + 1)·m/n⌉`.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `output`: the spatial extents of the result
            ///
            /// # Panics
            /// If the rank is another, or there are windows but no pixels.
            #[must_use]
            #[track_caller]
            pub fn $adaptive_average(&self, output: impl Into<Extents>) -> Self {
                let output = output.into();
                let windows = windows_for(stringify!($adaptive_average), self, $axes, |shape, axes| {
                    adaptive_windows(shape, axes, output)
                });
                average(self, &windows)
            }
        }
    )*};
}

pools! {
    1, "signals", "[batch, channels, width]":
    max_pool1d avg_pool1d adaptive_max_pool1d adaptive_avg_pool1d;
    2, "images", "[batch, channels, height, width]":
    max_pool2d avg_pool2d adaptive_max_pool2d adaptive_avg_pool2d;
    3, "volumes", "[batch, channels, depth, height, width]":
    max_pool3d avg_pool3d adaptive_max_pool3d adaptive_avg_pool3d;
}
