//! The third derivative: reverse over reverse over reverse, against forward over reverse over reverse.

use wengert_tensor::testing::layouts::in_layout_of;
use wengert_tensor::{Dual, Real, Tensor};

use super::first::{ZERO, error, lengths};
use super::rounding::{Difference, classify};
use super::{Check, dual_inputs, largest, unravel};
use crate::backward::grad;
use crate::check::subject::or_zeros;
use crate::check::{Derivative, Record, Verdict, Witness};
use crate::function::Differentiable;
use crate::rule::Graph;
use crate::tape::Tape;
use crate::var::Var;

/// `D²⟨∇⟨f, c⟩, u⟩·v` by both ways, by input.
struct Thirds {
    reverse: Vec<Tensor<f64>>,
    forward: Vec<Tensor<f64>>,
}

impl Check<'_> {
    /// Judges the third derivative along two random directions, with respect to each entry.
    pub(super) fn third_order(&mut self) {
        let is_wanted = self.options.third_order && self.believes_forward_mode();
        let Some(f) = self.subject.recorded().filter(|_| is_wanted) else {
            return;
        };
        let [u, v] = [(), ()].map(|()| -> Vec<Tensor<f64>> {
            let of_one = |x: &Tensor<f64>| {
                let normal = self.draw.normal(x.shape());
                normal.zip(&lengths(x), |u, length| u * length)
            };
            self.inputs.iter().map(of_one).collect()
        });
        let here = thirds(f, self.inputs, &self.cotangents, &u, &v);
        let mut beside: Option<Vec<Thirds>> = None;
        let terms = self.gradients.iter().zip(&u);
        let terms = terms.map(|(g, u)| largest(g) * largest(u));
        let terms = terms.fold(self.value.1, f64::max);
        for input in 0..self.inputs.len() {
            let (reverse, forward) = (&here.reverse[input], &here.forward[input]);
            let size = terms / self.sizes[input].0;
            let size = size.max(largest(reverse)).max(largest(forward));
            let allowed = self.options.exact_tolerance * size;
            for k in 0..reverse.len() {
                let index = unravel(k, reverse.shape());
                let (analytic, exact) = (reverse.get(&index), forward.get(&index));
                let difference = analytic - exact;
                let zero = 16.0 * ZERO * size;
                let rounding = difference.abs() <= allowed.max(zero) || analytic == exact;
                let found = if rounding {
                    Difference::Rounding(allowed.max(zero))
                } else if !difference.is_finite() {
                    Difference::Systematic(allowed)
                } else {
                    if beside.is_none() {
                        self.neighbours();
                        let all = self.neighbours.iter();
                        beside = Some(
                            all.map(|n| thirds(f, &n.inputs, &n.cotangents, &u, &v))
                                .collect(),
                        );
                    }
                    let all = beside.iter().flatten();
                    let others =
                        all.map(|t| t.reverse[input].get(&index) - t.forward[input].get(&index));
                    let differences: Vec<_> = [difference].into_iter().chain(others).collect();
                    classify(&differences, size, allowed)
                };
                let (verdict, bar, reason) = match found {
                    _ if !analytic.is_finite() && !exact.is_finite() => {
                        (Verdict::NonFinite, f64::INFINITY, "")
                    }
                    Difference::Rounding(bar) => (Verdict::Pass, bar, ""),
                    Difference::Systematic(bar) => (
                        Verdict::Fail,
                        bar,
                        "forward over reverse over reverse disagrees",
                    ),
                };
                self.report.records.push(Record {
                    input: Some(input),
                    index,
                    forward: Some(exact),
                    error: error(verdict, analytic, Some(exact), bar),
                    verdict,
                    reason: reason.to_owned(),
                    witness: Some(Witness::Second),
                    bar,
                    ..Record::new(Derivative::Third, analytic)
                });
            }
        }
    }
}

fn thirds(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    cotangents: &[Tensor<f64>],
    u: &[Tensor<f64>],
    v: &[Tensor<f64>],
) -> Thirds {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let second = second(&|x| f.f64(x), &x, cotangents, u, Graph::Create);
    let roots: Vec<_> = second
        .iter()
        .zip(v)
        .filter_map(|(h, v)| Some((h.as_ref()?, Var::constant(v.clone()))))
        .collect();
    let reverse = grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Skip);
    let reverse = reverse
        .into_iter()
        .map(|g| g.map(Var::into_value))
        .collect();

    let tape = Tape::new();
    let lifted = dual_inputs(inputs, v);
    let x: Vec<_> = lifted.iter().map(|x| tape.leaf(x.clone())).collect();
    let constant = |all: &[Tensor<f64>]| -> Vec<Tensor<Dual>> {
        let of_one = |x: &Tensor<f64>| in_layout_of(&x.map(Dual::constant), x);
        all.iter().map(of_one).collect()
    };
    let run = |x: &[Var<Dual>]| {
        f.dual(x)
            .expect("forward mode is believed, so it ran before")
    };
    let second = self::second(&run, &x, &constant(cotangents), &constant(u), Graph::Skip);
    let second = second.into_iter().map(|g| g.map(Var::into_value)).collect();
    let forward = or_zeros(second, &lifted);
    Thirds {
        reverse: or_zeros(reverse, inputs),
        forward: forward.iter().map(|h| h.map(|d| d.tangent)).collect(),
    }
}

/// The product of `u` with the second derivative, on the tape of `x`.
fn second<T: Real>(
    f: &dyn Fn(&[Var<T>]) -> Vec<Var<T>>,
    x: &[Var<T>],
    cotangents: &[Tensor<T>],
    u: &[Tensor<T>],
    graph: Graph,
) -> Vec<Option<Var<T>>> {
    let all: Vec<_> = x.iter().collect();
    let y = f(x);
    let roots: Vec<_> = y
        .iter()
        .zip(cotangents)
        .map(|(y, c)| (y, Var::constant(c.clone())))
        .collect();
    let gradients = grad(&roots, &all, Graph::Create);
    let roots: Vec<_> = gradients
        .iter()
        .zip(u)
        .filter_map(|(g, u)| Some((g.as_ref()?, Var::constant(u.clone()))))
        .collect();
    grad(&roots, &all, graph)
}
