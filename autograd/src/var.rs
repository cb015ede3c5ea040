//! A value that may be tracked.

use std::fmt;
use std::panic::Location;

use wengert_tensor::{Real, Tensor};

use crate::tape::{Node, Tape};

/// A tensor, and, if any of its ancestors is tracked, its place on a [`Tape`] that records how it was made.
///
/// An untracked variable costs no more than its tensor, so evaluation, plain backward and double
/// backward run the same code.
#[derive(Clone)]
pub struct Var<T: Real = f32> {
    value: Tensor<T>,
    node: Option<Node<T>>,
}

impl<T: Real> Var<T> {
    /// An untracked variable.
    #[must_use]
    pub fn constant(value: Tensor<T>) -> Self {
        Self { value, node: None }
    }

    /// An untracked number of rank 0.
    #[must_use]
    pub fn scalar(value: f64) -> Self {
        Self::constant(Tensor::scalar(T::of(value)))
    }

    /// An untracked variable full of one number.
    #[must_use]
    #[track_caller]
    pub fn full(shape: impl AsRef<[usize]>, value: f64) -> Self {
        Self::constant(Tensor::scalar(T::of(value)).broadcast_to(shape))
    }

    pub(crate) const fn with_node(value: Tensor<T>, node: Option<Node<T>>) -> Self {
        Self { value, node }
    }

    pub(crate) fn into_parts(self) -> (Tensor<T>, Option<Node<T>>) {
        (self.value, self.node)
    }

    pub(crate) const fn node(&self) -> Option<&Node<T>> {
        self.node.as_ref()
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The value of an untracked variable, to be changed.
    pub(crate) fn value_mut(&mut self) -> &mut Tensor<T> {
        debug_assert!(self.node.is_none(), "a tape has recorded the value");
        &mut self.value
    }

    /// The value, without its history.
    #[must_use]
    pub fn into_value(self) -> Tensor<T> {
        self.value
    }

    /// The same value as an untracked variable: no gradient flows through it.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self::constant(self.value.clone())
    }

    /// Whether gradients flow through this variable.
    #[must_use]
    pub const fn is_tracked(&self) -> bool {
        self.node.is_some()
    }

    /// The tape that this variable is recorded on.
    #[must_use]
    pub fn tape(&self) -> Option<&Tape<T>> {
        self.node.as_ref().map(|node| &node.tape)
    }

    /// The entry of that tape that made this variable.
    #[must_use]
    pub fn entry(&self) -> Option<usize> {
        self.node.as_ref().map(|node| node.entry as usize)
    }

    /// The extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.value.rank()
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.value.len()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// The extent of an axis; negative axes count from the end.
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn size(&self, axis: isize) -> usize {
        self.value.size(axis)
    }

    /// The only element.
    ///
    /// # Panics
    /// If the number of elements is not 1.
    #[must_use]
    #[track_caller]
    pub fn item(&self) -> T {
        self.value.item()
    }
}

impl<T: Real> Tape<T> {
    /// A tracked variable with this value: gradients flow to it.
    #[must_use]
    #[track_caller]
    pub fn leaf(&self, value: Tensor<T>) -> Var<T> {
        let node = self.push_leaf(&value, Location::caller());
        Var::with_node(value, Some(node))
    }
}

impl<T: Real> From<Tensor<T>> for Var<T> {
    fn from(value: Tensor<T>) -> Self {
        Self::constant(value)
    }
}

impl<T: Real> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut view = f.debug_struct("Var");
        view.field("value", &self.value);
        if let Some(node) = &self.node {
            view.field("entry", &node.entry)
                .field("output", &node.output);
        }
        view.finish()
    }
}

impl<T: Real> fmt::Display for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}
