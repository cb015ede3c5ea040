//! The ops of a program, and which of them are computed on slices: those whose bits do not depend on the strides that the
//! tape had.

use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use wengert_tensor::Real;

use super::program::Run;
use crate::on_slices::OnSlices;
use crate::reads::Reads;
use crate::rule::TapeRule;
use crate::tape::{Entry, Input, Kept};

/// An entry of the tape that the value depends on.
pub(super) struct Op<T: Real> {
    /// The number of the entry.
    pub(super) index: usize,
    pub(super) entry: Entry<T>,
    /// The numbers of the input values.
    pub(super) inputs: Vec<usize>,
    /// The number of the first output.
    pub(super) output: usize,
    pub(super) rule: Rc<dyn TapeRule<T>>,
    pub(super) on_slices: Option<Rc<OnSlices<T>>>,
    /// Whether the value and the rule are computed on slices.
    pub(super) forward: bool,
    pub(super) backward: bool,
    pub(super) reads: Reads,
    /// Whether it depends on a parameter.
    pub(super) is_wanted: bool,
}

impl<T: Real> Op<T> {
    pub(super) fn run(&self, on_slices: bool) -> Run<T> {
        match &self.on_slices {
            Some(op) if on_slices => Run::OnSlices(Rc::clone(op), len(&self.entry)),
            _ => Run::Op(Rc::clone(&self.rule)),
        }
    }

    /// Whether the bits of value or rule may depend on the strides of what they read.
    fn depends_on_strides(&self) -> bool {
        self.on_slices
            .as_ref()
            .is_none_or(|op| op.depends_on_strides)
    }

    /// The numbers of the outputs.
    pub(super) fn outputs(&self) -> Range<usize> {
        self.output..self.output + self.entry.outputs.len()
    }
}

/// Decides which values and rules are computed on slices, so that every product gets operands and cotangents of the same
/// strides as on the tape: on others it may sum in another order.
pub(super) fn choose<T: Real>(ops: &mut [Op<T>], strided: &BTreeSet<usize>, entries: usize) {
    let mut place = vec![None; entries];
    for (k, op) in ops.iter().enumerate() {
        place[op.index] = Some(k);
    }
    let mut consumers = vec![Vec::new(); ops.len()];
    for (k, op) in ops.iter().enumerate() {
        let sources = op.entry.inputs.iter().filter_map(|x| Some(x.source()?.0));
        for source in sources.filter_map(|entry| place[entry]) {
            consumers[source].push(k);
        }
    }
    // A rule that got a cotangent with strides on the tape, and may depend on them, gets it from the rules of the tape.
    for k in 0..ops.len() {
        let may_depend = ops[k].depends_on_strides() || !ops[k].backward;
        if strided.contains(&ops[k].index) && may_depend {
            ops[k].backward = false;
            for &consumer in &consumers[k] {
                ops[consumer].backward = false;
            }
        }
    }
    // So it is with values, from the last to the first.
    let is_strided = |kept: &Kept<T>| matches!(kept, Kept::Value(x) if !x.is_contiguous());
    for k in (0..ops.len()).rev() {
        let inputs = ops[k].entry.inputs.iter();
        let of_strided: Vec<usize> = inputs
            .filter(|x| is_strided(&x.value))
            .filter_map(Input::source)
            .filter_map(|(entry, _)| place[entry])
            .collect();
        let has_strided = ops[k].entry.inputs.iter().any(|x| is_strided(&x.value));
        if ops[k].depends_on_strides() && has_strided {
            (ops[k].forward, ops[k].backward) = (false, false);
        }
        if ops[k].depends_on_strides() || !ops[k].forward || !ops[k].backward {
            for source in of_strided {
                ops[source].forward = false;
            }
        }
    }
}

/// The number of elements of the first output.
pub(super) fn len<T: Real>(entry: &Entry<T>) -> usize {
    let y = entry.outputs.get(0).map_or(&[][..], Kept::shape);
    y.iter().product()
}
