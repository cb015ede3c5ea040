//! Max and average pooling.

use std::rc::Rc;

use wengert_tensor::kernels::conv::GeometryError;
use wengert_tensor::kernels::pooling::Windows;
use wengert_tensor::pooling::{
    adaptive_windows, average, average_adjoint, gather, max, max_values, scatter,
};
use wengert_tensor::{Extents, PoolOptions};

use crate::ops::prelude::*;
use crate::ops::support::{draw_options, draw_windows, reach, windows_attributes};
use crate::saved::Saved;

/// The largest element of every window; of equal elements the first.
#[derive(Clone, Debug)]
pub struct MaxPool {
    windows: Rc<Windows>,
    positions: Saved<Tensor<i64>>,
}

impl Op for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool"
    }

    fn attributes(&self) -> Attributes {
        windows_attributes(&self.windows)
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (values, positions) = max(&x[0], &self.windows);
        self.positions.write(positions);
        values.into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let (windows, positions) = (Rc::clone(&self.windows), self.positions.read());
            Var::apply(
                Pick {
                    windows,
                    positions,
                    back: true,
                },
                [grad],
            )
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(reach(&self.windows))
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (windows, shape) = draw_windows(draw);
        let op = Self {
            windows: Rc::new(windows),
            positions: Saved::default(),
        };
        Sample::new(op, [draw.apart(shape)])
    }
}

/// The elements at some positions of the spatial axes, or the adjoint: elements added at them.
#[derive(Clone, Debug)]
struct Pick {
    windows: Rc<Windows>,
    positions: Tensor<i64>,
    back: bool,
}

impl Op for Pick {
    fn name(&self) -> &'static str {
        if self.back {
            "pool_scatter"
        } else {
            "pool_gather"
        }
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let pick = if self.back { scatter } else { gather };
        pick(&x[0], &self.positions, &self.windows).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            Var::apply(
                Self {
                    back: !self.back,
                    ..self.clone()
                },
                [grad],
            )
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (windows, shape) = draw_windows(draw);
        let (values, positions) = max(&draw.normal(&shape), &windows);
        let back = draw.once_in(2);
        let x = draw.normal(if back { values.shape() } else { &shape });
        Sample::new(
            Self {
                windows: Rc::new(windows),
                positions,
                back,
            },
            [x],
        )
    }
}

/// The mean of every window, or the adjoint: every element distributed over its window.
#[derive(Clone, Debug)]
pub struct AvgPool {
    windows: Rc<Windows>,
    back: bool,
}

impl Op for AvgPool {
    fn name(&self) -> &'static str {
        if self.back {
            "avg_pool_adjoint"
        } else {
            "avg_pool"
        }
    }

    fn attributes(&self) -> Attributes {
        windows_attributes(&self.windows)
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let map = if self.back { average_adjoint } else { average };
        map(&x[0], &self.windows).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            Var::apply(
                Self {
                    windows: Rc::clone(&self.windows),
                    back: !self.back,
                },
                [grad],
            )
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(reach(&self.windows))
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (windows, shape) = draw_windows(draw);
        let back = draw.once_in(2);
        let x = draw.normal(&shape);
        let x = if back {
            draw.normal(average(&x, &windows).shape())
        } else {
            x
        };
        Sample::new(
            Self {
                windows: Rc::new(windows),
                back,
            },
            [x],
        )
    }
}

impl<T: Real> Var<T> {
    #[track_caller]
    fn windows(
        &self,
        op: &str,
        axes: usize,
        windows: impl FnOnce(&[usize], usize) -> Result<Windows, GeometryError>,
    ) -> Rc<Windows> {
        let (shape, rank) = (self.shape(), self.rank());
        require!(
            rank == axes + 2 || rank == axes + 1,
            "{op}: {shape:?}: rank {rank}, {} or, without a batch, {} is needed",
            axes + 2,
            axes + 1
        );
        match windows(shape, axes) {
            Ok(windows) => Rc::new(windows),
            Err(error) => wengert_tensor::fail::fail(format_args!("{op}: {shape:?}: {error}")),
        }
    }

    #[track_caller]
    fn option_windows(&self, op: &str, axes: usize, options: PoolOptions) -> Rc<Windows> {
        self.windows(op, axes, |shape, axes| options.windows(shape, axes))
    }

    #[track_caller]
    fn adaptive_windows(&self, op: &str, axes: usize, output: Extents) -> Rc<Windows> {
        self.windows(op, axes, |shape, axes| {
            adaptive_windows(shape, axes, output)
        })
    }

    /// Max pooling without positions.
    #[track_caller]
    fn max_pool_values(&self, windows: Rc<Windows>) -> Self {
        // Positions are for the gradient.
        if !self.is_tracked() {
            return Self::constant(max_values(self.tensor(), &windows));
        }
        self.max_pool(windows).0
    }

    #[track_caller]
    fn max_pool(&self, windows: Rc<Windows>) -> (Self, Tensor<i64>) {
        let positions = Saved::default();
        let op = MaxPool {
            windows,
            positions: positions.share(),
        };
        (Self::apply(op, [self]), positions.read())
    }

    #[track_caller]
    fn avg_pool(&self, windows: Rc<Windows>) -> Self {
        Self::apply(
            AvgPool {
                windows,
                back: false,
            },
            [self],
        )
    }
}

macro_rules! pools {
    ($(
        $axes:literal, $images:literal, $shape:literal, $input:literal => $halved:literal:
        $max:ident $max_with_indices:ident $average:ident
        $adaptive_max:ident $adaptive_max_with_indices:ident $adaptive_average:ident;
    )*) => {
        impl<T: Real> Var<T> {$(
            #[doc = concat!("The largest element of each window of ", $images, ".")]
            ///
            /// `y[n, c, i] = max x[n, c, s·i + d·k − p]` over the taps `k`; padding is never chosen. Of
            /// equal elements the first in row-major order is chosen, and gets the cotangent; a window with
            /// a NaN has the result NaN.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `options`: a kernel, `2` or one extent per axis, whose stride equals it; or [`PoolOptions`]
            ///
            /// ```
            /// # use wengert_autograd::Tape;
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tape::new().leaf(Tensor::<f64>::ones(", $input, "));")]
            #[doc = concat!("assert_eq!(x.", stringify!($max), "(2).value(), &Tensor::ones(", $halved, "));")]
            /// ```
            ///
            /// # Panics
            /// If the rank is another, the window exceeds the padded input, or the padding half of
            /// the window.
            #[must_use]
            #[track_caller]
            pub fn $max(&self, options: impl Into<PoolOptions>) -> Self {
                self.max_pool_values(self.option_windows(stringify!($max), $axes, options.into()))
            }

            #[doc = concat!("Max pooling with positions: as [`Self::", stringify!($max), "`], and the position of each element.")]
            ///
            /// * returns values and positions, which are flat indices into the spatial axes
            ///
            /// ```
            /// # use wengert_autograd::Tape;
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tape::new().leaf(Tensor::<f64>::ones(", $input, "));")]
            #[doc = concat!("let (y, positions) = x.", stringify!($max_with_indices), "(2);")]
            /// // Of equal elements the first is chosen, so the first window has its first element.
            #[doc = concat!("assert_eq!(y.shape(), ", $halved, ");")]
            /// assert_eq!(positions.iter().next(), Some(0));
            /// ```
            ///
            /// # Panics
            /// If the rank is another, the window exceeds the padded input, or the padding half of
            /// the window.
            #[must_use]
            #[track_caller]
            pub fn $max_with_indices(
                &self,
                options: impl Into<PoolOptions>,
            ) -> (Self, Tensor<i64>) {
                let name = stringify!($max_with_indices);
                self.note_read();
                self.max_pool(self.option_windows(name, $axes, options.into()))
            }

            #[doc = concat!("The largest element of each window, for a given number of windows that cover ", $images, ".")]
            ///
            /// Along an axis of extent `m`, window `i` of `n` reaches from `⌊i·m/n⌋` to
            /// `⌈(i + 1)·m/n⌉`. Ties and NaN as in max pooling.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `output`: the spatial extents of the result
            ///
            /// ```
            /// # use wengert_autograd::Tape;
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tape::new().leaf(Tensor::<f64>::ones(", $input, "));")]
            #[doc = concat!("assert_eq!(x.", stringify!($adaptive_max), "(2).value(), &Tensor::ones(", $halved, "));")]
            /// ```
            ///
            /// # Panics
            /// If the rank is another, or there are windows but no pixels.
            #[must_use]
            #[track_caller]
            pub fn $adaptive_max(&self, output: impl Into<Extents>) -> Self {
                let name = stringify!($adaptive_max);
                self.max_pool_values(self.adaptive_windows(name, $axes, output.into()))
            }

            #[doc = concat!("Adaptive max pooling with positions: as [`Self::", stringify!($adaptive_max), "`], and the position of each element.")]
            ///
            /// * returns values and positions, which are flat indices into the spatial axes
            ///
            /// ```
            /// # use wengert_autograd::Tape;
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tape::new().leaf(Tensor::<f64>::ones(", $input, "));")]
            #[doc = concat!("let (y, positions) = x.", stringify!($adaptive_max_with_indices), "(2);")]
            #[doc = concat!("assert_eq!(y.shape(), ", $halved, ");")]
            /// assert_eq!(positions.iter().next(), Some(0));
            /// ```
            ///
            /// # Panics
            /// If the rank is another, or there are windows but no pixels.
            #[must_use]
            #[track_caller]
            pub fn $adaptive_max_with_indices(
                &self,
                output: impl Into<Extents>,
            ) -> (Self, Tensor<i64>) {
                let name = stringify!($adaptive_max_with_indices);
                self.note_read();
                self.max_pool(self.adaptive_windows(name, $axes, output.into()))
            }

            #[doc = concat!("The mean of each window of ", $images, ".")]
            ///
            /// `y[n, c, i] = Σ x[n, c, s·i + d·k − p] / divisor` over the taps `k`, see [`Divisor`](wengert_tensor::Divisor).
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `options`: a kernel, `2` or one extent per axis, whose stride equals it; or [`PoolOptions`]
            ///
            /// ```
            /// # use wengert_autograd::Tape;
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tape::new().leaf(Tensor::<f64>::ones(", $input, "));")]
            #[doc = concat!("assert_eq!(x.", stringify!($average), "(2).value(), &Tensor::ones(", $halved, "));")]
            /// ```
            ///
            /// # Panics
            /// If the rank is another, the window exceeds the padded input, or the padding half of
            /// the window.
            #[must_use]
            #[track_caller]
            pub fn $average(&self, options: impl Into<PoolOptions>) -> Self {
                self.avg_pool(self.option_windows(stringify!($average), $axes, options.into()))
            }

            #[doc = concat!("The mean of each window, for a given number of windows that cover ", $images, ".")]
            ///
            /// Along an axis of extent `m`, window `i` of `n` reaches from `⌊i·m/n⌋` to
            /// `⌈(i + 1)·m/n⌉`.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `output`: the spatial extents of the result
            ///
            /// ```
            /// # use wengert_autograd::Tape;
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Tape::new().leaf(Tensor::<f64>::ones(", $input, "));")]
            #[doc = concat!("assert_eq!(x.", stringify!($adaptive_average), "(2).value(), &Tensor::ones(", $halved, "));")]
            /// ```
            ///
            /// # Panics
            /// If the rank is another, or there are windows but no pixels.
            #[must_use]
            #[track_caller]
            pub fn $adaptive_average(&self, output: impl Into<Extents>) -> Self {
                let name = stringify!($adaptive_average);
                self.avg_pool(self.adaptive_windows(name, $axes, output.into()))
            }
        )*}

        pub(super) const OPS: &[OpInfo] = &[
            OpInfo::op::<MaxPool>("max_pool"),
            OpInfo::op::<Pick>("max_pool"),
            OpInfo::op::<AvgPool>("avg_pool"),
            $(
                OpInfo::function(stringify!($max), |draw| {
                    let (options, x) = draw_call(draw, $axes, draw_options);
                    Case::new(format!("{options:?}"), generic!([options] |x| x.$max(options)), [x])
                }),
                OpInfo::function(stringify!($average), |draw| {
                    let (options, x) = draw_call(draw, $axes, draw_options);
                    Case::new(format!("{options:?}"), generic!([options] |x| x.$average(options)), [x])
                }),
                OpInfo::function(stringify!($adaptive_max), |draw| {
                    let (output, x) = draw_call(draw, $axes, draw_output);
                    Case::new(format!("{output:?}"), generic!([output] |x| x.$adaptive_max(output)), [x])
                }),
                OpInfo::function(stringify!($adaptive_average), |draw| {
                    let (output, x) = draw_call(draw, $axes, draw_output);
                    Case::new(format!("{output:?}"), generic!([output] |x| x.$adaptive_average(output)), [x])
                }),
            )*
        ];
    };
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

/// Options, and images with or without a batch that are large enough for any of them.
fn draw_call<O>(
    draw: &mut Draw,
    axes: usize,
    options: fn(&mut Draw, usize) -> O,
) -> (O, Tensor<f64>) {
    let options = options(draw, axes);
    let mut shape = vec![draw.within(1, 2)];
    if !draw.once_in(3) {
        shape.push(draw.within(1, 2));
    }
    shape.extend((0..axes).map(|_| draw.within(5, 6)));
    let x = draw.apart(shape);
    (options, x)
}

fn draw_output(draw: &mut Draw, axes: usize) -> Extents {
    let output: Vec<_> = (0..axes).map(|_| draw.within(1, 7)).collect();
    output.as_slice().into()
}
