//! `f32` and `f64` as real numbers: functions of the platform and of this crate in the place of the formulas.

use super::{NORMAL_DENSITY_AT_0, Real};
use crate::elementwise::{elementary, error_function, trigonometric};

macro_rules! platform {
    ($t:ty, $elementary:ident, $angles:ident, |$x:ident, $y:ident| $power:expr) => {
        impl Real for $t {
            platform!(@forward $t: sqrt floor abs ceil trunc);

            platform!(@own $elementary: exp exp_nonpositive exp_m1 exp2 sinh cosh tanh sigmoid ln ln_1p log2 log10);

            platform!(@angle $t, $angles: sin small_angle_sin, cos small_angle_cos, tan small_angle_tan);

            fn powf(self, exponent: f64) -> Self {
                if exponent == 2.0 {
                    self * self
                } else if self.is_special_power(exponent as $t) {
                    <$t>::powf(self, exponent as $t)
                } else {
                    self.plain_powf(exponent)
                }
            }
            fn pow(self, exponent: Self) -> Self {
                if self.is_special_power(exponent) {
                    <$t>::powf(self, exponent)
                } else {
                    self.plain_pow(exponent)
                }
            }
            #[inline(always)]
            fn is_special_power(self, exponent: Self) -> bool {
                let is_plain =
                    self > 0.0 && self < <$t>::INFINITY && <$t>::abs(exponent) < <$t>::INFINITY;
                !is_plain
            }
            #[inline(always)]
            fn plain_powf(self, exponent: f64) -> Self {
                let ($x, $y) = (self, exponent);
                $power
            }
            #[inline(always)]
            fn plain_pow(self, exponent: Self) -> Self {
                self.plain_powf(f64::from(exponent))
            }
            #[inline(always)]
            fn is_large_angle(self) -> bool {
                <$t>::abs(self) > trigonometric::$angles::BOUND
            }
            #[inline(always)]
            fn atan(self) -> Self {
                trigonometric::$angles::atan(self)
            }

            #[inline(always)]
            fn largest() -> Self {
                <$t>::MAX
            }
            #[inline(always)]
            fn erf(self) -> Self {
                error_function::$angles::erf(self)
            }
            #[inline(always)]
            fn erfc(self) -> Self {
                error_function::$angles::erfc(self)
            }
            #[inline(always)]
            fn exp_square(self, factor: f64) -> Self {
                elementary::$elementary::exp_square(self, factor as $t)
            }
            #[inline(always)]
            fn normal_cdf(self) -> Self {
                error_function::$angles::normal_cdf(self)[0]
            }
            #[inline(always)]
            fn normal_cdf_and_density(self) -> [Self; 2] {
                let [cdf, e] = error_function::$angles::normal_cdf(self);
                [cdf, e * NORMAL_DENSITY_AT_0 as $t]
            }
            #[inline(always)]
            fn flush_subnormal(self) -> Self {
                if <$t>::abs(self) < <$t>::MIN_POSITIVE { 0.0 } else { self }
            }
            #[inline(always)]
            fn round(self) -> Self {
                self.round_ties_even()
            }
            #[inline(always)]
            fn atan2(self, x: Self) -> Self {
                trigonometric::$angles::atan2(self, x)
            }
        }
    };
    (@angle $t:ty, $module:ident: $($f:ident $small:ident),*) => {$(
        #[inline(always)]
        fn $f(self) -> Self {
            if self.is_large_angle() { <$t>::$f(self) } else { self.$small() }
        }
        #[inline(always)]
        fn $small(self) -> Self {
            trigonometric::$module::$f(self)
        }
    )*};
    (@own $module:ident: $($f:ident)*) => {$(
        #[inline(always)]
        fn $f(self) -> Self {
            elementary::$module::$f(self)
        }
    )*};
    (@forward $t:ty: $($f:ident)*) => {$(
        #[inline(always)]
        fn $f(self) -> Self {
            <$t>::$f(self)
        }
    )*};
}

platform!(f32, f32, single, |x, y| {
    // In double precision, where the product loses nothing that single precision would show.
    elementary::f64::exp(elementary::f64::ln(f64::from(x)) * y) as f32
});
platform!(f64, f64, double, |x, y| elementary::double_power::pow(x, y));
