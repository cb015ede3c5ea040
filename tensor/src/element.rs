//! The traits of element types: [`Element`], its subtrait [`Number`]; the subtrait [`Real`](crate::Real) of that
//! has a file of its own.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use crate::kernels::Kernels;

/// An element type of tensors: `bool`, integers, floats, dual numbers.
pub trait Element: Kernels + Default + PartialEq + Debug {
    /// A value that marks an element as not yet written: NaN if the type has one, which then defines this; else the default.
    #[must_use]
    fn poison() -> Self {
        Self::default()
    }

    /// The elements formatted alike, so that they can be aligned in columns; floats have `precision` digits after
    /// the decimal point.
    #[must_use]
    fn texts(values: &[Self], _precision: Option<usize>) -> Vec<String> {
        values.iter().map(|x| format!("{x:?}")).collect()
    }
}

/// An element type with arithmetic and an order: integers, floats, dual numbers.
pub trait Number:
    Element
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + num_traits::Zero
    + num_traits::One
{
    /// Whether equal numbers are interchangeable; equal dual numbers are not, as their tangents may differ.
    const PLAIN: bool = true;

    /// Whether the value is NaN, the only one that differs from itself; false for integers.
    #[must_use]
    #[allow(clippy::eq_op, reason = "that is how NaN differs")]
    fn is_nan(self) -> bool {
        self != self
    }

    /// The nearest `f64`; the tangent of a dual number is dropped, and gradient checks report it: see
    /// [`lost_paths`](crate::lost_paths).
    #[must_use]
    #[track_caller]
    fn to_f64(self) -> f64;

    /// The number of this type nearest to an `f64`; integers truncate and saturate.
    #[must_use]
    fn of(x: f64) -> Self;

    /// The larger of two numbers; NaN if either is NaN.
    #[must_use]
    fn maximum(self, other: Self) -> Self {
        if self >= other || self.is_nan() {
            self
        } else {
            other
        }
    }

    /// The smaller of two numbers; NaN if either is NaN.
    #[must_use]
    fn minimum(self, other: Self) -> Self {
        if self <= other || self.is_nan() {
            self
        } else {
            other
        }
    }
}

impl Element for bool {}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl Element for $t {
        }

        impl Number for $t {
            #[allow(clippy::cast_lossless)] // one body for all widths
            fn to_f64(self) -> f64 {
                self as f64
            }

            fn of(x: f64) -> Self {
                x as $t
            }
        }
    )*};
}

integers!(u8, i8, i16, u16, i32, u32, i64, u64, usize, isize);

macro_rules! floats {
    ($($t:ty),*) => {$(
        impl Element for $t {
            fn poison() -> Self {
                <$t>::NAN
            }

            fn texts(values: &[Self], precision: Option<usize>) -> Vec<String> {
                crate::display::float_texts(values, precision)
            }
        }

        impl Number for $t {
            fn is_nan(self) -> bool {
                <$t>::is_nan(self)
            }

            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            fn of(x: f64) -> Self {
                x as $t
            }
        }
    )*};
}

floats!(f32, f64);
