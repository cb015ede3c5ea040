//! A recorded call as its rule reads it.

use std::cell::OnceCell;

use wengert_tensor::Real;

use crate::tape::{Entry, Kept, Node, Tape};
use crate::var::Var;

/// One recorded call as its rule reads it.
///
/// A value that the op did not declare in [`Op::reads`](crate::Op::reads) is NaN of the right shape.
#[derive(Debug)]
pub struct Call<T: Real> {
    pub(crate) entry: Entry<T>,
    /// Each variable is built when the rule first reads it.
    pub(crate) inputs: Lazy<T, 2>,
    pub(crate) outputs: Lazy<T, 1>,
    /// Set if the rule must read tracked variables, because the backward pass is recorded.
    place: Option<Place<T>>,
}

/// The entry on a tape of which a rule reads the values as tracked variables.
#[derive(Debug)]
pub(crate) struct Place<T: Real> {
    pub(crate) tape: Tape<T>,
    pub(crate) generation: u32,
    pub(crate) entry: usize,
}

impl<T: Real> Place<T> {
    fn node(&self, (entry, output): (usize, usize)) -> Node<T> {
        Node {
            tape: self.tape.clone(),
            generation: self.generation,
            entry: entry as u32,
            output: output as u32,
        }
    }
}

impl<T: Real> Call<T> {
    #[inline(always)]
    pub(crate) fn new(entry: Entry<T>, place: Option<Place<T>>) -> Self {
        Self {
            inputs: Lazy::new(entry.inputs.len()),
            outputs: Lazy::new(entry.outputs.len()),
            entry,
            place,
        }
    }

    /// How many inputs the call had.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.entry.inputs.len()
    }

    /// How many outputs the call had.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.entry.outputs.len()
    }

    /// Input `i`.
    ///
    /// # Panics
    /// If the call has no input `i`.
    #[must_use]
    pub fn input(&self, i: usize) -> &Var<T> {
        self.inputs.get(i).get_or_init(|| {
            let input = self.operand(i);
            let place = self.place.as_ref();
            let node = place.and_then(|place| Some(place.node(input.source()?)));
            Var::with_node(input.value.tensor(), node)
        })
    }

    /// Output `k`.
    ///
    /// # Panics
    /// If the call has no output `k`.
    #[must_use]
    pub fn output(&self, k: usize) -> &Var<T> {
        self.outputs.get(k).get_or_init(|| {
            let output = self.entry.outputs.get(k);
            let output: &Kept<T> = output.expect("the op has an output of that number");
            let place = self.place.as_ref();
            let node = place.map(|place| place.node((place.entry, k)));
            Var::with_node(output.tensor(), node)
        })
    }

    /// The shape of input `i`. It is kept even if [`Op::reads`](crate::Op::reads) does not declare the input.
    ///
    /// # Panics
    /// If the call has no input `i`.
    #[must_use]
    pub fn input_shape(&self, i: usize) -> &[usize] {
        self.operand(i).value.shape()
    }

    /// The entry and the output that made input `i`, if it is tracked.
    pub(crate) fn source(&self, i: usize) -> Option<(usize, usize)> {
        self.operand(i).source()
    }

    fn operand(&self, i: usize) -> &crate::tape::Input<T> {
        let input = self.entry.inputs.get(i);
        input.expect("the op has an input of that number")
    }
}

/// Variables that are built on first use; the first `N` are stored inline.
#[derive(Debug)]
pub(crate) struct Lazy<T: Real, const N: usize> {
    head: [OnceCell<Var<T>>; N],
    rest: Vec<OnceCell<Var<T>>>,
}

impl<T: Real, const N: usize> Lazy<T, N> {
    #[inline(always)]
    fn new(count: usize) -> Self {
        Self {
            head: [const { OnceCell::new() }; N],
            rest: if count > N {
                std::iter::repeat_with(OnceCell::new)
                    .take(count - N)
                    .collect()
            } else {
                Vec::new()
            },
        }
    }

    pub(crate) fn get(&self, i: usize) -> &OnceCell<Var<T>> {
        match self.head.get(i) {
            Some(place) => place,
            None => &self.rest[i - N],
        }
    }
}
