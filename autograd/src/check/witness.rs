//! The comparisons.

use wengert_tensor::{Dual, Real, Tensor};

use super::{CheckOptions, Derivative, Record, Report};
use crate::backward::{Graph, grad};
use crate::function::Differentiable;
use crate::sample::{Draw, LARGEST};
use crate::tape::Tape;
use crate::var::Var;

/// Everything that the comparisons share.
struct Check<'a> {
    f: &'a dyn Differentiable,
    inputs: &'a [Tensor<f64>],
    options: &'a CheckOptions,
    /// One cotangent per output.
    cotangents: Vec<Tensor<f64>>,
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
                "output {k} is not finite: derivatives mean nothing there"
            ));
        }
    }
    if !report.faults.is_empty() {
        return report;
    }
    let cotangents: Vec<_> = outputs.iter().map(|y| draw.normal(y.shape())).collect();
    let gradients = reverse(&|x| f.f64(x), inputs, &cotangents);
    let mut check = Check {
        f,
        inputs,
        options,
        cotangents,
        gradients,
        draw,
        report,
    };
    check.unused_outputs();
    check.entries();
    check.directions();
    if options.second_order {
        check.second_order();
    }
    check.single();
    check.report
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

/// The difference in units of what is allowed; NaN and infinite differences are wrong.
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
        let x: Vec<_> = self.lift(tangents).into_iter().map(Var::constant).collect();
        Some(
            self.f
                .dual(&x)?
                .iter()
                .map(|y| y.value().map(|d| d.tangent))
                .collect(),
        )
    }

    fn lift(&self, tangents: &[Tensor<f64>]) -> Vec<Tensor<Dual>> {
        self.inputs
            .iter()
            .zip(tangents)
            .map(|(x, u)| x.zip(u, Dual::new))
            .collect()
    }

    /// `⟨f(x + h·u), c⟩ − ⟨f(x − h·u), c⟩` over `2h`, and how far rounding may put it off.
    fn difference(&self, tangents: &[Tensor<f64>], step: f64) -> Option<(f64, f64)> {
        if !self.options.finite_differences {
            return None;
        }
        let at = |h: f64| -> f64 {
            let moved: Vec<_> = self
                .inputs
                .iter()
                .zip(tangents)
                .map(|(x, u)| x.zip(u, |x, u| x + h * u))
                .collect();
            self.f64(&moved)
        };
        // Two steps and Richardson's extrapolation: the error of order h² cancels.
        let (wide, narrow) = (
            (at(2.0 * step) - at(-2.0 * step)) / (4.0 * step),
            (at(step) - at(-step)) / (2.0 * step),
        );
        let estimate = (4.0 * narrow - wide) / 3.0;
        let truncation = (narrow - wide).abs() * 1e-3;
        let x: Vec<_> = self.inputs.iter().cloned().map(Var::constant).collect();
        let size: f64 = self
            .f
            .f64(&x)
            .iter()
            .zip(&self.cotangents)
            .map(|(y, c)| dot_abs(y.value(), c))
            .sum();
        Some((estimate, truncation + size * 4e-15 / step))
    }

    /// What the exact witness may differ by, for gradients of this size.
    fn exact(&self, size: f64) -> f64 {
        let all = self.gradients.iter().map(largest).fold(0.0, f64::max);
        self.options.exact_tolerance * size.max(0.01 * all).max(1e-3)
    }

    fn numeric(&self, size: f64) -> f64 {
        let all = self.gradients.iter().map(largest).fold(0.0, f64::max);
        self.options.numeric_tolerance * size.max(0.01 * all).max(1e-4)
    }

    /// A rule must cope with any output being unused.
    fn unused_outputs(&mut self) {
        if self.cotangents.len() < 2 {
            return;
        }
        let mut sums: Vec<_> = self
            .inputs
            .iter()
            .map(|x| Tensor::<f64>::zeros(x.shape()))
            .collect();
        for k in 0..self.cotangents.len() {
            let tape = Tape::new();
            let x: Vec<_> = self.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
            let y = self.f.f64(&x);
            let root = [(&y[k], Var::constant(self.cotangents[k].clone()))];
            let parts = values(
                grad(&root, &x.iter().collect::<Vec<_>>(), Graph::Skip),
                self.inputs,
            );
            for (sum, part) in sums.iter_mut().zip(&parts) {
                sum.add_assign(part);
            }
        }
        for (i, (sum, whole)) in sums.iter().zip(&self.gradients).enumerate() {
            let allowed = self.exact(largest(whole));
            if sum
                .iter()
                .zip(whole.iter())
                .any(|(a, b)| !(excess(a, b, allowed) <= 1.0))
            {
                self.report.faults.push(format!(
                    "input {i}: the gradients of the outputs one by one do not add up to that of all together"
                ));
            }
        }
    }

    /// Entry by entry.
    fn entries(&mut self) {
        let zeros: Vec<_> = self
            .inputs
            .iter()
            .map(|x| Tensor::<f64>::zeros(x.shape()))
            .collect();
        for i in 0..self.inputs.len() {
            let count = self.inputs[i].len();
            if self.gradients[i].shape() != self.inputs[i].shape() {
                self.report.faults.push(format!(
                    "input {i} is {:?}, its gradient {:?}",
                    self.inputs[i].shape(),
                    self.gradients[i].shape()
                ));
                continue;
            }
            let size = largest(&self.gradients[i]);
            let chosen: Vec<usize> = if count <= self.options.entries {
                (0..count).collect()
            } else {
                (0..self.options.entries)
                    .map(|_| self.draw.within(0, count - 1))
                    .collect()
            };
            for k in chosen {
                let index = unravel(k, self.inputs[i].shape());
                let mut unit = zeros.clone();
                unit[i].as_mut_slice()[k] = 1.0;
                let analytic = self.gradients[i].get(&index);
                let step = 1e-4 * self.inputs[i].get(&index).abs().max(1.0);
                self.compare(
                    Derivative::First,
                    Some(i),
                    index,
                    analytic,
                    &unit,
                    size,
                    step,
                );
            }
        }
    }

    /// Random directions through all inputs at once.
    fn directions(&mut self) {
        for _ in 0..self.options.directions {
            let tangents: Vec<_> = self
                .inputs
                .iter()
                .map(|x| self.draw.normal(x.shape()))
                .collect();
            let analytic = self
                .gradients
                .iter()
                .zip(&tangents)
                .map(|(g, u)| dot(g, u))
                .sum();
            let size: f64 = self
                .gradients
                .iter()
                .zip(&tangents)
                .map(|(g, u)| dot_abs(g, u))
                .sum();
            self.compare(
                Derivative::Directional,
                None,
                Vec::new(),
                analytic,
                &tangents,
                size,
                1e-4,
            );
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one comparison is described by all of these"
    )]
    fn compare(
        &mut self,
        derivative: Derivative,
        input: Option<usize>,
        index: Vec<usize>,
        analytic: f64,
        tangents: &[Tensor<f64>],
        size: f64,
        step: f64,
    ) {
        let mut error = 0.0_f64;
        let mut judge = |e: f64| {
            error = if e.is_nan() {
                f64::INFINITY
            } else {
                error.max(e)
            }
        };
        let forward = self.forward(tangents).map(|y| {
            let value: f64 = y.iter().zip(&self.cotangents).map(|(y, c)| dot(y, c)).sum();
            let terms: f64 = y
                .iter()
                .zip(&self.cotangents)
                .map(|(y, c)| dot_abs(y, c))
                .sum();
            judge(excess(analytic, value, self.exact(size.max(terms))));
            value
        });
        let numeric = self.difference(tangents, step).map(|(value, noise)| {
            judge(excess(analytic, value, self.numeric(size) + noise));
            value
        });
        self.report.records.push(Record {
            derivative,
            input,
            index,
            analytic,
            numeric,
            forward,
            error,
        });
    }

    /// Products of a random direction with the second derivative, and with the Jacobian by the
    /// derivative of the gradient with respect to the cotangent.
    fn second_order(&mut self) {
        let tangents: Vec<_> = self
            .inputs
            .iter()
            .map(|x| self.draw.normal(x.shape()))
            .collect();
        let tape = Tape::new();
        let x: Vec<_> = self.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let c: Vec<_> = self
            .cotangents
            .iter()
            .map(|c| tape.leaf(c.clone()))
            .collect();
        let y = self.f.f64(&x);
        let roots: Vec<_> = y.iter().zip(&c).map(|(y, c)| (y, c.clone())).collect();
        let gradients = grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Create);
        let roots: Vec<_> = gradients
            .iter()
            .zip(&tangents)
            .filter_map(|(g, u)| Some((g.as_ref()?, Var::constant(u.clone()))))
            .collect();
        let seconds = grad(&roots, &x.iter().chain(&c).collect::<Vec<_>>(), Graph::Skip);
        let like: Vec<_> = self
            .inputs
            .iter()
            .chain(&self.cotangents)
            .cloned()
            .collect();
        let mut seconds = values(seconds, &like);
        let products = seconds.split_off(self.inputs.len());

        // Reverse mode by reverse mode against forward mode.
        if let Some(exact) = self.forward(&tangents) {
            for (k, (product, exact)) in products.iter().zip(&exact).enumerate() {
                let allowed = self.exact(largest(exact));
                self.tally(
                    Derivative::Cotangent,
                    k,
                    product,
                    Some(exact),
                    None,
                    allowed,
                    0.0,
                );
            }
        }
        let (hessian, magnitude) = self
            .forward_over_reverse(&tangents)
            .map_or((None, None), |(h, m)| (Some(h), Some(m)));
        let numeric = self.gradient_difference(&tangents);
        for i in 0..self.inputs.len() {
            let exact = hessian.as_ref().map(|h| &h[i]);
            let size = exact.map_or_else(|| largest(&seconds[i]), largest);
            let allowed = self.exact(size.max(magnitude.unwrap_or_default()));
            let loose = 10.0 * self.numeric(size.max(largest(&self.gradients[i])));
            self.tally(
                Derivative::Second,
                i,
                &seconds[i],
                exact,
                numeric.as_ref().map(|n| &n[i]),
                allowed,
                loose,
            );
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one comparison is described by all of these"
    )]
    fn tally(
        &mut self,
        derivative: Derivative,
        input: usize,
        analytic: &Tensor<f64>,
        exact: Option<&Tensor<f64>>,
        numeric: Option<&Tensor<f64>>,
        allowed: f64,
        loose: f64,
    ) {
        for k in 0..analytic.len() {
            let index = unravel(k, analytic.shape());
            let analytic = analytic.get(&index);
            let forward = exact.map(|e| e.get(&index));
            let numeric = numeric.map(|n| n.get(&index));
            let errors = [
                forward.map(|b| excess(analytic, b, allowed)),
                numeric.map(|b| excess(analytic, b, loose)),
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

    /// One backward pass on dual numbers: the exact second derivative times a direction, and the
    /// size of its largest entry.
    fn forward_over_reverse(&self, tangents: &[Tensor<f64>]) -> Option<(Vec<Tensor<f64>>, f64)> {
        if !self.options.forward_mode {
            return None;
        }
        let inputs = self.lift(tangents);
        self.f.dual(
            &inputs
                .iter()
                .cloned()
                .map(Var::constant)
                .collect::<Vec<_>>(),
        )?;
        let cotangents: Vec<Tensor<Dual>> = self
            .cotangents
            .iter()
            .map(|c| c.map(Dual::constant))
            .collect();
        let run = |x: &[Var<Dual>]| self.f.dual(x).expect("it ran on dual numbers a moment ago");
        let gradients = reverse(&run, &inputs, &cotangents);
        let products: Vec<_> = gradients.iter().map(|g| g.map(|d| d.tangent)).collect();
        let size = products.iter().map(largest).fold(0.0, f64::max);
        Some((products, size))
    }

    /// Central differences of the gradient along a direction.
    fn gradient_difference(&self, tangents: &[Tensor<f64>]) -> Option<Vec<Tensor<f64>>> {
        if !self.options.finite_differences {
            return None;
        }
        let step = 1e-4;
        let at = |h: f64| {
            let moved: Vec<_> = self
                .inputs
                .iter()
                .zip(tangents)
                .map(|(x, u)| x.zip(u, |x, u| x + h * u))
                .collect();
            reverse(&|x| self.f.f64(x), &moved, &self.cotangents)
        };
        let (far, near) = ((at(2.0 * step), at(-2.0 * step)), (at(step), at(-step)));
        Some(
            (0..self.inputs.len())
                .map(|i| {
                    let wide = far.0[i].zip(&far.1[i], |a, b| (a - b) / (4.0 * step));
                    let narrow = near.0[i].zip(&near.1[i], |a, b| (a - b) / (2.0 * step));
                    narrow.zip(&wide, |n, w| (4.0 * n - w) / 3.0)
                })
                .collect(),
        )
    }

    /// The same gradients in `f32`: a rule must not be exact in one number type only.
    fn single(&mut self) {
        let inputs: Vec<Tensor<f32>> = self.inputs.iter().map(Tensor::cast).collect();
        let plain: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
        if self.f.f32(&plain).is_none() {
            return;
        }
        let cotangents: Vec<Tensor<f32>> = self.cotangents.iter().map(Tensor::cast).collect();
        let run = |x: &[Var<f32>]| self.f.f32(x).expect("it ran on f32 a moment ago");
        let gradients = reverse(&run, &inputs, &cotangents);
        for (i, gradient) in gradients.iter().enumerate() {
            let exact = self.gradients[i].clone();
            let all = self.gradients.iter().map(largest).fold(0.0, f64::max);
            let allowed = self.options.single_tolerance * largest(&exact).max(0.1 * all).max(1e-2);
            self.tally(
                Derivative::Single,
                i,
                &gradient.cast(),
                Some(&exact),
                None,
                allowed,
                0.0,
            );
        }
    }
}
