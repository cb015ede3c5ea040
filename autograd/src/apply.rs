//! Running an op, and recording it.

use std::panic::Location;

use wengert_tensor::fail::fail;
use wengert_tensor::{Real, Tensor, require};

use crate::inline_vec::InlineVec;
use crate::op::{Inputs, Op};
use crate::reads::Reads;
use crate::record::{Recorded, kept, kept_inputs, observed, push};
use crate::rule::TapeRule;
use crate::tape::{Entry, Input, Kept, Node, Tape};
use crate::var::Var;

impl<T: Real> Var<T> {
    /// Runs an op of one output and records it if an operand is tracked. Built-in ops and custom ones
    /// use this same function.
    ///
    /// Operands are given in one of these forms:
    ///
    /// * `[&a, &b]`, a slice or a `&Vec` of references: the operands are only read,
    /// * `a` or `(a, [&b])`: the first is taken by value, and an op with
    ///   [`forward_owned`](Op::forward_owned) may reuse its buffer.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// # use wengert_autograd::{Call, Contributions, Draw, Inputs, Op, Outputs, Sample};
    /// # use wengert_tensor::Real;
    /// # #[derive(Clone, Debug)]
    /// # struct Sum2;
    /// # impl Op for Sum2 {
    /// #     fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> { (&x[0] + &x[1] * 2.0).into() }
    /// #     fn vjp<T: Real>(&self, _: &Call<T>, out: &mut Contributions<'_, T>) {
    /// #         out.input(0, |g| g.clone());
    /// #         out.input(1, |g| g * 2.0);
    /// #     }
    /// #     fn sample(draw: &mut Draw) -> Sample<Self> { Sample::new(Self, [draw.any(), draw.any()]) }
    /// # }
    /// // `Sum2` is an op of ours: a + 2b.
    /// let b = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let y = Var::apply(Sum2, [&Var::full([2], 10.0), &b]);
    /// assert_eq!(y.value().to_vec(), [12.0, 14.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&b).to_vec(), [2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// As the op's forward does; if the operands live on different tapes, or on a consumed one; if
    /// the op has another number of outputs than one.
    #[must_use]
    #[track_caller]
    pub fn apply<O: Op>(op: O, operands: impl Operands<T>) -> Self {
        let name = op.name();
        let Some(output) = operands.record(op).only() else {
            fail(format_args!(
                "{name}: has not exactly one output; use apply_many"
            ));
        };
        output
    }

    /// As [`apply`](Self::apply), for an op of any number of outputs.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// # use wengert_autograd::{Call, Contributions, Draw, Inputs, Op, Outputs, Sample};
    /// # use wengert_tensor::Real;
    /// # #[derive(Clone, Debug)]
    /// # struct SumAndDifference;
    /// # impl Op for SumAndDifference {
    /// #     fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> { [&x[0] + &x[1], &x[0] - &x[1]].into() }
    /// #     fn vjp<T: Real>(&self, _: &Call<T>, out: &mut Contributions<'_, T>) {
    /// #         if let Some(g) = out.take(0) { out.add(0, g.clone()); out.add(1, g); }
    /// #         if let Some(g) = out.take(1) { out.add(0, g.clone()); out.add(1, -g); }
    /// #     }
    /// #     fn sample(draw: &mut Draw) -> Sample<Self> { Sample::new(Self, [draw.any(), draw.any()]) }
    /// # }
    /// // An op of ours with two outputs: a + b and a − b.
    /// let tape = Tape::new();
    /// let (a, b) = (tape.leaf(Tensor::scalar(5.0)), tape.leaf(Tensor::scalar(3.0)));
    /// let y = Var::apply_many(SumAndDifference, [&a, &b]);
    /// assert_eq!((y[0].item(), y[1].item()), (8.0, 2.0));
    /// assert_eq!(y[1].backward().wrt(&b).item(), -1.0);
    /// ```
    ///
    /// # Panics
    /// As [`apply`](Self::apply), for any number of outputs.
    #[must_use]
    #[track_caller]
    pub fn apply_many<O: Op>(op: O, operands: impl Operands<T>) -> Vec<Self> {
        operands.record(op).into_iter().collect()
    }

    /// As [`apply`](Self::apply), for an op of exactly `N` outputs.
    #[track_caller]
    pub(crate) fn apply_array<O: Op, const N: usize>(
        op: O,
        operands: impl Operands<T>,
    ) -> [Self; N] {
        let name = op.name();
        let outputs = operands.record(op);
        let count = outputs.outputs.len();
        require!(count == N, "{name}: has {count} outputs, {N} are taken");
        let mut outputs = outputs.into_iter();
        std::array::from_fn(|_| outputs.next().expect("counted above"))
    }

    /// As [`apply`](Self::apply), after broadcasting all operands to their joint shape, so that the op
    /// itself can be strict about shapes.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// # use wengert_autograd::{Call, Contributions, Draw, Inputs, Op, Outputs, Sample};
    /// # use wengert_tensor::Real;
    /// # #[derive(Clone, Debug)]
    /// # struct Sum2;
    /// # impl Op for Sum2 {
    /// #     fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> { (&x[0] + &x[1] * 2.0).into() }
    /// #     fn vjp<T: Real>(&self, _: &Call<T>, out: &mut Contributions<'_, T>) {
    /// #         out.input(0, |g| g.clone());
    /// #         out.input(1, |g| g * 2.0);
    /// #     }
    /// #     fn sample(draw: &mut Draw) -> Sample<Self> { Sample::new(Self, [draw.any(), draw.any()]) }
    /// # }
    /// // `Sum2` is an op of ours, a + 2b of one shape.
    /// let (a, b) = (Var::scalar(10.0), Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2])));
    /// assert_eq!(Var::broadcasting(Sum2, &[&a, &b]).value().to_vec(), [12.0, 14.0]);
    /// ```
    ///
    /// # Panics
    /// As [`apply`](Self::apply), or if the operands do not broadcast to each other.
    #[must_use]
    #[track_caller]
    pub fn broadcasting<O: Op>(op: O, inputs: &[&Self]) -> Self {
        // A loop, not a closure, which would be reported as the caller.
        let mut shape = Vec::new();
        for x in inputs {
            shape = wengert_tensor::broadcast_shapes(op.name(), &shape, x.shape());
        }
        let inputs: Vec<_> = inputs.iter().map(|x| x.broadcast_to(&shape)).collect();
        Self::apply(op, &inputs.iter().collect::<Vec<_>>())
    }
}

/// The operands of an op, borrowed or with the first taken by value: see [`Var::apply`].
pub trait Operands<T: Real>: sealed::RecordOp<T> {}

impl<T: Real, X: sealed::RecordOp<T>> Operands<T> for X {}

mod sealed {
    use super::{Op, Real, Recorded};

    pub trait RecordOp<T: Real> {
        /// Runs an op on these operands and records it if any of them is tracked.
        #[track_caller]
        fn record<O: Op>(self, op: O) -> Recorded<T>;
    }
}

impl<T: Real> sealed::RecordOp<T> for &[&Var<T>] {
    #[inline]
    #[track_caller]
    fn record<O: Op>(self, op: O) -> Recorded<T> {
        // Not in the closure below: there the caller would be the closure.
        let location = Location::caller();
        let tape = common_tape(op.name(), self);
        if let Some(tape) = tape
            && let Some(observer) = tape.observer()
        {
            return observed(op, self, tape, observer, location);
        }
        let outputs = op.forward(&Inputs(self));
        let node = tape.map(|tape| {
            let kept = kept(self, &outputs, op.reads());
            push(tape, Box::new(op), kept, location)
        });
        let outputs = outputs.0;
        Recorded { outputs, node }
    }
}

impl<T: Real> sealed::RecordOp<T> for &Vec<&Var<T>> {
    #[inline]
    #[track_caller]
    fn record<O: Op>(self, op: O) -> Recorded<T> {
        (&self[..]).record(op)
    }
}

impl<T: Real, const N: usize> sealed::RecordOp<T> for [&Var<T>; N] {
    #[inline]
    #[track_caller]
    fn record<O: Op>(self, op: O) -> Recorded<T> {
        (&self[..]).record(op)
    }
}

impl<T: Real> sealed::RecordOp<T> for Var<T> {
    #[inline]
    #[track_caller]
    fn record<O: Op>(self, op: O) -> Recorded<T> {
        if let Some(tape) = self.tape()
            && let Some(observer) = tape.observer()
        {
            let location = Location::caller();
            return observed(op, &[&self], tape, observer, location);
        }
        let (value, node) = self.into_parts();
        let Some(node) = node else {
            let outputs = op.forward_owned(value, &Inputs(&[])).0;
            return Recorded { outputs, node };
        };
        node.require_alive(format_args!("{}: operand 0", op.name()));
        let reads = op.reads();
        let operand = Input::new(Kept::new(&value, reads.reads_input(0)), Some(&node));
        let outputs = op.forward_owned(value, &Inputs(&[]));
        // Not through `push`: arguments that are passed in memory cost a store and a load each.
        let entry = node.tape.push(Entry {
            inputs: InlineVec::one(operand),
            outputs: outputs.0.each(|k, y| Kept::new(y, reads.reads_output(k))),
            rule: Some(Box::new(op)),
            location: Location::caller(),
        });
        Recorded {
            outputs: outputs.0,
            node: Some(Node {
                entry,
                output: 0,
                ..node
            }),
        }
    }
}

impl<T: Real, const N: usize> sealed::RecordOp<T> for (Var<T>, [&Var<T>; N]) {
    #[inline]
    #[track_caller]
    fn record<O: Op>(self, op: O) -> Recorded<T> {
        let (first, others) = self;
        let inputs = [&[&first], &others[..]].concat();
        let (reads, location) = (op.reads(), Location::caller());
        let tape = common_tape(op.name(), &inputs).cloned();
        if let Some(tape) = &tape
            && let Some(observer) = tape.observer()
        {
            return observed(op, &inputs, tape, observer, location);
        }
        // Before the first operand is moved.
        let operands = tape.map(|tape| (tape, kept_inputs(&inputs, reads)));
        let outputs = op.forward_owned(first.into_value(), &Inputs(&others));
        let node = operands.map(|(tape, operands)| {
            let results = outputs.0.each(|k, y| Kept::new(y, reads.reads_output(k)));
            push(&tape, Box::new(op), (operands, results), location)
        });
        let outputs = outputs.0;
        Recorded { outputs, node }
    }
}

/// Records a rule that is not that of an [`Op`], with the outputs that were computed from the values of the inputs.
/// The inputs are kept, the outputs are not.
#[track_caller]
pub(crate) fn record_rule<T: Real>(
    rule: Box<dyn TapeRule<T>>,
    inputs: &[&Var<T>],
    outputs: Vec<Tensor<T>>,
) -> Vec<Var<T>> {
    let location = Location::caller();
    let outputs: InlineVec<Tensor<T>, 1> = outputs.into_iter().collect();
    let node = common_tape(rule.name(), inputs).map(|tape| {
        let kept = outputs.each(|_, y| Kept::new(y, false));
        push(
            tape,
            rule,
            (kept_inputs(inputs, Reads::ALL), kept),
            location,
        )
    });
    Recorded { outputs, node }.into_iter().collect()
}

/// Runs the op of a rule on other inputs, and records it under that rule.
#[cfg(feature = "check")]
#[track_caller]
pub(crate) fn replay<T: Real>(rule: Box<dyn TapeRule<T>>, inputs: &[&Var<T>]) -> Vec<Var<T>> {
    let location = Location::caller();
    let outputs = rule.run(inputs);
    let node = common_tape(rule.name(), inputs).map(|tape| {
        let kept = kept(inputs, &outputs, rule.declared_reads());
        push(tape, rule, kept, location)
    });
    let outputs = outputs.0;
    Recorded { outputs, node }.into_iter().collect()
}

/// The tape of the tracked operands, all of which must be alive on one tape.
#[track_caller]
fn common_tape<'a, T: Real>(op: &str, inputs: &[&'a Var<T>]) -> Option<&'a Tape<T>> {
    let mut tape: Option<&Tape<T>> = None;
    for (i, node) in inputs
        .iter()
        .enumerate()
        .filter_map(|(i, x)| Some((i, x.node()?)))
    {
        node.require_alive(format_args!("{op}: operand {i}"));
        require!(
            tape.is_none_or(|tape| tape.is(&node.tape)),
            "{op}: operand {i}: belongs to another tape than an operand before it"
        );
        tape = Some(&node.tape);
    }
    tape
}
