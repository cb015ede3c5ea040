//! The gradient along random directions through many entries at once: what they can see is stated, and wrong entries
//! are found by halving.
//!
//! A direction moves every entry of a group by a random amount of random sign. If one entry is wrong by more than twice
//! the error bar of the direction, at least one of its two signs shows it, whatever the other entries do: a direction
//! misses it with a probability of at most 1/2, and `k` directions with at most 2⁻ᵏ. If the bars of differences are too
//! wide for the power that was asked for, the group is divided at random, because the noise and the kinks of fewer
//! entries are less.

use wengert_tensor::Tensor;

use super::first::{Bars, Question, lengths};
use super::{Check, dot, dot_abs, largest, size_or_one, unravel};
use crate::check::{Derivative, Power, Verdict, Witness};

/// An element of an input.
type Place = (usize, usize);

/// The parts into which a group is divided whose bars are too wide.
const PARTS: usize = 4;

/// The shortest movement of an entry along a direction, relative to the size of its input.
const SHORTEST: f64 = 0.7;

/// Wrong entries that are looked for.
const MOST_WRONG: usize = 8;

/// The widest bars of the directions that were judged.
#[derive(Default)]
struct Reached {
    exact: Option<f64>,
    numeric: Option<f64>,
    /// How many directions every entry lies on, at least.
    directions: Option<usize>,
    /// Whether the budget ended before the power that was asked for was reached.
    out_of_budget: bool,
}

impl Reached {
    fn add(&mut self, bars: Bars) {
        let wider = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        self.exact = wider(self.exact, bars.exact);
        self.numeric = wider(self.numeric, bars.numeric);
    }
}

impl Check<'_> {
    /// Judges the gradient along random directions through all inputs at once.
    pub(super) fn directions(&mut self) {
        if self.options.only.is_some() || self.options.directions == 0 {
            return;
        }
        let places: Vec<Place> = (0..self.inputs.len())
            .flat_map(|i| (0..self.inputs[i].len()).map(move |k| (i, k)))
            .collect();
        let term = self.largest_term();
        let single = |x: &Tensor<f64>| x.len() <= self.options.entries;
        // Entries that are judged one by one need no power of directions.
        let count = if self.inputs.iter().all(single) {
            self.options.directions.min(2)
        } else {
            self.options.directions
        };
        let wanted = 0.5 * SHORTEST * self.options.power * term;
        let mut reached = Reached::default();
        let mut groups = vec![places];
        while let Some(mut group) = groups.pop() {
            for done in 0..count {
                let tangents = self.direction(&group);
                // Forward mode has few errors of its own: directions through all entries are enough.
                let bars = self.along(&tangents, true);
                let failed = self.last_is(Verdict::Fail);
                if failed {
                    self.halve(&tangents, &group);
                    reached.add(bars);
                    reached.directions = Some(done + 1);
                    self.state_power(&reached, term, count);
                    return;
                }
                let short = bars.numeric.is_some_and(|bar| bar > wanted);
                let divisible = group.len() > 1 && term > 0.0 && count > 2;
                if done == 0 && short && divisible {
                    if self.within_budget(PARTS * count * DIRECTION_COST) {
                        self.shuffle(&mut group);
                        let part = group.len().div_ceil(PARTS);
                        groups.extend(group.chunks(part).map(<[_]>::to_vec));
                        if let Some(exact) = bars.exact {
                            reached.add(Bars {
                                exact: Some(exact),
                                numeric: None,
                            });
                        }
                        break;
                    }
                    reached.out_of_budget = true;
                }
                // An entry at a kink has a verdict that says so.
                let kink = group.len() == 1 && self.last_is(Verdict::Kink);
                reached.add(Bars {
                    numeric: bars.numeric.filter(|_| !kink),
                    ..bars
                });
                let least = reached.directions.unwrap_or(count);
                if !self.within_budget(DIRECTION_COST) && done + 1 < count {
                    reached.out_of_budget = true;
                    reached.directions = Some(least.min(done + 1));
                    break;
                }
                if done + 1 == count {
                    reached.directions = Some(least);
                }
            }
        }
        self.state_power(&reached, term, count);
    }

    /// Whether the budget allows this number of further evaluations.
    fn within_budget(&self, more: usize) -> bool {
        let cost = self.subject.cost();
        let spent = cost.values + 2 * cost.duals + 3 * cost.gradients;
        self.options.budget.is_none_or(|most| spent + more <= most)
    }

    fn shuffle(&mut self, group: &mut [Place]) {
        for i in (1..group.len()).rev() {
            let j = self.draw.within(0, i);
            group.swap(i, j);
        }
    }

    /// The largest entry of the gradient, times the size of its input.
    fn largest_term(&self) -> f64 {
        let pairs = self.gradients.iter().zip(self.inputs);
        pairs
            .map(|(g, x)| largest(g) * size_or_one(largest(x)))
            .fold(0.0, f64::max)
    }

    /// A random direction through the entries of a group.
    fn direction(&mut self, group: &[Place]) -> Vec<Tensor<f64>> {
        let mut all: Vec<_> = self
            .inputs
            .iter()
            .map(|x| {
                let sign = self.draw.mask(x.shape());
                let length = self.draw.uniform(x.shape(), SHORTEST, 1.4);
                let signed = sign.zip(&length, |sign, u| if sign { u } else { -u });
                signed.zip(&lengths(x), |u, length| u * length)
            })
            .collect();
        let whole: usize = self.inputs.iter().map(Tensor::len).sum();
        if group.len() < whole {
            all = restricted(&all, group);
        }
        all
    }

    fn last_is(&self, verdict: Verdict) -> bool {
        let last = self.report.records.last();
        last.is_some_and(|r| r.verdict == verdict)
    }

    /// Judges one direction; returns the error bars.
    fn along(&mut self, tangents: &[Tensor<f64>], differences: bool) -> Bars {
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
            differences,
            reached: self.reached.iter().any(|reached| *reached),
        })
    }

    /// Finds wrong entries by judging halves of a direction that disagrees: `2 log₂ n` directions for each. The better
    /// half of a wrong group may agree by accident, so a group counts as found only when it is one entry.
    fn halve(&mut self, tangents: &[Tensor<f64>], group: &[Place]) {
        let differences = !self.believes_forward_mode() || self.decided_by_differences();
        let mut groups = vec![group.to_vec()];
        let mut found = 0;
        while let Some(group) = groups.pop() {
            if found == MOST_WRONG || !self.within_budget(DIRECTION_COST) {
                break;
            }
            if let [place] = group[..] {
                let part = restricted(tangents, &group);
                self.along(&part, differences);
                found += usize::from(self.single_entry(tangents, place));
                continue;
            }
            let (left, right) = group.split_at(group.len() / 2);
            let mut wrong = Vec::new();
            for half in [right, left] {
                self.along(&restricted(tangents, half), differences);
                let record = self.report.records.pop();
                if record.is_some_and(|r| r.verdict == Verdict::Fail) {
                    wrong.push(half.to_vec());
                }
            }
            groups.append(&mut wrong);
        }
    }

    fn decided_by_differences(&self) -> bool {
        let last = self.report.records.last();
        last.is_some_and(|r| r.witness == Some(Witness::Differences))
    }

    /// Makes the last record, along one entry, one of that entry, if it failed.
    fn single_entry(&mut self, tangents: &[Tensor<f64>], place: Place) -> bool {
        let record = self.report.records.pop();
        let Some(mut record) = record.filter(|record| record.verdict == Verdict::Fail) else {
            return false;
        };
        self.entry(place, true);
        if self.last_is(Verdict::Fail) {
            return true;
        }
        // The step along the direction was longer, and its error bar less.
        self.report.records.pop();
        let (i, k) = place;
        let index = unravel(k, self.inputs[i].shape());
        let length = tangents[i].get(&index);
        record.derivative = Derivative::First;
        record.input = Some(i);
        record.analytic /= length;
        record.numeric = record.numeric.map(|n| n / length);
        record.forward = record.forward.map(|n| n / length);
        for step in &mut record.steps {
            step.value /= length;
        }
        record.bar /= length.abs();
        record.index = index;
        self.report.records.push(record);
        true
    }

    /// States how large the error of one entry must be to be seen.
    fn state_power(&mut self, reached: &Reached, term: f64, count: usize) {
        let directions = reached.directions.unwrap_or(count);
        if term <= 0.0 {
            return;
        }
        for (witness, bar) in [
            (Witness::Dual, reached.exact),
            (Witness::Differences, reached.numeric),
        ] {
            if let Some(bar) = bar.filter(|bar| bar.is_finite()) {
                self.report.power.push(Power {
                    witness,
                    // The shortest tangent is 0.7; the error counts once, and the bar on either side.
                    relative: 2.0 * bar / (SHORTEST * term),
                    probability: 1.0 - 0.5_f64.powi(directions as i32),
                    directions,
                });
            }
        }
        if reached.out_of_budget {
            let budget = self.options.budget.unwrap_or(0);
            self.report.notes.push(format!(
                "the budget of {budget} evaluations is too small for a power of {:.0e}: what was reached is stated",
                self.options.power
            ));
        }
    }
}

/// What a direction costs at most, in evaluations of the function: the noise, and three windows.
pub(in crate::check) const DIRECTION_COST: usize = 14 + 3 * 8 + 2;

/// A direction that moves the entries of a group only.
fn restricted(tangents: &[Tensor<f64>], group: &[Place]) -> Vec<Tensor<f64>> {
    let mut part: Vec<_> = tangents
        .iter()
        .map(|u| Tensor::<f64>::zeros(u.shape()))
        .collect();
    for &(i, k) in group {
        part[i].as_mut_slice()[k] = tangents[i].get(unravel(k, tangents[i].shape()));
    }
    part
}
