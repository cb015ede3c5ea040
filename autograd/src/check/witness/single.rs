//! The first derivative in `f32`: a rule must not be right in `f64` only.

use wengert_tensor::Tensor;
use wengert_tensor::testing::layouts::in_layout_of;

use super::first::error;
use super::{Check, largest, size_or_one, unravel};
use crate::check::subject::{or_zeros, reverse};
use crate::check::{Derivative, Record, Verdict, Witness};
use crate::var::Var;

/// Points at which both precisions are computed.
const POINTS: usize = 7;

/// Gradients below this are not compared: products on the way to them underflow.
const SMALLEST: f64 = 1e-25;

/// What `f32` rounds to, in units of its ε: of the largest entry, and of the entry itself.
const UNITS: f64 = 64.0;

/// Differences below this, relative to the terms of the function, are tried further off as well.
const SATURATED: f64 = 1e-3;

/// The mean of numbers, and the distance of the largest from the least.
fn mean_and_spread(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut sum, mut count) = (0.0, 0.0);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for number in numbers {
        sum += number;
        count += 1.0;
        low = low.min(number);
        high = high.max(number);
    }
    (sum / count, high - low)
}

impl Check<'_> {
    /// Compares gradients in `f32` with those in `f64` at the same numbers, and at neighbouring ones: an error of the
    /// rule is the same at all of them, rounding is not.
    pub(super) fn single(&mut self) {
        let Some(f) = self.subject.recorded() else {
            return;
        };
        let cast = |x: &Tensor<f64>| -> Tensor<f32> { in_layout_of(&x.cast(), x) };
        let probe: Vec<_> = self.inputs.iter().map(cast).map(Var::constant).collect();
        if f.f32(&probe).is_none() {
            return;
        }
        self.report.compared.insert(Witness::Single);
        let cotangents: Vec<Tensor<f32>> = self.cotangents.iter().map(cast).collect();
        let run = |x: &[Var<f32>]| f.f32(x).expect("it ran on f32 above");
        let pair = |factor: f64| -> (Vec<Tensor<f64>>, Vec<Tensor<f64>>) {
            let inputs: Vec<Tensor<f32>> = self
                .inputs
                .iter()
                .map(|x| cast(&in_layout_of(&x.map(|x| x * factor), x)))
                .collect();
            let rounded: Vec<Tensor<f64>> =
                inputs.iter().map(|x| in_layout_of(&x.cast(), x)).collect();
            let cotangents: Vec<Tensor<f32>> = cotangents
                .iter()
                .map(|c| in_layout_of(&c.map(|c| c * (2.0 - factor).powi(64) as f32), c))
                .collect();
            let exact_cotangents: Vec<Tensor<f64>> = cotangents.iter().map(Tensor::cast).collect();
            let found = or_zeros(reverse(&run, &inputs, &cotangents), &inputs);
            let found = found.iter().map(Tensor::cast).collect();
            let exact = self.subject.gradients(&rounded, &exact_cotangents);
            (found, or_zeros(exact, &rounded))
        };
        let here = pair(1.0);
        let mut beside: Vec<(Vec<Tensor<f64>>, Vec<Tensor<f64>>)> = Vec::new();
        let mut far: Vec<(Vec<Tensor<f64>>, Vec<Tensor<f64>>)> = Vec::new();
        let epsilon = f64::from(f32::EPSILON);
        for i in 0..self.inputs.len() {
            let (found, exact) = (&here.0[i], &here.1[i]);
            let greatest = largest(exact);
            let natural = self.value.1 / self.sizes[i].0;
            let allowed = UNITS * epsilon * greatest.max(natural);
            for k in 0..found.len() {
                let index = unravel(k, found.shape());
                if !self.is_chosen(i, &index) {
                    continue;
                }
                let (analytic, wanted) = (found.get(&index), exact.get(&index));
                let difference = analytic - wanted;
                let (verdict, bar, reason) = if !analytic.is_finite()
                    || wanted.abs() > f64::from(f32::MAX)
                    || greatest < SMALLEST
                {
                    (Verdict::NonFinite, f64::INFINITY, "the range of f32 ends")
                } else if difference.abs() <= allowed {
                    (Verdict::Pass, allowed, "")
                } else {
                    if beside.is_empty() {
                        beside = (1..POINTS)
                            .map(|p| {
                                let sign = if p % 2 == 0 { 1.0 } else { -1.0 };
                                pair(1.0 + sign * p as f64 * 7.3e-7)
                            })
                            .collect();
                    }
                    let differences = beside
                        .iter()
                        .map(|(found, exact)| found[i].get(&index) - exact[i].get(&index))
                        .chain([difference]);
                    let (mean, spread) = mean_and_spread(differences);
                    let bar = 2.0 * spread + allowed;
                    let systematic = mean.abs() > bar
                        && difference.abs() > self.options.single_tolerance * wanted.abs();
                    // A saturated function rounds alike at all points that are close.
                    let small = difference.abs() <= SATURATED * natural;
                    if systematic && small && far.is_empty() {
                        far.extend((1..POINTS).map(|p| pair(1.0 + 0.01 * (p as f64 - 3.5))));
                    }
                    let far = far.iter();
                    let elsewhere = far
                        .map(|(found, exact)| found[i].get(&index) - exact[i].get(&index))
                        .chain([difference]);
                    let (mean, spread) = mean_and_spread(elsewhere);
                    let scattered = mean.abs() <= 2.0 * spread;
                    if systematic && !(small && scattered) {
                        (Verdict::Fail, bar, "the gradient in f32 differs")
                    } else {
                        (Verdict::NoiseLimited, bar, "rounding of f32")
                    }
                };
                self.report.records.push(Record {
                    input: Some(i),
                    index,
                    forward: Some(wanted),
                    error: error(verdict, analytic, Some(wanted), bar),
                    verdict,
                    reason: reason.to_owned(),
                    witness: Some(Witness::Single),
                    bar,
                    ..Record::new(Derivative::Single, analytic)
                });
            }
        }
    }

    /// Whether an entry is to be judged.
    fn is_chosen(&self, input: usize, index: &[usize]) -> bool {
        let only = self.options.only.as_ref();
        only.is_none_or(|(i, at)| *i == input && at == index)
    }
}
