//! Compares the derivatives of a function with those of the witnesses.

mod first;
mod second;

use wengert_tensor::testing::layouts::{all_layouts, in_layout_of};
use wengert_tensor::{Dual, Real, Tensor};

use super::{CheckOptions, Derivative, Record, Report};
use crate::backward::grad;
use crate::function::Differentiable;
use crate::rule::Graph;
use crate::sample::{Draw, LARGEST};
use crate::tape::Tape;
use crate::var::Var;

/// The function, its inputs, and the results that all comparisons use.
struct Check<'a> {
    f: &'a dyn Differentiable,
    inputs: &'a [Tensor<f64>],
    options: &'a CheckOptions,
    /// One cotangent per output, in any layout.
    cotangents: Vec<Tensor<f64>>,
    /// `⟨f, cotangents⟩`, and the same sum over absolute values.
    value: (f64, f64),
    /// `∂⟨f, cotangents⟩/∂xᵢ` by reverse mode.
    gradients: Vec<Tensor<f64>>,
    draw: Draw,
    report: Report,
}

pub(super) fn check(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    options: &CheckOptions,
) -> Report {
    let mut draw = Draw::new(options.seed ^ 0x5eed, LARGEST);
    let mut report = Report::default();
    let plain: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
    let outputs = f.f64(&plain);
    for (k, y) in outputs.iter().enumerate() {
        if y.value().iter().any(|y| !y.is_finite()) {
            report.faults.push(format!(
                "output {k} is not finite: derivatives cannot be compared"
            ));
        }
    }
    if !report.faults.is_empty() {
        return report;
    }
    let cotangents: Vec<_> = outputs
        .iter()
        .map(|y| cotangent(&mut draw, y.shape()))
        .collect();
    let pairs = || outputs.iter().map(Var::value).zip(&cotangents);
    let value = (
        pairs().map(|(y, c)| dot(y, c)).sum(),
        pairs().map(|(y, c)| dot_abs(y, c)).sum(),
    );
    let gradients = reverse(&|x| f.f64(x), inputs, &cotangents);
    let mut check = Check {
        f,
        inputs,
        options,
        cotangents,
        value,
        gradients,
        draw,
        report,
    };
    check.unused_outputs();
    check.other_uses();
    check.entries();
    check.jacobian();
    check.directions();
    if options.second_order {
        check.second_order();
    }
    check.single();
    check.report
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

/// The gradients of `⟨f, cotangents⟩`, zero where there is no path.
fn reverse<T: Real>(
    f: &dyn Fn(&[Var<T>]) -> Vec<Var<T>>,
    inputs: &[Tensor<T>],
    cotangents: &[Tensor<T>],
) -> Vec<Tensor<T>> {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = f(&x);
    let roots: Vec<_> = y
        .iter()
        .zip(cotangents)
        .map(|(y, c)| (y, Var::constant(c.clone())))
        .collect();
    values(
        grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Skip),
        inputs,
    )
}

fn values<T: Real>(gradients: Vec<Option<Var<T>>>, like: &[Tensor<T>]) -> Vec<Tensor<T>> {
    gradients
        .into_iter()
        .zip(like)
        .map(|(g, x)| g.map_or_else(|| Tensor::zeros(x.shape()), Var::into_value))
        .collect()
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

/// The row-major index of element `k`.
fn unravel(mut k: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &extent) in index.iter_mut().zip(shape).rev() {
        *place = k % extent;
        k /= extent;
    }
    index
}

/// The difference divided by what is allowed; NaN or infinity, which count as wrong, if the difference is.
fn excess(a: f64, b: f64, allowed: f64) -> f64 {
    if a == b {
        0.0
    } else {
        ((a - b) / allowed).abs()
    }
}

impl Check<'_> {
    fn f64(&self, inputs: &[Tensor<f64>]) -> f64 {
        let x: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
        self.f
            .f64(&x)
            .iter()
            .zip(&self.cotangents)
            .map(|(y, c)| dot(y.value(), c))
            .sum()
    }

    /// The derivative along one tangent per input, by exact forward mode; per output.
    fn forward(&self, tangents: &[Tensor<f64>]) -> Option<Vec<Tensor<f64>>> {
        if !self.options.forward_mode {
            return None;
        }
        let x: Vec<_> = self
            .dual_inputs(tangents)
            .into_iter()
            .map(Var::constant)
            .collect();
        Some(
            self.f
                .dual(&x)?
                .iter()
                .map(|y| y.value().map(|d| d.tangent))
                .collect(),
        )
    }

    /// The inputs as dual numbers with these tangents.
    fn dual_inputs(&self, tangents: &[Tensor<f64>]) -> Vec<Tensor<Dual>> {
        self.inputs
            .iter()
            .zip(tangents)
            .map(|(x, u)| {
                let dual = x.zip(u, Dual::new);
                // With stride 0 elements share a place in memory, but their tangents may differ.
                if x.strides().contains(&0) {
                    dual
                } else {
                    in_layout_of(&dual, x)
                }
            })
            .collect()
    }

    /// The largest entry of all gradients.
    fn norm(&self) -> f64 {
        self.gradients.iter().map(largest).fold(0.0, f64::max)
    }

    /// An estimate of the terms that a gradient is a sum of. If they cancel, the rounding error is
    /// relative to them, not to the gradient. They are about the sum of absolute values in the output
    /// divided by the largest input. That sum is taken to be at least 1/100 of the largest cotangent, because
    /// the outputs themselves may have cancelled.
    fn terms(&self) -> f64 {
        let inputs = self.inputs.iter().map(largest).fold(1.0, f64::max);
        let cotangent = self.cotangents.iter().map(largest).fold(0.0, f64::max);
        self.value.1.max(1e-2 * cotangent) / inputs
    }

    /// The tolerance for exact forward mode, for gradients of this size.
    fn exact(&self, size: f64) -> f64 {
        self.options.exact_tolerance * size.max(self.norm()).max(self.terms())
    }

    /// The tolerance for finite differences, for gradients of this size.
    fn numeric(&self, size: f64) -> f64 {
        self.options.numeric_tolerance * size.max(0.01 * self.norm()).max(1e-4)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one comparison is described by all of these"
    )]
    /// Adds a record for every element of a derivative.
    fn record(
        &mut self,
        derivative: Derivative,
        input: usize,
        analytic: &Tensor<f64>,
        exact: Option<&Tensor<f64>>,
        numeric: Option<&Tensor<f64>>,
        exact_tolerance: f64,
        numeric_tolerance: f64,
    ) {
        for k in 0..analytic.len() {
            let index = unravel(k, analytic.shape());
            let analytic = analytic.get(&index);
            let forward = exact.map(|e| e.get(&index));
            let numeric = numeric.map(|n| n.get(&index));
            let errors = [
                forward.map(|b| excess(analytic, b, exact_tolerance)),
                numeric.map(|b| excess(analytic, b, numeric_tolerance)),
            ];
            let error = errors.into_iter().flatten().fold(0.0, |worst: f64, e| {
                if e.is_nan() {
                    f64::INFINITY
                } else {
                    worst.max(e)
                }
            });
            self.report.records.push(Record {
                derivative,
                input: Some(input),
                index,
                analytic,
                numeric,
                forward,
                error,
            });
        }
    }
}
