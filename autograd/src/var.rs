//! A value that may be tracked.

use std::fmt;
use std::panic::Location;

use wengert_tensor::{Real, Tensor};

use crate::tape::{Node, Tape};

/// A tensor, and, if any of its ancestors is tracked, its place on a [`Tape`] that records how it was made.
///
/// An untracked variable costs no more than its tensor, so evaluation, plain backward and double
/// backward run the same code.
///
#[doc = include_str!("methods.md")]
#[derive(Clone)]
pub struct Var<T: Real = f32> {
    value: Tensor<T>,
    node: Option<Node<T>>,
}

impl<T: Real> Var<T> {
    /// An untracked variable.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// assert!(!x.is_tracked());
    /// ```
    #[must_use]
    pub fn constant(value: Tensor<T>) -> Self {
        Self { value, node: None }
    }

    /// An untracked number of rank 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Var::<f64>::scalar(2.5).item(), 2.5);
    /// ```
    #[must_use]
    pub fn scalar(value: f64) -> Self {
        Self::constant(Tensor::scalar(T::of(value)))
    }

    /// An untracked variable full of one number.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Var::<f64>::full([2], 7.0).value().to_vec(), [7.0, 7.0]);
    /// ```
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
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!((&x * 2.0).value().to_vec(), [2.0, 4.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn value(&self) -> &Tensor<T> {
        self.note_read();
        &self.value
    }

    /// The value, for ops and for what depends on its shape alone: a [`Replay`](crate::Replay) does not take it for a
    /// choice that the program makes by the value.
    pub(crate) const fn tensor(&self) -> &Tensor<T> {
        &self.value
    }

    /// Tells a tape that records for a [`Replay`](crate::Replay) that the program has seen the value.
    #[inline]
    #[track_caller]
    pub(crate) fn note_read(&self) {
        if let Some(node) = &self.node
            && let Some(notes) = node.tape.replay_notes()
        {
            let read = &notes.read;
            read.set(read.get().or(Some(Location::caller())));
        }
    }

    /// The value of an untracked variable, to be changed.
    pub(crate) fn value_mut(&mut self) -> &mut Tensor<T> {
        debug_assert!(self.node.is_none(), "a tape has recorded the value");
        &mut self.value
    }

    /// The value, without its history.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// let y: Tensor<f64> = (&x * 2.0).into_value();
    /// assert_eq!(y.to_vec(), [2.0, 4.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn into_value(self) -> Tensor<T> {
        self.note_read();
        self.value
    }

    /// Whether gradients flow through this variable.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert!((&x * 2.0).is_tracked() && !x.detach().is_tracked());
    /// ```
    #[must_use]
    pub const fn is_tracked(&self) -> bool {
        self.node.is_some()
    }

    /// The tape that this variable is recorded on.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::scalar(3.0));
    /// assert_eq!(x.tape().map(Tape::len), Some(tape.len()));
    /// assert!(Var::<f64>::scalar(1.0).tape().is_none());
    /// ```
    #[must_use]
    pub fn tape(&self) -> Option<&Tape<T>> {
        self.node.as_ref().map(|node| &node.tape)
    }

    /// The entry of that tape that made this variable.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// let (y, z) = (&x * 2.0, &x * 3.0);
    /// assert!(y.entry() < z.entry() && x.detach().entry().is_none());
    /// ```
    #[must_use]
    pub fn entry(&self) -> Option<usize> {
        self.node.as_ref().map(|node| node.entry as usize)
    }

    /// The entry of the tape that made this variable, and the number of the result there.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!((&x * 2.0).source(), Some((1, 0)));
    /// ```
    #[must_use]
    pub fn source(&self) -> Option<(usize, usize)> {
        let node = self.node.as_ref()?;
        Some((node.entry as usize, node.output as usize))
    }

    /// The extents.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!(x.shape(), [1, 2]);
    /// ```
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The number of axes.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!(x.rank(), 2);
    /// ```
    #[must_use]
    pub fn rank(&self) -> usize {
        self.value.rank()
    }

    /// The number of elements.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!(x.len(), 2);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.value.len()
    }

    /// Whether there is no element.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// assert!(Var::<f64>::full([2, 0], 1.0).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// The extent of an axis; negative axes count from the end.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!((x.size(0), x.size(-1)), (1, 2));
    /// ```
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
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Var::constant(Tensor::from_vec(vec![4.0], [1, 1])).item(), 4.0);
    /// ```
    ///
    /// # Panics
    /// If the number of elements is not 1.
    #[must_use]
    #[track_caller]
    pub fn item(&self) -> T {
        self.note_read();
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
        self.note_read();
        let mut view = f.debug_struct("Var");
        view.field("value", &self.value);
        if let Some(node) = &self.node {
            view.field("entry", &node.entry)
                .field("output", &node.output);
        }
        view.finish()
    }
}

/// The value, as a tensor displays it.
impl<T: Real> fmt::Display for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note_read();
        fmt::Display::fmt(&self.value, f)
    }
}
