//! Recording an op on a tape: what an entry keeps of it, and tapes with an observer, which watch, keep everything, are
//! replayed, or describe ops without running the expensive ones.

use std::cell::RefCell;
use std::panic::Location;

use wengert_tensor::fail::scope;
use wengert_tensor::{Real, Tensor, require};

use crate::inline_vec::InlineVec;
use crate::op::{Inputs, Op, Outputs};
use crate::outline::{Outline, Outlined, Reach};
use crate::reads::Reads;
use crate::rule::TapeRule;
use crate::tape::{Entry, Input, Kept, Node, Observer, Tape};
use crate::var::Var;
use crate::watch::finite;

/// The outputs of an op, and the place on a tape of the first one if they are tracked.
#[derive(Debug)]
pub struct Recorded<T: Real> {
    pub(crate) outputs: InlineVec<Tensor<T>, 1>,
    pub(crate) node: Option<Node<T>>,
}

impl<T: Real> Recorded<T> {
    /// The only output.
    #[inline]
    pub(crate) fn only(self) -> Option<Var<T>> {
        let value = self.outputs.only()?;
        Some(Var::with_node(value, self.node))
    }

    /// The outputs in order.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Var<T>> {
        let node = self.node;
        self.outputs.into_iter().enumerate().map(move |(k, y)| {
            let output = k as u32;
            let node = node.clone().map(|node| Node { output, ..node });
            Var::with_node(y, node)
        })
    }
}

/// What an entry keeps of a call. Not inlined, so that it is compiled once per number type, not per op.
#[inline(never)]
pub(crate) fn kept<T: Real>(
    inputs: &[&Var<T>],
    outputs: &Outputs<T>,
    reads: Reads,
) -> (InlineVec<Input<T>>, InlineVec<Kept<T>, 1>) {
    let results = outputs.0.each(|k, y| Kept::new(y, reads.reads_output(k)));
    (kept_inputs(inputs, reads), results)
}

#[inline]
pub(crate) fn kept_inputs<T: Real>(inputs: &[&Var<T>], reads: Reads) -> InlineVec<Input<T>> {
    InlineVec::of(inputs.len(), |i| {
        let x = inputs[i];
        Input::new(Kept::new(x.tensor(), reads.reads_input(i)), x.node())
    })
}

/// Adds an entry to a tape. Not inlined, for the same reason as [`kept`].
#[inline(never)]
pub(crate) fn push<T: Real>(
    tape: &Tape<T>,
    rule: Box<dyn TapeRule<T>>,
    (inputs, outputs): (InlineVec<Input<T>>, InlineVec<Kept<T>, 1>),
    location: &'static Location<'static>,
) -> Node<T> {
    let entry = tape.push(Entry {
        rule: Some(rule),
        inputs,
        outputs,
        location,
    });
    tape.node(entry)
}

/// Runs or describes an op on a tape with an observer. What does not depend on the op is in functions of their own, because
/// this one is compiled for every op.
#[cold]
#[track_caller]
pub(crate) fn observed<T: Real, O: Op>(
    op: O,
    inputs: &[&Var<T>],
    tape: &Tape<T>,
    observer: &Observer,
    location: &'static Location<'static>,
) -> Recorded<T> {
    if let Observer::Outline(outlined) = observer {
        let outline = op.outline(&shapes(inputs));
        // Not by `then`: a closure would hide the caller's line.
        let outputs = if outline.shapes.is_none() {
            Some(op.forward(&Inputs(inputs)))
        } else {
            None
        };
        return describe(
            op.name(),
            outline,
            outputs,
            inputs,
            tape,
            outlined,
            location,
        );
    }
    // The operands are only read, also those of an op that could reuse one: the values are the same.
    let outputs = op.forward(&Inputs(inputs));
    // After `forward`, which refuses operands that do not fit in its own words.
    if cfg!(debug_assertions)
        && let Some(described) = op.outline(&shapes(inputs)).shapes
    {
        require_right_outline(op.name(), &described, inputs, &outputs);
    }
    let reads = op.reads();
    record_observed(
        Box::new(op),
        reads,
        outputs,
        inputs,
        tape,
        observer,
        location,
    )
}

fn shapes<'a, T: Real>(inputs: &[&'a Var<T>]) -> Vec<&'a [usize]> {
    inputs.iter().map(|x| x.shape()).collect()
}

/// Records an op that has run.
fn record_observed<T: Real>(
    rule: Box<dyn TapeRule<T>>,
    reads: Reads,
    outputs: Outputs<T>,
    inputs: &[&Var<T>],
    tape: &Tape<T>,
    observer: &Observer,
    location: &'static Location<'static>,
) -> Recorded<T> {
    let node = if let Observer::Watch(watch) = observer {
        let name = rule.name();
        let is_finite = (0..outputs.0.len()).all(|k| outputs.0.get(k).is_none_or(finite));
        let node = push(tape, rule, kept(inputs, &outputs, reads), location);
        watch.record(node.entry as usize, name, location, inputs, is_finite);
        node
    } else {
        let kept = kept(inputs, &outputs, Reads::ALL);
        if let Observer::KeepAll(layers) = observer
            && let Some(path) = scope()
        {
            layers.borrow_mut().insert(tape.len(), path);
        }
        push(tape, rule, kept, location)
    };
    let outputs = outputs.0;
    Recorded {
        outputs,
        node: Some(node),
    }
}

/// Compares the shapes of a description with those of the results.
///
/// # Panics
/// If they differ: the op's `outline` is wrong.
#[track_caller]
fn require_right_outline<T: Real>(
    op: &str,
    described: &[Vec<usize>],
    inputs: &[&Var<T>],
    outputs: &Outputs<T>,
) {
    let results = shapes_of(outputs);
    require!(
        described == results,
        "{op}: {:?}: wrong outline: {described:?}, the results are {results:?}",
        shapes(inputs)
    );
}

fn shapes_of<T: Real>(outputs: &Outputs<T>) -> Vec<Vec<usize>> {
    let outputs = (0..outputs.0.len()).filter_map(|k| outputs.0.get(k));
    outputs.map(|y| y.shape().to_vec()).collect()
}

/// Describes an op on a tape that does not run the expensive ones; `outputs` are those of an op that has run.
fn describe<T: Real>(
    op: &'static str,
    outline: Outline,
    outputs: Option<Outputs<T>>,
    inputs: &[&Var<T>],
    tape: &Tape<T>,
    outlined: &RefCell<Vec<Outlined>>,
    location: &'static Location<'static>,
) -> Recorded<T> {
    let results = outputs.as_ref().map(shapes_of).or(outline.shapes);
    let results = results.unwrap_or_default();
    let first = inputs.first().map(|x| x.shape());
    let reach = if results.first().map(Vec::as_slice) == first {
        Reach::Point
    } else {
        Reach::Whole
    };
    let outputs: InlineVec<_, 1> = results
        .iter()
        .map(|shape| Tensor::scalar(T::zero()).broadcast_to(shape))
        .collect();
    let entry = tape.push(Entry {
        rule: None,
        inputs: InlineVec::new(),
        outputs: outputs.each(|_, y| Kept::new(y, false)),
        location,
    });
    outlined.borrow_mut().push(Outlined {
        entry: entry as usize,
        op,
        sources: inputs.iter().filter_map(|x| x.entry()).collect(),
        multiply_adds: outline.multiply_adds,
        reach: outline.reach.unwrap_or(reach),
    });
    let node = Some(tape.node(entry));
    Recorded { outputs, node }
}
