//! Dual numbers: forward-mode differentiation as an element type.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use std::panic::Location;

use num_traits::{One, Zero};

use crate::kernels::gemm::{self, Gemm};
use crate::kernels::{Kernels, Private};
use crate::{Element, Number, Real};

/// A dual number `value + tangent·ε` with `ε² = 0` (Clifford, 1873): arithmetic computes exact derivatives.
///
/// Comparisons use the value alone, so a program takes the same branches as on plain numbers. At a kink the
/// tangent follows a convention: 0 for `abs` and `sign` at 0, the mean of both tangents at a tie of `maximum`
/// or `minimum`.
///
/// `Dual<Dual<f64>>` computes second derivatives.
///
/// ```
/// use wengert_tensor::Dual;
///
/// let x = Dual::new(3.0, 1.0);
/// assert_eq!((x * x).tangent, 6.0);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Dual<T = f64> {
    /// The value.
    pub value: T,
    /// The derivative in the direction that the inputs' tangents define.
    pub tangent: T,
}

impl<T> Dual<T> {
    /// A dual number of a value and its derivative.
    pub const fn new(value: T, tangent: T) -> Self {
        Self { value, tangent }
    }
}

impl<T: Real> Dual<T> {
    /// A constant: tangent 0.
    #[must_use]
    pub fn constant(value: T) -> Self {
        Self {
            value,
            tangent: T::zero(),
        }
    }

    /// The chain rule: `value` is `f(self.value)` and `slope` is `f′(self.value)`.
    fn chain(self, value: T, slope: T) -> Self {
        Self {
            value,
            tangent: self.tangent * slope,
        }
    }
}

impl<T: PartialEq> PartialEq for Dual<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: PartialOrd> PartialOrd for Dual<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Real> Add for Dual<T> {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self::new(self.value + o.value, self.tangent + o.tangent)
    }
}

impl<T: Real> Sub for Dual<T> {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self::new(self.value - o.value, self.tangent - o.tangent)
    }
}

impl<T: Real> Mul for Dual<T> {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Self::new(
            self.value * o.value,
            self.tangent * o.value + self.value * o.tangent,
        )
    }
}

impl<T: Real> Div for Dual<T> {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let value = self.value / o.value;
        Self::new(value, (self.tangent - value * o.tangent) / o.value)
    }
}

impl<T: Real> Neg for Dual<T> {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.value, -self.tangent)
    }
}

macro_rules! assign {
    ($($trait:ident $method:ident $op:tt;)*) => {$(
        impl<T: Real> $trait for Dual<T> {
            fn $method(&mut self, o: Self) {
                *self = *self $op o;
            }
        }
    )*};
}

assign! {
    AddAssign add_assign +;
    SubAssign sub_assign -;
    MulAssign mul_assign *;
    DivAssign div_assign /;
}

impl<T: Real> Zero for Dual<T> {
    fn zero() -> Self {
        Self::constant(T::zero())
    }
    fn is_zero(&self) -> bool {
        self.value.is_zero()
    }
}

impl<T: Real> One for Dual<T> {
    fn one() -> Self {
        Self::constant(T::one())
    }
}

impl<T: Real> Kernels for Dual<T> {
    fn gemm(_: Private, task: &Gemm, a: &[Self], b: &[Self], c: &mut [Self]) {
        gemm::dual(task, a, b, c);
    }
}

impl<T: Real> Element for Dual<T> {
    fn poison() -> Self {
        Self::new(T::poison(), T::poison())
    }

    fn texts(numbers: &[Self], precision: Option<usize>) -> Vec<String> {
        let values: Vec<T> = numbers.iter().map(|x| x.value).collect();
        let tangents: Vec<T> = numbers.iter().map(|x| x.tangent).collect();
        crate::display::dual_texts(&values, &tangents, precision)
    }
}

impl<T: Real> Number for Dual<T> {
    const PLAIN: bool = false;

    fn is_nan(self) -> bool {
        self.value.is_nan()
    }
    fn to_f64(self) -> f64 {
        if !self.tangent.is_zero() {
            crate::lost_path::note(Location::caller());
        }
        self.value.to_f64()
    }
    fn of(x: f64) -> Self {
        Self::constant(T::of(x))
    }
    fn maximum(self, other: Self) -> Self {
        if self.value == other.value {
            return Self::new(self.value, (self.tangent + other.tangent) * T::of(0.5));
        }
        if self.value > other.value || self.is_nan() {
            self
        } else {
            other
        }
    }
    fn minimum(self, other: Self) -> Self {
        if self.value == other.value {
            return Self::new(self.value, (self.tangent + other.tangent) * T::of(0.5));
        }
        if self.value < other.value || self.is_nan() {
            self
        } else {
            other
        }
    }
}

impl<T: Real> Real for Dual<T> {
    #[inline(always)]
    fn largest() -> Self {
        Self::constant(T::largest())
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let e = self.value.exp();
        self.chain(e, e)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.chain(self.value.ln(), T::one() / self.value)
    }
    #[inline(always)]
    fn sin(self) -> Self {
        self.chain(self.value.sin(), self.value.cos())
    }
    #[inline(always)]
    fn cos(self) -> Self {
        self.chain(self.value.cos(), -self.value.sin())
    }
    #[inline(always)]
    fn tan(self) -> Self {
        let t = self.value.tan();
        self.chain(t, T::one() + t * t)
    }
    #[inline(always)]
    fn atan(self) -> Self {
        self.chain(
            self.value.atan(),
            T::one() / (T::one() + self.value * self.value),
        )
    }
    #[inline(always)]
    fn atan2(self, x: Self) -> Self {
        // Scaled by a power of two, because the squares may overflow or underflow where the slopes do not.
        let scale = crate::unit_scale(self.value.abs().maximum(x.value.abs()));
        let (b, a) = (self.value * scale, x.value * scale);
        Self::new(
            self.value.atan2(x.value),
            (a * self.tangent - b * x.tangent) / (a * a + b * b) * scale,
        )
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, T::of(0.5) / root)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        self.chain(self.value.erf(), erf_slope(self.value))
    }
    #[inline(always)]
    fn erfc(self) -> Self {
        self.chain(self.value.erfc(), -erf_slope(self.value))
    }
    #[inline(always)]
    fn exp_square(self, factor: f64) -> Self {
        let e = self.value.exp_square(factor);
        self.chain(e, e * self.value * T::of(2.0 * factor))
    }
    #[inline(always)]
    fn normal_cdf(self) -> Self {
        let [cdf, density] = self.value.normal_cdf_and_density();
        self.chain(cdf, density)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Self::constant(self.value.floor())
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        Self::constant(self.value.ceil())
    }
    #[inline(always)]
    fn round(self) -> Self {
        Self::constant(self.value.round())
    }
    #[inline(always)]
    fn trunc(self) -> Self {
        Self::constant(self.value.trunc())
    }
    #[inline(always)]
    fn sign(self) -> Self {
        Self::constant(self.value.sign())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.chain(self.value.abs(), self.value.sign())
    }
    #[inline(always)]
    fn primal(self) -> Self {
        Self::constant(self.value.primal())
    }
    #[inline(always)]
    fn powf(self, exponent: f64) -> Self {
        if exponent == 0.0 {
            return Self::one();
        }
        self.chain(
            self.value.powf(exponent),
            self.value.powf(exponent - 1.0) * T::of(exponent),
        )
    }
    #[inline(always)]
    fn pow(self, exponent: Self) -> Self {
        let power = self.value.pow(exponent.value);
        let by_base = if exponent.value.is_zero() {
            T::zero()
        } else {
            exponent.value * self.value.pow(exponent.value - T::one())
        };
        // The derivative of 0ʸ in y is 0 for y ≥ 0, although ln 0 is infinite.
        let by_exponent = if self.value.is_zero() && exponent.value >= T::zero() {
            T::zero()
        } else {
            power * self.value.ln()
        };
        Self::new(
            power,
            by_base * self.tangent + by_exponent * exponent.tangent,
        )
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        self.chain(self.value.exp_m1(), self.value.exp())
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.chain(self.value.ln_1p(), T::one() / (T::one() + self.value))
    }
    #[inline(always)]
    fn sinh(self) -> Self {
        self.chain(self.value.sinh(), self.value.cosh())
    }
    #[inline(always)]
    fn cosh(self) -> Self {
        self.chain(self.value.cosh(), self.value.sinh())
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        // Not 1 − t², which loses its digits where |t| is near 1.
        let e = (self.value.abs() * T::of(-2.0)).exp();
        let up = T::of(2.0) / (T::one() + e);
        self.chain(self.value.tanh(), e * up * up)
    }
    #[inline(always)]
    fn asinh(self) -> Self {
        let slope = T::one() / (self.value * self.value + T::one()).sqrt();
        self.chain(self.value.asinh(), slope)
    }
    #[inline(always)]
    fn acosh(self) -> Self {
        let square = (self.value - T::one()) * (self.value + T::one());
        self.chain(self.value.acosh(), T::one() / square.sqrt())
    }
    #[inline(always)]
    fn atanh(self) -> Self {
        let square = (T::one() - self.value) * (T::one() + self.value);
        self.chain(self.value.atanh(), T::one() / square)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        self.chain(
            self.value.sigmoid(),
            self.value.sigmoid() * (-self.value).sigmoid(),
        )
    }
    #[inline(always)]
    fn exp2(self) -> Self {
        let e = self.value.exp2();
        self.chain(e, e * T::of(std::f64::consts::LN_2))
    }
    #[inline(always)]
    fn log2(self) -> Self {
        self.chain(
            self.value.log2(),
            T::of(std::f64::consts::LOG2_E) / self.value,
        )
    }
    #[inline(always)]
    fn log10(self) -> Self {
        self.chain(
            self.value.log10(),
            T::of(std::f64::consts::LOG10_E) / self.value,
        )
    }
}

/// The derivative of the error function, `2/√π · e^(−x²)`.
fn erf_slope<T: Real>(x: T) -> T {
    T::of(std::f64::consts::FRAC_2_SQRT_PI) * x.exp_square(-1.0)
}
