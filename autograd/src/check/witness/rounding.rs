//! Telling rounding from an error, by the same difference at neighbouring points.
//!
//! Reverse mode and forward mode differ by rounding. If they differ by more than a few units, both are computed
//! again at points that differ from the inputs by 10⁻¹² of their size. A wrong rule is wrong by the same amount
//! there; rounding errors are others. A difference of less than 10⁻⁹ of the number is computed at points further off
//! too: a number near 1 on the way, such as `x / (1 + x)` at 10⁶ or a saturated softmax, rounds alike at all points that
//! are closer.

use wengert_tensor::Tensor;
use wengert_tensor::testing::layouts::in_layout_of;

use super::Check;
use crate::check::subject::or_zeros;
use crate::sample::Draw;

/// A point close to the inputs, and the gradients there.
pub(super) struct Neighbour {
    pub(super) inputs: Vec<Tensor<f64>>,
    /// Gradients are linear in the cotangents, so that these may be further off.
    pub(super) cotangents: Vec<Tensor<f64>>,
    pub(super) gradients: Vec<Tensor<f64>>,
}

/// The number of neighbours at each distance, near ones first.
pub(super) const COUNT: usize = 6;

/// The relative distances of near neighbours, of far ones, and of those for tiny differences.
const DISTANCES: [f64; 3] = [9.1e-13, 2.3e-4, 3.1e-2];

/// Differences below this, relative to the number or to its terms, may be excused by far neighbours.
pub(super) const SMALL: f64 = 1e-9;

/// Differences below this are a few roundings of the terms, and may be excused by the farthest neighbours: a gate that
/// is closed but for two or three units in the last place rounds alike at all points that are closer.
const TINY: f64 = 1e-13;

/// Differences below this, relative to the number or to its terms, may be excused by the rounding of the inputs.
const SENSITIVE: f64 = 1e-6;

/// A change by more than this, relative to the same, is a kink.
const JUMP: f64 = 1e-3;

/// Points whose inputs differ by their rounding units.
const ROUNDED: usize = 3;

/// What a difference between two computations of a number is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Difference {
    /// Rounding, with this bound.
    Rounding(f64),
    /// More than rounding. The bound on rounding.
    Systematic(f64),
}

/// Points at which a number is computed again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Points {
    /// The neighbours: the differences of both computations there.
    Neighbours,
    /// The inputs moved by their rounding units: the changes of the number.
    Rounded,
}

/// Two computations of a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) reverse: f64,
    pub(super) forward: f64,
    /// Numbers up to this are zero but for the rounding of terms that cancel.
    pub(super) zero: f64,
    /// What rounding is below for sure.
    pub(super) allowed: f64,
    /// The size of the number or of the terms of the function that it comes from, whichever is larger.
    pub(super) size: f64,
}

impl Pair {
    /// Judges the difference, by other points only if it is no rounding for sure.
    pub(super) fn judge(self, mut at: impl FnMut(Points) -> Vec<f64>) -> Difference {
        let difference = self.reverse - self.forward;
        if self.reverse.abs() <= self.zero && self.forward.abs() <= self.zero {
            return Difference::Rounding(self.zero);
        }
        // Smaller numbers underflow.
        let allowed = self.allowed.max(f64::MIN_POSITIVE);
        if difference.abs() <= allowed || self.reverse == self.forward {
            return Difference::Rounding(allowed);
        }
        if !difference.is_finite() {
            return Difference::Systematic(self.allowed);
        }
        let mut differences = at(Points::Neighbours);
        differences.insert(0, difference);
        let found = classify(&differences, self.size, self.allowed);
        if may_be_excused(found, difference, self.size) {
            excuse(found, difference, self.size, at(Points::Rounded))
        } else {
            found
        }
    }
}

/// Judges the differences at the inputs, first, and at the neighbours in order. `exact` is what rounding is below for
/// sure, which the difference at the inputs is not; `size` is that of the number or of the terms of the function that it
/// comes from, whichever is larger.
pub(super) fn classify(differences: &[f64], size: f64, exact: f64) -> Difference {
    let here = differences[0];
    let near = &differences[..differences.len().min(COUNT + 1)];
    let found = classify_near(near, exact);
    if matches!(found, Difference::Rounding(_)) || !(here.abs() <= SMALL * size.abs()) {
        return found;
    }
    let far = differences.iter().skip(COUNT + 1);
    let spread = scatter(here, far.clone().take(COUNT)).or_else(|| {
        let tiny = here.abs() <= TINY * size.abs();
        tiny.then(|| scatter(here, far.skip(COUNT))).flatten()
    });
    spread.map_or(found, |spread| Difference::Rounding(2.0 * spread + exact))
}

/// Whether a systematic difference at the inputs is excused by the `changes` of the derivative when the inputs move by
/// their rounding units.
pub(super) fn excuse(
    found: Difference,
    here: f64,
    size: f64,
    changes: impl IntoIterator<Item = f64>,
) -> Difference {
    let change = changes
        .into_iter()
        .fold(0.0, |most: f64, change| most.max(change.abs()));
    match found {
        Difference::Systematic(bar)
            if change <= JUMP * size.abs() && here.abs() <= 2.0 * change =>
        {
            Difference::Rounding(2.0 * change + bar)
        }
        _ => found,
    }
}

/// Whether a difference is small enough to be excused by the rounding of the inputs.
pub(super) fn may_be_excused(found: Difference, here: f64, size: f64) -> bool {
    matches!(found, Difference::Systematic(_)) && here.abs() <= SENSITIVE * size.abs()
}

/// The spread of differences, if they are rounding errors: they vary as much as they are large.
fn scatter<'a>(here: f64, others: impl Iterator<Item = &'a f64>) -> Option<f64> {
    let mut all: Vec<f64> = others.copied().filter(|d| d.is_finite()).collect();
    if all.len() < 3 {
        return None;
    }
    all.push(here);
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let largest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spread = largest - all.iter().copied().fold(f64::INFINITY, f64::min);
    (mean.abs() <= 2.0 * spread).then_some(spread)
}

/// Judges the differences at the inputs and at near neighbours.
fn classify_near(differences: &[f64], exact: f64) -> Difference {
    let here = differences[0];
    let count = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / count;
    let low = differences.iter().copied().fold(f64::INFINITY, f64::min);
    let high = differences
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let spread = high - low;
    if !spread.is_finite() {
        return Difference::Systematic(exact);
    }
    // At a kink the error may exist on one side only: some neighbours agree to the last digits, the others differ
    // as much as the inputs.
    let same = differences[1..]
        .iter()
        .filter(|d| (*d - here).abs() <= 1e-3 * here.abs())
        .count();
    let right = differences.iter().filter(|d| d.abs() <= exact).count();
    let divided = same >= 2 && right >= 2 && same + right == differences.len() - 1;
    if mean.abs() > 2.0 * spread || (divided && here.abs() > 1e3 * exact) {
        Difference::Systematic(2.0 * spread + exact)
    } else {
        Difference::Rounding(2.0 * spread + exact)
    }
}

impl Check<'_> {
    /// Points close to the inputs. Every tensor is multiplied by a number near 1, so that equal elements stay equal
    /// and zeros stay zero.
    pub(super) fn neighbours(&mut self) -> &[Neighbour] {
        if self.neighbours.is_empty() {
            for k in 0..DISTANCES.len() * COUNT {
                let distance = DISTANCES[k / COUNT];
                let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
                let inputs: Vec<_> = self
                    .inputs
                    .iter()
                    .map(|x| {
                        let factor = 1.0 + sign * self.draw.real(0.5, 2.0) * distance;
                        in_layout_of(&x.map(|x| x * factor), x)
                    })
                    .collect();
                let cotangents: Vec<_> = self
                    .cotangents
                    .iter()
                    .map(|c| {
                        let factor = 1.0 + sign * self.draw.real(0.5, 2.0) * 2.0_f64.powi(-14);
                        in_layout_of(&c.map(|c| c * factor), c)
                    })
                    .collect();
                let gradients = self.subject.gradients(&inputs, &cotangents);
                let gradients = or_zeros(gradients, &inputs);
                self.neighbours.push(Neighbour {
                    inputs,
                    cotangents,
                    gradients,
                });
            }
        }
        &self.neighbours
    }

    /// The inputs, each element moved by one or two rounding units. The gradients there are computed by
    /// [`gradients_of_rounded`](Self::gradients_of_rounded).
    pub(super) fn rounded_inputs(&mut self) -> Vec<Vec<Tensor<f64>>> {
        if self.rounded.is_empty() {
            for _ in 0..ROUNDED {
                let moved = |x: &Tensor<f64>, draw: &mut Draw| {
                    let units = draw.uniform(x.shape(), -2.0, 2.0);
                    let moved = x.zip(&units, |x, u| {
                        x * (1.0 + u.signum() * u.abs().ceil() * f64::EPSILON)
                    });
                    in_layout_of(&moved, x)
                };
                let inputs: Vec<_> = self
                    .inputs
                    .iter()
                    .map(|x| moved(x, &mut self.draw))
                    .collect();
                self.rounded.push((inputs, Vec::new()));
            }
        }
        self.rounded
            .iter()
            .map(|(inputs, _)| inputs.clone())
            .collect()
    }

    /// The gradients at the moved inputs.
    pub(super) fn gradients_of_rounded(&mut self) -> Vec<&[Tensor<f64>]> {
        self.rounded_inputs();
        for (inputs, gradients) in &mut self.rounded {
            if gradients.is_empty() {
                let found = self.subject.gradients(inputs, &self.cotangents);
                *gradients = or_zeros(found, inputs);
            }
        }
        self.rounded
            .iter()
            .map(|(_, gradients)| &gradients[..])
            .collect()
    }
}
