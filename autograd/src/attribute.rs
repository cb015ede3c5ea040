//! Options of an op by name, for programs that translate what a tape has recorded.

use wengert_tensor::{Axes, Slice, Tensor};

/// The value of an option of an op, see [`Op::attributes`](crate::Op::attributes).
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// Whether something holds.
    Flag(bool),
    /// A real number.
    Number(f64),
    /// Whole numbers, such as extents; one for each axis where they belong to axes.
    Integers(Vec<i64>),
    /// Axes, and whether they stay in the result.
    Axes(Axes),
    /// A slice for each axis.
    Slices(Vec<Slice>),
    /// A mask.
    Mask(Tensor<bool>),
    /// Indices.
    Indices(Tensor<i64>),
    /// Real numbers, such as weights that depend on options alone.
    Numbers(Tensor<f64>),
}

/// Options by name.
pub type Attributes = Vec<(&'static str, Attribute)>;

macro_rules! from {
    ($($type:ty => $variant:ident),+) => {$(
        impl From<$type> for Attribute {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        }
    )+};
}

from! {
    bool => Flag,
    f64 => Number,
    Vec<i64> => Integers,
    Axes => Axes,
    Vec<Slice> => Slices,
    Tensor<bool> => Mask,
    Tensor<i64> => Indices,
    Tensor<f64> => Numbers
}

impl From<isize> for Attribute {
    fn from(value: isize) -> Self {
        Self::Integers(vec![value as i64])
    }
}

impl From<usize> for Attribute {
    fn from(value: usize) -> Self {
        Self::Integers(vec![value as i64])
    }
}

impl From<&[usize]> for Attribute {
    fn from(values: &[usize]) -> Self {
        Self::Integers(values.iter().map(|&n| n as i64).collect())
    }
}

impl From<&[isize]> for Attribute {
    fn from(values: &[isize]) -> Self {
        Self::Integers(values.iter().map(|&n| n as i64).collect())
    }
}
