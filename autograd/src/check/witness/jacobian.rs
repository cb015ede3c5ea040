//! The whole Jacobian of a small function, by reverse mode row by row and by forward mode column by column.

use wengert_tensor::Tensor;

use super::first::{FEW, ZERO, error};
use super::rounding::{Difference, Pair, Points};
use super::{Check, largest, size_or_one, unravel};
use crate::check::subject::or_zeros;
use crate::check::{Derivative, Record, Verdict, Witness};

/// The most elements of all inputs, and of all outputs, whose Jacobian is judged.
pub(in crate::check) const LARGEST_JACOBIAN: usize = 8;

/// The gradient of one element of an output.
struct Row {
    output: usize,
    element: usize,
    gradient: Vec<Tensor<f64>>,
}

/// One-hot tensors: 1 at one element of one tensor, 0 elsewhere.
struct Unit {
    tensor: usize,
    element: usize,
    tensors: Vec<Tensor<f64>>,
}

/// Every [`Unit`] of these shapes.
fn units(like: &[Tensor<f64>]) -> Vec<Unit> {
    let places = like.iter().enumerate();
    let places = places.flat_map(|(i, x)| (0..x.len()).map(move |k| (i, k)));
    let of_one = |(tensor, element): (usize, usize)| {
        let zeros = like.iter().map(|x| Tensor::zeros(x.shape()));
        let mut tensors: Vec<_> = zeros.collect();
        tensors[tensor].as_mut_slice()[element] = 1.0;
        Unit {
            tensor,
            element,
            tensors,
        }
    };
    places.map(of_one).collect()
}

/// The rows at other inputs, once a difference needs them.
#[derive(Default)]
struct Elsewhere {
    /// At the neighbours.
    beside: Option<Vec<(Vec<Tensor<f64>>, Vec<Row>)>>,
    /// Where the inputs are moved by their rounding units.
    moved: Option<Vec<Vec<Row>>>,
}

/// An element of the Jacobian.
struct Cell<'a> {
    /// The number of the row.
    place: usize,
    row: &'a Row,
    /// The element of the input.
    unit: &'a Unit,
    /// The column by forward mode.
    column: &'a [Tensor<f64>],
    /// The largest entry of the Jacobian of that input.
    size: f64,
}

impl Check<'_> {
    /// Judges the whole Jacobian, entry by entry, if inputs and outputs have few elements.
    pub(super) fn jacobian(&mut self) {
        let count = |x: &[Tensor<f64>]| x.iter().map(Tensor::len).sum::<usize>();
        let (inputs, outputs) = (count(self.inputs), count(&self.cotangents));
        let is_large = inputs > LARGEST_JACOBIAN || outputs > LARGEST_JACOBIAN;
        if is_large || self.options.only.is_some() || !self.believes_forward_mode() {
            return;
        }
        let rows = self.rows_at(self.inputs);
        let mut elsewhere = Elsewhere::default();
        for unit in &units(self.inputs) {
            let column = self
                .forward(&unit.tensors)
                .expect("forward mode is believed, so it ran before");
            let size = rows.iter().map(|row| largest(&row.gradient[unit.tensor]));
            let size = size.fold(0.0, f64::max);
            for (place, row) in rows.iter().enumerate() {
                let entry = Cell {
                    place,
                    row,
                    unit,
                    column: &column,
                    size,
                };
                self.element(&entry, &mut elsewhere);
            }
        }
    }

    fn rows_at(&self, inputs: &[Tensor<f64>]) -> Vec<Row> {
        let of_one = |unit: Unit| Row {
            output: unit.tensor,
            element: unit.element,
            gradient: or_zeros(self.subject.gradients(inputs, &unit.tensors), inputs),
        };
        units(&self.cotangents).into_iter().map(of_one).collect()
    }

    /// Judges one element.
    fn element(&mut self, entry: &Cell<'_>, elsewhere: &mut Elsewhere) {
        let (input, output) = (entry.unit.tensor, entry.row.output);
        let column = &entry.column[output];
        let index = unravel(entry.unit.element, self.inputs[input].shape());
        let at = unravel(entry.row.element, column.shape());
        let (analytic, exact) = (entry.row.gradient[input].get(&index), column.get(&at));
        // Relative to one cotangent and one input.
        let terms =
            self.value.1 / size_or_one(self.cotangents.iter().map(largest).fold(0.0, f64::max));
        let terms = terms / self.sizes[input].0;
        let allowed = self.options.exact_tolerance * entry.size.max(largest(column));
        let pair = Pair {
            reverse: analytic,
            forward: exact,
            zero: ZERO * terms,
            allowed: allowed.max(FEW * terms),
            size: analytic.abs().max(terms),
        };
        let found = pair.judge(|points| {
            let reverse = |rows: &[Row]| rows[entry.place].gradient[input].get(&index);
            match points {
                Points::Neighbours => {
                    let beside = elsewhere.beside.get_or_insert_with(|| self.rows_beside());
                    let forward = |x: &[_]| self.forward_at(x, &entry.unit.tensors);
                    let differences = beside
                        .iter()
                        .filter_map(|(x, rows)| Some(reverse(rows) - forward(x)?[output].get(&at)));
                    differences.collect()
                }
                Points::Rounded => {
                    let moved = elsewhere.moved.get_or_insert_with(|| {
                        let points = self.rounded_inputs();
                        points.iter().map(|x| self.rows_at(x)).collect()
                    });
                    moved.iter().map(|rows| reverse(rows) - analytic).collect()
                }
            }
        });
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
            index,
            output: Some(output),
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

    fn rows_beside(&mut self) -> Vec<(Vec<Tensor<f64>>, Vec<Row>)> {
        self.neighbours();
        let neighbours = self.neighbours.iter();
        neighbours
            .map(|n| (n.inputs.clone(), self.rows_at(&n.inputs)))
            .collect()
    }
}
