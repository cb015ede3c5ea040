//! The pooling layers.

use std::marker::PhantomData;

use wengert_autograd::Var;
use wengert_tensor::{Extents, Padding, PoolOptions, Real};

use crate::label::Label;
use crate::layers::{extents, window};
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
                let kernel = extents::<$axes>("pool", "kernel", $options.kernel);
                let stride = $options.stride.unwrap_or($options.kernel);
                let trace = window::<$axes>(&kernel, stride, $options.dilation);
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

/// The means of windows that share an image out, however large it is: `[batch, channels, height,
/// width]` becomes `[batch, channels, output…]`; see [`Var::adaptive_avg_pool2d`].
#[derive(Clone, Debug)]
pub struct AdaptiveAvgPool2d<T: Real = f32> {
    output: [usize; 2],
    label: Label,
    number: PhantomData<fn() -> T>,
}

crate::fields!(AdaptiveAvgPool2d { label });

impl<T: Real> AdaptiveAvgPool2d<T> {
    /// A layer with results of extent `output`: `1` or `[7, 7]`.
    ///
    /// # Panics
    /// If there are other than two extents.
    #[must_use]
    #[track_caller]
    pub fn new(output: impl Into<Extents>) -> Self {
        let output = extents::<2>("adaptive_avg_pool2d", "output", output.into());
        Self {
            output,
            label: Label::default(),
            number: PhantomData,
        }
    }
}

impl<T: Real> Module for AdaptiveAvgPool2d<T> {
    type Element = T;

    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let _scope = self.label.enter();
        let y = x.adaptive_avg_pool2d(self.output);
        pass.trace(
            &self.label,
            "AdaptiveAvgPool2d",
            x,
            &y,
            shared_out(x, self.output),
        );
        y
    }
}

/// The largest window of an image that is shared out; the whole of it if there is one only.
fn shared_out<T: Real>(x: &Var<T>, output: [usize; 2]) -> LayerTrace {
    if output == [1, 1] {
        return LayerTrace::whole();
    }
    let input = [x.size(-2), x.size(-1)];
    let both = |f: fn(usize, usize) -> usize| {
        [f(input[0], output[0].max(1)), f(input[1], output[1].max(1))]
    };
    LayerTrace::window(Window {
        kernel: both(usize::div_ceil),
        stride: both(|input, output| (input / output).max(1)),
        dilation: [1; 2],
    })
}

/// The mean over the spatial axes: `[batch, channels, spatial…]` becomes `[batch, channels]`.
#[derive(Clone, Debug)]
pub struct GlobalAvgPool<T: Real = f32> {
    label: Label,
    number: PhantomData<fn() -> T>,
}

crate::fields!(GlobalAvgPool { label });

impl<T: Real> GlobalAvgPool<T> {
    /// The layer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            label: Label::default(),
            number: PhantomData,
        }
    }
}

impl<T: Real> Default for GlobalAvgPool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Module for GlobalAvgPool<T> {
    type Element = T;

    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let _scope = self.label.enter();
        let y = x.flatten(2, -1).mean(-1);
        pass.trace(&self.label, "GlobalAvgPool", x, &y, LayerTrace::whole());
        y
    }
}
