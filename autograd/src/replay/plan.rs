//! Making a program of a tape: which steps, in which cells.

use std::collections::HashMap;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use wengert_tensor::fail::fail;
use wengert_tensor::{Real, require};

use super::cells::{Cells, MAX_LEN};
use super::program::{BackwardStep, Cell, Cotangent, ForwardStep, Memory, Program, Read, Run};
use super::strides::{Op, choose, len};
use crate::on_slices::MAX_INPUTS;
use crate::tape::{Entry, Input, Kept, Tape};
use crate::var::Var;

/// A value: an output of an entry, or a constant.
struct Value {
    shape: Vec<usize>,
    /// The time of the step that reads it last.
    last: usize,
    cell: usize,
    /// Whether its cell is taken back when it is not needed any more: not that of an argument or a constant.
    is_temporary: bool,
}

/// After every step.
const NEVER: usize = usize::MAX;

impl Value {
    fn new(shape: &[usize], is_temporary: bool) -> Self {
        Self {
            shape: shape.to_vec(),
            last: if is_temporary { 0 } else { NEVER },
            cell: usize::MAX,
            is_temporary,
        }
    }

    fn read_at(&mut self, time: usize) {
        self.last = self.last.max(time);
    }
}

/// A program in the making. Time counts steps: those of the backward pass follow those of the forward pass.
struct Plan<T: Real> {
    ops: Vec<Op<T>>,
    values: Vec<Value>,
    /// By entry, the number of its first output.
    first: Vec<usize>,
    /// The values that are not needed any more after each step.
    ends: Vec<Vec<usize>>,
    cells: Cells<T>,
    /// By the number of a value.
    cotangents: HashMap<usize, Cotangent>,
    /// By entry, whether it depends on a parameter.
    is_wanted: Vec<bool>,
}

impl<T: Real> Program<T> {
    /// The program of what the tape of a value has recorded, which it takes off the tape.
    ///
    /// * `value`: one element, on a tape made by [`Tape::for_replay`](crate::Tape::for_replay)
    /// * `parameters`, `data`: the leaves of that tape
    ///
    /// # Errors
    /// Where the recorded program first looked at a value: it may choose by it what to compute.
    ///
    /// # Panics
    /// If the value has more than one element or is on no such tape, or a leaf that it depends on is not given.
    #[track_caller]
    pub fn new(
        value: &Var<T>,
        parameters: &[Var<T>],
        data: &[Var<T>],
    ) -> Result<Self, &'static Location<'static>> {
        require!(
            value.len() == 1,
            "replay: {:?}: only a value of one element has a gradient",
            value.shape()
        );
        let tape = value.tape().filter(|tape| tape.is_for_replay());
        let (Some(tape), Some(place)) = (tape, value.source()) else {
            fail(format_args!("replay: the value depends on no argument"));
        };
        if let Some(location) = tape.first_read() {
            return Err(location);
        }
        let mut arguments = Vec::with_capacity(parameters.len() + data.len());
        for x in parameters.iter().chain(data) {
            let entry = x.entry().filter(|_| x.tape().is_some_and(|of| of.is(tape)));
            let Some(entry) = entry else {
                fail(format_args!(
                    "replay: an argument is no leaf of the tape of the value"
                ));
            };
            arguments.push(entry);
        }
        let mut plan = Plan::of(tape, place.0, &arguments, parameters.len());
        let root = plan.first[place.0] + place.1;
        plan.set_lifetimes(root);
        let forward = plan.forward_steps();
        let root_cotangent = plan.cotangent(root);
        let backward = plan.backward_steps();
        let by_ops = forward.iter().filter(|step| matches!(step.run, Run::Op(_)));
        let by_ops = by_ops.flat_map(|step| step.outputs.iter().copied());
        let cell_of = |&argument: &usize| plan.values[plan.first[argument]].cell;
        let cotangent_of =
            |&parameter: &usize| plan.cotangents.get(&plan.first[parameter]).copied();
        let is_contiguous = parameters.iter().chain(data);
        let of_gradients = arguments[..parameters.len()]
            .iter()
            .filter_map(cotangent_of);
        let releases = arguments.iter().map(cell_of).chain(by_ops);
        let releases = releases.chain(of_gradients.map(|gradient| gradient.cell));
        Ok(Self {
            arguments: arguments.iter().map(cell_of).collect(),
            is_contiguous: is_contiguous.map(|x| x.tensor().is_contiguous()).collect(),
            value: plan.values[root].cell,
            root: root_cotangent,
            parameters: arguments[..parameters.len()]
                .iter()
                .map(cotangent_of)
                .collect(),
            releases: releases.collect(),
            forward,
            backward,
            memory: Memory {
                is_set: vec![false; plan.cotangents.len()],
                shapes: plan.cells.shapes,
                cells: plan.cells.all,
                scratch: Vec::new(),
            },
            runs: 0,
        })
    }
}

impl<T: Real> Plan<T> {
    /// Takes the entries off a tape and lists those that entry `last` depends on. The arguments are entries of parameters,
    /// then of data.
    #[track_caller]
    fn of(tape: &Tape<T>, last: usize, arguments: &[usize], parameters: usize) -> Self {
        let entries = tape.consume(Location::caller());
        let entries: Vec<Entry<T>> = entries.into_iter().flatten().collect();
        let is_used = used(&entries, last);
        let mut plan = Self {
            is_wanted: wanted(&entries, &arguments[..parameters]),
            ops: Vec::new(),
            values: Vec::new(),
            first: Vec::new(),
            ends: Vec::new(),
            cells: Cells::default(),
            cotangents: HashMap::new(),
        };
        for (index, entry) in entries.iter().enumerate() {
            plan.first.push(plan.values.len());
            let is_temporary = !arguments.contains(&index);
            let outputs = entry.outputs.iter();
            plan.values
                .extend(outputs.map(|y| Value::new(y.shape(), is_temporary)));
        }
        for &argument in arguments {
            let value = &mut plan.values[plan.first[argument]];
            value.cell = plan.cells.take(&value.shape);
        }
        for (index, entry) in entries.into_iter().enumerate() {
            if is_used[index] {
                plan.list(index, entry, arguments);
            }
        }
        let notes = tape.replay_notes().expect("the tape is one for replay");
        choose(&mut plan.ops, &notes.strided.borrow(), plan.first.len());
        plan
    }

    /// Adds an entry to the ops.
    #[track_caller]
    fn list(&mut self, index: usize, mut entry: Entry<T>, arguments: &[usize]) {
        let Some(rule) = entry.rule.take() else {
            require!(
                arguments.contains(&index),
                "replay: the leaf made at {} is neither a parameter nor data",
                entry.location
            );
            return;
        };
        let mut inputs = Vec::with_capacity(entry.inputs.len());
        for x in entry.inputs.iter() {
            inputs.push(if let Some((source, output)) = x.source() {
                self.first[source] + output
            } else {
                let mut constant = Value::new(x.value.shape(), false);
                constant.cell = self.cells.take(&constant.shape);
                self.cells.all[constant.cell] = Cell::Value(Var::constant(x.value.tensor()));
                self.values.push(constant);
                self.values.len() - 1
            });
        }
        let shapes: Vec<&[usize]> = entry.inputs.iter().map(|x| x.value.shape()).collect();
        let on_slices = is_small(&entry).then(|| rule.on_slices(&shapes)).flatten();
        let on_slices = on_slices.filter(|op| !op.is_pointwise || has_one_shape(&entry));
        self.ops.push(Op {
            reads: rule.declared_reads(),
            rule: Rc::from(rule),
            forward: on_slices.is_some(),
            backward: on_slices.is_some(),
            on_slices: on_slices.map(Rc::new),
            output: self.first[index],
            is_wanted: self.is_wanted[index],
            index,
            inputs,
            entry,
        });
    }

    /// The ops whose rules run, in their order.
    fn backward(&self) -> Vec<usize> {
        let ops = (0..self.ops.len()).rev();
        ops.filter(|&k| self.ops[k].is_wanted).collect()
    }

    /// Finds when each value is read last; the root is read after every step.
    fn set_lifetimes(&mut self, root: usize) {
        let backward = self.backward();
        for (time, op) in self.ops.iter().enumerate() {
            for number in op.outputs().chain(op.inputs.iter().copied()) {
                self.values[number].read_at(time);
            }
        }
        for (step, &k) in backward.iter().enumerate() {
            let (op, time) = (&self.ops[k], self.ops.len() + step);
            let inputs = op.inputs.iter().enumerate();
            let inputs = inputs.filter(|(i, _)| op.reads.reads_input(*i));
            let outputs = op.outputs().enumerate();
            let outputs = outputs.filter(|(k, _)| op.reads.reads_output(*k));
            for number in inputs
                .map(|(_, &number)| number)
                .chain(outputs.map(|(_, number)| number))
            {
                self.values[number].read_at(time);
            }
        }
        self.values[root].last = NEVER;
        self.ends = vec![Vec::new(); self.ops.len() + backward.len()];
        for number in self.ops.iter().flat_map(Op::outputs) {
            let value = &self.values[number];
            if let Some(ends) = self.ends.get_mut(value.last).filter(|_| value.is_temporary) {
                ends.push(number);
            }
        }
    }

    /// Gives cells to values in the order of time.
    fn forward_steps(&mut self) -> Vec<ForwardStep<T>> {
        let mut steps = Vec::with_capacity(self.ops.len());
        for (time, op) in self.ops.iter().enumerate() {
            for number in op.outputs() {
                self.values[number].cell = self.cells.take(&self.values[number].shape);
            }
            let cell = |number: usize| self.values[number].cell;
            let ended = self.ends[time].iter().map(|&number| cell(number));
            steps.push(ForwardStep {
                run: op.run(op.forward),
                inputs: op.inputs.iter().map(|&number| cell(number)).collect(),
                outputs: op.outputs().map(cell).collect(),
                drops: self.cells.give_back(ended),
            });
        }
        steps
    }

    /// The cotangent of a value. It has a cell from the first step that may add to it to the step of its entry.
    fn cotangent(&mut self, number: usize) -> Cotangent {
        let (next, shape) = (self.cotangents.len(), &self.values[number].shape);
        let new = || Cotangent {
            number: next,
            cell: self.cells.take(shape),
            len: shape.iter().product(),
        };
        *self.cotangents.entry(number).or_insert_with(new)
    }

    fn backward_steps(&mut self) -> Vec<BackwardStep<T>> {
        let mut steps = Vec::new();
        for (step, k) in self.backward().into_iter().enumerate() {
            let inputs = self.ops[k].inputs.clone();
            let mut targets = Vec::with_capacity(inputs.len());
            for (i, &number) in inputs.iter().enumerate() {
                let source = self.ops[k].entry.inputs.get(i).and_then(Input::source);
                let is_wanted = source.is_some_and(|(entry, _)| self.is_wanted[entry]);
                targets.push(is_wanted.then(|| self.cotangent(number)));
            }
            let mut grads = Vec::new();
            for number in self.ops[k].outputs() {
                grads.push(self.cotangent(number));
            }
            let op = &self.ops[k];
            let run = op.run(op.backward);
            let contributions = match &run {
                Run::OnSlices(op, _) => {
                    let inputs = op.contributions.iter().map(|(input, _)| *input).enumerate();
                    inputs
                        .filter(|(_, input)| targets[*input].is_some())
                        .collect()
                }
                Run::Op(_) => Vec::new(),
            };
            let read = |kept: &Kept<T>, is_read: bool, number: usize| match kept {
                _ if is_read => Read::Cell(self.values[number].cell),
                Kept::Value(x) => Read::Shape(x.shared_layout()),
                Kept::Shape(layout) => Read::Shape(Arc::clone(layout)),
            };
            let inputs = op.entry.inputs.iter().zip(&inputs).enumerate();
            let inputs = inputs.map(|(i, (x, &n))| read(&x.value, op.reads.reads_input(i), n));
            let inputs = inputs.collect();
            let outputs = op.entry.outputs.iter().zip(op.outputs()).enumerate();
            let outputs = outputs.map(|(k, (y, n))| read(y, op.reads.reads_output(k), n));
            let outputs = outputs.collect();
            let ended = self.ends[self.ops.len() + step].iter();
            let ended = ended.map(|&number| self.values[number].cell);
            let ended: Vec<usize> = ended.chain(grads.iter().map(|grad| grad.cell)).collect();
            steps.push(BackwardStep {
                run,
                inputs,
                outputs,
                drops: self.cells.give_back(ended.into_iter()),
                grads,
                targets,
                contributions,
            });
        }
        steps
    }
}

/// Whether an entry depends on each entry.
fn used<T: Real>(entries: &[Entry<T>], of: usize) -> Vec<bool> {
    let mut used = vec![false; entries.len()];
    used[of] = true;
    for (index, entry) in entries.iter().enumerate().rev() {
        if used[index] {
            for (source, _) in entry.inputs.iter().filter_map(Input::source) {
                used[source] = true;
            }
        }
    }
    used
}

/// Whether each entry depends on a parameter.
fn wanted<T: Real>(entries: &[Entry<T>], parameters: &[usize]) -> Vec<bool> {
    let mut wanted = vec![false; entries.len()];
    for &parameter in parameters {
        wanted[parameter] = true;
    }
    for (index, entry) in entries.iter().enumerate() {
        wanted[index] |=
            (entry.inputs.iter().filter_map(Input::source)).any(|(source, _)| wanted[source]);
    }
    wanted
}

/// Whether an op has one output and all operands are small.
fn is_small<T: Real>(entry: &Entry<T>) -> bool {
    let operands = entry.inputs.iter().map(|x| x.value.shape());
    let outputs = entry.outputs.iter().map(Kept::shape);
    entry.outputs.len() == 1
        && entry.inputs.len() <= MAX_INPUTS
        && len(entry) > 0
        && (operands.chain(outputs)).all(|shape| shape.iter().product::<usize>() <= MAX_LEN)
}

/// Whether every input has the shape of the output.
fn has_one_shape<T: Real>(entry: &Entry<T>) -> bool {
    let y = entry.outputs.get(0).map(Kept::shape);
    entry.inputs.iter().all(|x| Some(x.value.shape()) == y)
}
