//! The first derivative: entry by entry, and along directions.

use wengert_tensor::Tensor;

use super::rounding::{Difference, classify};
use super::vote::{Exact, vote};
use super::{Check, dot, dot_abs, largest, size_or_one, unravel};
use crate::check::numeric::{Finding, Search, Taken, noise, search};
use crate::check::{Derivative, Power, Record, Verdict, Witness};

/// Numbers below this times the size of the terms of the function are zero.
pub(super) const ZERO: f64 = 16.0 * f64::EPSILON;

/// If forward mode judges the entries, differences are taken at this many of each input, and along directions.
const DIFFERENCES_BESIDE_EXACT: usize = 12;

/// A derivative along a direction, to be judged.
struct Question {
    derivative: Derivative,
    input: Option<usize>,
    index: Vec<usize>,
    analytic: f64,
    tangents: Vec<Tensor<f64>>,
    /// What rounding errors of the derivative are relative to.
    size: f64,
    /// The distance along the direction over which the function is expected to vary.
    unit: f64,
    /// The largest step along the direction.
    widest: f64,
    /// Whether differences are taken.
    differences: bool,
    reached: bool,
}

impl Check<'_> {
    /// Judges the gradient entry by entry.
    pub(super) fn entries(&mut self) {
        let zeros: Vec<_> = self
            .inputs
            .iter()
            .map(|x| Tensor::<f64>::zeros(x.shape()))
            .collect();
        for i in 0..self.inputs.len() {
            let count = self.inputs[i].len();
            let size = largest(&self.gradients[i]);
            let chosen: Vec<usize> = match &self.options.only {
                Some((input, _)) if *input != i => Vec::new(),
                Some((_, index)) => {
                    let shape = self.inputs[i].shape().iter();
                    vec![
                        index
                            .iter()
                            .zip(shape)
                            .fold(0, |k, (at, extent)| k * extent + at),
                    ]
                }
                None if count <= self.options.entries => (0..count).collect(),
                None => (0..self.options.entries)
                    .map(|_| self.draw.within(0, count - 1))
                    .collect(),
            };
            let scale = size_or_one(largest(&self.inputs[i]));
            for (place, k) in chosen.into_iter().enumerate() {
                let index = unravel(k, self.inputs[i].shape());
                let mut tangents = zeros.clone();
                tangents[i].as_mut_slice()[k] = 1.0;
                let here = self.inputs[i].get(&index).abs();
                self.judge(Question {
                    derivative: Derivative::First,
                    input: Some(i),
                    analytic: self.gradients[i].get(&index),
                    index,
                    tangents,
                    size,
                    unit: if here > 0.0 { here } else { scale },
                    widest: 0.25 * scale,
                    differences: place < DIFFERENCES_BESIDE_EXACT || !self.believes_forward_mode(),
                    reached: self.reached[i],
                });
            }
        }
    }

    /// Whether forward mode is a witness of this function.
    pub(super) fn believes_forward_mode(&self) -> bool {
        self.options.forward_mode
            && self.lost.is_empty()
            && self.report.compared.contains(&Witness::Dual)
    }

    /// Judges the gradient along random directions through all inputs at once.
    pub(super) fn directions(&mut self) {
        let mut worst: Option<f64> = None;
        for _ in 0..self.options.directions {
            let tangents: Vec<_> = self
                .inputs
                .iter()
                .map(|x| {
                    let sign = self.draw.mask(x.shape());
                    let length = self.draw.uniform(x.shape(), 0.7, 1.4);
                    let signed = sign.zip(&length, |sign, u| if sign { u } else { -u });
                    signed.zip(&lengths(x), |u, length| u * length)
                })
                .collect();
            let record = self.along(&tangents);
            worst = Some(worst.unwrap_or(0.0).max(record));
            let failed = self
                .report
                .records
                .last()
                .is_some_and(|r| r.verdict == Verdict::Fail);
            if failed && !self.believes_forward_mode() {
                self.bisect(&tangents);
                break;
            }
        }
        self.state_power(worst);
    }

    /// Judges one direction; returns the error bar.
    fn along(&mut self, tangents: &[Tensor<f64>]) -> f64 {
        let terms = || self.gradients.iter().zip(tangents);
        let analytic = terms().map(|(g, u)| dot(g, u)).sum();
        // Rounding errors of a sum add up like a random walk.
        let squares: f64 = terms()
            .flat_map(|(g, u)| g.iter().zip(u.iter()))
            .map(|(g, u)| (g * u).abs())
            .fold(0.0, |norm: f64, t| norm.hypot(t));
        let sum: f64 = terms().map(|(g, u)| dot_abs(g, u)).sum();
        self.judge(Question {
            derivative: Derivative::Directional,
            input: None,
            index: Vec::new(),
            analytic,
            tangents: tangents.to_vec(),
            size: squares.max(4.0 * f64::EPSILON / self.options.exact_tolerance * sum),
            unit: 1.0,
            widest: 0.25,
            differences: true,
            reached: self.reached.iter().any(|reached| *reached),
        })
    }

    /// Finds wrong entries by judging halves of the direction that disagrees: `log₂ n` directions for each.
    fn bisect(&mut self, tangents: &[Tensor<f64>]) {
        /// Wrong entries that are looked for.
        const MOST: usize = 8;
        let mut places: Vec<(usize, usize)> = Vec::new();
        for (i, x) in self.inputs.iter().enumerate() {
            places.extend((0..x.len()).map(|k| (i, k)));
        }
        let mut groups = vec![places];
        let mut found = 0;
        while let Some(group) = groups.pop() {
            if found == MOST {
                break;
            }
            let mut part: Vec<_> = self
                .inputs
                .iter()
                .map(|x| Tensor::<f64>::zeros(x.shape()))
                .collect();
            for &(i, k) in &group {
                let index = unravel(k, self.inputs[i].shape());
                part[i].as_mut_slice()[k] = tangents[i].get(&index);
            }
            self.along(&part);
            let Some(mut record) = self.report.records.pop() else {
                return;
            };
            if record.verdict != Verdict::Fail {
                continue;
            }
            if let [(i, k)] = group[..] {
                found += 1;
                let index = unravel(k, self.inputs[i].shape());
                let length = tangents[i].get(&index);
                record.derivative = Derivative::First;
                record.input = Some(i);
                record.analytic /= length;
                record.numeric = record.numeric.map(|n| n / length);
                record.forward = record.forward.map(|n| n / length);
                record.bar /= length.abs();
                record.index = index;
                self.report.records.push(record);
            } else {
                let (left, right) = group.split_at(group.len() / 2);
                groups.push(right.to_vec());
                groups.push(left.to_vec());
            }
        }
    }

    /// States how large the error of one entry must be to be seen for sure.
    fn state_power(&mut self, worst: Option<f64>) {
        let largest_term = self.gradients.iter().zip(self.inputs);
        let largest_term = largest_term
            .map(|(g, x)| largest(g) * size_or_one(largest(x)))
            .fold(0.0, f64::max);
        let Some(bar) = worst.filter(|bar| bar.is_finite()) else {
            return;
        };
        if largest_term > 0.0 {
            // The shortest tangent is 0.7; the error counts once, and the bar on either side.
            self.report.power.push(Power {
                witness: Witness::Differences,
                relative: 2.0 * bar / (0.7 * largest_term),
                probability: 1.0 - 0.5_f64.powi(self.options.directions as i32),
                directions: self.options.directions,
            });
        }
    }

    /// Judges one number by all witnesses; returns the error bar.
    fn judge(&mut self, q: Question) -> f64 {
        let forward = self.forward_product(self.inputs, &self.cotangents, &q.tangents);
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
            let difference = q.analytic - value;
            // Both are zero but for the rounding of terms that cancel.
            let zero = ZERO * natural;
            let found = if q.analytic.abs() <= zero && value.abs() <= zero {
                Difference::Rounding(zero)
            } else if difference.abs() <= allowed {
                Difference::Rounding(allowed)
            } else {
                self.difference_at_neighbours(&q, difference, allowed)
            };
            let size = q.analytic.abs().max(1e-3 * q.size).max(1e-6 * natural);
            Exact::of(found, 1e-3 * size)
        });
        let exact = exact.unwrap_or(Exact::Missing);
        let taken = (self.options.finite_differences && q.differences)
            .then(|| self.differences(&q, natural, exact));
        let numeric = taken.as_ref().map(|t| t.finding.clone());
        if numeric.as_ref().is_some_and(|n| *n != Finding::Impossible) {
            self.report.compared.insert(Witness::Differences);
        }
        let (verdict, bar, mut reason) = vote(q.analytic, exact, numeric.as_ref(), q.reached);
        let (estimate, step) = match &numeric {
            Some(Finding::Agrees(e) | Finding::Differs(e) | Finding::Inaccurate(e)) => {
                (Some(e.value), Some(e.step))
            }
            _ => (None, None),
        };
        let forward = forward.map(|(value, _)| value);
        if verdict == Verdict::Fail && !self.lost.is_empty() && forward.is_some() {
            reason += "; forward mode lost a path";
        }
        let witness = match exact {
            Exact::Missing => estimate,
            _ => forward,
        };
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
        bar
    }

    /// Judges a derivative that is infinite or NaN.
    fn not_finite(&mut self, q: Question, forward: Option<f64>) -> f64 {
        let also = forward.is_none_or(|value| !value.is_finite());
        let (verdict, reason) = if also {
            (Verdict::NonFinite, "")
        } else {
            (Verdict::Fail, "forward mode is finite")
        };
        self.report.records.push(Record {
            input: q.input,
            index: q.index,
            forward,
            error: if also { 0.0 } else { f64::INFINITY },
            verdict,
            reason: reason.to_owned(),
            witness: forward.map(|_| Witness::Dual),
            ..Record::new(q.derivative, q.analytic)
        });
        f64::INFINITY
    }

    /// Tells rounding from an error by the same difference at the neighbours.
    fn difference_at_neighbours(&mut self, q: &Question, here: f64, allowed: f64) -> Difference {
        self.neighbours();
        let mut differences = vec![here];
        for neighbour in &self.neighbours {
            let forward =
                self.forward_product(&neighbour.inputs, &neighbour.cotangents, &q.tangents);
            let Some((forward, _)) = forward else {
                continue;
            };
            let terms = neighbour.gradients.iter().zip(&q.tangents);
            let reverse: f64 = terms.map(|(g, u)| dot(g, u)).sum();
            differences.push(reverse - forward);
        }
        classify(&differences, q.analytic, allowed)
    }

    /// What differences say.
    fn differences(&mut self, q: &Question, natural: f64, exact: Exact) -> Taken {
        let (inputs, tangents) = (self.inputs, &q.tangents);
        let moves: Vec<bool> = tangents.iter().map(|u| largest(u) > 0.0).collect();
        let at = |h: f64| -> Vec<Tensor<f64>> {
            let pairs = inputs.iter().zip(tangents).zip(&moves);
            pairs
                .map(|((x, u), moves)| {
                    if *moves {
                        x.zip(u, |x, u| x + h * u)
                    } else {
                        x.clone()
                    }
                })
                .collect()
        };
        let this = &*self;
        let mut phi = |h: f64| this.f64(&at(h));
        // The rounding of the values, and of the moved element.
        let least = f64::EPSILON * (this.value.1 + q.unit * q.analytic.abs());
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
            slack: slack(this.subject.epsilon(), q, exact),
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

/// The rounding error of a claim that differences are compared with. Beside forward mode they look for what both modes
/// get wrong, which is no rounding.
fn slack(epsilon: f64, q: &Question, exact: Exact) -> f64 {
    let coarse = epsilon > f64::EPSILON || matches!(exact, Exact::Agrees(_));
    let size = q.analytic.abs().max(if coarse { q.size } else { 0.0 });
    match exact {
        Exact::Agrees(_) => 1e-9 * size,
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
