//! The memory of a tensor.

use crate::Element;
use crate::memory::scratch::{counted, recycle};
use crate::memory::statistics::TENSORS;

/// Elements in memory; the last tensor that uses them returns the buffer to the free list.
///
/// A single element lives inline: a program of scalars allocates once per tensor, not twice.
#[derive(Debug)]
pub(crate) enum Storage<T: Element> {
    One([T; 1]),
    Many(Vec<T>),
}

impl<T: Element> Storage<T> {
    pub(crate) fn new(values: Vec<T>) -> Self {
        if let [value] = values[..] {
            return Self::One([value]);
        }
        TENSORS.add(counted(&values));
        Self::Many(values)
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => value,
            Self::Many(values) => values,
        }
    }

    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(value) => value,
            Self::Many(values) => values,
        }
    }

    pub(crate) fn into_vec(mut self) -> Vec<T> {
        match &mut self {
            Self::One(value) => value.to_vec(),
            Self::Many(values) => {
                TENSORS.remove(counted(values));
                std::mem::take(values)
            }
        }
    }
}

impl<T: Element> Drop for Storage<T> {
    fn drop(&mut self) {
        if let Self::Many(values) = self {
            TENSORS.remove(counted(values));
            recycle(std::mem::take(values));
        }
    }
}
