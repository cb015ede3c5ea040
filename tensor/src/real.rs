//! [`Real`]: the number types that layers, gradient rules and checks are generic over.

use std::ops::{DivAssign, MulAssign, Neg, SubAssign};

use crate::Number;

mod floats;

/// A real number: `f32` to train, `f64` to check, [`Dual`](crate::Dual) for exact derivatives.
///
/// A new number type implements the methods without a default: arithmetic, and the elementary functions that
/// the others are computed from. The defaults are formulas that avoid cancellation and overflow; `f32` and
/// `f64` override them with the more accurate functions of the platform or of this crate.
///
/// Kernels are reached through the supertrait [`Kernels`](crate::kernels::Kernels): `f32` and `f64` run
/// vectorised code, every other number plain loops.
pub trait Real: Number + Neg<Output = Self> + SubAssign + MulAssign + DivAssign {
    /// eˣ
    #[must_use]
    fn exp(self) -> Self;
    /// eˣ for x ≤ 0, with the bits of [`exp`](Self::exp) in fewer operations; for x > 0 it may be anything.
    #[must_use]
    fn exp_nonpositive(self) -> Self {
        self.exp()
    }
    /// `e^−|x|`. At 0 it is computed as `eˣ`, not by `abs`, whose slope there is 0: the tangent of a dual number would
    /// be lost.
    #[must_use]
    #[inline(always)]
    fn exp_neg_abs(self) -> Self {
        (if self > Self::zero() { -self } else { self }).exp_nonpositive()
    }
    /// The slope of the logistic function, `σ(x) σ(−x)`, exact in both tails.
    #[must_use]
    #[inline(always)]
    fn sigmoid_slope(self) -> Self {
        let e = self.exp_neg_abs();
        let up = Self::one() / (Self::one() + e);
        e * up * up
    }
    /// The slope of the hyperbolic tangent, `4 σ(2x) σ(−2x)`, exact in both tails.
    #[must_use]
    #[inline(always)]
    fn tanh_slope(self) -> Self {
        let e = (self + self).exp_neg_abs();
        let up = Self::of(2.0) / (Self::one() + e);
        e * up * up
    }
    /// The natural logarithm.
    #[must_use]
    fn ln(self) -> Self;
    /// sin x
    #[must_use]
    fn sin(self) -> Self;
    /// cos x
    #[must_use]
    fn cos(self) -> Self;
    /// The inverse tangent, in (−π/2, π/2).
    #[must_use]
    fn atan(self) -> Self;
    /// √x
    #[must_use]
    fn sqrt(self) -> Self;
    /// The error function `2/√π ∫₀ˣ e^(−t²) dt`.
    #[must_use]
    fn erf(self) -> Self;
    /// `1 − erf x`, accurate also where `erf x` is near 1.
    #[must_use]
    fn erfc(self) -> Self;
    /// The largest integer that is at most `self`.
    #[must_use]
    fn floor(self) -> Self;

    /// The largest finite number. By default that of `f64`, or that of `f32` if the type has no larger ones.
    #[must_use]
    fn largest() -> Self {
        let double = Self::of(f64::MAX);
        if double.to_f64().is_finite() {
            double
        } else {
            Self::of(f64::from(f32::MAX))
        }
    }
    /// The value without tangents, at every level of nested dual numbers; for quantities that a derivative
    /// treats as constant.
    #[must_use]
    fn primal(self) -> Self {
        self
    }
    /// `self` to a constant power. `x⁰` is 1 for every x.
    #[must_use]
    fn powf(self, exponent: f64) -> Self {
        if exponent == 0.0 {
            return Self::one();
        }
        if exponent.fract() == 0.0 && exponent.abs() <= 64.0 {
            let power = (1..exponent.abs() as u32).fold(self, |product, _| product * self);
            return if exponent < 0.0 {
                Self::one() / power
            } else {
                power
            };
        }
        if exponent.fract() == 0.0 && self < Self::zero() {
            let power = (-self).powf(exponent);
            return if exponent % 2.0 == 0.0 { power } else { -power };
        }
        if self == Self::zero() {
            return if exponent > 0.0 {
                Self::zero()
            } else {
                Self::one() / Self::zero()
            };
        }
        (self.ln() * Self::of(exponent)).exp()
    }
    /// `self` to the power `exponent`, differentiable in both.
    #[must_use]
    fn pow(self, exponent: Self) -> Self {
        let logarithm = self.ln() * exponent;
        if self > Self::zero() && !logarithm.is_nan() {
            logarithm.exp()
        } else {
            // Here the power has no derivative by the exponent.
            self.powf(exponent.to_f64())
        }
    }
    /// Whether a power needs [`powf`](Self::powf) or [`pow`](Self::pow): the base is not positive and finite, or
    /// the exponent is not finite. By default no power does.
    #[must_use]
    fn is_special_power(self, _exponent: Self) -> bool {
        false
    }
    /// [`powf`](Self::powf) without branches, unless [`is_special_power`](Self::is_special_power).
    #[must_use]
    fn plain_powf(self, exponent: f64) -> Self {
        self.powf(exponent)
    }
    /// [`pow`](Self::pow) without branches, unless [`is_special_power`](Self::is_special_power).
    #[must_use]
    fn plain_pow(self, exponent: Self) -> Self {
        self.pow(exponent)
    }
    /// |x|; its derivative at 0 is 0.
    #[must_use]
    fn abs(self) -> Self {
        if self < Self::zero() { -self } else { self }
    }
    /// −1, 0 or 1; 0 for NaN, as in PyTorch.
    #[must_use]
    fn sign(self) -> Self {
        if self > Self::zero() {
            Self::one()
        } else if self < Self::zero() {
            -Self::one()
        } else {
            Self::zero()
        }
    }
    /// The smallest integer that is at least `self`.
    #[must_use]
    fn ceil(self) -> Self {
        -(-self).floor()
    }
    /// The nearest integer; halves round to the even one.
    #[must_use]
    fn round(self) -> Self {
        let (below, half) = (self.floor(), Self::of(0.5));
        let rest = self - below;
        let odd = below * half != (below * half).floor();
        if rest > half || (rest == half && odd) {
            below + Self::one()
        } else {
            below
        }
    }
    /// The integer part: rounded towards 0.
    #[must_use]
    fn trunc(self) -> Self {
        if self < Self::zero() {
            self.ceil()
        } else {
            self.floor()
        }
    }
    /// tan x
    #[must_use]
    fn tan(self) -> Self {
        self.sin() / self.cos()
    }
    /// The angle of the point (`x`, `self`) in (−π, π]: `self` is the ordinate.
    #[must_use]
    fn atan2(self, x: Self) -> Self {
        let (zero, pi) = (Self::zero(), Self::of(std::f64::consts::PI));
        if x > zero {
            (self / x).atan()
        } else if x < zero {
            let opposite = (self / x).atan();
            if self < zero {
                opposite - pi
            } else {
                opposite + pi
            }
        } else if self > zero {
            pi * Self::of(0.5) - (x / self).atan()
        } else if self < zero {
            -pi * Self::of(0.5) - (x / self).atan()
        } else {
            self
        }
    }
    /// `eˣ − 1`, accurate near 0.
    #[must_use]
    fn exp_m1(self) -> Self {
        let u = self.exp();
        let below = u - Self::one();
        // Kahan's correction: the rounding of eˣ cancels in (u − 1)·x / ln u.
        if u == Self::one() {
            self
        } else if below == -Self::one() || u.to_f64().is_infinite() {
            below
        } else {
            below * self / u.ln()
        }
    }
    /// `ln(1 + x)`, accurate near 0.
    #[must_use]
    fn ln_1p(self) -> Self {
        let u = Self::one() + self;
        if u == Self::one() {
            self
        } else if u.to_f64().is_infinite() {
            u.ln()
        } else {
            u.ln() * self / (u - Self::one())
        }
    }
    /// sinh x
    #[must_use]
    fn sinh(self) -> Self {
        let e = self.abs().exp_m1();
        // e^(−x) does not count where eˣ overflows.
        let rest = if e.to_f64().is_infinite() {
            Self::zero()
        } else {
            e / (e + Self::one())
        };
        let half = (e + rest) * Self::of(0.5);
        if self < Self::zero() { -half } else { half }
    }
    /// cosh x
    #[must_use]
    fn cosh(self) -> Self {
        let e = self.abs().exp();
        (e + Self::one() / e) * Self::of(0.5)
    }
    /// tanh x
    #[must_use]
    fn tanh(self) -> Self {
        let e = (self.abs() * Self::of(-2.0)).exp_m1();
        let t = -e / (e + Self::of(2.0));
        if self < Self::zero() { -t } else { t }
    }
    /// The inverse of sinh: `ln(x + √(x² + 1))`.
    #[must_use]
    #[inline(always)]
    fn asinh(self) -> Self {
        let (x, one, zero) = (self.abs(), Self::one(), Self::zero());
        // ln(x + √(x² + 1)) as ln_1p(x + x² / (1 + √(x² + 1))), which does not cancel near 0. Without branches, so that
        // a loop uses vectors.
        let square = x * x;
        let argument = x + square / (one + (one + square).sqrt());
        // From here on the argument rounds to 2x, whose square may overflow.
        let is_large = x > Self::of(1e18);
        let argument = if is_large { x } else { argument };
        let up = argument.ln_1p()
            + if is_large {
                Self::of(std::f64::consts::LN_2)
            } else {
                zero
            };
        let odd = if self < zero { -up } else { up };
        // The sign of zero stays.
        if x == zero { self } else { odd }
    }
    /// The inverse of cosh, in [0, ∞): `ln(x + √(x² − 1))`; NaN below 1.
    #[must_use]
    #[inline(always)]
    fn acosh(self) -> Self {
        // Without branches, so that a loop uses vectors.
        let (zero, above) = (Self::zero(), self - Self::one());
        // The square root of a negative number is NaN, as the result is.
        let above = if above < zero { above.sqrt() } else { above };
        let argument = above + (above * (self + Self::one())).sqrt();
        // From here on the argument rounds to 2x, whose square may overflow.
        let is_large = self > Self::of(1e18);
        let argument = if is_large { self } else { argument };
        argument.ln_1p()
            + if is_large {
                Self::of(std::f64::consts::LN_2)
            } else {
                zero
            }
    }
    /// The inverse of tanh: `½ ln((1 + x) / (1 − x))`.
    #[must_use]
    #[inline(always)]
    fn atanh(self) -> Self {
        let (x, one, zero) = (self.abs(), Self::one(), Self::zero());
        let half = ((x + x) / (one - x)).ln_1p() * Self::of(0.5);
        let odd = if self < zero { -half } else { half };
        if x == zero { self } else { odd }
    }
    /// `1 / (1 + e⁻ˣ)`, without overflow.
    #[must_use]
    fn sigmoid(self) -> Self {
        let e = (-self.abs()).exp_nonpositive();
        let up = Self::one() / (Self::one() + e);
        if self < Self::zero() { e * up } else { up }
    }
    /// `e^(factor · x²)` for a factor that is a power of two, or minus one: the rounding of the square,
    /// which the exponential would multiply by `x²`, does not count.
    #[must_use]
    fn exp_square(self, factor: f64) -> Self {
        (self * self * Self::of(factor)).exp()
    }
    /// The normal distribution function `Φ(x) = ½ erfc(−x/√2)`, exact in the lower tail.
    #[must_use]
    fn normal_cdf(self) -> Self {
        (self * Self::of(-std::f64::consts::FRAC_1_SQRT_2)).erfc() * Self::of(0.5)
    }
    /// [`normal_cdf`](Self::normal_cdf) and its slope, the density `e^(−x²/2) / √(2π)`, which share an exponential.
    #[must_use]
    fn normal_cdf_and_density(self) -> [Self; 2] {
        let density = self.exp_square(-0.5) * Self::of(NORMAL_DENSITY_AT_0);
        [self.normal_cdf(), density]
    }
    /// 2ˣ
    #[must_use]
    fn exp2(self) -> Self {
        (self * Self::of(std::f64::consts::LN_2)).exp()
    }
    /// The logarithm to base 2.
    #[must_use]
    fn log2(self) -> Self {
        self.ln() * Self::of(std::f64::consts::LOG2_E)
    }
    /// The logarithm to base 10.
    #[must_use]
    fn log10(self) -> Self {
        self.ln() * Self::of(std::f64::consts::LOG10_E)
    }
    /// Whether an angle is too large for [`small_angle_sin`](Self::small_angle_sin) and its like. By default none
    /// is.
    #[must_use]
    fn is_large_angle(self) -> bool {
        false
    }
    /// sin x, without branches, unless [`is_large_angle`](Self::is_large_angle). By default [`sin`](Self::sin).
    #[must_use]
    fn small_angle_sin(self) -> Self {
        self.sin()
    }
    /// cos x, without branches, unless [`is_large_angle`](Self::is_large_angle). By default [`cos`](Self::cos).
    #[must_use]
    fn small_angle_cos(self) -> Self {
        self.cos()
    }
    /// tan x, without branches, unless [`is_large_angle`](Self::is_large_angle). By default [`tan`](Self::tan).
    #[must_use]
    fn small_angle_tan(self) -> Self {
        self.tan()
    }
    /// 0 for a number below the smallest normal one, the number itself otherwise. For values that decay in
    /// place: some processors compute with subnormal numbers a hundred times slower. Other number types than
    /// `f32` and `f64` keep every number.
    #[must_use]
    fn flush_subnormal(self) -> Self {
        self
    }
    /// `self · a + b`; whether it is fused depends on the type and the processor.
    #[must_use]
    fn mul_then_add(self, a: Self, b: Self) -> Self {
        self * a + b
    }
}

/// `1 / √(2π)`
const NORMAL_DENSITY_AT_0: f64 =
    0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
