//! The first derivative: entry by entry, along directions, whole Jacobians; and that a rule adds to
//! cotangents and works with unused outputs.

use wengert_tensor::Tensor;

use super::{Check, dot, dot_abs, excess, largest, reverse, unravel, values};
use crate::backward::grad;
use crate::check::{Derivative, Record, Witness};
use crate::rule::Graph;
use crate::tape::Tape;
use crate::var::Var;

impl Check<'_> {
    /// The central difference `(⟨f(x + h·u), c⟩ − ⟨f(x − h·u), c⟩) / 2h`, extrapolated from two steps, and
    /// a bound on its error by rounding and truncation; `None` at a kink.
    fn difference(&mut self, tangents: &[Tensor<f64>], step: f64) -> Option<(f64, f64)> {
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
        let (here, size) = self.value;
        let (wide, narrow) = ([at(2.0 * step), at(-2.0 * step)], [at(step), at(-step)]);
        let noise = size * 4e-15 / step;
        // The difference of the one-sided slopes. For a smooth function it halves with the step; at a kink
        // it stays.
        let slope_change = |[up, down]: [f64; 2], step: f64| (up - 2.0 * here + down).abs() / step;
        let wide_change = slope_change(wide, 2.0 * step);
        let change = slope_change(narrow, step);
        if change > 0.8 * wide_change && change > 4.0 * noise + 1e-6 * size {
            self.report.kinks += 1;
            return None;
        }
        self.report.compared.insert(Witness::Differences);
        // Richardson extrapolation from two steps: the error of order h² cancels.
        let (wide, narrow) = (
            (wide[0] - wide[1]) / (4.0 * step),
            (narrow[0] - narrow[1]) / (2.0 * step),
        );
        let estimate = (4.0 * narrow - wide) / 3.0;
        let truncation = (narrow - wide).abs() * 4e-3;
        Some((estimate, truncation + noise))
    }

    /// Checks that a rule works if only one output is used, whichever it is.
    pub(super) fn unused_outputs(&mut self) {
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

    /// Checks that a rule adds to the cotangents that other uses of its inputs have produced.
    pub(super) fn other_uses(&mut self) {
        let tape = Tape::new();
        let x: Vec<_> = self.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let y = self.f.f64(&x);
        let others: Vec<_> = x.iter().map(|x| x.mul_scalar(1.5)).collect();
        let weights: Vec<_> = x.iter().map(|x| self.draw.normal(x.shape())).collect();
        let roots: Vec<_> = y
            .iter()
            .zip(&self.cotangents)
            .chain(others.iter().zip(&weights))
            .map(|(y, c)| (y, Var::constant(c.clone())))
            .collect();
        let sums = grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Skip);
        let sums = values(sums, self.inputs);
        for (i, sum) in sums.iter().enumerate() {
            let whole = self.gradients[i].zip(&weights[i], |g, w| g + 1.5 * w);
            let allowed = self.exact(largest(&whole));
            let mut pairs = sum.iter().zip(whole.iter());
            if sum.shape() != whole.shape() || pairs.any(|(a, b)| !(excess(a, b, allowed) <= 1.0)) {
                self.report.faults.push(format!(
                    "input {i}: its gradient is not added to that of its other uses"
                ));
            }
        }
    }

    /// Checks the whole Jacobian, entry by entry, if inputs and outputs have few elements.
    pub(super) fn jacobian(&mut self) {
        const SMALL: usize = 8;
        let count = |x: &[Tensor<f64>]| x.iter().map(Tensor::len).sum::<usize>();
        if count(self.inputs) > SMALL || count(&self.cotangents) > SMALL {
            return;
        }
        let zeros = |x: &[Tensor<f64>]| -> Vec<Tensor<f64>> {
            x.iter().map(|x| Tensor::zeros(x.shape())).collect()
        };
        let units = |like: &[Tensor<f64>]| -> Vec<(usize, usize, Vec<Tensor<f64>>)> {
            let places = like.iter().enumerate();
            let places = places.flat_map(|(i, x)| (0..x.len()).map(move |k| (i, k)));
            places
                .map(|(i, k)| {
                    let mut unit = zeros(like);
                    unit[i].as_mut_slice()[k] = 1.0;
                    (i, k, unit)
                })
                .collect()
        };
        let rows: Vec<_> = units(&self.cotangents)
            .into_iter()
            .map(|(output, k, unit)| (output, k, reverse(&|x| self.f.f64(x), self.inputs, &unit)))
            .collect();
        let entries = rows.iter().flat_map(|row| &row.2).map(largest);
        let size = entries.fold(self.terms(), f64::max);
        for (input, k, unit) in units(self.inputs) {
            let Some(column) = self.forward(&unit) else {
                return;
            };
            for (output, l, row) in &rows {
                let index = unravel(k, self.inputs[input].shape());
                let analytic = row[input].get(&index);
                let exact = column[*output].get(unravel(*l, column[*output].shape()));
                let allowed = self.options.exact_tolerance * size;
                let error = excess(analytic, exact, allowed);
                self.report.records.push(Record {
                    derivative: Derivative::Jacobian,
                    input: Some(input),
                    index,
                    analytic,
                    numeric: None,
                    forward: Some(exact),
                    error: if error.is_nan() { f64::INFINITY } else { error },
                });
            }
        }
    }

    /// Checks the gradient entry by entry.
    pub(super) fn entries(&mut self) {
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

    /// Checks the gradient along random directions through all inputs at once.
    pub(super) fn directions(&mut self) {
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
        let mut add_error = |e: f64| {
            error = if e.is_nan() {
                f64::INFINITY
            } else {
                error.max(e)
            }
        };
        let forward = self.forward(tangents);
        if forward.is_some() {
            self.report.compared.insert(Witness::Dual);
        }
        let forward = forward.map(|y| {
            let value: f64 = y.iter().zip(&self.cotangents).map(|(y, c)| dot(y, c)).sum();
            let terms: f64 = y
                .iter()
                .zip(&self.cotangents)
                .map(|(y, c)| dot_abs(y, c))
                .sum();
            add_error(excess(analytic, value, self.exact(size.max(terms))));
            value
        });
        let numeric = self.difference(tangents, step).map(|(value, noise)| {
            add_error(excess(analytic, value, self.numeric(size) + noise));
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
}
