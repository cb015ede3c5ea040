//! The arguments of a rule: cotangents of the outputs, and a sink for those of the inputs.

use std::fmt::Debug;

use wengert_tensor::{Real, Slice};

use crate::attribute::Attributes;
use crate::call::Call;
use crate::inline_vec::InlineVec;
use crate::on_slices::OnSlices;
use crate::op::Outputs;
use crate::reads::Reads;
use crate::slots::Slots;
use crate::var::Var;

/// Whether the gradients themselves are recorded, so that they can be differentiated again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graph {
    /// Gradients are plain values, even where a cotangent is tracked; nothing is recorded.
    Skip,
    /// Gradients are tracked: `create_graph`.
    Create,
}

/// The rule of an [`Op`](crate::Op) with its number type fixed, as a tape stores it.
pub(crate) trait TapeRule<T: Real>: Debug {
    fn name(&self) -> &'static str;
    /// The options of the op by name.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }
    fn vjp(&self, call: &Call<T>, out: &mut Contributions<'_, T>);
    /// Runs the op of the rule again.
    fn run(&self, inputs: &[&Var<T>]) -> Outputs<T>;
    /// What the rule declares to read.
    fn declared_reads(&self) -> Reads;
    /// The op on plain slices.
    fn on_slices(&self, _shapes: &[&[usize]]) -> Option<OnSlices<T>> {
        None
    }
}

/// The cotangents of a call's outputs, and a sink for those of the inputs.
///
/// An input is wanted if its gradient, or that of one of its ancestors, was requested.
/// [`input`](Self::input) runs its closure only for a wanted input. If several inputs share work, test
/// with [`wants`](Self::wants) whether one of them needs it.
#[derive(Debug)]
pub struct Contributions<'a, T: Real> {
    pub(crate) call: &'a Call<T>,
    pub(crate) op: &'static str,
    pub(crate) cotangents: InlineVec<Option<Var<T>>, 1>,
    pub(crate) slots: &'a mut Slots<Var<T>>,
    pub(crate) graph: Graph,
    /// By entry, whether its cotangent is needed; `None` if all are.
    pub(crate) needed: Option<&'a [bool]>,
}

impl<T: Real> Contributions<'_, T> {
    /// The cotangent of output `k`; `None` if nothing used that output.
    ///
    /// The only output of an op always has one.
    #[must_use]
    pub fn grad(&self, k: usize) -> Option<&Var<T>> {
        self.cotangents.get(k)?.as_ref()
    }

    /// As [`grad`](Self::grad), by value, so that its buffer may be reused; afterwards there is none.
    #[must_use]
    pub fn take(&mut self, k: usize) -> Option<Var<T>> {
        self.cotangents.get_mut(k)?.take()
    }

    /// Whether the gradients are recorded.
    pub(crate) const fn graph(&self) -> Graph {
        self.graph
    }

    /// Whether the cotangent of input `i` is wanted; to compute another is wasted work.
    #[must_use]
    pub fn wants(&self, i: usize) -> bool {
        self.target(i).is_some()
    }

    /// Adds `vjp(g)` to the cotangent of input `i`, where `g` is the cotangent of output 0. The closure
    /// runs only if the input is wanted and output 0 has a cotangent.
    ///
    /// # Panics
    /// As [`add`](Self::add).
    pub fn input(&mut self, i: usize, vjp: impl FnOnce(&Var<T>) -> Var<T>) {
        if let Some(target) = self.target(i)
            && let Some(grad) = self.grad(0)
        {
            let cotangent = vjp(grad);
            self.add_to(target, i, cotangent);
        }
    }

    /// As [`input`](Self::input), and the closure takes the cotangent by value, so that it may reuse the
    /// buffer: for the last input, since there is no cotangent afterwards.
    ///
    /// # Panics
    /// As [`add`](Self::add).
    pub fn input_owned(&mut self, i: usize, vjp: impl FnOnce(Var<T>) -> Var<T>) {
        if let Some(target) = self.target(i)
            && let Some(grad) = self.take(0)
        {
            let cotangent = vjp(grad);
            self.add_to(target, i, cotangent);
        }
    }

    /// Adds to the cotangent of input `i`; ignored if it is not wanted.
    ///
    /// # Panics
    /// If the shape is not that of the input: the rule is wrong.
    pub fn add(&mut self, i: usize, cotangent: Var<T>) {
        if let Some(target) = self.target(i) {
            self.add_to(target, i, cotangent);
        }
    }

    /// Adds to a region of the cotangent of input `i`, one slice per axis, which is zero elsewhere.
    ///
    /// Adding costs time in proportion to the region, not to the whole input.
    pub fn add_region(&mut self, i: usize, region: &[Slice], cotangent: Var<T>) {
        let Some(target) = self.target(i) else {
            return;
        };
        let shape = self.call.input_shape(i);
        match self.graph {
            Graph::Create => accumulate(
                self.slots,
                self.graph,
                target,
                cotangent.unslice(region, shape),
            ),
            Graph::Skip => {
                let sum = match self.slots.take(target).map(Var::into_value) {
                    Some(mut sum) => {
                        sum.region_add(region, cotangent.value());
                        sum
                    }
                    None => cotangent.value().unslice(region, shape),
                };
                self.slots.put(target, Var::constant(sum));
            }
        }
    }

    /// The entry and the output that made input `i`, if its cotangent is wanted.
    fn target(&self, i: usize) -> Option<(usize, usize)> {
        let source = self.call.source(i);
        source.filter(|(entry, _)| self.needed.is_none_or(|needed| needed[*entry]))
    }

    fn add_to(&mut self, target: (usize, usize), i: usize, cotangent: Var<T>) {
        let expected = self.call.input_shape(i);
        assert!(
            cotangent.shape() == expected,
            "{}: wrong rule: the cotangent of input {i} is {:?}, the input {expected:?}",
            self.op,
            cotangent.shape()
        );
        accumulate(self.slots, self.graph, target, cotangent);
    }
}

/// Adds to a cotangent.
///
/// With [`Graph::Skip`] a tracked cotangent is stored untracked, so that rules record nothing and sums may
/// be changed in place.
pub(crate) fn accumulate<T: Real>(
    slots: &mut Slots<Var<T>>,
    graph: Graph,
    target: (usize, usize),
    cotangent: Var<T>,
) {
    match (slots.get_mut(target), graph) {
        (Some(sum), Graph::Create) => *sum = sum.add(&cotangent),
        (Some(sum), Graph::Skip) => sum.value_mut().add_assign(cotangent.value()),
        (None, Graph::Create) => slots.put(target, cotangent),
        (None, Graph::Skip) => slots.put(target, Var::constant(cotangent.into_value())),
    }
}
