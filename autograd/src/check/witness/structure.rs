//! Properties that every gradient has, whatever the function: it is linear in the cotangent, adds to other uses of
//! an input, does not depend on memory layouts, and is the same in every run.

use wengert_tensor::testing::layouts::all_layouts;
use wengert_tensor::{Tensor, parallel};

use super::{Check, largest, size_or_one};
use crate::backward::grad;
use crate::check::subject::or_zeros;
use crate::function::Differentiable;
use crate::rule::Graph;
use crate::tape::Tape;
use crate::var::Var;

/// Differences of gradients that are equal but for rounding, relative to the largest entry.
const ROUNDING: f64 = 1e-10;

/// Runs `f` on one thread if it ran on several before, else on two.
fn on_other_threads<R>(f: impl FnOnce() -> R) -> R {
    let threads = if parallel::threads() > 1 { 1 } else { 2 };
    parallel::with_threads(threads, f)
}

impl Check<'_> {
    /// Checks all of them.
    pub(super) fn structure(&mut self) {
        if !self.options.structure {
            return;
        }
        self.repeatable();
        if let Some(f) = self.subject.recorded() {
            self.unused_outputs(f);
            self.other_uses(f);
        }
        if self.cotangents.iter().all(Tensor::is_empty) {
            return;
        }
        self.zero_cotangent();
        self.homogeneous();
        self.additive();
        self.layouts_of_cotangents();
    }

    /// What counts as rounding, relative to the largest entry.
    fn rounding(&self) -> f64 {
        ROUNDING.max(256.0 * self.subject.epsilon().max(self.options.exact_tolerance))
    }

    /// Whether two tensors differ by more than rounding.
    fn apart(&self, i: usize, found: &Tensor<f64>, expected: &Tensor<f64>) -> bool {
        apart_by(found, expected, self.allowed(i, largest(expected), 1.0))
    }

    /// The rounding of a gradient of input `i` of this size. If its terms cancel, rounding is relative to them; they
    /// are about as large as the cotangents' product with the outputs, which is multiplied by `scale`.
    fn allowed(&self, i: usize, size: f64, scale: f64) -> f64 {
        let terms = scale * self.value.1 / self.sizes[i].0;
        self.rounding() * size.max(0.1 * terms)
    }

    fn fault(&mut self, fault: String) {
        self.report.faults.push(fault);
    }

    fn gradients_for(&self, cotangents: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
        or_zeros(self.subject.gradients(self.inputs, cotangents), self.inputs)
    }

    /// Two runs give the same bits, on another number of threads as well, and change no input.
    fn repeatable(&mut self) {
        let before: Vec<_> = self.inputs.iter().map(bits).collect();
        let again = on_other_threads(|| self.gradients_for(&self.cotangents));
        let differs = |again: &[Tensor<f64>], i: usize| bits(&again[i]) != bits(&self.gradients[i]);
        let all_differing = |again: &[Tensor<f64>]| -> Vec<usize> {
            (0..self.inputs.len())
                .filter(|&i| differs(again, i))
                .collect()
        };
        let mut wrong = all_differing(&again);
        let mut reason = "the gradient depends on the number of threads";
        if !wrong.is_empty() {
            let here = all_differing(&self.gradients_for(&self.cotangents));
            if !here.is_empty() {
                (wrong, reason) = (
                    here,
                    "not deterministic: a second run gives another gradient",
                );
            }
        }
        for (i, before) in before.iter().enumerate() {
            if bits(&self.inputs[i]) != *before {
                self.fault(format!("input {i}: the backward pass changes its values"));
            }
            if wrong.contains(&i) {
                self.fault(format!("input {i}: {reason}"));
            }
        }
        let value = || self.f64(self.inputs).to_bits();
        let first = value();
        if value() != first {
            self.fault(
                "not deterministic: a second run of the function gives another value".to_owned(),
            );
        } else if on_other_threads(value) != first {
            self.fault("the value depends on the number of threads".to_owned());
        }
    }

    fn zero_cotangent(&mut self) {
        let zeros: Vec<_> = self
            .cotangents
            .iter()
            .map(|c| Tensor::zeros(c.shape()))
            .collect();
        for (i, g) in self.gradients_for(&zeros).iter().enumerate() {
            // 0 · ∞ is NaN: where the derivative is infinite, nothing can be said.
            let wrong = |(g, whole): (f64, f64)| g != 0.0 && whole.is_finite();
            if let Some((g, _)) = g
                .iter()
                .zip(self.gradients[i].iter())
                .find(|&pair| wrong(pair))
            {
                self.fault(format!(
                    "input {i}: the gradient for cotangents of zeros contains {g}"
                ));
            }
        }
    }

    /// `g(s·c) = s·g(c)` over twenty orders of magnitude. Powers of two scale without rounding.
    fn homogeneous(&mut self) {
        for exponent in [-33, 33] {
            let s = 2.0_f64.powi(exponent);
            let scaled: Vec<_> = self.cotangents.iter().map(|c| c.map(|c| c * s)).collect();
            let scaled = self.gradients_for(&scaled);
            for (i, scaled) in scaled.iter().enumerate() {
                let expected = self.gradients[i].map(|g| g * s);
                if apart_by(scaled, &expected, self.allowed(i, largest(&expected), s)) {
                    self.fault(format!(
                        "input {i}: not linear in the cotangent: the gradient for cotangents times {s:.1e} is not \
                         {s:.1e} times the gradient"
                    ));
                }
            }
        }
    }

    /// `g(c + d) = g(c) + g(d)`.
    fn additive(&mut self) {
        let shapes: Vec<_> = self.cotangents.iter().map(|c| c.shape().to_vec()).collect();
        let others: Vec<_> = shapes
            .iter()
            .map(|shape| self.subject.rounded(self.draw.normal(shape)))
            .collect();
        let sums: Vec<_> = self
            .cotangents
            .iter()
            .zip(&others)
            .map(|(c, d)| self.subject.rounded(c.zip(d, |c, d| c + d)))
            .collect();
        let (others, sums) = (self.gradients_for(&others), self.gradients_for(&sums));
        for i in 0..self.inputs.len() {
            let size = largest(&others[i]).max(largest(&self.gradients[i]));
            let expected = self.gradients[i].zip(&others[i], |a, b| a + b);
            if apart_by(&sums[i], &expected, self.allowed(i, size, 1.0)) {
                self.fault(format!(
                    "input {i}: not linear in the cotangent: the gradient for a sum of cotangents is not the sum \
                     of the gradients"
                ));
            }
        }
    }

    /// The memory layout of a cotangent does not matter.
    fn layouts_of_cotangents(&mut self) {
        let dense: Vec<_> = self.cotangents.iter().map(Tensor::contiguous).collect();
        let expected = self.gradients_for(&dense);
        let layouts: Vec<Vec<_>> = dense.iter().map(all_layouts).collect();
        for k in 1..layouts.iter().map(Vec::len).min().unwrap_or(0) {
            let name = layouts[0][k].0;
            let strided: Vec<_> = layouts.iter().map(|copies| copies[k].1.clone()).collect();
            let found = self.gradients_for(&strided);
            for i in 0..self.inputs.len() {
                if self.apart(i, &found[i], &expected[i]) {
                    self.fault(format!(
                        "input {i}: the gradient for cotangents whose layout in memory is '{name}' differs from that \
                         for contiguous ones"
                    ));
                }
            }
        }
    }

    /// The gradients of the outputs one by one add up to that of all together.
    fn unused_outputs(&mut self, f: &dyn Differentiable) {
        if self.cotangents.len() < 2 {
            return;
        }
        let mut sums: Vec<_> = self
            .inputs
            .iter()
            .map(|x| Tensor::<f64>::zeros(x.shape()))
            .collect();
        let mut sizes = vec![0.0_f64; sums.len()];
        for k in 0..self.cotangents.len() {
            let tape = Tape::new();
            let x: Vec<_> = self.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
            let y = f.f64(&x);
            let root = [(&y[k], Var::constant(self.cotangents[k].clone()))];
            let parts = grad(&root, &x.iter().collect::<Vec<_>>(), Graph::Skip);
            for (i, part) in parts.into_iter().enumerate() {
                if let Some(part) = part {
                    sizes[i] = sizes[i].max(largest(part.value()));
                    sums[i].add_assign(part.value());
                }
            }
        }
        for (i, sum) in sums.iter().enumerate() {
            if apart_by(sum, &self.gradients[i], self.allowed(i, sizes[i], 1.0)) {
                self.fault(format!(
                    "input {i}: the gradients of the outputs one by one do not add up to that of all together"
                ));
            }
        }
    }

    /// A rule adds to the cotangents that other uses of its inputs have produced.
    fn other_uses(&mut self, f: &dyn Differentiable) {
        let tape = Tape::new();
        let x: Vec<_> = self.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let y = f.f64(&x);
        let others: Vec<_> = x.iter().map(|x| x.mul_scalar(1.5)).collect();
        // Of the size of the gradient, so that neither hides the other.
        let weights: Vec<_> = self
            .gradients
            .iter()
            .map(|g| {
                let size = size_or_one(largest(g));
                self.draw.normal(g.shape()).map(|u| u * size)
            })
            .collect();
        let roots: Vec<_> = y
            .iter()
            .zip(&self.cotangents)
            .chain(others.iter().zip(&weights))
            .map(|(y, c)| (y, Var::constant(c.clone())))
            .collect();
        let sums = grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Skip);
        let sums = sums.into_iter().map(|g| g.map(Var::into_value)).collect();
        let sums = or_zeros(sums, self.inputs);
        for (i, sum) in sums.iter().enumerate() {
            let whole = self.gradients[i].zip(&weights[i], |g, w| g + 1.5 * w);
            if self.apart(i, sum, &whole) {
                self.fault(format!(
                    "input {i}: its gradient is not added to that of its other uses"
                ));
            }
        }
    }
}

fn bits(x: &Tensor<f64>) -> Vec<u64> {
    x.iter().map(f64::to_bits).collect()
}

/// Whether two tensors differ by more than `allowed` somewhere. Numbers that are not finite are no evidence where
/// both are none.
fn apart_by(found: &Tensor<f64>, expected: &Tensor<f64>, allowed: f64) -> bool {
    // Beside the largest numbers sums overflow, beside the smallest they underflow.
    let allowed = allowed.max(f64::MIN_POSITIVE);
    found.iter().zip(expected.iter()).any(|(a, b)| {
        let unknown = !a.is_finite() && !b.is_finite();
        a != b && !unknown && !((a - b).abs() <= allowed)
    })
}
