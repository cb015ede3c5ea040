//! The pooling layers.

use wengert_autograd::Var;
use wengert_tensor::{Extents, Padding, PoolOptions, Real};

use crate::layers::extents;
use crate::module::Module;
use crate::pass::Pass;

macro_rules! window_pools {
    ($($(#[$doc:meta])* $layer:ident: |$x:ident, $options:ident| $forward:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer {
            /// Extents, strides and padding of the windows.
            pub options: PoolOptions,
        }

        crate::fields!($layer);

        impl $layer {
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

        impl From<PoolOptions> for $layer {
            fn from(options: PoolOptions) -> Self {
                Self { options }
            }
        }

        impl<T: Real> Module<T> for $layer {
            fn forward(&self, x: &Var<T>, _pass: &mut Pass<T>) -> Var<T> {
                let ($x, $options) = (x, &self.options);
                $forward
            }
        }
    )*};
}

window_pools! {
    /// The largest element of each window of a signal `[batch, channels, width]`; see
    /// [`Var::max_pool1d`]. Of equal elements the first counts.
    MaxPool1d: |x, options| x.max_pool1d(options);

    /// The largest element of each window of an image `[batch, channels, height, width]`; see
    /// [`Var::max_pool2d`]. Of equal elements the first counts.
    MaxPool2d: |x, options| x.max_pool2d(options);

    /// The largest element of each window of a volume `[batch, channels, depth, height, width]`; see
    /// [`Var::max_pool3d`]. Of equal elements the first counts.
    MaxPool3d: |x, options| x.max_pool3d(options);

    /// The mean of each window of a signal `[batch, channels, width]`; see [`Var::avg_pool1d`].
    AvgPool1d: |x, options| x.avg_pool1d(options);

    /// The mean of each window of an image `[batch, channels, height, width]`; see
    /// [`Var::avg_pool2d`].
    AvgPool2d: |x, options| x.avg_pool2d(options);

    /// The mean of each window of a volume `[batch, channels, depth, height, width]`; see
    /// [`Var::avg_pool3d`].
    AvgPool3d: |x, options| x.avg_pool3d(options);
}

macro_rules! lp_pools {
    ($($layer:ident, $method:ident, $shape:literal;)*) => {
        stateless! {$(
            #[doc = concat!("The p-norm of each window, without absolute values; see [`Var::", stringify!($method), "`].")]
            ///
            #[doc = concat!("* input: `", $shape, "`")]
            $layer {
                /// The exponent.
                p: f64,
                /// Extents, strides and padding of the windows.
                options: PoolOptions
            }: |layer, x| x.$method(layer.p, &layer.options);
        )*}
    };
}

lp_pools! {
    LpPool1d, lp_pool1d, "[batch, channels, width]";
    LpPool2d, lp_pool2d, "[batch, channels, height, width]";
    LpPool3d, lp_pool3d, "[batch, channels, depth, height, width]";
}

macro_rules! adaptive_pools {
    ($($(#[$doc:meta])* $layer:ident, $axes:literal, |$x:ident, $output:ident| $forward:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer {
            output: [usize; $axes],
        }

        crate::fields!($layer);

        impl $layer {
            /// A layer with outputs of this extent, `1`, or of one extent per axis.
            ///
            /// # Panics
            /// If there are extents for another number of axes.
            #[must_use]
            #[track_caller]
            pub fn new(output: impl Into<Extents>) -> Self {
                Self {
                    output: extents::<$axes>(stringify!($layer), "output", output.into()),
                }
            }
        }

        impl<T: Real> Module<T> for $layer {
            fn forward(&self, x: &Var<T>, _pass: &mut Pass<T>) -> Var<T> {
                let ($x, $output) = (x, self.output);
                $forward
            }
        }
    )*};
}

adaptive_pools! {
    /// The means of a given number of equal windows of a signal; see
    /// [`Var::adaptive_avg_pool1d`].
    AdaptiveAvgPool1d, 1, |x, output| x.adaptive_avg_pool1d(output);

    /// The means of a given number of equal windows of an image: `[batch, channels, height,
    /// width]` becomes `[batch, channels, output…]`; see [`Var::adaptive_avg_pool2d`].
    AdaptiveAvgPool2d, 2, |x, output| x.adaptive_avg_pool2d(output);

    /// The means of a given number of equal windows of a volume; see [`Var::adaptive_avg_pool3d`].
    AdaptiveAvgPool3d, 3, |x, output| x.adaptive_avg_pool3d(output);

    /// The largest elements of a given number of equal windows of a signal; see [`Var::adaptive_max_pool1d`].
    AdaptiveMaxPool1d, 1, |x, output| x.adaptive_max_pool1d(output);

    /// The largest elements of a given number of equal windows of an image; see [`Var::adaptive_max_pool2d`].
    AdaptiveMaxPool2d, 2, |x, output| x.adaptive_max_pool2d(output);

    /// The largest elements of a given number of equal windows of a volume; see [`Var::adaptive_max_pool3d`].
    AdaptiveMaxPool3d, 3, |x, output| x.adaptive_max_pool3d(output);
}

macro_rules! global_pools {
    ($($(#[$doc:meta])* $layer:ident: $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $layer;

        crate::fields!($layer);

        impl<T: Real> Module<T> for $layer {
            fn forward(&self, x: &Var<T>, _pass: &mut Pass<T>) -> Var<T> {
                x.$method().flatten(1, -1)
            }
        }
    )*};
}

global_pools! {
    /// The mean over the spatial axes: `[batch, channels, spatial…]` becomes `[batch, channels]`.
    GlobalAvgPool: global_avg_pool;

    /// The largest element over the spatial axes: `[batch, channels, spatial…]` becomes
    /// `[batch, channels]`.
    GlobalMaxPool: global_max_pool;
}

samples! {
    |_rng| MaxPool1d::new(2), [2, 2, 5];
    |_rng| MaxPool2d::new([3, 2]).stride(2).padding([1, 0]), [2, 2, 5, 6];
    |_rng| MaxPool3d::new([1, 2, 2]), [2, 1, 2, 4, 3];
    |_rng| AvgPool1d::new(2).ceil(), [2, 2, 5];
    |_rng| AvgPool2d::new(2).stride([2, 1]).padding(1), [2, 2, 5, 4];
    |_rng| AvgPool3d::new([2, 1, 2]), [2, 1, 2, 3, 4];
    |_rng| LpPool1d::new(2.0, PoolOptions::new(2)), [2, 2, 5];
    |_rng| LpPool2d::new(2.0, PoolOptions::new(2)), [2, 2, 4, 3];
    |_rng| LpPool3d::new(2.0, PoolOptions::new([1, 2, 2])), [2, 1, 2, 3, 4];
    |_rng| AdaptiveAvgPool1d::new(2), [2, 2, 5];
    |_rng| AdaptiveAvgPool2d::new([2, 3]), [2, 2, 5, 4];
    |_rng| AdaptiveAvgPool3d::new([1, 2, 2]), [2, 1, 2, 3, 4];
    |_rng| AdaptiveMaxPool1d::new(2), [2, 2, 5];
    |_rng| AdaptiveMaxPool2d::new([2, 3]), [2, 2, 5, 4];
    |_rng| AdaptiveMaxPool3d::new([1, 2, 2]), [2, 1, 2, 3, 4];
    |_rng| GlobalAvgPool, [2, 3, 3, 2];
    |_rng| GlobalMaxPool, [2, 3, 3, 2];
}
