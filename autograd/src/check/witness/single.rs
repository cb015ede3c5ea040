//! The first derivative in `f32`: a rule must not be right in `f64` only.
//!
//! A difference to `f64` is wrong if it is the same at neighbouring points, because rounding errors are not, or if it exceeds
//! what [error analysis](super::error_analysis) of the recorded graph allows.

use std::cell::{Cell, OnceCell};

use wengert_tensor::Tensor;
use wengert_tensor::testing::layouts::in_layout_of;

use super::error_analysis::rounding_terms;
use super::first::error;
use super::{Check, largest, unravel};
use crate::check::subject::{or_zeros, reverse};
use crate::check::{Derivative, Record, Verdict, Witness};
use crate::function::Differentiable;
use crate::var::Var;

/// Points at which both precisions are computed.
const POINTS: usize = 7;

/// Gradients below this are not compared: products on the way to them underflow.
const SMALLEST: f64 = 1e-25;

/// What `f32` rounds to, in units of its ε: of the largest entry, and of the entry itself. Also the error of each op in the
/// error analysis: sums round once for each term, and Winograd's transforms amplify.
const UNITS: f64 = 64.0;

/// Differences below this, relative to the terms of the function, are tried further off as well.
const SATURATED: f64 = 1e-3;

/// Points at which the gradient is computed to see how much the rounding of the inputs changes it.
const ROUNDED: usize = 3;

/// The gradients in both precisions at one point.
struct Precisions {
    single: Vec<Tensor<f64>>,
    double: Vec<Tensor<f64>>,
}

impl Precisions {
    fn difference(&self, input: usize, index: &[usize]) -> f64 {
        self.single[input].get(index) - self.double[input].get(index)
    }
}

/// The points, each computed once a difference needs it.
struct Points<'a> {
    check: &'a Check<'a>,
    f: &'a dyn Differentiable,
    beside: OnceCell<Vec<Precisions>>,
    far: OnceCell<Vec<Precisions>>,
    analysed: Cell<usize>,
    /// Gradients in `f64` where each input is moved by some rounding units of `f32`.
    rounded: OnceCell<Vec<Vec<Tensor<f64>>>>,
}

/// Entries whose rounding is analysed, each by two reverse passes over the whole function.
const ANALYSED: usize = 64;

/// What was found about one entry: the verdict, its error bar, and the reason.
type Judgement = (Verdict, f64, String);

impl Points<'_> {
    /// The gradients where all inputs are multiplied by a factor near 1.
    fn at(&self, factor: f64) -> Precisions {
        let cast = |x: &Tensor<f64>| -> Tensor<f32> { in_layout_of(&x.cast(), x) };
        let scaled = |x: &Tensor<f64>, by: f64| cast(&in_layout_of(&x.map(|x| x * by), x));
        let inputs: Vec<_> = self
            .check
            .inputs
            .iter()
            .map(|x| scaled(x, factor))
            .collect();
        let cotangents: Vec<_> = self
            .check
            .cotangents
            .iter()
            .map(|c| scaled(c, (2.0 - factor).powi(64)))
            .collect();
        let exact_inputs: Vec<_> = inputs.iter().map(|x| in_layout_of(&x.cast(), x)).collect();
        let exact_cotangents: Vec<Tensor<f64>> = cotangents.iter().map(Tensor::cast).collect();
        let run = |x: &[Var<f32>]| self.f.f32(x).expect("it ran on f32 before");
        let single = or_zeros(reverse(&run, &inputs, &cotangents), &inputs);
        let double = self
            .check
            .subject
            .gradients(&exact_inputs, &exact_cotangents);
        Precisions {
            single: single.iter().map(Tensor::cast).collect(),
            double: or_zeros(double, &exact_inputs),
        }
    }

    fn beside(&self) -> &[Precisions] {
        self.beside.get_or_init(|| {
            let signed = |p: usize| {
                if p.is_multiple_of(2) {
                    p as f64
                } else {
                    -(p as f64)
                }
            };
            (1..POINTS)
                .map(|p| self.at(1.0 + signed(p) * 7.3e-7))
                .collect()
        })
    }

    fn far(&self) -> &[Precisions] {
        self.far.get_or_init(|| {
            (1..POINTS)
                .map(|p| self.at(1.0 + 0.01 * (p as f64 - 3.5)))
                .collect()
        })
    }

    /// The largest change of an entry of the gradient if each element of each input changes by some rounding units.
    fn sensitivity(&self, input: usize, index: &[usize]) -> f64 {
        let units = 2.0 * UNITS * f64::from(f32::EPSILON);
        let check = self.check;
        let gradients = self.rounded.get_or_init(|| {
            let mut draw = check.draw.clone();
            let mut moved = |x: &Tensor<f64>| {
                let by = draw.uniform(x.shape(), -units, units);
                in_layout_of(&x.zip(&by, |x, by| x * (1.0 + by)), x)
            };
            let mut at_one = || {
                let inputs: Vec<_> = check.inputs.iter().map(&mut moved).collect();
                or_zeros(check.subject.gradients(&inputs, &check.cotangents), &inputs)
            };
            (0..ROUNDED).map(|_| at_one()).collect()
        });
        let here = check.gradients[input].get(index);
        let changes = gradients.iter().map(|g| (g[input].get(index) - here).abs());
        changes.fold(0.0, f64::max)
    }

    /// Judges a difference that is more than a few rounding units, `allowed`.
    fn judge(
        &self,
        (input, index): (usize, &[usize]),
        here: &Precisions,
        allowed: f64,
        natural: f64,
    ) -> Judgement {
        let difference = here.difference(input, index);
        let differences = |points: &[Precisions]| -> Vec<f64> {
            let others = points.iter().map(|p| p.difference(input, index));
            others.chain([difference]).collect()
        };
        let near = differences(self.beside());
        let (mean, spread) = mean_and_spread(&near);
        let bar = 2.0 * spread + allowed;
        let wanted = here.double[input].get(index).abs();
        let systematic =
            mean.abs() > bar && difference.abs() > self.check.options.single_tolerance * wanted;
        // A saturated function rounds alike at all points that are close.
        let is_excused = || {
            let (mean, spread) = mean_and_spread(&differences(self.far()));
            difference.abs() <= SATURATED * natural && mean.abs() <= 2.0 * spread
        };
        if systematic && !is_excused() {
            return (Verdict::Fail, bar, "the gradient in f32 differs".to_owned());
        }
        let epsilon = f64::from(f32::EPSILON);
        let check = self.check;
        let place = (input, index);
        let analysed = self.analysed.replace(self.analysed.get() + 1);
        let terms = (analysed < ANALYSED)
            .then(|| rounding_terms(self.f, check.inputs, &check.cotangents, place));
        let Some(terms) = terms.flatten() else {
            return (Verdict::NoiseLimited, bar, "rounding of f32".to_owned());
        };
        let bound = allowed.max(UNITS * epsilon * terms);
        if difference.abs() <= bound {
            return (Verdict::Pass, bound, String::new());
        }
        let least = near
            .iter()
            .fold(f64::INFINITY, |least, d| least.min(d.abs()));
        if least > bound && least > 4.0 * self.sensitivity(input, index) {
            let times = difference.abs() / bound;
            let reason = format!(
                "the error in f32 is {times:.0} times what rounding of every op can explain"
            );
            return (Verdict::Fail, bound, reason);
        }
        let reason = "rounding of f32 beside a kink, or in a function that amplifies it";
        (Verdict::NoiseLimited, bar, reason.to_owned())
    }
}

/// The mean of numbers, and the distance of the largest from the least.
fn mean_and_spread(numbers: &[f64]) -> (f64, f64) {
    let sum: f64 = numbers.iter().sum();
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (sum / numbers.len() as f64, high - low)
}

impl Check<'_> {
    /// Compares gradients in `f32` with those in `f64` at the same numbers, and at others where they differ.
    pub(super) fn single(&mut self) {
        let Some(f) = self.subject.recorded() else {
            return;
        };
        let probe = |x: &Tensor<f64>| Var::constant(in_layout_of(&x.cast(), x));
        if f.f32(&self.inputs.iter().map(probe).collect::<Vec<_>>())
            .is_none()
        {
            return;
        }
        let records = self.judge_single(f);
        self.report.compared.insert(Witness::Single);
        self.report.records.extend(records);
    }

    fn judge_single(&self, f: &dyn Differentiable) -> Vec<Record> {
        let points = Points {
            check: self,
            f,
            beside: OnceCell::new(),
            far: OnceCell::new(),
            analysed: Cell::new(0),
            rounded: OnceCell::new(),
        };
        let here = points.at(1.0);
        let mut records = Vec::new();
        for i in 0..self.inputs.len() {
            let greatest = largest(&here.double[i]);
            let natural = self.value.1 / self.sizes[i].0;
            let allowed = UNITS * f64::from(f32::EPSILON) * greatest.max(natural);
            for k in 0..here.single[i].len() {
                let index = unravel(k, here.single[i].shape());
                if !self.is_chosen(i, &index) {
                    continue;
                }
                let (analytic, wanted) = (here.single[i].get(&index), here.double[i].get(&index));
                let out_of_range = !analytic.is_finite()
                    || wanted.abs() > f64::from(f32::MAX)
                    || greatest < SMALLEST;
                let (verdict, bar, reason) = if out_of_range {
                    let reason = "the range of f32 ends".to_owned();
                    (Verdict::NonFinite, f64::INFINITY, reason)
                } else if (analytic - wanted).abs() <= allowed {
                    (Verdict::Pass, allowed, String::new())
                } else {
                    points.judge((i, &index), &here, allowed, natural)
                };
                records.push(Record {
                    input: Some(i),
                    index,
                    forward: Some(wanted),
                    error: error(verdict, analytic, Some(wanted), bar),
                    verdict,
                    reason,
                    witness: Some(Witness::Single),
                    bar,
                    ..Record::new(Derivative::Single, analytic)
                });
            }
        }
        records
    }

    /// Whether an entry is to be judged.
    fn is_chosen(&self, input: usize, index: &[usize]) -> bool {
        let only = self.options.only.as_ref();
        only.is_none_or(|(i, at)| *i == input && at == index)
    }
}
