//! Pooling of tensors: maximum and average, their adjoints, and the methods of `Tensor`.

mod options;

pub use options::{PoolOptions, adaptive_windows};

use crate::fail::fail;
use crate::kernels::conv::GeometryError;
use crate::kernels::pooling::{self as kernels, Windows};
use crate::spatial::window::Extents;
use crate::{Element, Number, Real, Tensor, create, require};

/// Max pooling: the largest element of each window, and its position as a flat index into the spatial axes
/// of `x`.
///
/// Of equal elements the first in row-major order is chosen; a NaN is chosen before any number. A window that
/// contains only padding has the value −∞ and the position −1.
///
/// # Panics
/// If the last axes of `x` are not those of the windows.
#[must_use]
#[track_caller]
pub fn max<T: Number>(x: &Tensor<T>, windows: &Windows) -> (Tensor<T>, Tensor<i64>) {
    let shape = resized("max_pool", x, windows, To::Output);
    let mut values = create::buffer("max_pool", &shape);
    let mut positions = create::buffer("max_pool", &shape);
    kernels::max(windows, dense(&x.contiguous()), &mut values, &mut positions);
    (
        Tensor::from_vec(values, &shape),
        Tensor::from_vec(positions, &shape),
    )
}

/// The values of [`max`] without the positions, in less time.
///
/// # Panics
/// If the last axes of `x` are not those of the windows.
#[must_use]
#[track_caller]
pub fn max_values<T: Number>(x: &Tensor<T>, windows: &Windows) -> Tensor<T> {
    let shape = resized("max_pool", x, windows, To::Output);
    let mut values = create::buffer("max_pool", &shape);
    kernels::max_values(windows, dense(&x.contiguous()), &mut values);
    Tensor::from_vec(values, &shape)
}

/// The elements of `x` at the positions that [`max`] returned, 0 where the position is −1. With a tangent of
/// the input as `x` this is the derivative of max pooling.
///
/// # Panics
/// If the last axes of `x` are not those of the windows, or a position is outside.
#[must_use]
#[track_caller]
pub fn gather<T: Number>(x: &Tensor<T>, positions: &Tensor<i64>, windows: &Windows) -> Tensor<T> {
    let shape = resized("max_pool", x, windows, To::Output);
    let (x, positions) = (x.contiguous(), positions.contiguous());
    check_positions(&positions, &shape, windows);
    let mut values = create::buffer("max_pool", &shape);
    kernels::gather(windows, dense(&x), dense(&positions), &mut values);
    Tensor::from_vec(values, &shape)
}

/// Adds each element of `y` to a zero tensor at its position: the adjoint of [`gather`], and the gradient of
/// max pooling.
///
/// # Panics
/// If the last axes of `y` are not those of the windows, or a position is outside.
#[must_use]
#[track_caller]
pub fn scatter<T: Number>(y: &Tensor<T>, positions: &Tensor<i64>, windows: &Windows) -> Tensor<T> {
    let shape = resized("max_pool", y, windows, To::Input);
    let (y, positions) = (y.contiguous(), positions.contiguous());
    check_positions(&positions, y.shape(), windows);
    let mut values = create::buffer("max_pool", &shape);
    kernels::scatter(windows, dense(&y), dense(&positions), &mut values);
    Tensor::from_vec(values, &shape)
}

/// Average pooling: `Σ x / divisor` over each window; see [`Divisor`](crate::Divisor).
///
/// # Panics
/// If the last axes of `x` are not those of the windows.
#[must_use]
#[track_caller]
pub fn average<T: Real>(x: &Tensor<T>, windows: &Windows) -> Tensor<T> {
    let shape = resized("avg_pool", x, windows, To::Output);
    let mut values = create::buffer("avg_pool", &shape);
    kernels::average(windows, dense(&x.contiguous()), &mut values);
    Tensor::from_vec(values, &shape)
}

/// The adjoint of [`average`], which is its gradient: each element of `dy`, divided by its divisor, is added
/// to all elements of its window.
///
/// # Panics
/// If the last axes of `dy` are not those of the windows.
#[must_use]
#[track_caller]
pub fn average_adjoint<T: Real>(dy: &Tensor<T>, windows: &Windows) -> Tensor<T> {
    let shape = resized("avg_pool", dy, windows, To::Input);
    let mut values = create::buffer("avg_pool", &shape);
    kernels::average_adjoint(windows, dense(&dy.contiguous()), &mut values);
    Tensor::from_vec(values, &shape)
}

fn dense<T: Element>(x: &Tensor<T>) -> &[T] {
    x.as_slice().expect("the caller made it contiguous")
}

/// Which side of the windows a result is on.
#[derive(Clone, Copy, PartialEq)]
enum To {
    Input,
    Output,
}

/// The shape of `x` with its spatial extents replaced: input extents by output extents, or the reverse.
#[track_caller]
fn resized<T: Element>(op: &str, x: &Tensor<T>, windows: &Windows, to: To) -> Vec<usize> {
    let unused = 3 - windows.axes();
    let (input, output) = (windows.input(), windows.output());
    let (from, to) = match to {
        To::Output => (&input[unused..], &output[unused..]),
        To::Input => (&output[unused..], &input[unused..]),
    };
    let Some(leading) = x.shape().strip_suffix(from) else {
        fail(format_args!(
            "{op}: {:?}: the last axes are not {from:?}",
            x.shape()
        ))
    };
    [leading, to].concat()
}

#[track_caller]
fn check_positions(positions: &Tensor<i64>, shape: &[usize], windows: &Windows) {
    require!(
        positions.shape() == shape,
        "max_pool: {shape:?}: positions are {:?}",
        positions.shape()
    );
    let pixels = windows.input_pixels() as i64;
    let positions = dense(positions);
    // The sign of the distance to the last pixel, of positions that are not negative: the baseline of x86-64 cannot
    // compare 64-bit numbers in vectors.
    let beyond = |signs: i64, &at: &i64| signs | (!at & (pixels - 1).wrapping_sub(at));
    if positions.iter().fold(0, beyond) < 0 {
        let at = positions.iter().max().expect("one is outside");
        fail(format_args!(
            "max_pool: {shape:?}: position {at} is outside the {pixels} pixels"
        ));
    }
}

/// The windows that `windows(shape, axes)` returns, after a check of the rank; panics with its error.
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
        $axes:literal, $images:literal, $shape:literal, $input:literal => $halved:literal:
        $max:ident $max_with_indices:ident $average:ident
        $adaptive_max:ident $adaptive_max_with_indices:ident $adaptive_average:ident;
    )*) => {$(
        impl<T: Number> Tensor<T> {
            #[doc = concat!("Max pooling of ", $images, ": the largest element of each window.")]
            ///
            /// `y[n, c, i] = max x[n, c, s·i + d·k − p]` over the kernel positions `k`; padding counts as −∞. Of
            /// equal elements the first in row-major order is chosen; a NaN is chosen before any number.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `options`: a kernel, `2` or one extent per axis, whose stride equals it; or [`PoolOptions`]
            ///
            /// ```
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tensor::<f64>::ones(", $input, ");")]
            #[doc = concat!("assert_eq!(x.", stringify!($max), "(2), Tensor::ones(", $halved, "));")]
            /// ```
            ///
            /// # Panics
            /// If the rank does not fit, the window exceeds the padded input, or the padding exceeds half of the
            /// window.
            #[must_use]
            #[track_caller]
            pub fn $max(&self, options: impl Into<PoolOptions>) -> Self {
                let options = options.into();
                let windows = windows_for(stringify!($max), self, $axes, |shape, axes| {
                    options.windows(shape, axes)
                });
                max_values(self, &windows)
            }

            #[doc = concat!("Max pooling with positions: as [`Self::", stringify!($max), "`], and the position of each element.")]
            ///
            /// * returns values and positions, both of the pooled shape; a position is a flat index into the
            ///   spatial axes of `self`
            ///
            /// ```
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tensor::<f64>::ones(", $input, ");")]
            #[doc = concat!("let (y, positions) = x.", stringify!($max_with_indices), "(2);")]
            /// // Of equal elements the first is chosen, so the first window has its first element.
            #[doc = concat!("assert_eq!(y.shape(), ", $halved, ");")]
            /// assert_eq!(positions.iter().next(), Some(0));
            /// ```
            ///
            /// # Panics
            /// If the rank does not fit, the window exceeds the padded input, or the padding exceeds half of the
            /// window.
            #[must_use]
            #[track_caller]
            pub fn $max_with_indices(
                &self,
                options: impl Into<PoolOptions>,
            ) -> (Self, Tensor<i64>) {
                let options = options.into();
                let windows = windows_for(stringify!($max_with_indices), self, $axes, |shape, axes| {
                    options.windows(shape, axes)
                });
                max(self, &windows)
            }

            #[doc = concat!("Adaptive max pooling of ", $images, " to given output extents.")]
            ///
            /// Along an axis of extent `m`, window `i` of `n` is `⌊i·m/n⌋..⌈(i + 1)·m/n⌉`. Ties and NaN are
            /// treated as in max pooling with a fixed window.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `output`: the spatial extents of the result
            ///
            /// ```
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tensor::<f64>::ones(", $input, ");")]
            #[doc = concat!("assert_eq!(x.", stringify!($adaptive_max), "(2), Tensor::ones(", $halved, "));")]
            /// ```
            ///
            /// # Panics
            /// If the rank does not fit, or the output is not empty but the input is.
            #[must_use]
            #[track_caller]
            pub fn $adaptive_max(&self, output: impl Into<Extents>) -> Self {
                let output = output.into();
                let windows = windows_for(stringify!($adaptive_max), self, $axes, |shape, axes| {
                    adaptive_windows(shape, axes, output)
                });
                max_values(self, &windows)
            }

            #[doc = concat!("Adaptive max pooling with positions: as [`Self::", stringify!($adaptive_max), "`], and the position of each element.")]
            ///
            /// * returns values and positions, both of the pooled shape; a position is a flat index into the
            ///   spatial axes of `self`
            ///
            /// ```
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tensor::<f64>::ones(", $input, ");")]
            #[doc = concat!("let (y, positions) = x.", stringify!($adaptive_max_with_indices), "(2);")]
            #[doc = concat!("assert_eq!(y.shape(), ", $halved, ");")]
            /// assert_eq!(positions.iter().next(), Some(0));
            /// ```
            ///
            /// # Panics
            /// If the rank does not fit, or the output is not empty but the input is.
            #[must_use]
            #[track_caller]
            pub fn $adaptive_max_with_indices(
                &self,
                output: impl Into<Extents>,
            ) -> (Self, Tensor<i64>) {
                let (output, name) = (output.into(), stringify!($adaptive_max_with_indices));
                let windows = windows_for(name, self, $axes, |shape, axes| {
                    adaptive_windows(shape, axes, output)
                });
                max(self, &windows)
            }
        }

        impl<T: Real> Tensor<T> {
            #[doc = concat!("Average pooling of ", $images, ": the mean of each window.")]
            ///
            /// `y[n, c, i] = Σ x[n, c, s·i + d·k − p] / divisor` over the kernel positions `k`; padding counts
            /// as 0. See [`Divisor`](crate::Divisor).
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `options`: a kernel, `2` or one extent per axis, whose stride equals it; or [`PoolOptions`]
            ///
            /// ```
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tensor::<f64>::ones(", $input, ");")]
            #[doc = concat!("assert_eq!(x.", stringify!($average), "(2), Tensor::ones(", $halved, "));")]
            /// ```
            ///
            /// # Panics
            /// If the rank does not fit, the window exceeds the padded input, or the padding exceeds half of the
            /// window.
            #[must_use]
            #[track_caller]
            pub fn $average(&self, options: impl Into<PoolOptions>) -> Self {
                let options = options.into();
                let windows = windows_for(stringify!($average), self, $axes, |shape, axes| {
                    options.windows(shape, axes)
                });
                average(self, &windows)
            }

            #[doc = concat!("Adaptive average pooling of ", $images, " to given output extents.")]
            ///
            /// Along an axis of extent `m`, window `i` of `n` is `⌊i·m/n⌋..⌈(i + 1)·m/n⌉`.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `output`: the spatial extents of the result
            ///
            /// ```
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tensor::<f64>::ones(", $input, ");")]
            #[doc = concat!("assert_eq!(x.", stringify!($adaptive_average), "(2), Tensor::ones(", $halved, "));")]
            /// ```
            ///
            /// # Panics
            /// If the rank does not fit, or the output is not empty but the input is.
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
    1, "signals", "[batch, channels, width]", "[1, 1, 4]" => "[1, 1, 2]":
    max_pool1d max_pool1d_with_indices avg_pool1d
    adaptive_max_pool1d adaptive_max_pool1d_with_indices adaptive_avg_pool1d;
    2, "images", "[batch, channels, height, width]", "[1, 1, 4, 4]" => "[1, 1, 2, 2]":
    max_pool2d max_pool2d_with_indices avg_pool2d
    adaptive_max_pool2d adaptive_max_pool2d_with_indices adaptive_avg_pool2d;
    3, "volumes", "[batch, channels, depth, height, width]", "[1, 1, 4, 4, 4]" => "[1, 1, 2, 2, 2]":
    max_pool3d max_pool3d_with_indices avg_pool3d
    adaptive_max_pool3d adaptive_max_pool3d_with_indices adaptive_avg_pool3d;
}
