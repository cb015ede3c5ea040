//! What a tensor may hold: [`Element`] ⊂ [`Number`] ⊂ [`Real`](crate::Real).

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use crate::kernels::Kernels;

/// A value that a tensor can hold: `bool`, integers, floats, dual numbers.
pub trait Element: Kernels + Default + PartialEq + Debug {
    /// What a poisoned or unread cell holds: NaN where there is one, the default elsewhere.
    #[must_use]
    fn poison() -> Self {
        Self::default()
    }

    /// Elements as text that can stand in columns, `precision` digits behind the point where they
    /// have one.
    #[must_use]
    fn texts(values: &[Self], _precision: Option<usize>) -> Vec<String> {
        values.iter().map(|x| format!("{x:?}")).collect()
    }
}

/// An element with arithmetic and an order: integers, floats, dual numbers.
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
    /// Whether equal numbers may stand for each other; equal dual numbers differ in their tangents.
    const PLAIN: bool = true;

    /// Whether the value is not a number; never for integers.
    #[must_use]
    fn is_nan(self) -> bool {
        false
    }

    /// The nearest `f64`; of a dual number its value.
    #[must_use]
    fn to_f64(self) -> f64;

    /// The nearest number of this type to an `f64`; integers truncate and saturate.
    #[must_use]
    fn of(x: f64) -> Self;

    /// The larger of two; a NaN on either side wins.
    #[must_use]
    fn maximum(self, other: Self) -> Self {
        if self >= other || self.is_nan() {
            self
        } else {
            other
        }
    }

    /// The smaller of two; a NaN on either side wins.
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
