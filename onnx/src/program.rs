//! Two traces of a model, with other inputs and maybe another batch, as one program.
//!
//! What is equal in both is constant. An extent that grows with the batch is a multiple of it. Anything else that differs
//! was computed from the input outside of recorded operations, and a file would hold it as a constant: an error.

use std::collections::{BTreeMap, HashMap};

use wengert_autograd::{Attribute, Attributes, RecordedCall};
use wengert_nn::{Trace, TracedLeaf};
use wengert_tensor::{Element, Slice, Tensor};

use crate::error::{CallSite, ExportError};
use crate::number::{FileNumber, same};

/// An extent of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The same for every batch.
    Fixed(usize),
    /// This many times the batch.
    Batch(usize),
}

/// The result of a call or a leaf: its entry, and the number of the result there.
pub(crate) type Value = (usize, usize);

/// What a call reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Value(Value),
    /// By its place in [`Program::constants`].
    Constant(usize),
}

/// A value that is neither an input nor stored in the model.
#[derive(Debug)]
pub(crate) struct Constant<T: FileNumber> {
    /// Extents that grow with the batch are 1 here.
    pub(crate) value: Tensor<T>,
    pub(crate) shape: Vec<Extent>,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) place: CallSite,
    pub(crate) entry: usize,
    /// Masks have extent 1 where they would grow with the batch.
    pub(crate) attributes: Attributes,
    pub(crate) operands: Vec<Operand>,
    pub(crate) operand_shapes: Vec<Vec<Extent>>,
    pub(crate) results: Vec<Vec<Extent>>,
}

/// A computation that holds for every batch.
#[derive(Debug)]
pub(crate) struct Program<T: FileNumber> {
    pub(crate) steps: Vec<Operation>,
    pub(crate) constants: Vec<Constant<T>>,
    pub(crate) leaves: BTreeMap<usize, TracedLeaf<T>>,
    pub(crate) inputs: Vec<Vec<Extent>>,
    pub(crate) outputs: Vec<(Operand, Vec<Extent>)>,
    /// The steps by entry.
    pub(crate) by_entry: HashMap<usize, usize>,
    /// How often each value is read, as an output too.
    pub(crate) uses: HashMap<Value, usize>,
}

/// Two traces side by side.
pub(crate) struct Pair<'a, T: FileNumber> {
    pub(crate) traces: [&'a Trace<T>; 2],
    pub(crate) inputs: [&'a [Tensor<T>]; 2],
    pub(crate) batches: [usize; 2],
}

impl<T: FileNumber> Pair<'_, T> {
    /// The program of which these are two runs.
    pub(crate) fn program(&self) -> Result<Program<T>, ExportError> {
        let [first, second] = self.traces;
        let mut program = Program {
            steps: Vec::with_capacity(first.calls.len()),
            constants: Vec::new(),
            leaves: first.leaves.clone(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            by_entry: HashMap::new(),
            uses: HashMap::new(),
        };
        let shapes = |inputs: &[Tensor<T>], i: usize| inputs[i].shape().to_vec();
        for i in 0..self.inputs[0].len() {
            let [a, b] = self.inputs.map(|inputs| shapes(inputs, i));
            let shape = self.extents(&a, &b).ok_or(ExportError::Input {
                number: i,
                shape: a,
            })?;
            program.inputs.push(shape);
        }
        for (number, call) in first.calls.iter().enumerate() {
            let Some(other) = second.calls.get(number).filter(|other| alike(call, other)) else {
                return Err(ExportError::Control { place: place(call) });
            };
            let step = self.step(call, other, &mut program.constants)?;
            for operand in &step.operands {
                if let Operand::Value(value) = operand {
                    *program.uses.entry(*value).or_default() += 1;
                }
            }
            program.by_entry.insert(call.entry, number);
            program.steps.push(step);
        }
        if let Some(more) = second.calls.get(first.calls.len()) {
            return Err(ExportError::Control { place: place(more) });
        }
        self.outputs(&mut program)?;
        Ok(program)
    }

    fn outputs(&self, program: &mut Program<T>) -> Result<(), ExportError> {
        let [first, second] = self.traces;
        let result = CallSite {
            op: "output",
            location: std::panic::Location::caller(),
            layer: None,
        };
        if first.outputs.len() != second.outputs.len() {
            return Err(ExportError::Control { place: result });
        }
        for ((a, source), (b, other)) in first.outputs.iter().zip(&second.outputs) {
            // The call that made it, for messages.
            let made_by = source.and_then(|(entry, _)| program.by_entry.get(&entry));
            let place = made_by.map_or(&result, |&step| &program.steps[step].place);
            if source != other {
                let place = place.clone();
                return Err(ExportError::Control { place });
            }
            let shape = self.shape(place, a.shape(), b.shape())?;
            let operand = if let Some(value) = source {
                *program.uses.entry(*value).or_default() += 1;
                Operand::Value(*value)
            } else {
                let value = self.constant(place, "an output", (a, b), same)?;
                let shape = shape.clone();
                program.constants.push(Constant { value, shape });
                Operand::Constant(program.constants.len() - 1)
            };
            program.outputs.push((operand, shape));
        }
        Ok(())
    }

    fn step(
        &self,
        call: &RecordedCall<T>,
        other: &RecordedCall<T>,
        constants: &mut Vec<Constant<T>>,
    ) -> Result<Operation, ExportError> {
        let place = place(call);
        let mut operands = Vec::new();
        let mut operand_shapes = Vec::new();
        for (i, ((a, source), (b, _))) in call.operands.iter().zip(&other.operands).enumerate() {
            let shape = self.shape(&place, a.shape(), b.shape())?;
            operand_shapes.push(shape.clone());
            operands.push(if let Some(value) = source {
                Operand::Value(*value)
            } else {
                let value = self.constant(&place, &format!("operand {i}"), (a, b), same)?;
                constants.push(Constant { value, shape });
                Operand::Constant(constants.len() - 1)
            });
        }
        let results = call.results.iter().zip(&other.results);
        let results = results.map(|(a, b)| self.shape(&place, a.shape(), b.shape()));
        let results = results.collect::<Result<Vec<_>, _>>()?;
        let mut attributes = Attributes::new();
        for ((name, a), (_, b)) in call.attributes.iter().zip(&other.attributes) {
            // Shapes of results are known from the results.
            if *name != "shape" {
                attributes.push((name, self.attribute((call, other), name, (a, b))?));
            }
        }
        Ok(Operation {
            place,
            entry: call.entry,
            attributes,
            operands,
            operand_shapes,
            results,
        })
    }

    fn attribute(
        &self,
        (call, other): (&RecordedCall<T>, &RecordedCall<T>),
        name: &str,
        (a, b): (&Attribute, &Attribute),
    ) -> Result<Attribute, ExportError> {
        if a == b {
            return Ok(a.clone());
        }
        let what = format!("its option `{name}`");
        match (a, b) {
            (Attribute::Mask(a), Attribute::Mask(b)) => {
                let mask = self.constant(&place(call), &what, (a, b), |a, b| a == b)?;
                Ok(Attribute::Mask(mask))
            }
            (Attribute::Slices(a), Attribute::Slices(b)) => {
                let shapes = [call, other].map(|call| call.operands[0].0.shape());
                let whole = |slice: &Slice, extent| {
                    slice.resolve(extent) == (0, extent) && slice.stride() == 1
                };
                let of_axis = |(axis, (a, b)): (usize, (&Slice, &Slice))| {
                    if a == b {
                        return Some(*a);
                    }
                    (whole(a, shapes[0][axis]) && whole(b, shapes[1][axis]))
                        .then(|| Slice::from(..))
                };
                let slices = a.iter().zip(b).enumerate().map(of_axis);
                let slices = slices.collect::<Option<Vec<_>>>();
                slices
                    .map(Attribute::Slices)
                    .ok_or_else(|| not_recorded(call, what))
            }
            _ => Err(not_recorded(call, what)),
        }
    }

    /// A value that is the same in both runs, apart from extents that grow with the batch, along which it does not change.
    fn constant<E: Element>(
        &self,
        place: &CallSite,
        what: &str,
        (a, b): (&Tensor<E>, &Tensor<E>),
        same: impl Fn(&Tensor<E>, &Tensor<E>) -> bool,
    ) -> Result<Tensor<E>, ExportError> {
        let shape = self.shape(place, a.shape(), b.shape())?;
        let narrow = |x: &Tensor<E>| {
            let mut y = x.clone();
            for (axis, extent) in shape.iter().enumerate() {
                if matches!(extent, Extent::Batch(_)) {
                    y = y.slice(axis as isize, ..1);
                }
            }
            same(&y.broadcast_to(x.shape()), x).then_some(y)
        };
        match (narrow(a), narrow(b)) {
            (Some(a), Some(b)) if same(&a, &b) => Ok(a),
            _ => Err(ExportError::NotRecorded {
                place: place.clone(),
                what: what.to_owned(),
            }),
        }
    }

    fn shape(
        &self,
        place: &CallSite,
        a: &[usize],
        b: &[usize],
    ) -> Result<Vec<Extent>, ExportError> {
        self.extents(a, b).ok_or_else(|| ExportError::Batch {
            place: place.clone(),
            batches: self.batches,
            first: a.to_vec(),
            second: b.to_vec(),
        })
    }

    fn extents(&self, a: &[usize], b: &[usize]) -> Option<Vec<Extent>> {
        let [first, second] = self.batches;
        let extent = |(&a, &b): (&usize, &usize)| {
            if a == b {
                return Some(Extent::Fixed(a));
            }
            let times = a / first;
            (a == times * first && b == times * second).then_some(Extent::Batch(times))
        };
        if a.len() != b.len() {
            return None;
        }
        a.iter().zip(b).map(extent).collect()
    }
}

/// Whether two calls are the same but for values and extents.
fn alike<T: FileNumber>(a: &RecordedCall<T>, b: &RecordedCall<T>) -> bool {
    let sources = |call: &RecordedCall<T>| -> Vec<_> {
        call.operands.iter().map(|(_, source)| *source).collect()
    };
    let names = |call: &RecordedCall<T>| -> Vec<_> {
        call.attributes.iter().map(|(name, _)| *name).collect()
    };
    a.op == b.op
        && a.entry == b.entry
        && sources(a) == sources(b)
        && names(a) == names(b)
        && a.results.len() == b.results.len()
}

fn place<T: FileNumber>(call: &RecordedCall<T>) -> CallSite {
    CallSite {
        op: call.op,
        location: call.location,
        layer: call.layer.clone(),
    }
}

fn not_recorded<T: FileNumber>(call: &RecordedCall<T>, what: String) -> ExportError {
    let place = place(call);
    ExportError::NotRecorded { place, what }
}
