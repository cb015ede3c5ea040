//! The pooling layers.

use std::marker::PhantomData;

use wengert_autograd::Var;
use wengert_tensor::{Extents, Padding, PoolOptions, Real};

use crate::label::Label;
use crate::layers::{extents, plane, window};
use crate::module::Module;
use crate::pass::Pass;
use crate::trace::{LayerTrace, Window};

macro_rules! window_pools {
    ($($(#[$doc:meta])* $layer:ident, $axes:literal, |$x:ident, $options:ident| $forward:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer<T: Real = f32> {
            /// How the windows move.
            pub options: PoolOptions,
            label: Label,
            number: PhantomData<fn() -> T>,
        }

        crate::fields!($layer { label });

        impl<T: Real> $layer<T> {
            /// Windows of extent `kernel`, `2` or one extent per axis, side by side.
            #[must_use]
            pub fn new(kernel: impl Into<Extents>) -> Self {
                PoolOptions::new(kernel).into()
            }

            /// With another stride than the kernel.
            #[must_use]
            pub fn stride(self, stride: impl Into<Extents>) -> Self {
                self.options.stride(stride).into()
            }

            /// With padding.
            #[must_use]
            pub fn padding(self, padding: impl Into<Padding>) -> Self {
                self.options.padding(padding).into()
            }

            /// With windows that reach beyond the image counted, too.
            #[must_use]
            pub fn ceil(self) -> Self {
                self.options.ceil().into()
            }
        }

        impl<T: Real> From<PoolOptions> for $layer<T> {
            fn from(options: PoolOptions) -> Self {
                Self { options, label: Label::default(), number: PhantomData }
            }
        }

        impl<T: Real> Module for $layer<T> {
            type Element = T;

            fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
                let _scope = self.label.enter();
                let ($x, $options) = (x, &self.options);
                let y = $forward;
                let trace = windows_of::<$axes>($options);
                pass.trace(&self.label, stringify!($layer), x, &y, trace);
                y
            }
        }
    )*};
}

window_pools! {
    /// The largest element of each window of a signal `[batch, channels, width]`; see
    /// [`Var::max_pool1d`]. Of equal elements the first counts.
    MaxPool1d, 1, |x, options| x.max_pool1d(options).0;

    /// The largest element of each window of an image `[batch, channels, height, width]`; see
    /// [`Var::max_pool2d`]. Of equal elements the first counts.
    MaxPool2d, 2, |x, options| x.max_pool2d(options).0;

    /// The largest element of each window of a volume `[batch, channels, depth, height, width]`; see
    /// [`Var::max_pool3d`]. Of equal elements the first counts.
    MaxPool3d, 3, |x, options| x.max_pool3d(options).0;

    /// The mean of each window of a signal `[batch, channels, width]`; see [`Var::avg_pool1d`].
    AvgPool1d, 1, |x, options| x.avg_pool1d(options);

    /// The mean of each window of an image `[batch, channels, height, width]`; see
    /// [`Var::avg_pool2d`].
    AvgPool2d, 2, |x, options| x.avg_pool2d(options);

    /// The mean of each window of a volume `[batch, channels, depth, height, width]`; see
    /// [`Var::avg_pool3d`].
    AvgPool3d, 3, |x, options| x.avg_pool3d(options);
}

/// The trace of windows that move as the options say.
#[track_caller]
fn windows_of<const AXES: usize>(options: &PoolOptions) -> LayerTrace {
    let kernel = extents::<AXES>("pool", "kernel", options.kernel);
    let stride = options.stride.unwrap_or(options.kernel);
    window::<AXES>(&kernel, stride, options.dilation)
}

macro_rules! lp_pools {
    ($($layer:ident, $kind:literal, $axes:literal, $method:ident, $shape:literal;)*) => {
        stateless! {$(
            #[doc = concat!("The p-norm of each window, without absolute values; see [`Var::", stringify!($method), "`].")]
            ///
            #[doc = concat!("* input: `", $shape, "`")]
            $layer {
                /// The exponent.
                p: f64,
                /// How the windows move.
                options: PoolOptions
            }, $kind, |layer, x| x.$method(layer.p, &layer.options), {
                windows_of::<$axes>(&layer.options)
            };
        )*}
    };
}

lp_pools! {
    LpPool1d, "LPPool1d", 1, lp_pool1d, "[batch, channels, width]";
    LpPool2d, "LPPool2d", 2, lp_pool2d, "[batch, channels, height, width]";
    LpPool3d, "LPPool3d", 3, lp_pool3d, "[batch, channels, depth, height, width]";
}

macro_rules! adaptive_pools {
    ($($(#[$doc:meta])* $layer:ident, $axes:literal, |$x:ident, $output:ident| $forward:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer<T: Real = f32> {
            output: [usize; $axes],
            label: Label,
            number: PhantomData<fn() -> T>,
        }

        crate::fields!($layer { label });

        impl<T: Real> $layer<T> {
            /// A layer with results of this extent, `1`, or of one extent per axis.
            ///
            /// # Panics
            /// If there are extents for another number of axes.
            #[must_use]
            #[track_caller]
            pub fn new(output: impl Into<Extents>) -> Self {
                Self {
                    output: extents::<$axes>(stringify!($layer), "output", output.into()),
                    label: Label::default(),
                    number: PhantomData,
                }
            }
        }

        impl<T: Real> Module for $layer<T> {
            type Element = T;

            fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
                let _scope = self.label.enter();
                let ($x, $output) = (x, self.output);
                let y = $forward;
                pass.trace(&self.label, stringify!($layer), x, &y, shared_out(x, &self.output));
                y
            }
        }
    )*};
}

adaptive_pools! {
    /// The means of windows that share a signal out, however long it is; see
    /// [`Var::adaptive_avg_pool1d`].
    AdaptiveAvgPool1d, 1, |x, output| x.adaptive_avg_pool1d(output);

    /// The means of windows that share an image out, however large it is: `[batch, channels, height,
    /// width]` becomes `[batch, channels, output…]`; see [`Var::adaptive_avg_pool2d`].
    AdaptiveAvgPool2d, 2, |x, output| x.adaptive_avg_pool2d(output);

    /// The means of windows that share a volume out; see [`Var::adaptive_avg_pool3d`].
    AdaptiveAvgPool3d, 3, |x, output| x.adaptive_avg_pool3d(output);

    /// The largest elements of windows that share a signal out; see [`Var::adaptive_max_pool1d`].
    AdaptiveMaxPool1d, 1, |x, output| x.adaptive_max_pool1d(output).0;

    /// The largest elements of windows that share an image out; see [`Var::adaptive_max_pool2d`].
    AdaptiveMaxPool2d, 2, |x, output| x.adaptive_max_pool2d(output).0;

    /// The largest elements of windows that share a volume out; see [`Var::adaptive_max_pool3d`].
    AdaptiveMaxPool3d, 3, |x, output| x.adaptive_max_pool3d(output).0;
}

/// The largest window of an image that is shared out; the whole of it if there is one only.
fn shared_out<T: Real>(x: &Var<T>, output: &[usize]) -> LayerTrace {
    if output.iter().all(|&extent| extent == 1) {
        return LayerTrace::whole();
    }
    let spatial = &x.shape()[x.rank() - output.len()..];
    let pairs = || {
        spatial
            .iter()
            .zip(output)
            .map(|(&input, &output)| (input, output.max(1)))
    };
    let kernel: Vec<_> = pairs()
        .map(|(input, output)| input.div_ceil(output))
        .collect();
    let stride: Vec<_> = pairs()
        .map(|(input, output)| (input / output).max(1))
        .collect();
    LayerTrace::window(Window {
        kernel: plane(&kernel),
        stride: plane(&stride),
        dilation: [1; 2],
    })
}

stateless! {
    /// The mean over the spatial axes: `[batch, channels, spatial…]` becomes `[batch, channels]`.
    GlobalAvgPool {}, "GlobalAvgPool", |_layer, x| x.global_avg_pool().flatten(1, -1), LayerTrace::whole();

    /// The largest element over the spatial axes: `[batch, channels, spatial…]` becomes
    /// `[batch, channels]`.
    GlobalMaxPool {}, "GlobalMaxPool", |_layer, x| x.global_max_pool().flatten(1, -1), LayerTrace::whole();
}

macro_rules! defaults {
    ($($layer:ident)*) => {$(
        impl<T: Real> Default for $layer<T> {
            fn default() -> Self {
                Self::new()
            }
        }
    )*};
}

defaults!(GlobalAvgPool GlobalMaxPool);
