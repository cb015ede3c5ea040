//! The first derivative, entry by entry.

use wengert_tensor::Tensor;

use super::rounding::{COUNT, Difference, SMALL, classify, excuse, may_be_excused};
use super::vote::{Exact, vote};
use super::{Check, dot, is_still, largest, offset, products, size_or_one, still, unravel};
use crate::check::branch::{Branch, branch};
use crate::check::numeric::{Estimate, Finding, Search, Taken, noise, search};
use crate::check::subject::or_zeros;
use crate::check::{Derivative, Record, Verdict, Witness};

/// Numbers below this times the size of the terms of the function are zero.
pub(super) const ZERO: f64 = 16.0 * f64::EPSILON;

/// Differences below this times the size of the terms are a few roundings.
pub(super) const FEW: f64 = 2.0 * f64::EPSILON;

/// If forward mode judges the entries, differences are taken at this many of each input, and along directions.
pub(in crate::check) const DIFFERENCES_BESIDE_EXACT: usize = 12;

/// Entries of an input that is too large to judge all of them: random directions go through all, these give examples.
pub(in crate::check) const EXAMPLES: usize = 8;

/// How many of these are also compared with differences, if forward mode judges them.
pub(in crate::check) const DIFFERENCES_OF_EXAMPLES: usize = 2;

/// The most kinks of one function that are traced to an op.
const TRACED: usize = 4;

/// The relative error bar of a difference that shows a derivative to be finite.
const ACCURATE: f64 = 1e-3;

/// A change of this many roundings is no rounding.
pub(super) const VISIBLE: f64 = 64.0;

/// A derivative along a direction, to be judged.
pub(super) struct Question {
    pub(super) derivative: Derivative,
    pub(super) input: Option<usize>,
    pub(super) index: Vec<usize>,
    pub(super) analytic: f64,
    pub(super) tangents: Vec<Tensor<f64>>,
    /// What rounding errors of the derivative are relative to.
    pub(super) size: f64,
    /// The distance along the direction over which the function is expected to vary.
    pub(super) unit: f64,
    /// The largest step along the direction.
    pub(super) widest: f64,
    /// Whether differences are taken.
    pub(super) differences: bool,
    pub(super) reached: bool,
}

/// The error bars of the witnesses of one number; `None` where there is no such witness.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bars {
    pub(super) exact: Option<f64>,
    pub(super) numeric: Option<f64>,
}

impl Check<'_> {
    /// Judges the gradient entry by entry.
    pub(super) fn entries(&mut self) {
        for i in 0..self.inputs.len() {
            let count = self.inputs[i].len();
            let all = count <= self.options.entries;
            let chosen: Vec<usize> = match &self.options.only {
                Some((input, index)) if *input == i => vec![offset(index, self.inputs[i].shape())],
                Some(_) => Vec::new(),
                None if all => (0..count).collect(),
                None => (0..self.options.entries.min(EXAMPLES))
                    .map(|_| self.draw.within(0, count - 1))
                    .collect(),
            };
            let differences = if all {
                DIFFERENCES_BESIDE_EXACT
            } else {
                DIFFERENCES_OF_EXAMPLES
            };
            for (place, k) in chosen.into_iter().enumerate() {
                self.entry((i, k), place < differences || !self.believes_forward_mode());
            }
        }
    }

    /// Judges element `k` of the gradient of input `i`.
    pub(super) fn entry(&mut self, (i, k): (usize, usize), differences: bool) {
        let index = unravel(k, self.inputs[i].shape());
        let mut tangents = still(self.inputs);
        tangents[i] = Tensor::zeros(self.inputs[i].shape());
        tangents[i].as_mut_slice()[k] = 1.0;
        let here = self.inputs[i].get(&index).abs();
        let (scale, size) = self.sizes[i];
        self.judge(Question {
            derivative: Derivative::First,
            input: Some(i),
            analytic: self.gradients[i].get(&index),
            index,
            tangents,
            size,
            unit: if here > 0.0 { here } else { scale },
            widest: 0.25 * scale,
            differences,
            reached: self.reached[i],
        });
    }

    /// The size of the terms of a derivative: that of the terms of the value, divided by the size of the input, or by `unit`
    /// for a direction through all inputs.
    fn terms_of(&self, input: Option<usize>, unit: f64) -> f64 {
        let unit = input.map_or(unit, |i| self.sizes[i].0);
        self.value.1 / unit
    }

    /// Whether forward mode is a witness of this function.
    pub(super) fn believes_forward_mode(&self) -> bool {
        self.options.forward_mode
            && self.lost.is_empty()
            && self.report.compared.contains(&Witness::Dual)
    }

    /// Judges one number by all witnesses; returns their error bars.
    pub(super) fn judge(&mut self, q: Question) -> Bars {
        let forward = self.forward(&q.tangents);
        let forward = forward.map(|y| products(&y, &self.cotangents));
        if forward.is_some() {
            self.report.compared.insert(Witness::Dual);
        }
        if !q.analytic.is_finite() {
            return self.not_finite(q, forward.map(|(value, _)| value));
        }
        let natural = self.value.1 / q.unit;
        // Where a derivative is infinite, zero tangents make others NaN.
        let usable = forward.filter(|(value, _)| self.lost.is_empty() && !value.is_nan());
        let exact = usable.map(|(value, terms)| {
            let allowed = self.options.exact_tolerance * q.size.max(terms);
            // Terms may cancel: adding a small number to a large one rounds alike at all neighbours.
            let allowed = allowed.max(FEW * self.terms_of(q.input, q.unit));
            let allowed = allowed.max(f64::MIN_POSITIVE);
            let difference = q.analytic - value;
            // Both are zero but for the rounding of terms that cancel.
            let zero = ZERO * natural;
            let found = if q.analytic.abs() <= zero && value.abs() <= zero {
                Difference::Rounding(zero)
            } else if difference.abs() <= allowed {
                Difference::Rounding(allowed)
            } else {
                self.difference_at_neighbours(&q, difference, allowed, natural)
            };
            let size = q.analytic.abs().max(1e-3 * q.size).max(1e-6 * natural);
            Exact::of(found, 1e-3 * size)
        });
        let exact = exact.unwrap_or(Exact::Missing);
        let mut taken = (self.options.finite_differences && q.differences)
            .then(|| self.differences(&q, natural, exact));
        if let Some(taken) = &mut taken {
            self.doubt(&q, exact, &mut taken.finding);
        }
        let numeric = taken.as_ref().map(|t| t.finding.clone());
        if numeric.as_ref().is_some_and(|n| *n != Finding::Impossible) {
            self.report.compared.insert(Witness::Differences);
        }
        let (mut verdict, bar, mut reason) = vote(q.analytic, exact, numeric.as_ref(), q.reached);
        if let Some(branch) = self.branch(&q, verdict, exact, numeric.as_ref()) {
            if verdict == Verdict::Fail {
                verdict = Verdict::Kink;
                reason = format!("differences disagree with both modes, but over them {branch}");
            } else {
                reason = format!("{reason}; {branch}");
            }
        }
        let (estimate, step) = match &numeric {
            Some(Finding::Agrees(e) | Finding::Differs(e) | Finding::Inaccurate(e)) => {
                (Some(e.value), Some(e.step))
            }
            _ => (None, None),
        };
        let forward = forward.map(|(value, _)| value);
        if verdict == Verdict::Fail && !self.lost.is_empty() {
            reason += "; forward mode lost a path";
        }
        let witness = match exact {
            Exact::Missing => estimate,
            _ => forward,
        };
        let slack = slack(self.subject.epsilon(), &q, exact);
        let resolves = taken.as_ref().map(|t| t.resolves);
        let decided = match (exact, &numeric) {
            (Exact::Missing, None) => None,
            (Exact::Missing, _)
            | (Exact::Agrees(_) | Exact::Rounding(_), Some(Finding::Differs(_))) => {
                Some(Witness::Differences)
            }
            _ => Some(Witness::Dual),
        };
        self.report.records.push(Record {
            input: q.input,
            index: q.index,
            numeric: estimate,
            forward,
            error: error(verdict, q.analytic, witness, bar),
            verdict,
            reason,
            witness: decided,
            bar,
            step,
            noise: taken.as_ref().map(|t| t.sigma),
            steps: taken.map_or_else(Vec::new, |t| t.steps),
            ..Record::new(q.derivative, q.analytic)
        });
        Bars {
            exact: match exact {
                Exact::Missing => None,
                Exact::Agrees(bar) | Exact::Rounding(bar) | Exact::Differs(bar) => Some(bar),
            },
            numeric: resolves.map(|bar| bar + slack),
        }
    }

    /// If both modes agree and differences do not, the function may vary over less than their smallest step. The
    /// gradients there tell, and a quotient over a smaller step that agrees: `floor` climbs over large steps only.
    fn doubt(&self, q: &Question, exact: Exact, finding: &mut Finding) {
        let Finding::Differs(estimate) = *finding else {
            return;
        };
        if !matches!(exact, Exact::Agrees(_) | Exact::Rounding(_)) {
            return;
        }
        let claim = |h: f64| -> f64 {
            let moved = moved(self.inputs, &q.tangents, h);
            let gradients = self.subject.gradients(&moved, &self.cotangents);
            let gradients = or_zeros(gradients, &moved);
            let terms = gradients.iter().zip(&q.tangents);
            terms.map(|(g, u)| dot(g, u)).sum()
        };
        let beside = estimate.steps_within().map(|h| [claim(h), claim(-h)]);
        let (least, tiny) = (self.least_noise(q), self.visible_step(q, &estimate));
        let [up, down] = [tiny, -tiny].map(|h| self.f64(&moved(self.inputs, &q.tangents, h)));
        let is_claimed = tiny < estimate.widest
            && ((up - down) - 2.0 * tiny * q.analytic).abs() <= VISIBLE * least;
        if estimate.is_too_coarse_for(q.analytic, beside) || is_claimed {
            *finding = Finding::Inaccurate(estimate);
        }
    }

    /// The smallest step over which an estimate and the claim differ by far more than rounding, and which moves the elements
    /// by far more than theirs: a function whose terms are all zero does not round.
    fn visible_step(&self, q: &Question, estimate: &Estimate) -> f64 {
        let error = (estimate.value - q.analytic).abs();
        let least = VISIBLE * self.subject.epsilon() * q.unit;
        (VISIBLE * self.least_noise(q) / error).max(least)
    }

    /// The op whose branch explains a kink, or differences that disagree with both modes.
    fn branch(
        &mut self,
        q: &Question,
        verdict: Verdict,
        exact: Exact,
        numeric: Option<&Finding>,
    ) -> Option<Branch> {
        let f = self.subject.recorded()?;
        let both_agree = matches!(exact, Exact::Agrees(_) | Exact::Rounding(_));
        let step = match numeric? {
            Finding::Kink { step, .. } if verdict == Verdict::Kink && self.traced < TRACED => *step,
            // A branch further off does not explain why the claim fails at this step, too.
            Finding::Differs(estimate) if both_agree => self.visible_step(q, estimate),
            _ => return None,
        };
        self.traced += 1;
        branch(f, self.inputs, &q.tangents, step)
    }

    /// The rounding of the values along a direction, and of the moved elements.
    fn least_noise(&self, q: &Question) -> f64 {
        self.subject.epsilon() * (self.value.1 + q.unit * q.analytic.abs())
    }

    /// Judges a derivative that is infinite or NaN.
    fn not_finite(&mut self, q: Question, forward: Option<f64>) -> Bars {
        let (finite, witness) = match forward {
            Some(value) => (value.is_finite().then_some(value), Some(Witness::Dual)),
            None => (self.finite_difference(&q), Some(Witness::Differences)),
        };
        let (verdict, reason) = match (finite, forward) {
            (None, _) => (Verdict::NonFinite, ""),
            (Some(_), Some(_)) => (Verdict::Fail, "forward mode is finite"),
            (Some(_), None) => (Verdict::Fail, "differences are finite"),
        };
        let is_wrong = finite.is_some();
        self.report.records.push(Record {
            input: q.input,
            index: q.index,
            forward,
            numeric: finite.filter(|_| forward.is_none()),
            error: if is_wrong { f64::INFINITY } else { 0.0 },
            verdict,
            reason: reason.to_owned(),
            witness: witness.filter(|_| is_wrong || forward.is_some()),
            ..Record::new(q.derivative, q.analytic)
        });
        Bars::default()
    }

    /// The derivative by differences, if they give an accurate one on both sides of the point.
    fn finite_difference(&mut self, q: &Question) -> Option<f64> {
        if !self.options.finite_differences || !q.differences {
            return None;
        }
        let question = Question {
            index: q.index.clone(),
            tangents: q.tangents.clone(),
            // Any other number: whether it agrees is not asked.
            analytic: 0.0,
            ..*q
        };
        let natural = self.value.1 / q.unit;
        let found = self.differences(&question, natural, Exact::Missing).finding;
        let (Finding::Agrees(estimate) | Finding::Differs(estimate)) = found else {
            return None;
        };
        let size = estimate.value.abs().max(1e-6 * natural);
        (!estimate.one_sided && estimate.bar <= ACCURATE * size).then_some(estimate.value)
    }

    /// Tells rounding from an error by the same difference at the neighbours.
    fn difference_at_neighbours(
        &mut self,
        q: &Question,
        here: f64,
        allowed: f64,
        natural: f64,
    ) -> Difference {
        self.neighbours();
        let size = q.analytic.abs().max(natural);
        let mut differences = vec![here];
        for (k, neighbour) in self.neighbours.iter().enumerate() {
            // Points that are further off are computed only if the closer ones do not decide.
            if k > 0 && k % COUNT == 0 {
                let found = classify(&differences, size, allowed);
                if matches!(found, Difference::Rounding(_)) || here.abs() > SMALL * size {
                    break;
                }
            }
            let forward = self.forward_at(&neighbour.inputs, &q.tangents);
            let forward = forward.map(|y| products(&y, &neighbour.cotangents));
            let terms = neighbour.gradients.iter().zip(&q.tangents);
            let reverse: f64 = terms.map(|(g, u)| dot(g, u)).sum();
            // A place of its own for every neighbour: they are told apart by their order.
            differences.push(forward.map_or(f64::NAN, |(forward, _)| reverse - forward));
        }
        let found = classify(&differences, size, allowed);
        if !may_be_excused(found, here, size) {
            return found;
        }
        let analytic = q.analytic;
        let moved = self.gradients_of_rounded();
        let changes = moved.iter().map(|gradients| {
            let terms = gradients.iter().zip(&q.tangents);
            terms.map(|(g, u)| dot(g, u)).sum::<f64>() - analytic
        });
        excuse(found, here, size, changes)
    }

    /// What differences say.
    fn differences(&mut self, q: &Question, natural: f64, exact: Exact) -> Taken {
        let (inputs, tangents) = (self.inputs, &q.tangents);
        let this = &*self;
        let mut phi = |h: f64| this.f64(&moved(inputs, tangents, h));
        let epsilon = this.subject.epsilon();
        let least = this.least_noise(q);
        let known = q.input.and_then(|i| this.noise[i]);
        let measured = known.unwrap_or_else(|| noise(&mut phi, q.unit));
        let scale = q.analytic.abs().max(1e-2 * q.size).max(1e-6 * natural);
        let question = |sigma: f64| Search {
            claim: q.analytic,
            here: this.value.0,
            sigma,
            unit: q.unit,
            widest: q.widest,
            trusted: if q.input.is_some() {
                f64::INFINITY
            } else {
                trusted_step(inputs, tangents)
            },
            slack: slack(epsilon, q, exact),
            target: scale
                * if matches!(exact, Exact::Agrees(_)) {
                    1e-6
                } else {
                    1e-9
                },
            wanted: 1e-3 * scale,
        };
        let sigma = |measured: f64| {
            if measured.is_finite() {
                measured.max(least)
            } else {
                least
            }
        };
        let mut taken = search(&mut phi, question(sigma(measured)));
        if matches!(taken.finding, Finding::Differs(_)) && known.is_some() {
            // The noise may be larger at this entry than at the one where it was measured.
            let own = noise(&mut phi, q.unit).max(measured);
            taken = search(&mut phi, question(sigma(own)));
        }
        if let Some(i) = q.input
            && self.noise[i].is_none()
        {
            self.noise[i] = Some(measured);
        }
        taken
    }
}

/// The inputs moved by `h` times the tangents.
pub(in crate::check) fn moved(
    inputs: &[Tensor<f64>],
    tangents: &[Tensor<f64>],
    h: f64,
) -> Vec<Tensor<f64>> {
    let of_one = |(x, u): (&Tensor<f64>, &Tensor<f64>)| {
        if is_still(u) || largest(u) == 0.0 {
            x.clone()
        } else {
            x.zip(u, |x, u| x + h * u)
        }
    };
    inputs.iter().zip(tangents).map(of_one).collect()
}

/// The rounding error of a claim that differences are compared with. Beside forward mode they look for what both modes
/// get wrong, which is no rounding.
fn slack(epsilon: f64, q: &Question, exact: Exact) -> f64 {
    let coarse = epsilon > f64::EPSILON || matches!(exact, Exact::Agrees(_));
    let size = q.analytic.abs().max(if coarse { q.size } else { 0.0 });
    match exact {
        Exact::Agrees(bar) => bar.max(1e-9 * size),
        Exact::Rounding(bar) => bar.max(64.0 * epsilon * size),
        _ => 64.0 * epsilon * size,
    }
}

/// How far the elements of an input move along a direction: the size of the largest one, so that no input hides
/// another; but no element by more than fifty times its own size, so that it stays in its domain.
pub(super) fn lengths(x: &Tensor<f64>) -> Tensor<f64> {
    let size = size_or_one(largest(x));
    x.map(|x| {
        if x == 0.0 {
            size
        } else {
            size.min(50.0 * x.abs())
        }
    })
}

/// The largest step along a direction that moves no element by more than a quarter of its size; zeros do not count.
pub(super) fn trusted_step(inputs: &[Tensor<f64>], tangents: &[Tensor<f64>]) -> f64 {
    let pairs = inputs.iter().zip(tangents);
    pairs
        .flat_map(|(x, u)| x.iter().zip(u.iter()))
        .filter(|(x, u)| *x != 0.0 && *u != 0.0)
        .map(|(x, u)| 0.25 * (x / u).abs())
        .fold(f64::INFINITY, f64::min)
}

/// The difference to the witness divided by the bar: above 1 for a failure, at most 1 otherwise.
pub(super) fn error(verdict: Verdict, analytic: f64, witness: Option<f64>, bar: f64) -> f64 {
    let ratio = witness.map_or(0.0, |w| {
        if analytic == w {
            0.0
        } else {
            ((analytic - w) / bar).abs()
        }
    });
    match verdict {
        Verdict::Fail if ratio.is_nan() => f64::INFINITY,
        Verdict::Fail => ratio.max(1.0 + f64::EPSILON),
        _ if ratio.is_nan() => 0.0,
        _ => ratio.min(1.0),
    }
}
