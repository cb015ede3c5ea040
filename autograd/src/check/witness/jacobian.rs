//! The whole Jacobian of a small function, by reverse mode row by row and by forward mode column by column.

use wengert_tensor::Tensor;

use super::first::{FEW, ZERO, error};
use super::rounding::{Difference, classify, excuse, may_be_excused};
use super::{Check, largest, size_or_one, unravel};
use crate::check::subject::or_zeros;
use crate::check::{Derivative, Record, Verdict, Witness};

impl Check<'_> {
    /// Judges the whole Jacobian, entry by entry, if inputs and outputs have few elements.
    pub(super) fn jacobian(&mut self) {
        const SMALL: usize = 8;
        let count = |x: &[Tensor<f64>]| x.iter().map(Tensor::len).sum::<usize>();
        let (inputs, outputs) = (count(self.inputs), count(&self.cotangents));
        let is_large = inputs > SMALL || outputs > SMALL;
        if is_large || self.options.only.is_some() || !self.believes_forward_mode() {
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
        let rows_at = |this: &Self, x: &[Tensor<f64>]| -> Vec<(usize, usize, Vec<Tensor<f64>>)> {
            units(&this.cotangents)
                .into_iter()
                .map(|(output, l, unit)| {
                    let row = or_zeros(this.subject.gradients(x, &unit), x);
                    (output, l, row)
                })
                .collect()
        };
        let rows = rows_at(self, self.inputs);
        let terms =
            self.value.1 / size_or_one(self.cotangents.iter().map(largest).fold(0.0, f64::max));
        // The rows at the neighbours, once a difference needs them.
        let mut beside: Vec<(Vec<Tensor<f64>>, Vec<(usize, usize, Vec<Tensor<f64>>)>)> = Vec::new();
        // The rows where the inputs are moved by their rounding units.
        let mut moved: Option<Vec<Vec<(usize, usize, Vec<Tensor<f64>>)>>> = None;
        for (input, k, unit) in units(self.inputs) {
            let Some(column) = self.forward(&unit) else {
                return;
            };
            let index = unravel(k, self.inputs[input].shape());
            let size = rows.iter().map(|row| largest(&row.2[input]));
            let size = size.fold(0.0, f64::max);
            for (place, (output, l, row)) in rows.iter().enumerate() {
                let analytic = row[input].get(&index);
                let at = unravel(*l, column[*output].shape());
                let exact = column[*output].get(&at);
                let allowed = self.options.exact_tolerance * size.max(largest(&column[*output]));
                let difference = analytic - exact;
                let terms = terms / size_or_one(largest(&self.inputs[input]));
                let allowed = allowed.max(FEW * terms);
                let zero = ZERO * terms;
                let found = if analytic.abs() <= zero && exact.abs() <= zero {
                    Difference::Rounding(zero)
                } else if difference.abs() <= allowed || analytic == exact {
                    Difference::Rounding(allowed)
                } else if !difference.is_finite() {
                    Difference::Systematic(allowed)
                } else {
                    if beside.is_empty() {
                        self.neighbours();
                        beside = self
                            .neighbours
                            .iter()
                            .map(|n| (n.inputs.clone(), rows_at(self, &n.inputs)))
                            .collect();
                    }
                    let mut differences = vec![difference];
                    for (x, rows) in &beside {
                        if let Some(column) = self.forward_at(x, &unit) {
                            let reverse = rows[place].2[input].get(&index);
                            differences.push(reverse - column[*output].get(&at));
                        }
                    }
                    let size = analytic.abs().max(terms);
                    let found = classify(&differences, size, allowed);
                    if may_be_excused(found, difference, size) {
                        let moved = moved.get_or_insert_with(|| {
                            let points = self.rounded_inputs();
                            points.iter().map(|x| rows_at(self, x)).collect()
                        });
                        let changes = moved
                            .iter()
                            .map(|rows| rows[place].2[input].get(&index) - analytic);
                        excuse(found, difference, size, changes)
                    } else {
                        found
                    }
                };
                let (verdict, bar) = match found {
                    _ if !exact.is_finite() || !self.gradients[input].get(&index).is_finite() => {
                        (Verdict::NonFinite, f64::INFINITY)
                    }
                    Difference::Systematic(bar) => (Verdict::Fail, bar),
                    Difference::Rounding(bar) if self.reached[input] => (Verdict::Pass, bar),
                    Difference::Rounding(bar) => (Verdict::Unreachable, bar),
                };
                let wrong = verdict == Verdict::Fail;
                self.report.records.push(Record {
                    input: Some(input),
                    index: index.clone(),
                    output: Some(*output),
                    output_index: at,
                    forward: Some(exact),
                    error: error(verdict, analytic, Some(exact), bar),
                    verdict,
                    reason: if wrong { "forward mode disagrees" } else { "" }.to_owned(),
                    witness: Some(Witness::Dual),
                    bar,
                    ..Record::new(Derivative::Jacobian, analytic)
                });
            }
        }
    }
}
