//! The number types of a file.

use wengert_tensor::{Real, Tensor};

use crate::proto::DataType;

/// A number type that a file can hold: `f32` or `f64`.
pub trait FileNumber: Real + sealed::Bytes {}

impl FileNumber for f32 {}
impl FileNumber for f64 {}

mod sealed {
    use super::DataType;

    pub trait Bytes: Copy {
        const DATA_TYPE: DataType;
        fn append_to(self, bytes: &mut Vec<u8>);
    }

    impl Bytes for f32 {
        const DATA_TYPE: DataType = DataType::Float;
        fn append_to(self, bytes: &mut Vec<u8>) {
            bytes.extend(self.to_le_bytes());
        }
    }

    impl Bytes for f64 {
        const DATA_TYPE: DataType = DataType::Double;
        fn append_to(self, bytes: &mut Vec<u8>) {
            bytes.extend(self.to_le_bytes());
        }
    }
}

/// The type of the elements.
pub(crate) const fn data_type<T: FileNumber>() -> DataType {
    <T as sealed::Bytes>::DATA_TYPE
}

/// The elements in row-major order, each with the lowest byte first.
pub(crate) fn bytes<T: FileNumber>(x: &Tensor<T>) -> Vec<u8> {
    let mut all = Vec::with_capacity(x.len() * size_of::<T>());
    for value in x {
        sealed::Bytes::append_to(value, &mut all);
    }
    all
}

/// Whether two tensors hold the same numbers; NaN equals NaN.
pub(crate) fn same<T: Real>(a: &Tensor<T>, b: &Tensor<T>) -> bool {
    let bits = |x: T| x.to_f64().to_bits();
    a.shape() == b.shape() && a.iter().map(bits).eq(b.iter().map(bits))
}
