//! What a model is made of: layer by layer, with shapes, parameters, multiply-adds and receptive
//! fields.

use std::collections::HashSet;
use std::fmt;

use wengert_tensor::{Real, Tensor};

use crate::module::Module;
use crate::parameters::{Parameters, ParametersExt, Slot};
use crate::pass::Pass;
use crate::trace::{ReceptiveField, Traced};

/// The layers of a model as one evaluation pass met them, and totals.
///
/// It prints as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The shape of the input.
    pub input_shape: Vec<usize>,
    /// The shape of the result.
    pub output_shape: Vec<usize>,
    /// The layers in order of execution; one that ran twice is here twice.
    pub layers: Vec<LayerSummary>,
    /// How many numbers are trained, all parameters together.
    pub parameters: usize,
    /// How many tensors are kept but not trained.
    pub buffers: usize,
    /// Multiply-adds of all layers for the whole batch; biases, norms and pooling not counted.
    pub multiply_adds: u64,
}

/// One layer of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// The path in the model, such as `layer1.0.conv2`.
    pub path: String,
    /// The type, by `PyTorch`'s name.
    pub kind: &'static str,
    /// The shape of the result.
    pub output_shape: Vec<usize>,
    /// How many numbers are trained here; 0 where a layer runs again.
    pub parameters: usize,
    /// Multiply-adds for the whole batch.
    pub multiply_adds: u64,
    /// The part of the input that one element of the result depends on; `None`: all of it.
    pub receptive_field: Option<ReceptiveField>,
}

/// Runs a model once, in evaluation mode, on zeros of a shape, and tells what its layers do.
///
/// Convolutions, dense layers, batch norms and activations only tell the shape of their results, which
/// are zeros, so that a large model takes a small part of a forward pass' time and memory.
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
pub fn summary<M>(model: &M, input_shape: impl AsRef<[usize]>) -> Summary
where
    M: Module + Parameters<M::Element> + ?Sized,
{
    let pass = Pass::eval(model);
    let input = pass.input(Tensor::zeros(&input_shape));
    let mut pass = pass.traced(&input);
    let output = model.forward(&input, &mut pass);
    let traced = pass
        .into_trace()
        .map(|trace| trace.layers)
        .unwrap_or_default();

    let mut seen = HashSet::new();
    let layers: Vec<_> = traced
        .into_iter()
        .map(|layer| {
            let first = seen.insert(layer.path.clone());
            let parameters = if first {
                parameters_of(model, &layer.path)
            } else {
                0
            };
            LayerSummary::new(layer, parameters)
        })
        .collect();
    let mut buffers = 0;
    model.each(|_, slot| buffers += usize::from(!matches!(slot, Slot::Param(_))));
    Summary {
        input_shape: input_shape.as_ref().to_vec(),
        output_shape: output.shape().to_vec(),
        multiply_adds: layers.iter().map(|layer| layer.multiply_adds).sum(),
        parameters: model.parameter_count(),
        buffers,
        layers,
    }
}

/// The trained numbers that a layer holds itself.
fn parameters_of<T: Real>(model: &(impl Parameters<T> + ?Sized), layer: &str) -> usize {
    let own = |path: &str| path.rsplit_once('.').map_or("", |(parent, _)| parent) == layer;
    let all = model.parameters();
    all.iter()
        .filter(|(path, _)| own(path))
        .map(|(_, param)| param.value().len())
        .sum()
}

impl LayerSummary {
    fn new(traced: Traced, parameters: usize) -> Self {
        Self {
            path: traced.path.to_string(),
            kind: traced.kind,
            output_shape: traced.shape,
            parameters,
            multiply_adds: traced.multiply_adds,
            receptive_field: traced.field,
        }
    }

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
            self.kind.to_owned(),
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
