//! What a model is made of: layer by layer, with shapes, parameters, multiply-adds and receptive
//! fields.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use wengert_autograd::{Outlined, Reach, Var};
use wengert_tensor::{Real, Tensor};

use crate::module::Module;
use crate::parameters::{ParametersExt, Slot};
use crate::pass::Pass;
use crate::receptive_field::ReceptiveField;

/// The layers of a model as one evaluation pass met them, and totals.
///
/// It prints as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The shape of the input.
    pub input_shape: Vec<usize>,
    /// The shape of the result.
    pub output_shape: Vec<usize>,
    /// The layers in order of execution; one that ran twice is here twice. Listed are layers that call
    /// no other layers, and those that hold parameters or multiply by themselves.
    pub layers: Vec<LayerSummary>,
    /// How many numbers are trained, all parameters together.
    pub parameters: usize,
    /// How many tensors are kept but not trained.
    pub buffers: usize,
    /// Multiply-adds for the whole batch, those between layers included; biases, norms and pooling
    /// are not counted.
    pub multiply_adds: u64,
}

/// One layer of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// The path in the model, such as `layer1.0.conv2`.
    pub path: String,
    /// The type.
    pub kind: String,
    /// The shape of the result.
    pub output_shape: Vec<usize>,
    /// How many numbers are trained here; 0 where a layer runs again.
    pub parameters: usize,
    /// Multiply-adds for the whole batch.
    pub multiply_adds: u64,
    /// The part of the input that one element of the result depends on; `None`: all of it.
    pub receptive_field: Option<ReceptiveField>,
}

/// Runs a model once, in evaluation mode, on zeros of a shape, and reports what its layers do.
///
/// Convolutions, products and most elementwise ops are not run: they only report shapes and costs, see
/// [`Tape::outline`](wengert_autograd::Tape::outline). So a summary of a large model takes a small part
/// of a forward pass's time and memory, and covers a user's layers and ops without their help.
///
/// ```
/// use wengert_nn::{Linear, Sequential, sequential, summary};
///
/// let rng = &mut wengert_nn::rng(0);
/// let model: Sequential = sequential![Linear::new(64, 32, rng), Linear::new(32, 10, rng)];
/// let summary = summary(&model, [16, 64]);
/// assert_eq!(summary.output_shape, [16, 10]);
/// assert_eq!(summary.parameters, 64 * 32 + 32 + 32 * 10 + 10);
/// assert_eq!(summary.multiply_adds, 16 * (64 * 32 + 32 * 10));
/// println!("{summary}");
/// ```
///
/// # Panics
/// If the model cannot run on this shape.
#[must_use]
#[track_caller]
pub fn summary<T: Real, M>(model: &M, input_shape: impl AsRef<[usize]>) -> Summary
where
    M: Module<T> + ?Sized,
{
    let input_shape = input_shape.as_ref();
    let mut pass = Pass::outline(model);
    let zeros = Tensor::scalar(T::zero()).broadcast_to(input_shape);
    let input = pass.tape().leaf(zeros);
    let output = model.call(&input, &mut pass);
    let (tape, index, calls) = pass.into_calls();
    let ops = tape.outlined();
    let fields = receptive_fields(tape.len(), &ops);

    let parameters = model.parameters();
    let count = |holds: &dyn Fn(&str) -> bool| -> usize {
        let held = parameters.iter().filter(|(path, _)| holds(path));
        held.map(|(_, param)| param.value().len()).sum()
    };
    let mut seen = HashSet::new();
    let mut layers = Vec::new();
    for call in calls.finished {
        let layer = &index.layers()[call.layer];
        let path = &*layer.path;
        let own = if call.has_children {
            count(&|parameter| parameter.rsplit_once('.').map_or("", |(layer, _)| layer) == path)
        } else {
            count(&|parameter| is_inside(parameter, path))
        };
        let multiply_adds = multiply_adds(&ops, &call.own);
        if call.has_children && own == 0 && multiply_adds == 0 {
            continue;
        }
        layers.push(LayerSummary {
            path: path.to_owned(),
            kind: layer.id.kind(),
            output_shape: call.output_shape,
            parameters: if seen.insert(call.layer) { own } else { 0 },
            multiply_adds,
            receptive_field: call.output.and_then(|entry| fields[entry]),
        });
    }
    let mut buffers = 0;
    model.each(|_, slot| buffers += usize::from(!matches!(slot, Slot::Param(_))));
    Summary {
        input_shape: input_shape.to_vec(),
        output_shape: output.shape().to_vec(),
        multiply_adds: ops.iter().map(|op| op.multiply_adds).sum(),
        parameters: model.parameter_count(),
        buffers,
        layers,
    }
}

/// Whether a parameter belongs to a layer or to one inside it.
fn is_inside(parameter: &str, layer: &str) -> bool {
    let rest = parameter.strip_prefix(layer);
    layer.is_empty() || rest.is_some_and(|rest| rest.starts_with('.'))
}

fn multiply_adds(ops: &[Outlined], entries: &[Range<usize>]) -> u64 {
    let own = |op: &&Outlined| entries.iter().any(|range| range.contains(&op.entry));
    ops.iter().filter(own).map(|op| op.multiply_adds).sum()
}

/// The receptive field of every entry; `None`: all of the input. The input itself is entry 0.
fn receptive_fields(entries: usize, ops: &[Outlined]) -> Vec<Option<ReceptiveField>> {
    let mut fields = vec![Some(ReceptiveField::PIXEL); entries];
    for op in ops {
        let sources = op.sources.iter().map(|&source| fields[source]);
        let joined = sources.reduce(|a, b| Some(a?.joined(b?))).flatten();
        fields[op.entry] = match op.reach {
            Reach::Point => joined,
            Reach::Window(window) => joined.map(|field| field.through(window)),
            Reach::Whole => None,
        };
    }
    fields
}

/// The layers that ran in a pass, and which entries of the tape each made itself.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    running: Vec<LayerCall>,
    finished: Vec<LayerCall>,
    /// The entries before this one belong to a layer already.
    assigned: usize,
}

/// One run of a layer.
#[derive(Debug)]
struct LayerCall {
    layer: usize,
    has_children: bool,
    own: Vec<Range<usize>>,
    /// The entry of the output, if it depends on the input.
    output: Option<usize>,
    output_shape: Vec<usize>,
}

impl Calls {
    pub(crate) fn enter(&mut self, layer: usize, entries: usize) {
        self.assign(entries);
        if let Some(parent) = self.running.last_mut() {
            parent.has_children = true;
        }
        self.running.push(LayerCall {
            layer,
            has_children: false,
            own: Vec::new(),
            output: None,
            output_shape: Vec::new(),
        });
    }

    pub(crate) fn leave<T: Real>(&mut self, y: &Var<T>, entries: usize) {
        self.assign(entries);
        if let Some(mut call) = self.running.pop() {
            call.output = y.entry();
            call.output_shape = y.shape().to_vec();
            self.finished.push(call);
        }
    }

    /// Gives new entries to the running layer.
    fn assign(&mut self, entries: usize) {
        if let Some(running) = self.running.last_mut() {
            running.own.push(self.assigned..entries);
        }
        self.assigned = entries;
    }
}

impl LayerSummary {
    fn cells(&self) -> [String; 6] {
        let field = self.receptive_field.map_or_else(
            || "all".to_owned(),
            |ReceptiveField {
                 size: [h, w],
                 jump: [down, right],
             }| { format!("{h}×{w} / {down}×{right}") },
        );
        [
            self.path.clone(),
            self.kind.clone(),
            format!("{:?}", self.output_shape),
            grouped(self.parameters as u64),
            grouped(self.multiply_adds),
            field,
        ]
    }
}

const HEADINGS: [&str; 6] = [
    "layer",
    "type",
    "output",
    "parameters",
    "multiply-adds",
    "field / jump",
];

/// The columns of numbers.
const RIGHT: [bool; 6] = [false, false, false, true, true, true];

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(self.layers.iter().map(LayerSummary::cells));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [usize; 6] = std::array::from_fn(|column| width(column).unwrap_or_default());
        for row in &rows {
            let cells: Vec<_> = row
                .iter()
                .zip(widths)
                .zip(RIGHT)
                .map(|((cell, width), right)| {
                    if right {
                        format!("{cell:>width$}")
                    } else {
                        format!("{cell:<width$}")
                    }
                })
                .collect();
            let line = cells.join("  ");
            writeln!(f, "{}", line.trim_end())?;
        }
        write!(
            f,
            "{:?} → {:?}: {} parameters, {} buffers, {} multiply-adds",
            self.input_shape,
            self.output_shape,
            grouped(self.parameters as u64),
            self.buffers,
            grouped(self.multiply_adds)
        )
    }
}

/// A number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
