//! A value that may be tracked.

use std::fmt;

use wengert_tensor::{Real, Tensor, require};

use crate::op::Op;
use crate::tape::{Recorded, Tape, record, record_owned, record_owned_with};

/// A tensor that remembers on a [`Tape`] how it was made, if any of its ancestors is tracked.
///
/// A variable without a tape costs nothing over its tensor: evaluation, plain backward and double
/// backward run the same code.
#[derive(Clone)]
pub struct Var<T: Real = f32> {
    value: Tensor<T>,
    node: Option<Node<T>>,
}

/// Where on a tape a variable was made.
#[derive(Clone, Debug)]
pub(crate) struct Node<T: Real> {
    pub(crate) tape: Tape<T>,
    pub(crate) generation: u32,
    pub(crate) entry: u32,
    pub(crate) output: u32,
}

impl<T: Real> Node<T> {
    /// Entry and output.
    pub(crate) const fn place(&self) -> (usize, usize) {
        (self.entry as usize, self.output as usize)
    }

    /// Fails if a consuming backward pass has taken this node's entry.
    #[track_caller]
    pub(crate) fn require_alive(&self, who: fmt::Arguments<'_>) {
        if let Some(at) = self
            .tape
            .consumed()
            .filter(|_| self.generation != self.tape.generation())
        {
            wengert_tensor::fail::fail(format_args!(
                "{who}: its tape was consumed by backward at {at}; use its value(), a new leaf, or \
                 backward_keep() there"
            ));
        }
    }
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
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn size(&self, axis: isize) -> usize {
        self.value.size(axis)
    }

    /// The only element.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[must_use]
    #[track_caller]
    pub fn item(&self) -> T {
        self.value.item()
    }

    /// Runs an op of one output and records it if an operand is tracked: the door for ops of your
    /// own, the same that the built-in ones use.
    ///
    /// # Panics
    /// As the op's forward does; if the operands live on different tapes, or on a consumed one; if
    /// the op has another number of outputs than one.
    #[must_use]
    #[track_caller]
    pub fn custom<O: Op>(op: O, inputs: &[&Self]) -> Self {
        let name = op.name();
        only(name, record(op, inputs))
    }

    /// As [`custom`](Self::custom), of one operand that is used up: an op that does not read it may
    /// write its result over it, see [`Op::forward_owned`].
    ///
    /// # Panics
    /// As [`custom`](Self::custom) does.
    #[must_use]
    #[track_caller]
    pub fn custom_owned<O: Op>(op: O, input: Self) -> Self {
        let name = op.name();
        only(name, record_owned(op, input))
    }

    /// As [`custom_owned`](Self::custom_owned), of a first operand that is used up and others.
    ///
    /// # Panics
    /// As [`custom`](Self::custom) does.
    #[must_use]
    #[track_caller]
    pub fn custom_owned_with<O: Op>(op: O, first: Self, others: &[&Self]) -> Self {
        let name = op.name();
        only(name, record_owned_with(op, first, others))
    }

    /// Runs an op of one output after broadcasting all operands to their joint shape, so that the op
    /// itself can be strict about shapes.
    ///
    /// # Panics
    /// As [`custom`](Self::custom) does, or if the operands do not broadcast to each other.
    #[must_use]
    #[track_caller]
    pub fn broadcasting<O: Op>(op: O, inputs: &[&Self]) -> Self {
        let shape = inputs.iter().fold(Vec::new(), |shape, x| {
            wengert_tensor::broadcast_shapes(op.name(), &shape, x.shape())
        });
        let inputs: Vec<_> = inputs.iter().map(|x| x.broadcast_to(&shape)).collect();
        Self::custom(op, &inputs.iter().collect::<Vec<_>>())
    }

    /// Runs an op of any number of outputs, as [`custom`](Self::custom) does.
    ///
    /// # Panics
    /// As [`custom`](Self::custom) does, for any number of outputs.
    #[must_use]
    #[track_caller]
    pub fn custom_many<O: Op>(op: O, inputs: &[&Self]) -> Vec<Self> {
        record(op, inputs).into_iter().collect()
    }

    /// As [`custom_many`](Self::custom_many), the two outputs of an op that has exactly two, and so on.
    #[track_caller]
    pub(crate) fn custom_array<O: Op, const N: usize>(op: O, inputs: &[&Self]) -> [Self; N] {
        let name = op.name();
        let outputs = record(op, inputs);
        let count = outputs.len();
        require!(count == N, "{name}: has {count} outputs, {N} are taken");
        let mut outputs = outputs.into_iter();
        std::array::from_fn(|_| outputs.next().expect("counted above"))
    }
}

#[track_caller]
fn only<T: Real>(name: &str, recorded: Recorded<T>) -> Var<T> {
    let Some(output) = recorded.only() else {
        wengert_tensor::fail::fail(format_args!(
            "{name}: has not exactly one output; use custom_many"
        ));
    };
    output
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
