//! Operators and named functions, element by element.

use std::any::Any;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::{Element, Number, Real, Tensor, require};

macro_rules! operators {
    ($($trait:ident $method:ident $op:tt;)*) => {$(
        impl<T: Number> $trait<&Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                self.zip_named(stringify!($method), other, |a, b| a $op b)
            }
        }

        impl<T: Number> $trait<&Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(mut self, other: &Tensor<T>) -> Tensor<T> {
                if takes(&mut self, other) {
                    self.zip_in_place(other, |a, b| a $op b);
                    return self;
                }
                &self $op other
            }
        }

        impl<T: Number> $trait<Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, mut other: Tensor<T>) -> Tensor<T> {
                if takes(&mut other, self) {
                    other.zip_in_place(self, |b, a| a $op b);
                    return other;
                }
                self $op &other
            }
        }

        impl<T: Number> $trait<Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: Tensor<T>) -> Tensor<T> {
                if self.len() >= other.len() {
                    self $op &other
                } else {
                    &self $op other
                }
            }
        }

        impl<T: Real> $trait<f64> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: f64) -> Tensor<T> {
                let b = T::of(other);
                self.map(|a| a $op b)
            }
        }

        impl<T: Real> $trait<f64> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(mut self, other: f64) -> Tensor<T> {
                let b = T::of(other);
                self.map_in_place(|a| a $op b);
                self
            }
        }

        impl<T: Real> $trait<&Tensor<T>> for f64 {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                let a = T::of(self);
                other.map(|b| a $op b)
            }
        }

        impl<T: Real> $trait<Tensor<T>> for f64 {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, mut other: Tensor<T>) -> Tensor<T> {
                let a = T::of(self);
                other.map_in_place(|b| a $op b);
                other
            }
        }
    )*};
}

/// Whether the result of two operands may be written over the first.
fn takes<T: Element>(owned: &mut Tensor<T>, other: &Tensor<T>) -> bool {
    owned.len() > 1 && other.layout().broadcasts_to(owned.shape()) && owned.is_writable()
}

operators! {
    Add add +;
    Sub sub -;
    Mul mul *;
    Div div /;
}

impl<T: Number + Neg<Output = T>> Neg for &Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn neg(self) -> Tensor<T> {
        self.map(|x| -x)
    }
}

impl<T: Number + Neg<Output = T>> Neg for Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn neg(mut self) -> Tensor<T> {
        self.map_in_place(|x| -x);
        self
    }
}

impl<T: Number> Tensor<T> {
    /// `self += other`, broadcast to the shape of `self`; in place where nobody else uses the memory.
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn add_assign(&mut self, other: &Self) {
        self.zip_in_place(other, |a, b| a + b);
    }

    /// The larger of each pair, broadcast; a NaN on either side wins.
    #[must_use]
    #[track_caller]
    pub fn maximum(&self, other: &Self) -> Self {
        self.zip_named("maximum", other, T::maximum)
    }

    /// The smaller of each pair, broadcast; a NaN on either side wins.
    #[must_use]
    #[track_caller]
    pub fn minimum(&self, other: &Self) -> Self {
        self.zip_named("minimum", other, T::minimum)
    }

    /// Every element moved into `low..=high`; NaN stays NaN.
    ///
    /// # Panics
    /// If `low > high` or one of them is NaN.
    #[must_use]
    #[track_caller]
    pub fn clamp(&self, low: f64, high: f64) -> Self {
        require!(low <= high, "clamp: {low}..={high}: an empty range");
        let (low, high) = (T::of(low), T::of(high));
        self.map(|x| {
            if x < low {
                low
            } else if x > high {
                high
            } else {
                x
            }
        })
    }

    /// Every element as another type of number, by way of `f64`; the same type stays exact.
    #[must_use]
    #[track_caller]
    pub fn cast<U: Number>(&self) -> Tensor<U> {
        if let Some(same) = (self as &dyn Any).downcast_ref::<Tensor<U>>() {
            return same.clone();
        }
        self.map(|x| U::of(x.to_f64()))
    }
}

impl<T: Element> Tensor<T> {
    /// Every element the same.
    #[track_caller]
    pub fn fill(&mut self, value: T) {
        if self.is_writable() {
            self.as_mut_slice().fill(value);
        } else {
            *self = Self::full(self.shape(), value);
        }
    }
}

macro_rules! named {
    ($($(#[$doc:meta])* $name:ident)*) => {
        impl<T: Real> Tensor<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> Self {
                self.map_costly(T::$name)
            }
        )*}
    };
}

named! {
    /// eˣ
    exp
    /// `eˣ − 1`, exact near 0.
    exp_m1
    /// 2ˣ
    exp2
    /// The natural logarithm.
    ln
    /// `ln(1 + x)`, exact near 0.
    ln_1p
    /// The logarithm to base 2.
    log2
    /// The logarithm to base 10.
    log10
    /// √x
    sqrt
    /// sin x
    sin
    /// cos x
    cos
    /// tan x
    tan
    /// The inverse tangent, in (−π/2, π/2).
    atan
    /// sinh x
    sinh
    /// cosh x
    cosh
    /// tanh x
    tanh
    /// `1 / (1 + e⁻ˣ)`, without overflow.
    sigmoid
    /// The error function `2/√π ∫₀ˣ e^(−t²) dt`.
    erf
    /// `1 − erf x`, without its cancellation.
    erfc
    /// |x|
    abs
    /// −1, 0 or 1; NaN for NaN.
    sign
    /// The largest integer not above x.
    floor
    /// The smallest integer not below x.
    ceil
    /// The nearest integer, halves to the even one.
    round
    /// The integer part.
    trunc
    /// The value with every tangent dropped.
    primal
}

impl<T: Real> Tensor<T> {
    /// Every element to a constant power.
    #[must_use]
    #[track_caller]
    pub fn powf(&self, exponent: f64) -> Self {
        self.map_costly(|x: T| x.powf(exponent))
    }

    /// `xʸ`, broadcast.
    #[must_use]
    #[track_caller]
    pub fn pow(&self, exponent: &Self) -> Self {
        self.zip_named("pow", exponent, T::pow)
    }

    /// The angle of the points (`x`, `self`), in (−π, π], broadcast.
    #[must_use]
    #[track_caller]
    pub fn atan2(&self, x: &Self) -> Self {
        self.zip_named("atan2", x, T::atan2)
    }
}
