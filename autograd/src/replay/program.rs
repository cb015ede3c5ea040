//! A program: steps over cells.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use wengert_tensor::{Layout, Real, Tensor, require, slices};

use crate::call::Call;
use crate::inline_vec::InlineVec;
use crate::on_slices::{Contribution, MAX_INPUTS, OnSlices, SliceCall};
use crate::rule::{Contributions, Graph, TapeRule};
use crate::slots::Slots;
use crate::tape::{Entry, Input, Kept, Source};
use crate::var::Var;

/// A computation and its gradient as a list of steps: what a tape recorded, for other arguments of the same shapes. See
/// [`Replay`](crate::Replay), which decides when to record.
///
/// Each value and each cotangent has a cell; a cell is used again when its value is not needed any more.
///
/// ```
/// use wengert_autograd::{Program, Tape};
/// use wengert_tensor::Tensor;
///
/// let tape = Tape::for_replay();
/// let (w, x) = (tape.leaf(Tensor::scalar(3.0)), tape.leaf(Tensor::scalar(2.0)));
/// let mut program = Program::new(&(&w * &x).square(), &[w], &[x]).expect("looks at no value");
/// let (value, gradients) = program.run(&[&Tensor::scalar(5.0)], &[&Tensor::scalar(0.5)]);
/// assert_eq!(value.item(), 6.25);
/// assert_eq!(gradients[0].as_ref().expect("depends on w").item(), 2.5);
/// ```
pub struct Program<T: Real = f32> {
    pub(super) memory: Memory<T>,
    /// The cell of each argument.
    pub(super) arguments: Vec<usize>,
    /// Whether each argument was contiguous when it was recorded. If so, it is copied where it is not.
    pub(super) is_contiguous: Vec<bool>,
    pub(super) forward: Vec<ForwardStep<T>>,
    pub(super) backward: Vec<BackwardStep<T>>,
    /// The cell of the value.
    pub(super) value: usize,
    /// The cotangent of the value.
    pub(super) root: Cotangent,
    /// The cotangent of each parameter, if the value depends on it.
    pub(super) parameters: Vec<Option<Cotangent>>,
    /// The cells of arguments, of gradients, and of results of ops, which may be views of them.
    pub(super) releases: Vec<usize>,
    /// How often it ran.
    pub(super) runs: u64,
}

/// What a program computes in.
pub(super) struct Memory<T: Real> {
    pub(super) cells: Vec<Cell<T>>,
    /// By cell.
    pub(super) shapes: Vec<Vec<usize>>,
    /// By the number of a cotangent, whether something was added to it in this run.
    pub(super) is_set: Vec<bool>,
    /// For contributions to a cotangent that is set.
    pub(super) scratch: Vec<T>,
}

/// One run in 1024 is compared with a new recording. A recording took 5 times as long as a run for a recurrence of scalars.
const COMPARED: u64 = 1024;

/// The place of a value or of a cotangent.
pub(super) enum Cell<T: Real> {
    Empty,
    /// The elements in row-major order.
    Buffer(Vec<T>),
    /// What an op or a rule returned.
    Value(Var<T>),
}

/// The number of a cotangent, and its cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cotangent {
    pub(super) number: usize,
    pub(super) cell: usize,
    /// The number of elements.
    pub(super) len: usize,
}

/// Computes values.
pub(super) struct ForwardStep<T: Real> {
    pub(super) run: Run<T>,
    /// Cells.
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
    /// Large values that are not needed any more.
    pub(super) drops: Vec<usize>,
}

/// How a value or a rule is computed.
pub(super) enum Run<T: Real> {
    /// On slices; the number of elements of the result.
    OnSlices(Rc<OnSlices<T>>, usize),
    /// By its own `forward` and `vjp`.
    Op(Rc<dyn TapeRule<T>>),
}

/// Runs a rule.
pub(super) struct BackwardStep<T: Real> {
    pub(super) run: Run<T>,
    /// The cells of inputs and outputs that the rule reads, else the layout.
    pub(super) inputs: Vec<Read>,
    pub(super) outputs: Vec<Read>,
    /// The cotangents of the outputs.
    pub(super) grads: Vec<Cotangent>,
    /// By input, the cotangent to add to.
    pub(super) targets: Vec<Option<Cotangent>>,
    /// For an op that is run on slices: the number of its contribution and the input, in the order of the rule.
    pub(super) contributions: Vec<(usize, usize)>,
    pub(super) drops: Vec<usize>,
}

/// A value of a call as a rule reads it.
pub(super) enum Read {
    Cell(usize),
    Shape(Arc<Layout>),
}

impl Read {
    /// The elements, if the rule reads them.
    #[inline]
    fn slice<'a, T: Real>(&self, cells: &'a [Cell<T>], packed: &'a mut Option<Vec<T>>) -> &'a [T] {
        match self {
            Self::Cell(cell) => cells[*cell].slice(packed),
            Self::Shape(_) => &[],
        }
    }
}

impl<T: Real> Cell<T> {
    /// The elements in row-major order; copied to `packed` if the value has other strides.
    #[inline]
    fn slice<'a>(&'a self, packed: &'a mut Option<Vec<T>>) -> &'a [T] {
        match self {
            Self::Empty => &[],
            Self::Buffer(values) => values,
            Self::Value(x) => match x.tensor().as_slice() {
                Some(values) => values,
                None => packed.insert(x.tensor().to_vec()),
            },
        }
    }

    /// The memory of the cell, for `len` elements to be overwritten; the cell is empty until it is given back.
    #[inline]
    fn take_buffer(&mut self, len: usize) -> Vec<T> {
        match std::mem::replace(self, Self::Empty) {
            Self::Buffer(values) => values,
            Self::Value(x) if !x.tensor().is_shared() && x.len() == len => {
                x.into_parts().0.into_vec()
            }
            Self::Value(_) | Self::Empty => vec![T::zero(); len],
        }
    }

    /// The elements, to be changed.
    fn elements_mut(&mut self) -> &mut [T] {
        if let Self::Value(x) = self {
            let x = std::mem::replace(x, Var::constant(Tensor::scalar(T::zero())));
            *self = Self::Buffer(x.into_parts().0.into_vec());
        }
        match self {
            Self::Buffer(values) => values,
            Self::Empty | Self::Value(_) => &mut [],
        }
    }

    /// The value as a variable, which stays in the cell.
    fn variable(&mut self, shape: &[usize]) -> &Var<T> {
        if let Self::Buffer(values) = self {
            let values = std::mem::take(values);
            *self = Self::Value(Var::constant(Tensor::from_vec(values, shape)));
        }
        match self {
            Self::Value(x) => x,
            Self::Buffer(_) | Self::Empty => {
                unreachable!("the plan writes a cell before it is read")
            }
        }
    }

    /// The value as a variable, taken out of the cell.
    fn take(&mut self, shape: &[usize]) -> Var<T> {
        self.variable(shape);
        match std::mem::replace(self, Self::Empty) {
            Self::Value(x) => x,
            Self::Buffer(_) | Self::Empty => unreachable!("made a variable above"),
        }
    }
}

impl<T: Real> Program<T> {
    /// Whether this run is one of those to be compared with a new recording: the first, and then one of 1024.
    #[must_use]
    pub const fn is_to_compare(&self) -> bool {
        self.runs % COMPARED == 1
    }

    /// The value, and the gradient with respect to every parameter, `None` where the value does not depend on one.
    ///
    /// # Panics
    /// If there is another number of arguments than in the recording, or one has another shape.
    #[track_caller]
    pub fn run(
        &mut self,
        parameters: &[&Tensor<T>],
        data: &[&Tensor<T>],
    ) -> (Tensor<T>, Vec<Option<Tensor<T>>>) {
        self.runs += 1;
        let arguments = [parameters, data].concat();
        require!(
            (parameters.len(), arguments.len()) == (self.parameters.len(), self.arguments.len()),
            "replay: {} parameters and {} data, {} and {} were recorded",
            parameters.len(),
            data.len(),
            self.parameters.len(),
            self.arguments.len() - self.parameters.len()
        );
        let memory = &mut self.memory;
        for (i, (&cell, &x)) in self.arguments.iter().zip(&arguments).enumerate() {
            require!(
                x.shape() == memory.shapes[cell],
                "replay: {:?}: argument {i} was recorded as {:?}",
                x.shape(),
                memory.shapes[cell]
            );
            let is_packed = self.is_contiguous[i];
            let x = if is_packed { x.contiguous() } else { x.clone() };
            memory.cells[cell] = Cell::Value(Var::constant(x));
        }
        for step in &self.forward {
            memory.forward(step);
            memory.clear(&step.drops);
        }
        let value = memory.tensor(self.value);

        memory.is_set.fill(false);
        memory.is_set[self.root.number] = true;
        let mut unit = memory.cells[self.root.cell].take_buffer(1);
        unit.fill(T::one());
        memory.cells[self.root.cell] = Cell::Buffer(unit);
        for step in &self.backward {
            if step.grads.iter().any(|grad| memory.is_set[grad.number]) {
                memory.backward(step);
            }
            memory.clear(&step.drops);
        }
        let mut gradients = Vec::with_capacity(self.parameters.len());
        for place in &self.parameters {
            let place = place.filter(|place| memory.is_set[place.number]);
            gradients.push(place.map(|place| memory.tensor(place.cell)));
        }
        // Nothing keeps a gradient, or the buffer of an argument, which the caller may change in place.
        memory.clear(&self.releases);
        (value, gradients)
    }
}

impl<T: Real> Memory<T> {
    /// Frees cells.
    fn clear(&mut self, cells: &[usize]) {
        for &cell in cells {
            self.cells[cell] = Cell::Empty;
        }
    }

    /// The value of a cell.
    fn tensor(&mut self, cell: usize) -> Tensor<T> {
        self.cells[cell]
            .variable(&self.shapes[cell])
            .tensor()
            .clone()
    }

    /// Computes values.
    fn forward(&mut self, step: &ForwardStep<T>) {
        match &step.run {
            Run::OnSlices(op, len) => {
                forward_on_slices(&mut self.cells, op, *len, &step.inputs, step.outputs[0]);
            }
            Run::Op(rule) => forward_by_op(&mut self.cells, &self.shapes, rule.as_ref(), step),
        }
    }

    /// Runs a rule.
    fn backward(&mut self, step: &BackwardStep<T>) {
        match &step.run {
            Run::OnSlices(op, _) => self.backward_on_slices(op, step),
            Run::Op(rule) => self.backward_by_rule(rule.as_ref(), step),
        }
    }

    fn backward_on_slices(&mut self, op: &OnSlices<T>, step: &BackwardStep<T>) {
        let grad = step.grads[0];
        for &(number, input) in &step.contributions {
            let target = step.targets[input].expect("the plan lists wanted inputs only");
            let len = target.len;
            let is_set = std::mem::replace(&mut self.is_set[target.number], true);
            let mut out = if is_set {
                let mut scratch = std::mem::take(&mut self.scratch);
                scratch.resize(len, T::zero());
                scratch
            } else {
                self.cells[target.cell].take_buffer(len)
            };
            let mut packed: [Option<Vec<T>>; MAX_INPUTS + 2] = Default::default();
            let [packed_grad, packed_y, packed @ ..] = &mut packed;
            let mut x = [&[][..]; MAX_INPUTS];
            for ((x, read), packed) in x.iter_mut().zip(&step.inputs).zip(packed) {
                *x = read.slice(&self.cells, packed);
            }
            let call = SliceCall {
                grad: self.cells[grad.cell].slice(packed_grad),
                x: &x[..step.inputs.len()],
                y: step.outputs[0].slice(&self.cells, packed_y),
            };
            match &op.contributions[number].1 {
                Contribution::Unchanged => out.copy_from_slice(call.grad),
                Contribution::Of(f) => f(&call, &mut out),
            }
            if is_set {
                slices::add_assign(self.cells[target.cell].elements_mut(), &out);
                self.scratch = out;
            } else {
                self.cells[target.cell] = Cell::Buffer(out);
            }
        }
    }

    fn backward_by_rule(&mut self, rule: &dyn TapeRule<T>, step: &BackwardStep<T>) {
        let Self {
            cells,
            shapes,
            is_set,
            ..
        } = self;
        let mut kept = |read: &Read| match read {
            Read::Cell(cell) => Kept::Value(cells[*cell].variable(&shapes[*cell]).tensor().clone()),
            Read::Shape(layout) => Kept::Shape(Arc::clone(layout)),
        };
        // The rule adds to the cotangents in a place of its own: input by input, equal inputs to the first of them.
        let first = |i: usize| {
            let number = step.targets[i]?.number;
            (step.targets.iter()).position(|target| target.is_some_and(|t| t.number == number))
        };
        let inputs = InlineVec::of(step.inputs.len(), |i| Input {
            value: kept(&step.inputs[i]),
            source: first(i).map(|i| Source {
                entry: i as u32,
                output: 0,
            }),
        });
        let outputs = InlineVec::of(step.outputs.len(), |k| kept(&step.outputs[k]));
        let call = Call::new(
            Entry {
                rule: None,
                inputs,
                outputs,
                location: Location::caller(),
            },
            None,
        );
        let cotangents = InlineVec::of(step.grads.len(), |k| {
            let grad = step.grads[k];
            is_set[grad.number].then(|| cells[grad.cell].take(&shapes[grad.cell]))
        });
        let mut slots = Slots::new(step.targets.len());
        for (i, target) in step.targets.iter().enumerate() {
            if let Some(target) = target
                && first(i) == Some(i)
                && is_set[target.number]
            {
                slots.put((i, 0), cells[target.cell].take(&shapes[target.cell]));
            }
        }
        rule.vjp(
            &call,
            &mut Contributions {
                call: &call,
                op: rule.name(),
                cotangents,
                slots: &mut slots,
                graph: Graph::Skip,
                needed: None,
            },
        );
        for (i, target) in step.targets.iter().enumerate() {
            if let Some(target) = target
                && let Some(cotangent) = slots.take((i, 0))
            {
                cells[target.cell] = Cell::Value(cotangent);
                is_set[target.number] = true;
            }
        }
    }
}

fn forward_on_slices<T: Real>(
    cells: &mut [Cell<T>],
    op: &OnSlices<T>,
    len: usize,
    inputs: &[usize],
    output: usize,
) {
    let mut out = cells[output].take_buffer(len);
    let mut packed: [Option<Vec<T>>; MAX_INPUTS] = Default::default();
    let mut x = [&[][..]; MAX_INPUTS];
    for ((x, &cell), packed) in x.iter_mut().zip(inputs).zip(&mut packed) {
        *x = cells[cell].slice(packed);
    }
    (op.value)(&x[..inputs.len()], &mut out);
    cells[output] = Cell::Buffer(out);
}

fn forward_by_op<T: Real>(
    cells: &mut [Cell<T>],
    shapes: &[Vec<usize>],
    rule: &dyn TapeRule<T>,
    step: &ForwardStep<T>,
) {
    for &cell in &step.inputs {
        cells[cell].variable(&shapes[cell]);
    }
    let inputs: Vec<&Var<T>> = step
        .inputs
        .iter()
        .map(|&cell| match &cells[cell] {
            Cell::Value(x) => x,
            Cell::Buffer(_) | Cell::Empty => unreachable!("made a variable above"),
        })
        .collect();
    let outputs = rule.run(&inputs).0;
    for (&cell, y) in step.outputs.iter().zip(outputs) {
        cells[cell] = Cell::Value(Var::constant(y));
    }
}

impl<T: Real> fmt::Debug for Program<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("forward", &self.forward.len())
            .field("backward", &self.backward.len())
            .field("cells", &self.memory.cells.len())
            .finish_non_exhaustive()
    }
}
