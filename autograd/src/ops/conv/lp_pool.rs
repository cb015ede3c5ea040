//! Pooling by the p-norm.

use wengert_tensor::PoolOptions;

use crate::ops::prelude::*;
use crate::ops::reduce::is_moderate;

impl<T: Real> Var<T> {
    #[track_caller]
    fn lp_pool(
        &self,
        op: &str,
        axes: usize,
        p: f64,
        options: PoolOptions,
        mean: impl Fn(&Self) -> Self,
    ) -> Self {
        let taps = options
            .kernel
            .resolve("kernel", axes)
            .map(|taps| taps.iter().product::<usize>());
        let Ok(taps) = taps else {
            wengert_tensor::fail::fail(format_args!(
                "{op}: {:?}: {:?} is not for {axes} axes",
                self.shape(),
                options.kernel
            ))
        };
        // Images whose powers would overflow or underflow are scaled by a power of two.
        let pixels = keep((1..=axes as isize).map(|axis| -axis).collect::<Vec<_>>());
        let pool = |x: &Self| (mean(&x.pow(p)) * taps as f64).pow(1.0 / p);
        if self.rank() < axes {
            // The average panics with the ranks that it supports.
            return pool(self);
        }
        let scales = self.value().unit_scales(pixels);
        if scales.iter().all(|scale| is_moderate(scale, p, taps)) {
            return pool(self);
        }
        let scales = Self::constant(scales);
        pool(&(self * &scales)) / scales
    }
}

macro_rules! lp_pools {
    ($($axes:literal, $images:literal, $shape:literal, $input:literal => $halved:literal: $name:ident $average:ident;)*) => {
        impl<T: Real> Var<T> {$(
            #[doc = concat!("The p-norm, without absolute values, of each window of ", $images, ": `(Σ xᵖ)^(1/p)`.")]
            ///
            /// If a window extends beyond the image, its sum is the mean over the pixels inside, times the
            /// number of taps. Powers that would overflow or underflow are scaled first.
            ///
            #[doc = concat!("* `self`: `", $shape, "`, or without the batch")]
            /// * `options`: a kernel, `2` or one extent per axis, whose stride equals it; or [`PoolOptions`]
            ///
            /// ```
            /// # use wengert_autograd::Var;
            /// # use wengert_tensor::Tensor;
            #[doc = concat!("let x = Var::constant(Tensor::<f64>::ones(", $input, "));")]
            /// // With p = 1 the norm of ones is their number.
            #[doc = concat!("let ones = 2_f64.powi(", $axes, ");")]
            #[doc = concat!("assert_eq!(x.", stringify!($name), "(1.0, 2).value(), &Tensor::full(", $halved, ", ones));")]
            /// ```
            ///
            /// # Panics
            /// If the rank is another, or the window exceeds the padded input.
            #[must_use]
            #[track_caller]
            pub fn $name(&self, p: f64, options: impl Into<PoolOptions>) -> Self {
                let options = options.into();
                self.lp_pool(stringify!($name), $axes, p, options, |x| x.$average(options))
            }
        )*}

        pub(super) const OPS: &[OpInfo] = &[$(
            OpInfo::function(stringify!($name), |draw| {
                let p = draw.pick(&[1.0, 2.0, 3.0]);
                let each = [draw.within(1, 2), draw.within(1, 3), draw.within(2, 3)];
                let mut options = PoolOptions::new(&each[..$axes]).stride(draw.within(1, 3));
                if draw.once_in(2) {
                    options = options.ceil();
                }
                let mut shape = vec![draw.within(1, 2), draw.within(1, 2)];
                shape.extend((0..$axes).map(|_| draw.within(3, 4)));
                let x = draw.uniform(shape, 0.3, 1.5);
                let f = generic!([p, options] |x| x.$name(p, options));
                Case::new(format!("p = {p}, {options:?}"), f, [x])
            }),
        )*];
    };
}

lp_pools! {
    1, "signals", "[batch, channels, width]", "[1, 1, 4]" => "[1, 1, 2]": lp_pool1d avg_pool1d;
    2, "images", "[batch, channels, height, width]", "[1, 1, 4, 4]" => "[1, 1, 2, 2]": lp_pool2d avg_pool2d;
    3, "volumes", "[batch, channels, depth, height, width]", "[1, 1, 4, 4, 4]" => "[1, 1, 2, 2, 2]": lp_pool3d avg_pool3d;
}
