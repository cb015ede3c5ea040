//! Compares the derivatives of a function with those of the witnesses.

mod directions;
mod error_analysis;
mod first;
mod jacobian;
mod rounding;
mod second;
mod single;
mod structure;
mod third;
mod vote;

use std::cell::OnceCell;
use std::panic::Location;

use wengert_tensor::testing::layouts::{all_layouts, in_layout_of};
use wengert_tensor::{Dual, Tensor, lost_paths};

use super::locate;
use super::quiet::quietly;
use super::subject::{Counted, Subject, or_zeros};
use super::{CheckOptions, Report, Verdict};
use crate::sample::{Draw, LARGEST};
pub(super) use directions::DIRECTION_COST;
pub(super) use first::{DIFFERENCES_BESIDE_EXACT, DIFFERENCES_OF_EXAMPLES, EXAMPLES, moved};
pub(super) use jacobian::LARGEST_JACOBIAN;
use rounding::Neighbour;

/// The function, its inputs, and the results that all comparisons use.
struct Check<'a> {
    subject: &'a dyn Subject,
    inputs: &'a [Tensor<f64>],
    options: &'a CheckOptions,
    /// One cotangent per output, in any layout.
    cotangents: Vec<Tensor<f64>>,
    /// `⟨f, cotangents⟩`, and the size of its terms, which may cancel.
    value: (f64, f64),
    /// `∂⟨f, cotangents⟩/∂xᵢ` by reverse mode.
    gradients: Vec<Tensor<f64>>,
    /// The largest element of each input, 1 if all are 0, and of each gradient.
    sizes: Vec<(f64, f64)>,
    /// For each input, whether reverse mode has a path to it.
    reached: Vec<bool>,
    /// Where the run on dual numbers converted one with a tangent to `f64`.
    lost: Vec<&'static Location<'static>>,
    /// For each input, the rounding noise of the function when one element of the input changes.
    noise: Vec<Option<f64>>,
    neighbours: Vec<Neighbour>,
    /// The inputs moved by their rounding units, and the gradients there, once a difference needs them.
    rounded: Vec<(Vec<Tensor<f64>>, Vec<Tensor<f64>>)>,
    /// The inputs as dual numbers that do not move, once forward mode needs them.
    constants: OnceCell<Vec<Tensor<Dual>>>,
    /// How many kinks were traced to an op.
    traced: usize,
    draw: Draw,
    report: Report,
}

pub(super) fn check(
    subject: &dyn Subject,
    inputs: &[Tensor<f64>],
    options: &CheckOptions,
) -> Report {
    let counted = Counted::new(subject);
    let narrowed;
    let options = if options.only.is_some() {
        narrowed = CheckOptions {
            directions: 0,
            second_order: false,
            structure: false,
            ..options.clone()
        };
        &narrowed
    } else {
        options
    };
    let mut report = run(&counted, inputs, options);
    report.seed = options.seed;
    if report.failed()
        && options.localise
        && let Some(f) = subject.recorded()
        && let Ok((found, tape)) =
            quietly(|| locate::locate(f, inputs, options.seed, options.second_order))
    {
        report.located = found;
        report.tape = tape;
    }
    if report.failed()
        && options.localise
        && subject.recorded().is_none()
        && !report.records.is_empty()
        && let Ok(text) = quietly(|| locate::suspect(subject, inputs, &report, options.seed))
    {
        report.notes.push(text);
    }
    for record in &mut report.records {
        record.seed = options.seed;
    }
    report.shapes = inputs.iter().map(|x| x.shape().to_vec()).collect();
    report.cost = counted.cost.get();
    report.kinks = report.count(Verdict::Kink);
    report
}

fn run(subject: &dyn Subject, inputs: &[Tensor<f64>], options: &CheckOptions) -> Report {
    let mut report = match prepare(subject, inputs, options) {
        Ok(check) => check.run(),
        Err(fault) => {
            return Report {
                faults: vec![fault],
                ..Report::default()
            };
        }
    };
    // At a kink a derivative is a convention. Beside it, it can be judged.
    if !report.failed() && report.count(Verdict::Kink) > 0 {
        let aside: Vec<_> = aside(inputs, options.seed);
        let options = CheckOptions {
            second_order: false,
            third_order: false,
            structure: false,
            entries: options.entries.min(32),
            ..options.clone()
        };
        if let Ok(check) = prepare(subject, &aside, &options) {
            let mut beside = check.run();
            for record in &mut beside.records {
                record.beside_a_kink = true;
            }
            if beside.failed() || beside.judged() {
                report.faults.extend(beside.faults);
                report.records.extend(beside.records);
            }
        }
    }
    report
}

/// The inputs moved by about a thousandth of their size, each element by another amount.
fn aside(inputs: &[Tensor<f64>], seed: u64) -> Vec<Tensor<f64>> {
    let mut draw = Draw::new(seed ^ 0xa51d, LARGEST);
    let shift = |x: &Tensor<f64>| {
        let size = size_or_one(largest(x));
        x.zip(&draw.uniform(x.shape(), 0.5, 1.5), |x, u| {
            x + 1e-3 * size * u
        })
    };
    inputs.iter().map(shift).collect()
}

/// Runs the function once forwards and once backwards.
fn prepare<'a>(
    subject: &'a dyn Subject,
    inputs: &'a [Tensor<f64>],
    options: &'a CheckOptions,
) -> Result<Check<'a>, String> {
    if inputs.is_empty() {
        return Err("the function has no inputs: nothing to judge".to_owned());
    }
    if let Some((input, index)) = &options.only {
        let shape = inputs.get(*input).map(Tensor::shape);
        let is_inside = shape.is_some_and(|shape| {
            index.len() == shape.len() && index.iter().zip(shape).all(|(at, extent)| at < extent)
        });
        if !is_inside {
            return Err(format!(
                "the entry to judge, {index:?} of input {input}, is outside of the inputs"
            ));
        }
    }
    let mut draw = Draw::new(options.seed ^ 0x5eed, LARGEST);
    let outputs = quietly(|| subject.outputs(inputs))
        .map_err(|message| format!("the function panics: {message}"))?;
    if outputs.is_empty() {
        return Err("the function has no outputs: nothing to judge".to_owned());
    }
    for (k, y) in outputs.iter().enumerate() {
        if y.iter().any(|y| !y.is_finite()) {
            return Err(format!(
                "output {k} is not finite: derivatives cannot be compared"
            ));
        }
    }
    let cotangents: Vec<_> = outputs
        .iter()
        .map(|y| subject.rounded(cotangent(&mut draw, y.shape())))
        .collect();
    let pairs = || outputs.iter().zip(&cotangents);
    let value: (f64, f64) = (
        pairs().map(|(y, c)| dot(y, c)).sum(),
        pairs().map(|(y, c)| dot_abs(y, c)).sum(),
    );
    let gradients = quietly(|| subject.gradients(inputs, &cotangents))
        .map_err(|message| format!("the backward pass panics: {message}"))?;
    for (i, (g, x)) in gradients.iter().zip(inputs).enumerate() {
        if let Some(g) = g.as_ref().filter(|g| g.shape() != x.shape()) {
            let (shape, wrong) = (x.shape(), g.shape());
            return Err(format!("input {i} is {shape:?}, its gradient {wrong:?}"));
        }
    }
    let terms = quietly(|| subject.terms(inputs, &cotangents)).unwrap_or(0.0);
    let value = (value.0, value.1.max(terms));
    let reached = gradients.iter().map(Option::is_some).collect();
    let gradients = or_zeros(gradients, inputs);
    let pairs = inputs.iter().zip(&gradients);
    let sizes = pairs.map(|(x, g)| (size_or_one(largest(x)), largest(g)));
    Ok(Check {
        sizes: sizes.collect(),
        subject,
        inputs,
        options,
        cotangents,
        value,
        gradients,
        reached,
        lost: Vec::new(),
        noise: vec![None; inputs.len()],
        neighbours: Vec::new(),
        rounded: Vec::new(),
        constants: OnceCell::new(),
        traced: 0,
        draw,
        report: Report {
            output_shapes: outputs.iter().map(|y| y.shape().to_vec()).collect(),
            ..Report::default()
        },
    })
}

/// A random cotangent, in a random layout.
fn cotangent(draw: &mut Draw, shape: &[usize]) -> Tensor<f64> {
    let c = draw.normal(shape);
    if draw.once_in(4) {
        // Stride 0: all elements along an axis share one place in memory.
        let axes: Vec<_> = (0..shape.len()).filter(|&axis| shape[axis] > 1).collect();
        if axes.is_empty() {
            return c;
        }
        let axis = draw.pick(&axes) as isize;
        return c.slice(axis, ..1).contiguous().broadcast_to(shape);
    }
    let mut copies = all_layouts(&c);
    let chosen = draw.within(0, 2 * copies.len());
    if chosen < copies.len() {
        copies.swap_remove(chosen).1
    } else {
        c
    }
}

fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    a.iter().zip(b.iter()).map(|(a, b)| a * b).sum()
}

/// `Σ |a·b|`, the size that rounding errors of the inner product are relative to.
fn dot_abs(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    a.iter().zip(b.iter()).map(|(a, b)| (a * b).abs()).sum()
}

fn largest(x: &Tensor<f64>) -> f64 {
    x.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// A size to measure steps in: 1 if all numbers are 0.
fn size_or_one(size: f64) -> f64 {
    if size > 0.0 && size.is_finite() {
        size
    } else {
        1.0
    }
}

/// The row-major index of element `k`.
pub(super) fn unravel(mut k: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &extent) in index.iter_mut().zip(shape).rev() {
        *place = k % extent;
        k /= extent;
    }
    index
}

/// The place of an element in row-major order.
fn offset(index: &[usize], shape: &[usize]) -> usize {
    let places = index.iter().zip(shape);
    places.fold(0, |place, (i, n)| place * n + i)
}

impl Check<'_> {
    fn run(mut self) -> Report {
        let stages: [fn(&mut Self); 8] = [
            Self::watch_lost_paths,
            Self::structure,
            Self::entries,
            Self::jacobian,
            Self::directions,
            Self::second_order,
            Self::third_order,
            Self::single,
        ];
        for stage in stages {
            if let Err(message) = quietly(|| stage(&mut self)) {
                self.report
                    .faults
                    .push(format!("a run with other numbers panics: {message}"));
            }
        }
        self.report
    }

    /// Runs the function on dual numbers once, and finds where it drops a derivative.
    fn watch_lost_paths(&mut self) {
        if !self.options.forward_mode {
            return;
        }
        let tangents: Vec<_> = self
            .inputs
            .iter()
            .map(|x| self.draw.normal(x.shape()))
            .collect();
        let lifted = dual_inputs(self.inputs, &tangents);
        let (_, lost) = lost_paths(|| self.subject.duals(&lifted));
        for place in &lost {
            self.report.notes.push(format!(
                "forward mode drops a derivative at {place}: to_f64 of a dual number with a tangent; forward mode \
                 is not believed"
            ));
        }
        self.lost = lost;
    }

    fn f64(&self, inputs: &[Tensor<f64>]) -> f64 {
        let outputs = self.subject.outputs(inputs);
        let pairs = outputs.iter().zip(&self.cotangents);
        pairs.map(|(y, c)| dot(y, c)).sum()
    }

    /// The derivative along one tangent per input, by exact forward mode; per output.
    fn forward(&self, tangents: &[Tensor<f64>]) -> Option<Vec<Tensor<f64>>> {
        self.tangents_of(|| {
            let constants = self
                .constants
                .get_or_init(|| dual_inputs(self.inputs, &still(self.inputs)));
            let of_one = |(i, u): (usize, &Tensor<f64>)| {
                if is_still(u) {
                    constants[i].clone()
                } else {
                    dual_input(&self.inputs[i], u)
                }
            };
            tangents.iter().enumerate().map(of_one).collect()
        })
    }

    /// As [`forward`](Self::forward), at other inputs.
    fn forward_at(
        &self,
        inputs: &[Tensor<f64>],
        tangents: &[Tensor<f64>],
    ) -> Option<Vec<Tensor<f64>>> {
        self.tangents_of(|| dual_inputs(inputs, tangents))
    }

    /// The tangents of the outputs, per output, if forward mode is a witness.
    fn tangents_of(&self, inputs: impl FnOnce() -> Vec<Tensor<Dual>>) -> Option<Vec<Tensor<f64>>> {
        if !self.options.forward_mode {
            return None;
        }
        let outputs = self.subject.duals(&inputs())?;
        Some(outputs.iter().map(|y| y.map(|d| d.tangent)).collect())
    }
}

/// `⟨ẏ, cotangents⟩`, and the same sum over absolute values.
fn products(tangents: &[Tensor<f64>], cotangents: &[Tensor<f64>]) -> (f64, f64) {
    let pairs = || tangents.iter().zip(cotangents);
    (
        pairs().map(|(y, c)| dot(y, c)).sum(),
        pairs().map(|(y, c)| dot_abs(y, c)).sum(),
    )
}

/// Tangents of inputs that do not move. One zero is repeated along all axes, so that they cost nothing.
fn still(inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
    let zeros = |x: &Tensor<f64>| Tensor::scalar(0.0).broadcast_to(x.shape());
    inputs.iter().map(zeros).collect()
}

/// Whether a tangent is one that [`still`] makes.
fn is_still(tangent: &Tensor<f64>) -> bool {
    tangent.strides().iter().all(|&stride| stride == 0) && tangent.iter().next() == Some(0.0)
}

/// Inputs as dual numbers with these tangents.
pub(super) fn dual_inputs(inputs: &[Tensor<f64>], tangents: &[Tensor<f64>]) -> Vec<Tensor<Dual>> {
    let pairs = inputs.iter().zip(tangents);
    pairs.map(|(x, u)| dual_input(x, u)).collect()
}

fn dual_input(x: &Tensor<f64>, tangent: &Tensor<f64>) -> Tensor<Dual> {
    let dual = x.zip(tangent, Dual::new);
    // With stride 0 elements share a place in memory, but their tangents may differ.
    if x.strides().contains(&0) {
        dual
    } else {
        in_layout_of(&dual, x)
    }
}
