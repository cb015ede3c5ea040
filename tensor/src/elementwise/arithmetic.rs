//! Operators and elementwise functions. Operands broadcast; owned operands are computed in place if possible.

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
                if can_hold_result(&mut self, other) {
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
                if can_hold_result(&mut other, self) {
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

/// Whether the result of two operands can be computed in place in the first: it has the shape of the result,
/// and its buffer is uniquely owned.
fn can_hold_result<T: Element>(owned: &mut Tensor<T>, other: &Tensor<T>) -> bool {
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
    /// `self += other`, with `other` broadcast to the shape of `self`; in place if the tensor is contiguous and
    /// its buffer uniquely owned.
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn add_assign(&mut self, other: &Self) {
        self.zip_in_place(other, |a, b| a + b);
    }

    /// The elementwise maximum, broadcast; NaN if either element is NaN.
    #[must_use]
    #[track_caller]
    pub fn maximum(&self, other: &Self) -> Self {
        self.zip_named("maximum", other, T::maximum)
    }

    /// The elementwise minimum, broadcast; NaN if either element is NaN.
    #[must_use]
    #[track_caller]
    pub fn minimum(&self, other: &Self) -> Self {
        self.zip_named("minimum", other, T::minimum)
    }

    /// Every element limited to the range from `low` to `high`: `min(max(x, low), high)`; NaN stays NaN.
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

    /// Every element converted to another number type, through `f64`. Integers truncate and saturate. A
    /// conversion to the same type is exact and shares the buffer.
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
    /// Sets every element to `value`.
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
    /// `eˣ − 1`, accurate near 0.
    exp_m1
    /// 2ˣ
    exp2
    /// The natural logarithm.
    ln
    /// `ln(1 + x)`, accurate near 0.
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
    /// `1 − erf x`, accurate also where `erf x` is near 1.
    erfc
    /// |x|
    abs
    /// −1, 0 or 1; 0 for NaN, as in PyTorch.
    sign
    /// The largest integer that is at most x.
    floor
    /// The smallest integer that is at least x.
    ceil
    /// The nearest integer; halves round to the even one.
    round
    /// The integer part: rounded towards 0.
    trunc
    /// The value without tangents; of a number that is not dual, the number itself.
    primal
}

impl<T: Real> Tensor<T> {
    /// `xᵃ` for every element, with a constant exponent.
    #[must_use]
    #[track_caller]
    pub fn pow(&self, exponent: f64) -> Self {
        self.map_costly(|x: T| x.powf(exponent))
    }

    /// `xʸ`, broadcast, with exponents from a tensor.
    #[must_use]
    #[track_caller]
    pub fn pow_tensor(&self, exponent: &Self) -> Self {
        self.zip_named("pow_tensor", exponent, T::pow)
    }

    /// The angle of the point (`x`, `self`) in (−π, π], broadcast: `self` is the ordinate.
    #[must_use]
    #[track_caller]
    pub fn atan2(&self, x: &Self) -> Self {
        self.zip_named("atan2", x, T::atan2)
    }
}
