//! `+ − × ÷` on variables, owned or borrowed, and with plain numbers on either side.
//!
//! If the first operand is taken by value, the result may reuse its buffer.

use std::ops::{Add, Div, Mul, Neg, Sub};

use wengert_tensor::Real;

use super::add::Add as AddOp;
use super::div::Div as DivOp;
use super::mul::Mul as MulOp;
use super::scalar_arithmetic::{Affine, DivScalar};
use super::sub::Sub as SubOp;
use crate::ops::shape::over_first;
use crate::ops::support::OpInfo;
use crate::var::Var;

macro_rules! operators {
    ($($trait:ident $method:ident $strict:ident, $op:path $(, $reversed:path)?;)*) => {$(
        impl<T: Real> $trait<Var<T>> for Var<T> {
            type Output = Self;
            #[track_caller]
            fn $method(self, other: Self) -> Self {
                over_first($strict, self, &other)
            }
        }

        impl<T: Real> $trait<&Var<T>> for Var<T> {
            type Output = Self;
            #[track_caller]
            fn $method(self, other: &Self) -> Self {
                over_first($strict, self, other)
            }
        }

        operators!(@pair $trait $method, &Var<T>, Var<T>);
        operators!(@pair $trait $method, &Var<T>, &Var<T>);

        impl<T: Real> $trait<f64> for Var<T> {
            type Output = Self;
            #[track_caller]
            fn $method(self, other: f64) -> Self {
                Self::apply($op(other), self)
            }
        }

        impl<T: Real> $trait<f64> for &Var<T> {
            type Output = Var<T>;
            #[track_caller]
            fn $method(self, other: f64) -> Var<T> {
                Var::apply($op(other), [self])
            }
        }

        $(
            impl<T: Real> $trait<Var<T>> for f64 {
                type Output = Var<T>;
                #[track_caller]
                fn $method(self, other: Var<T>) -> Var<T> {
                    Var::apply($reversed(self), other)
                }
            }

            impl<T: Real> $trait<&Var<T>> for f64 {
                type Output = Var<T>;
                #[track_caller]
                fn $method(self, other: &Var<T>) -> Var<T> {
                    Var::apply($reversed(self), [other])
                }
            }
        )?
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
}

operators! {
    Add add AddOp, Affine::adding, Affine::adding;
    Sub sub SubOp, Affine::subtracting, Affine::subtracted_from;
    Mul mul MulOp, Affine::scaling, Affine::scaling;
    Div div DivOp, DivScalar::by;
}

impl<T: Real> Div<Var<T>> for f64 {
    type Output = Var<T>;
    #[track_caller]
    fn div(self, other: Var<T>) -> Var<T> {
        other.rdiv_scalar(self)
    }
}

impl<T: Real> Div<&Var<T>> for f64 {
    type Output = Var<T>;
    #[track_caller]
    fn div(self, other: &Var<T>) -> Var<T> {
        other.rdiv_scalar(self)
    }
}

impl<T: Real> Neg for Var<T> {
    type Output = Self;
    #[track_caller]
    fn neg(self) -> Self {
        Self::apply(Affine::scaling(-1.0), self)
    }
}

impl<T: Real> Neg for &Var<T> {
    type Output = Var<T>;
    #[track_caller]
    fn neg(self) -> Var<T> {
        Var::neg(self)
    }
}

// The methods of `Var` that these operators call are in the table.
pub(super) const OPS: &[OpInfo] = &[];
