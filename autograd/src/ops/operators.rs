//! `+ − × ÷` on variables, owned or borrowed, and with plain numbers on either side.

use std::ops::{Add, Div, Mul, Neg, Sub};

use wengert_tensor::Real;

use crate::var::Var;

macro_rules! operators {
    ($($trait:ident $method:ident $scalar:ident $reversed:ident;)*) => {$(
        operators!(@pair $trait $method, Var<T>, Var<T>);
        operators!(@pair $trait $method, Var<T>, &Var<T>);
        operators!(@pair $trait $method, &Var<T>, Var<T>);
        operators!(@pair $trait $method, &Var<T>, &Var<T>);
        operators!(@scalar $trait $method $scalar $reversed, Var<T>);
        operators!(@scalar $trait $method $scalar $reversed, &Var<T>);
    )*};
    (@pair $trait:ident $method:ident, $left:ty, $right:ty) => {
        impl<T: Real> $trait<$right> for $left {
            type Output = Var<T>;
            #[track_caller]
            fn $method(self, other: $right) -> Var<T> {
                Var::$method(&self, &other)
            }
        }
    };
    (@scalar $trait:ident $method:ident $scalar:ident $reversed:ident, $var:ty) => {
        impl<T: Real> $trait<f64> for $var {
            type Output = Var<T>;
            #[track_caller]
            fn $method(self, other: f64) -> Var<T> {
                self.$scalar(other)
            }
        }

        impl<T: Real> $trait<$var> for f64 {
            type Output = Var<T>;
            #[track_caller]
            fn $method(self, other: $var) -> Var<T> {
                other.$reversed(self)
            }
        }
    };
}

operators! {
    Add add add_scalar add_scalar;
    Sub sub sub_scalar rsub_scalar;
    Mul mul mul_scalar mul_scalar;
    Div div div_scalar rdiv_scalar;
}

impl<T: Real> Neg for Var<T> {
    type Output = Self;
    #[track_caller]
    fn neg(self) -> Self {
        Self::neg(&self)
    }
}

impl<T: Real> Neg for &Var<T> {
    type Output = Var<T>;
    #[track_caller]
    fn neg(self) -> Var<T> {
        Var::neg(self)
    }
}
