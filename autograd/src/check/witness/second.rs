//! The second derivative: reverse over reverse, against forward over reverse and differences of gradients.

use wengert_tensor::testing::layouts::in_layout_of;
use wengert_tensor::{Dual, Tensor};

use super::first::{VISIBLE, ZERO, error, lengths, moved, trusted_step};
use super::rounding::{Pair, Points};
use super::vote::{Exact, vote};
use super::{Check, dual_inputs, largest, size_or_one, unravel};
use crate::backward::grad;
use crate::check::numeric::{Estimate, Finding, Judged, STEPS, Search};
use crate::check::subject::{or_zeros, reverse};
use crate::check::{Derivative, Record, Verdict, Witness};
use crate::function::Differentiable;
use crate::rule::Graph;
use crate::tape::Tape;
use crate::var::Var;

/// How many times the rounding errors of a first derivative a second derivative adds up.
const ROUNDINGS: f64 = 8.0;

/// One number of a derivative of second order and its witnesses.
struct Compared {
    derivative: Derivative,
    input: usize,
    index: Vec<usize>,
    analytic: f64,
    forward: Option<f64>,
    exact: Exact,
    finding: Option<Finding>,
}

/// Products of a direction with the second derivative, by input, and with the Jacobian, by output.
struct Products {
    hessian: Vec<Tensor<f64>>,
    jacobian: Vec<Tensor<f64>>,
}

/// The product that a derivative is a part of.
fn part(derivative: Derivative) -> fn(&Products) -> &Vec<Tensor<f64>> {
    match derivative {
        Derivative::Cotangent => |p| &p.jacobian,
        _ => |p| &p.hessian,
    }
}

/// The products of a direction with the derivatives, at the inputs and elsewhere.
struct Direction<'a> {
    f: &'a dyn Differentiable,
    tangents: Vec<Tensor<f64>>,
    /// The size of the terms of the product with the gradient.
    size_of_terms: f64,
    /// The products at the neighbours by both modes, once a difference is more than a few roundings.
    beside: Option<Vec<(Products, Option<Products>)>>,
    /// Those by reverse mode where the inputs are moved by their rounding units.
    moved: Option<Vec<Products>>,
    /// Those by reverse mode at ± a step along the direction.
    steps: Vec<(f64, [Products; 2])>,
    /// The noise of the gradient of each input.
    noise: Vec<f64>,
    /// Gradients at ± a step along the direction.
    gradients: Vec<(f64, [Vec<Tensor<f64>>; 2])>,
}

impl Direction<'_> {
    fn beside(&mut self, check: &mut Check<'_>) -> &[(Products, Option<Products>)] {
        let (f, tangents) = (self.f, &self.tangents);
        self.beside.get_or_insert_with(|| check.beside(f, tangents))
    }

    fn moved(&mut self, check: &mut Check<'_>) -> &[Products] {
        let (f, tangents) = (self.f, &self.tangents);
        self.moved.get_or_insert_with(|| {
            let points = check.rounded_inputs();
            let at = |x: &Vec<_>| Check::reverse_over_reverse(f, x, &check.cotangents, tangents);
            points.iter().map(at).collect()
        })
    }
}

impl Check<'_> {
    /// Judges products of a random direction with the second derivative. Also judges its product with the
    /// Jacobian, which is the derivative of the gradient with respect to the cotangent.
    pub(super) fn second_order(&mut self) {
        let Some(f) = self
            .subject
            .recorded()
            .filter(|_| self.options.second_order)
        else {
            return;
        };
        let tangents: Vec<_> = self
            .inputs
            .iter()
            .map(|x| {
                let normal = self.draw.normal(x.shape());
                normal.zip(&lengths(x), |u, length| u * length)
            })
            .collect();
        let here = Self::reverse_over_reverse(f, self.inputs, &self.cotangents, &tangents);
        let exact = self.forward_over_reverse(f, self.inputs, &self.cotangents, &tangents);
        if exact.is_some() {
            self.report.compared.insert(Witness::Second);
        }
        let terms = self.gradients.iter().zip(&tangents);
        let terms = terms.map(|(g, u)| largest(g) * largest(u));
        let size_of_terms = terms.fold(0.0, f64::max);
        let noise = self.noise_of_gradients(&here.hessian);
        let numeric = self.gradient_differences(&here.hessian, &tangents, &noise, exact.is_some());
        let mut direction = Direction {
            f,
            tangents,
            size_of_terms,
            beside: None,
            moved: None,
            steps: Vec::new(),
            noise,
            gradients: Vec::new(),
        };
        let mut compared = Vec::new();
        for derivative in [Derivative::Cotangent, Derivative::Second] {
            let part = part(derivative);
            for input in 0..part(&here).len() {
                let exact = exact.as_ref().map(|e| &part(e)[input]);
                let analytic = &part(&here)[input];
                let judged = self.tensor(derivative, input, analytic, exact, &mut direction);
                for (k, mut number) in judged.into_iter().enumerate() {
                    if derivative == Derivative::Second {
                        number.finding = numeric.as_ref().map(|n| n[input][k].clone());
                        self.doubt_second(&mut number, k, &mut direction);
                    }
                    compared.push(number);
                }
            }
        }
        for number in compared {
            self.record_second(number);
        }
    }

    /// Compares one tensor of a product with that of forward mode, if there is one.
    fn tensor(
        &mut self,
        derivative: Derivative,
        input: usize,
        analytic: &Tensor<f64>,
        exact: Option<&Tensor<f64>>,
        direction: &mut Direction<'_>,
    ) -> Vec<Compared> {
        let part = part(derivative);
        let mut size = largest(analytic).max(exact.map_or(0.0, largest));
        if derivative == Derivative::Second {
            // The terms of a second derivative, which may cancel, are about as large as the gradient.
            let scale = self.sizes[input].0;
            size = size.max(direction.size_of_terms.max(self.value.1) / scale);
        }
        // Products with the Jacobian are relative to one cotangent.
        let terms = match derivative {
            Derivative::Second => size,
            _ => self.value.1 / size_or_one(largest(&self.cotangents[input])),
        };
        let mut compared = Vec::with_capacity(analytic.len());
        for k in 0..analytic.len() {
            let index = unravel(k, analytic.shape());
            let (value, forward) = (analytic.get(&index), exact.map(|e| e.get(&index)));
            let found = forward.map(|forward| {
                let pair = Pair {
                    reverse: value,
                    forward,
                    zero: 16.0 * ZERO * terms,
                    allowed: ROUNDINGS * self.options.exact_tolerance * size,
                    size: value.abs().max(terms),
                };
                let of = |p: &Products| part(p)[input].get(&index);
                pair.judge(|points| match points {
                    Points::Neighbours => {
                        let beside = direction.beside(self).iter();
                        let both = beside.filter_map(|(r, f)| Some((r, f.as_ref()?)));
                        both.map(|(r, f)| of(r) - of(f)).collect()
                    }
                    Points::Rounded => {
                        let moved = direction.moved(self).iter();
                        moved.map(|p| of(p) - value).collect()
                    }
                })
            });
            compared.push(Compared {
                derivative,
                input,
                index,
                analytic: value,
                forward,
                exact: found.map_or(Exact::Missing, |found| {
                    Exact::of(found, 1e-3 * size.max(value.abs()))
                }),
                finding: None,
            });
        }
        compared
    }

    /// If both modes agree and differences do not, the function may vary over less than their smallest step, or have a kink
    /// within it. The second derivatives there tell, and a quotient over a smaller step that agrees.
    fn doubt_second(&self, number: &mut Compared, element: usize, direction: &mut Direction<'_>) {
        let Some(Finding::Differs(estimate)) = number.finding else {
            return;
        };
        if !matches!(number.exact, Exact::Agrees(_) | Exact::Rounding(_)) {
            return;
        }
        let beside = estimate.steps_within().map(|h| {
            let place = direction.steps.iter().position(|(step, _)| *step == h);
            let place = place.unwrap_or_else(|| {
                let products = [h, -h].map(|h| {
                    let inputs = moved(self.inputs, &direction.tangents, h);
                    let (c, u) = (&self.cotangents, &direction.tangents);
                    Self::reverse_over_reverse(direction.f, &inputs, c, u)
                });
                direction.steps.push((h, products));
                direction.steps.len() - 1
            });
            let tensors = direction.steps[place].1.each_ref();
            let tensors = tensors.map(|products| &products.hessian[number.input]);
            tensors.map(|tensor| tensor.get(unravel(element, tensor.shape())))
        });
        if estimate.is_too_coarse_for(number.analytic, beside)
            || self.holds_at_a_smaller_step(number, element, &estimate, direction)
        {
            number.finding = Some(Finding::Inaccurate(estimate));
        }
    }

    /// Whether the claim holds over a step that is just large enough to see its distance from the estimate.
    fn holds_at_a_smaller_step(
        &self,
        number: &Compared,
        element: usize,
        estimate: &Estimate,
        direction: &mut Direction<'_>,
    ) -> bool {
        let noise = VISIBLE * direction.noise[number.input];
        let error = (estimate.value - number.analytic).abs();
        // Enough to move the inputs, whatever the noise. A power of two, so that entries share the gradients.
        let least = (noise / error).max(VISIBLE * f64::EPSILON);
        let step = 2.0_f64.powi(least.log2().ceil() as i32);
        if !(step < estimate.widest) {
            return false;
        }
        let known = direction.gradients.iter().position(|(h, _)| *h == step);
        let place = known.unwrap_or_else(|| {
            let both = [step, -step].map(|h| self.gradients_beside(&direction.tangents, h));
            direction.gradients.push((step, both));
            direction.gradients.len() - 1
        });
        let tensors = direction.gradients[place].1.each_ref();
        let [up, down] = tensors.map(|gradients| {
            let tensor = &gradients[number.input];
            tensor.get(unravel(element, tensor.shape()))
        });
        ((up - down) - 2.0 * step * number.analytic).abs() <= noise
    }

    /// The gradients at a step along a direction.
    fn gradients_beside(&self, tangents: &[Tensor<f64>], step: f64) -> Vec<Tensor<f64>> {
        let moved = moved(self.inputs, tangents, step);
        or_zeros(self.subject.gradients(&moved, &self.cotangents), &moved)
    }

    /// The rounding noise of the gradient of each input, when all inputs move along a direction.
    fn noise_of_gradients(&self, claims: &[Tensor<f64>]) -> Vec<f64> {
        let of_one = |(i, claim): (usize, &Tensor<f64>)| {
            32.0 * f64::EPSILON * self.terms_of_gradient(i, claim)
        };
        claims.iter().enumerate().map(of_one).collect()
    }

    /// The size of what the gradient of an input is rounded relative to.
    fn terms_of_gradient(&self, input: usize, claim: &Tensor<f64>) -> f64 {
        let (scale, greatest) = self.sizes[input];
        // If the terms of a gradient cancel, its noise is relative to them.
        let terms = greatest.max(self.value.1 / scale);
        // The rounding of the moved inputs, too, is noise: the direction is as long as they are.
        terms.max(largest(claim))
    }

    fn record_second(&mut self, number: Compared) {
        let Compared {
            derivative,
            input,
            index,
            analytic,
            forward,
            exact,
            finding,
        } = number;
        let (mut verdict, mut bar, mut reason) = vote(analytic, exact, finding.as_ref(), true);
        if !analytic.is_finite() && forward.is_none_or(|f| !f.is_finite()) {
            (verdict, bar, reason) = (Verdict::NonFinite, f64::INFINITY, String::new());
        }
        let (numeric, step) = match &finding {
            Some(Finding::Agrees(e) | Finding::Differs(e) | Finding::Inaccurate(e)) => {
                (Some(e.value), Some(e.step))
            }
            _ => (None, None),
        };
        let witness = match exact {
            Exact::Missing => numeric,
            _ => forward,
        };
        // The derivative with respect to a cotangent belongs to an output.
        let (input, output, index, output_index) = match derivative {
            Derivative::Cotangent => (None, Some(input), Vec::new(), index),
            _ => (Some(input), None, index, Vec::new()),
        };
        let decided = match (exact, &finding) {
            (Exact::Missing, None) => None,
            (Exact::Missing, _)
            | (Exact::Agrees(_) | Exact::Rounding(_), Some(Finding::Differs(_))) => {
                Some(Witness::Differences)
            }
            _ => Some(Witness::Second),
        };
        self.report.records.push(Record {
            input,
            index,
            output,
            output_index,
            numeric,
            forward,
            error: error(verdict, analytic, witness, bar),
            verdict,
            reason,
            witness: decided,
            bar,
            step,
            ..Record::new(derivative, analytic)
        });
    }

    /// The products at the neighbours by both modes.
    fn beside(
        &mut self,
        f: &dyn Differentiable,
        tangents: &[Tensor<f64>],
    ) -> Vec<(Products, Option<Products>)> {
        self.neighbours();
        self.neighbours
            .iter()
            .enumerate()
            .map(|(k, n)| {
                // The products are linear in the direction: it may be another one.
                let factor = 1.0 + (k as f64 - 2.7) * 2.3e-5;
                let tangents: Vec<_> = tangents.iter().map(|u| u.map(|u| u * factor)).collect();
                (
                    Self::reverse_over_reverse(f, &n.inputs, &n.cotangents, &tangents),
                    self.forward_over_reverse(f, &n.inputs, &n.cotangents, &tangents),
                )
            })
            .collect()
    }

    /// Reverse mode over a recorded backward pass.
    fn reverse_over_reverse(
        f: &dyn Differentiable,
        inputs: &[Tensor<f64>],
        cotangents: &[Tensor<f64>],
        tangents: &[Tensor<f64>],
    ) -> Products {
        let tape = Tape::new();
        let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let c: Vec<_> = cotangents.iter().map(|c| tape.leaf(c.clone())).collect();
        let y = f.f64(&x);
        let roots: Vec<_> = y.iter().zip(&c).map(|(y, c)| (y, c.clone())).collect();
        let gradients = grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Create);
        let roots: Vec<_> = gradients
            .iter()
            .zip(tangents)
            .filter_map(|(g, u)| Some((g.as_ref()?, Var::constant(u.clone()))))
            .collect();
        let seconds = grad(&roots, &x.iter().chain(&c).collect::<Vec<_>>(), Graph::Skip);
        let like: Vec<_> = inputs.iter().chain(cotangents).cloned().collect();
        let seconds = seconds.into_iter().map(|g| g.map(Var::into_value));
        let mut hessian = or_zeros(seconds.collect(), &like);
        let jacobian = hessian.split_off(inputs.len());
        Products { hessian, jacobian }
    }

    /// One backward pass on dual numbers, and one forward pass; `None` if forward mode is no witness.
    fn forward_over_reverse(
        &self,
        f: &dyn Differentiable,
        inputs: &[Tensor<f64>],
        cotangents: &[Tensor<f64>],
        tangents: &[Tensor<f64>],
    ) -> Option<Products> {
        if !self.options.forward_mode || !self.lost.is_empty() {
            return None;
        }
        let jacobian = self.forward_at(inputs, tangents)?;
        let cotangents: Vec<Tensor<Dual>> = cotangents
            .iter()
            .map(|c| in_layout_of(&c.map(Dual::constant), c))
            .collect();
        let run = |x: &[Var<Dual>]| f.dual(x).expect("it ran on dual numbers above");
        let lifted = dual_inputs(inputs, tangents);
        let gradients = or_zeros(reverse(&run, &lifted, &cotangents), &lifted);
        let hessian = gradients.iter().map(|g| g.map(|d| d.tangent)).collect();
        Some(Products { hessian, jacobian })
    }

    /// What differences of the gradient along a direction say about each entry of the second derivative.
    fn gradient_differences(
        &self,
        claims: &[Tensor<f64>],
        tangents: &[Tensor<f64>],
        noise: &[f64],
        has_exact: bool,
    ) -> Option<Vec<Vec<Finding>>> {
        if !self.options.finite_differences {
            return None;
        }
        let at = |h: f64| self.gradients_beside(tangents, h);
        let trusted = trusted_step(self.inputs, tangents);
        let mut judged: Vec<Vec<Judged>> = claims
            .iter()
            .zip(&self.gradients)
            .enumerate()
            .map(|(i, (claim, g))| {
                let size = self.terms_of_gradient(i, claim);
                let of_one = |(claim, here): (f64, f64)| {
                    Judged::new(Search {
                        claim,
                        here,
                        sigma: noise[i],
                        unit: 1.0,
                        widest: 0.25,
                        trusted,
                        slack: if has_exact { 1e-8 } else { 64.0 * f64::EPSILON } * size,
                        target: if has_exact { 1e-5 } else { 1e-8 } * size,
                        wanted: 1e-3 * size,
                    })
                };
                claim.iter().zip(g.iter()).map(of_one).collect()
            })
            .collect();
        for step in [2e-3, 3e-5, 5e-7, 8e-9] {
            let sides: Vec<_> = (0..STEPS)
                .map(|i| step * 0.5_f64.powi(i as i32))
                .map(|h| (at(h), at(-h)))
                .collect();
            for (i, entries) in judged.iter_mut().enumerate() {
                let up: Vec<Vec<f64>> = sides.iter().map(|(up, _)| up[i].to_vec()).collect();
                let down: Vec<Vec<f64>> = sides.iter().map(|(_, down)| down[i].to_vec()).collect();
                for (k, entry) in entries.iter_mut().enumerate() {
                    entry.add(
                        step,
                        std::array::from_fn(|s| up[s][k]),
                        std::array::from_fn(|s| down[s][k]),
                    );
                }
            }
            if judged
                .iter()
                .flatten()
                .all(super::super::numeric::Judged::settled)
            {
                break;
            }
        }
        Some(
            judged
                .into_iter()
                .map(|entries| entries.into_iter().map(Judged::conclude).collect())
                .collect(),
        )
    }
}
