//! The iterator over the elements of a tensor. Elementwise functions are faster: they are vectorised.

use crate::layout::{Layout, MAX_RANK};
use crate::{Element, Tensor};

/// An iterator over the elements of a tensor in row-major order, by value; see [`Tensor::iter`].
#[derive(Debug)]
pub struct Elements<'a, T: Element> {
    buffer: &'a [T],
    layout: &'a Layout,
    index: [usize; MAX_RANK],
    position: isize,
    remaining: usize,
}

impl<'a, T: Element> Elements<'a, T> {
    pub(crate) fn new(tensor: &'a Tensor<T>) -> Self {
        Self {
            buffer: tensor.buffer(),
            layout: tensor.layout(),
            index: [0; MAX_RANK],
            position: tensor.layout().offset() as isize,
            remaining: tensor.len(),
        }
    }
}

impl<T: Element> Iterator for Elements<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.remaining == 0 {
            return None;
        }
        self.remaining -= 1;
        let value = self.buffer[self.position as usize];
        if self.remaining > 0 {
            let (shape, strides) = (self.layout.shape(), self.layout.strides());
            for axis in (0..shape.len()).rev() {
                self.index[axis] += 1;
                self.position += strides[axis];
                if self.index[axis] < shape[axis] {
                    break;
                }
                self.position -= shape[axis] as isize * strides[axis];
                self.index[axis] = 0;
            }
        }
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl<T: Element> ExactSizeIterator for Elements<'_, T> {}

impl<'a, T: Element> IntoIterator for &'a Tensor<T> {
    type Item = T;
    type IntoIter = Elements<'a, T>;

    fn into_iter(self) -> Elements<'a, T> {
        self.iter()
    }
}
