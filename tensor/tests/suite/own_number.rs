//! A number type with nothing but what the traits require: their defaults are held against the functions of `f64`.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use num_traits::{One, Zero};
use wengert_tensor::kernels::Kernels;
use wengert_tensor::{Element, Number, Real, Tensor};

#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
struct Own(f64);

macro_rules! operators {
    ($($trait:ident $f:ident, $assign:ident $g:ident;)*) => {$(
        impl $trait for Own {
            type Output = Self;
            fn $f(self, other: Self) -> Self {
                Self(self.0.$f(other.0))
            }
        }
        impl $assign for Own {
            fn $g(&mut self, other: Self) {
                *self = self.$f(other);
            }
        }
    )*};
}
operators! {
    Add add, AddAssign add_assign;
    Sub sub, SubAssign sub_assign;
    Mul mul, MulAssign mul_assign;
    Div div, DivAssign div_assign;
}

impl Neg for Own {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}
impl Zero for Own {
    fn zero() -> Self {
        Self(0.0)
    }
    fn is_zero(&self) -> bool {
        self.0 == 0.0
    }
}
impl One for Own {
    fn one() -> Self {
        Self(1.0)
    }
}
impl Kernels for Own {}
impl Element for Own {}
impl Number for Own {
    fn to_f64(self) -> f64 {
        self.0
    }
    fn of(x: f64) -> Self {
        Self(x)
    }
}

macro_rules! functions {
    ($($f:ident)*) => {
        impl Real for Own {$(
            fn $f(self) -> Self {
                Self(Real::$f(self.0))
            }
        )*}
    };
}
functions!(exp ln sin cos atan sqrt erf erfc floor);

const ARGUMENTS: [f64; 25] = [
    0.0,
    1e-300,
    1e-9,
    0.3,
    0.5,
    1.0,
    1.5,
    2.5,
    3.0,
    7.25,
    36.5,
    700.0,
    1e6,
    1e10,
    f64::INFINITY,
    -1e-9,
    -0.3,
    -0.5,
    -1.0,
    -1.5,
    -2.5,
    -36.5,
    -1e10,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// Whether numbers agree to 1e-12, in infinities and in NaN.
fn agree(found: f64, right: f64) -> bool {
    found == right
        || (found.is_nan() && right.is_nan())
        || (found - right).abs() <= 1e-12 * right.abs()
        || (found.abs() < 1e-300 && right.abs() < 1e-300)
}

#[test]
fn default_functions_are_those_of_f64() {
    macro_rules! check {
        ($($f:ident)*) => {$(
            for x in ARGUMENTS {
                let (found, right) = (Own(x).$f().0, Real::$f(x));
                assert!(agree(found, right), "{}({x:e}) is {found:e}, not {right:e}", stringify!($f));
            }
        )*};
    }
    check!(abs sign ceil round trunc tan exp_m1 ln_1p sinh cosh tanh asinh acosh atanh sigmoid normal_cdf exp2 log2 log10);
    for x in ARGUMENTS {
        for y in ARGUMENTS.into_iter().filter(|y| y.is_finite()) {
            let right = Real::powf(x, y);
            // C's convention for this case is not that of logarithms.
            let is_special = x == f64::NEG_INFINITY && y.fract() != 0.0;
            for found in [Own(x).powf(y).0, Own(x).pow(Own(y)).0] {
                assert!(
                    is_special
                        || agree(found, right)
                        || (found - right).abs() < 1e-11 * right.abs(),
                    "{x:e} to {y:e} is {found:e}, not {right:e}"
                );
            }
            if x.is_finite() {
                let (found, right) = (Own(x).atan2(Own(y)).0, Real::atan2(x, y));
                assert!(
                    agree(found, right),
                    "atan2({x:e}, {y:e}) is {found:e}, not {right:e}"
                );
            }
        }
    }
}

#[test]
fn maxima_and_minima_keep_nan_without_a_word_from_the_type() {
    assert!(Own(f64::NAN).is_nan() && !Own(1.0).is_nan() && !3_i32.is_nan());
    for values in [
        [1.0, f64::NAN, 0.0],
        [f64::NAN, 1.0, 2.0],
        [0.0, 1.0, f64::NAN],
    ] {
        let x = Tensor::from_vec(values.map(Own).to_vec(), [3]);
        assert!(x.max(..).item().0.is_nan(), "{values:?}");
        assert!(x.min(..).item().0.is_nan(), "{values:?}");
    }
}
