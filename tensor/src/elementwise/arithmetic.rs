//! Operators and elementwise functions. Operands broadcast; owned operands are computed in place if possible.

use std::any::Any;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::{Element, ElementFunction, Number, Real, Tensor, require};

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
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let mut x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// x.add_assign(&Tensor::from_vec(vec![10, 20], [2]));
    /// assert_eq!(x.to_vec(), [11, 22, 13, 24]);
    /// ```
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn add_assign(&mut self, other: &Self) {
        self.zip_in_place(other, |a, b| a + b);
    }

    /// The elementwise maximum, broadcast; NaN if either element is NaN.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 5.0], [2]);
    /// assert_eq!(x.maximum(&Tensor::scalar(3.0)).to_vec(), [3.0, 5.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn maximum(&self, other: &Self) -> Self {
        self.zip_named("maximum", other, T::maximum)
    }

    /// The elementwise minimum, broadcast; NaN if either element is NaN.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 5.0], [2]);
    /// assert_eq!(x.minimum(&Tensor::scalar(3.0)).to_vec(), [1.0, 3.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn minimum(&self, other: &Self) -> Self {
        self.zip_named("minimum", other, T::minimum)
    }

    /// Every element limited to the range from `low` to `high`: `min(max(x, low), high)`; NaN stays NaN.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![-2.0, 0.5, 2.0], [3]);
    /// assert_eq!(x.clamp(0.0, 1.0).to_vec(), [0.0, 0.5, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If `low > high` or one of them is NaN.
    #[must_use]
    #[track_caller]
    pub fn clamp(&self, low: f64, high: f64) -> Self {
        require!(low <= high, "clamp: {low}..={high}: an empty range");
        let (low, high) = (T::of(low), T::of(high));
        self.map(move |x| {
            let x = if x < low { low } else { x };
            if x > high { high } else { x }
        })
    }

    /// Every element converted to another number type, through `f64`. Integers truncate and saturate. A
    /// conversion to the same type is exact and shares the buffer.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.5_f64, -2.7], [2]);
    /// assert_eq!((x.cast::<f32>().to_vec(), x.cast::<i64>().to_vec()), (vec![1.5, -2.7], vec![1, -2]));
    /// ```
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
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let mut x = Tensor::from_vec(vec![1, 2, 3], [3]);
    /// x.fill(7);
    /// assert_eq!(x.to_vec(), [7, 7, 7]);
    /// ```
    #[track_caller]
    pub fn fill(&mut self, value: T) {
        if self.is_writable() {
            self.as_mut_slice().fill(value);
        } else {
            *self = Self::full(self.shape(), value);
        }
    }
}

/// Functions of angles: vectors for usual angles, then the large ones one by one.
macro_rules! of_angles {
    ($($(#[$doc:meta])* $name:ident, $small:ident, $function:ident)*) => {$(
        struct $function;

        impl<T: Real> ElementFunction<T, T> for $function {
            const HAS_RARE: bool = true;

            #[inline(always)]
            fn at(&self, x: T) -> T {
                x.$name()
            }

            #[inline(always)]
            fn common(&self, x: T) -> T {
                x.$small()
            }

            #[inline(always)]
            fn is_rare(&self, x: &T) -> bool {
                x.is_large_angle()
            }
        }

        impl<T: Real> Tensor<T> {
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> Self {
                self.map_costly($function)
            }
        }
    )*};
}

of_angles! {
    /// sin x
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.0, std::f64::consts::FRAC_PI_2], [2]).sin().to_vec(), [0.0, 1.0]);
    /// ```
    sin, small_angle_sin, Sin
    /// cos x
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.0, std::f64::consts::PI], [2]).cos().to_vec(), [1.0, -1.0]);
    /// ```
    cos, small_angle_cos, Cos
    /// tan x
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let y = Tensor::scalar(std::f64::consts::FRAC_PI_4).tan();
    /// assert!((y.item() - 1.0).abs() < 1e-15);
    /// ```
    tan, small_angle_tan, Tan
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
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert!((Tensor::scalar(1.0).exp().item() - std::f64::consts::E).abs() < 1e-15);
    /// ```
    exp
    /// `eˣ − 1`, accurate near 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.0, 1e-20], [2]).exp_m1().to_vec(), [0.0, 1e-20]);
    /// ```
    exp_m1
    /// 2ˣ
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.0, 3.0], [2]).exp2().to_vec(), [1.0, 8.0]);
    /// ```
    exp2
    /// The natural logarithm.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 0.0], [2]).ln().to_vec(), [0.0, f64::NEG_INFINITY]);
    /// ```
    ln
    /// `ln(1 + x)`, accurate near 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.0, 1e-20], [2]).ln_1p().to_vec(), [0.0, 1e-20]);
    /// ```
    ln_1p
    /// The logarithm to base 2.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 8.0], [2]).log2().to_vec(), [0.0, 3.0]);
    /// ```
    log2
    /// The logarithm to base 10.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 1000.0], [2]).log10().to_vec(), [0.0, 3.0]);
    /// ```
    log10
    /// √x
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![4.0, 9.0], [2]).sqrt().to_vec(), [2.0, 3.0]);
    /// ```
    sqrt
    /// The inverse tangent, in (−π/2, π/2).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.0, 1.0], [2]).atan().to_vec(), [0.0, std::f64::consts::FRAC_PI_4]);
    /// ```
    atan
    /// sinh x
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert!((Tensor::scalar(2_f64.ln()).sinh().item() - 0.75).abs() < 1e-15);
    /// ```
    sinh
    /// cosh x
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert!((Tensor::scalar(2_f64.ln()).cosh().item() - 1.25).abs() < 1e-15);
    /// ```
    cosh
    /// tanh x
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.0, 1000.0], [2]).tanh().to_vec(), [0.0, 1.0]);
    /// ```
    tanh
    /// `1 / (1 + e⁻ˣ)`, without overflow.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1000.0, 0.0, 1000.0], [3]).sigmoid().to_vec(), [0.0, 0.5, 1.0]);
    /// ```
    sigmoid
    /// The error function `2/√π ∫₀ˣ e^(−t²) dt`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert!((Tensor::scalar(1.0_f64).erf().item() - 0.842_700_792_949_715).abs() < 1e-15);
    /// ```
    erf
    /// `1 − erf x`, accurate also where `erf x` is near 1.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert!((Tensor::scalar(1.0_f64).erfc().item() - 0.157_299_207_050_285).abs() < 1e-15);
    /// ```
    erfc
    /// |x|
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-2.0, 3.0], [2]).abs().to_vec(), [2.0, 3.0]);
    /// ```
    abs
    /// −1, 0 or 1; 0 for NaN, as in PyTorch.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-2.0, 0.0, 3.0], [3]).sign().to_vec(), [-1.0, 0.0, 1.0]);
    /// ```
    sign
    /// The largest integer that is at most x.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1.5, 1.5], [2]).floor().to_vec(), [-2.0, 1.0]);
    /// ```
    floor
    /// The smallest integer that is at least x.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1.5, 1.5], [2]).ceil().to_vec(), [-1.0, 2.0]);
    /// ```
    ceil
    /// The nearest integer; halves round to the even one.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.5, 1.5, 2.4], [3]).round().to_vec(), [0.0, 2.0, 2.0]);
    /// ```
    round
    /// The integer part: rounded towards 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1.5, 1.5], [2]).trunc().to_vec(), [-1.0, 1.0]);
    /// ```
    trunc
    /// The value without tangents; of a number that is not dual, the number itself.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::Dual;
    ///
    /// let x = Tensor::scalar(Dual::new(2.0_f64, 1.0));
    /// assert_eq!(x.primal().item(), Dual::new(2.0, 0.0));
    /// ```
    primal
}

impl<T: Real> Tensor<T> {
    /// The angle of the point (`x`, `self`) in (−π, π], broadcast: `self` is the ordinate.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (y, x) = (Tensor::from_vec(vec![0.0, 1.0], [2]), Tensor::from_vec(vec![1.0, 0.0], [2]));
    /// assert_eq!(y.atan2(&x).to_vec(), [0.0, std::f64::consts::FRAC_PI_2]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn atan2(&self, x: &Self) -> Self {
        self.zip_costly_named("atan2", x, |(y, x): (T, T)| y.atan2(x))
    }
}
