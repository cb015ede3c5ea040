//! [`NumberType`]: numbers as the bytes of a message.

use std::any::Any;

use wengert_tensor::memory::Scratch;
use wengert_tensor::{Real, Tensor};

/// The type of the numbers in a message, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberType {
    /// Single precision, 4 bytes.
    F32,
    /// Double precision, 8 bytes.
    F64,
}

/// Runs the same code for both types.
macro_rules! for_each_type {
    ($own:expr, $T:ident => $code:expr) => {
        match $own {
            NumberType::F32 => {
                type $T = f32;
                $code
            }
            NumberType::F64 => {
                type $T = f64;
                $code
            }
        }
    };
}

impl NumberType {
    /// The type of `T`; `None` if numbers of this type cannot be sent.
    #[must_use]
    pub fn of<T: Real>() -> Option<Self> {
        let zero: &dyn Any = &T::zero();
        if zero.is::<f32>() {
            Some(Self::F32)
        } else if zero.is::<f64>() {
            Some(Self::F64)
        } else {
            None
        }
    }

    /// The bytes of one number.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Writes the elements of a tensor of this type; nothing for a tensor of another type.
    pub(crate) fn write<T: Real>(self, tensor: &Tensor<T>, bytes: &mut [u8]) {
        for_each_type!(self, N => {
            if let Some(tensor) = (tensor as &dyn Any).downcast_ref::<Tensor<N>>() {
                let numbers = tensor.contiguous();
                let numbers = numbers.as_slice().unwrap_or_default();
                for (bytes, x) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
                    *bytes = x.to_le_bytes();
                }
            }
        });
    }

    /// The tensor that was written; `None` if `T` is another type.
    pub(crate) fn read<T: Real>(self, bytes: &[u8], shape: &[usize]) -> Option<Tensor<T>> {
        self.read_scaled(bytes, shape, 1.0)
            .map(|(tensor, _)| tensor)
    }

    /// The tensor that was written, multiplied by a number, and whether all elements are finite; `None` if `T` is another
    /// type.
    pub(crate) fn read_scaled<T: Real>(
        self,
        bytes: &[u8],
        shape: &[usize],
        factor: f64,
    ) -> Option<(Tensor<T>, bool)> {
        for_each_type!(self, N => {
            let factor = factor as N;
            let mut is_finite = true;
            // The memory of a tensor of an earlier step, if there is one.
            let mut numbers = Scratch::<N>::new(bytes.len() / self.bytes());
            for (x, &bytes) in numbers.iter_mut().zip(bytes.as_chunks().0) {
                *x = N::from_le_bytes(bytes) * factor;
                is_finite &= x.is_finite();
            }
            let tensor: Box<dyn Any> = Box::new(Tensor::from_vec(numbers.into_vec(), shape));
            tensor.downcast().ok().map(|tensor| (*tensor, is_finite))
        })
    }

    /// `sum ← sum + more`, number by number.
    pub(crate) fn add(self, sum: &mut [u8], more: &[u8]) {
        for_each_type!(self, N => {
            for (sum, more) in sum.as_chunks_mut().0.iter_mut().zip(more.as_chunks().0) {
                *sum = (N::from_le_bytes(*sum) + N::from_le_bytes(*more)).to_le_bytes();
            }
        });
    }

    /// Writes −0, which added to any number gives that number.
    pub(crate) fn fill_neutral(self, bytes: &mut [u8]) {
        for_each_type!(self, N => {
            let neutral: N = -0.0;
            bytes.as_chunks_mut().0.fill(neutral.to_le_bytes());
        });
    }
}
