//! [`Values`]: the elements of a tensor of a file.

use wengert_tensor::{Real, Tensor};

use crate::safetensors::DataType;

/// The elements of a tensor in a [`StateDict`](crate::StateDict).
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Tensor<f32>),
    /// Double precision.
    F64(Tensor<f64>),
    /// Whole numbers.
    I64(Tensor<i64>),
    /// Bytes.
    U8(Tensor<u8>),
    /// Elements of a file that no tensor can have, such as BOOL, I32 or F8.
    Raw(RawValues),
}

/// Elements of a type that the safetensors format has and [`Tensor`] has not, as the bytes of the file.
///
/// They can be looked at, renamed, removed and written again, but not loaded into a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawValues {
    pub(crate) data_type: DataType,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl RawValues {
    /// The extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type's name in a file.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        self.data_type.name()
    }

    /// The elements in row-major order, little-endian.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Values {
    /// The values of a tensor: `F32` if `T` is no more precise than `f32`, otherwise `F64`.
    #[must_use]
    pub fn of<T: Real>(x: &Tensor<T>) -> Self {
        let single = T::of(1.0 + f64::EPSILON) == T::one();
        if single {
            Self::F32(x.cast())
        } else {
            Self::F64(x.cast())
        }
    }

    /// The extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(x) => x.shape(),
            Self::F64(x) => x.shape(),
            Self::I64(x) => x.shape(),
            Self::U8(x) => x.shape(),
            Self::Raw(x) => x.shape(),
        }
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the elements are real numbers.
    #[must_use]
    pub const fn is_real(&self) -> bool {
        matches!(self, Self::F32(_) | Self::F64(_))
    }

    /// The elements as real numbers; `None` for all other types.
    #[must_use]
    pub fn real<T: Real>(&self) -> Option<Tensor<T>> {
        match self {
            Self::F32(x) => Some(x.cast()),
            Self::F64(x) => Some(x.cast()),
            Self::I64(_) | Self::U8(_) | Self::Raw(_) => None,
        }
    }

    /// The only element, a whole number.
    #[must_use]
    pub fn counter(&self) -> Option<i64> {
        match self {
            Self::I64(x) if x.rank() == 0 => Some(x.item()),
            _ => None,
        }
    }

    /// The type's name in a file.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::F32(_) => "F32",
            Self::F64(_) => "F64",
            Self::I64(_) => "I64",
            Self::U8(_) => "U8",
            Self::Raw(x) => x.type_name(),
        }
    }
}
