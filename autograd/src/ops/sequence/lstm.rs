//! Long short-term memory.

use crate::ops::elementwise::{Sigmoid, Tanh};
use crate::ops::prelude::*;
use crate::ops::support::{Cell, CellParams, RecurrentOptions, draw_layers, parts, times_slope};

/// The next state and memory of a cell, from its sums `[i, f, g, o]` and its memory `c`.
///
/// `c′ = σ(f)·c + σ(i)·tanh g`, `h = σ(o)·tanh c′`. The outputs are `h`, `c′` and, because the rule
/// reads them, the gates `[σ(i), σ(f), tanh g, σ(o)]`. The slopes of the gates are computed from the sums: `σ (1 − σ)` would
/// lose its digits where a gate is nearly open.
#[derive(Clone, Debug)]
pub struct LstmGates;

impl Op for LstmGates {
    fn name(&self) -> &'static str {
        "lstm_gates"
    }

    fn reads(&self) -> Reads {
        Reads::inputs([0, 1]).and_outputs([1, 2])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].lstm_gates(&x[1]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (c, memory) = (call.input(1), call.output(1));
        let dh = out.take(0).unwrap_or_else(|| Var::full(c.shape(), 0.0));
        let tracked = [call.input(0), c, memory, call.output(2), &dh].map(Var::is_tracked);
        let is_plain = !tracked.contains(&true) && out.grad(1).is_none_or(|d| !d.is_tracked());
        if is_plain && out.grad(2).is_none() {
            // −0 changes no number that it is added to, not even −0.
            let direct = out.take(1).unwrap_or_else(|| Var::full(c.shape(), -0.0));
            let results = [memory, call.output(2)].map(Var::value);
            let cotangents = [&dh, &direct].map(Var::value);
            let sums = call.input(0).value();
            let [dsums, dc] = sums.lstm_gates_gradient(c.value(), results, cotangents);
            out.add(0, Var::constant(dsums));
            out.add(1, Var::constant(dc));
            return;
        }
        let saved = [call.input(0), c, memory, call.output(2)];
        let [dsums, dc] = gates_gradient(saved, &dh, out.grad(1), out.grad(2));
        out.add(0, dsums);
        out.add(1, dc);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (n, width) = (draw.within(0, 3), draw.within(1, 4));
        Sample::new(Self, [draw.normal([n, 4 * width]), draw.normal([n, width])])
    }
}

/// The cotangents of sums and memory of a step, in differentiable operations: from its sums, its memory before and after,
/// its gates, and the cotangents of its hidden state, memory and gates.
fn gates_gradient<T: Real>(
    [sums, c, memory, gates]: [&Var<T>; 4],
    dh: &Var<T>,
    dmemory: Option<&Var<T>>,
    dgates: Option<&Var<T>>,
) -> [Var<T>; 2] {
    let [i, f, g, o] = parts(gates);
    let squashed = memory.tanh();
    let mut d = times_slope(Tanh, &(dh * &o), memory);
    if let Some(direct) = dmemory {
        d = d + direct;
    }
    let mut of_gates = [&d * &g, &d * c, &d * &i, dh * squashed];
    if let Some(direct) = dgates {
        let direct = parts::<T, 4>(direct);
        of_gates = std::array::from_fn(|k| &of_gates[k] + &direct[k]);
    }
    let sums = parts::<T, 4>(sums);
    let [di, df, dout] = [0, 1, 3].map(|k| times_slope(Sigmoid, &of_gates[k], &sums[k]));
    let dg = times_slope(Tanh, &of_gates[2], &sums[2]);
    [Var::concat(&[&di, &df, &dg, &dout], -1), d * f]
}

/// All steps of a layer in one direction, from what the input adds to the sums `[i, f, g, o]`, the weight of the hidden
/// state, and the first hidden state and memory.
///
/// The outputs are hidden states and memories and, because the rule reads them, gates and sums, of every step. The gradient
/// of the weight is one product for all steps.
#[derive(Clone, Debug)]
pub struct LstmSequence;

impl Op for LstmSequence {
    fn name(&self) -> &'static str {
        "lstm_sequence"
    }

    fn reads(&self) -> Reads {
        Reads::inputs([1, 2, 3]).and_outputs([0, 1, 2, 3])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].lstm_sequence(&x[1], [&x[2], &x[3]]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let [weight, h, c] = [1, 2, 3].map(|i| call.input(i));
        let [hidden, memory, gates, sums] = [0, 1, 2, 3].map(|k| call.output(k));
        let saved = [weight, h, c, hidden, memory, gates, sums];
        let dhidden = out
            .take(0)
            .unwrap_or_else(|| Var::full(hidden.shape(), 0.0));
        let dmemory = out.take(1);
        let is_plain = out.grad(2).is_none()
            && out.grad(3).is_none()
            && !saved.iter().any(|x| x.is_tracked())
            && !dhidden.is_tracked()
            && !dmemory.as_ref().is_some_and(Var::is_tracked);
        let [dsums, dh, dc] = if is_plain {
            let results = [memory, gates].map(Var::value);
            let cotangents = (dhidden.value(), dmemory.as_ref().map(Var::value));
            let gradients =
                sums.value()
                    .lstm_sequence_gradient(weight.value(), c.value(), results, cotangents);
            gradients.map(Var::constant)
        } else {
            let (mut dh, mut dc): (Option<Var<T>>, Option<Var<T>>) = (None, None);
            let mut parts = Vec::new();
            for t in (0..hidden.size(0)).rev() {
                let at = |x: &Var<T>| x.select(0, t as isize);
                let plus = |a: Option<Var<T>>, b: Option<Var<T>>| match (a, b) {
                    (Some(a), Some(b)) => Some(a + b),
                    (a, b) => a.or(b),
                };
                let own = plus(dh, Some(at(&dhidden))).expect("the second is there");
                let direct = plus(dc, dmemory.as_ref().map(at));
                let old = if t == 0 {
                    c.clone()
                } else {
                    memory.select(0, t as isize - 1)
                };
                let saved = [&at(sums), &old, &at(memory), &at(gates)];
                let dgates = out.grad(2).map(at);
                let [dsums, before] = gates_gradient(saved, &own, direct.as_ref(), dgates.as_ref());
                let dsums = plus(Some(dsums), out.grad(3).map(at)).expect("the first is there");
                (dh, dc) = (Some(dsums.matmul(weight)), Some(before));
                parts.push(dsums);
            }
            parts.reverse();
            let first = |x: Option<Var<T>>| x.unwrap_or_else(|| Var::full(h.shape(), 0.0));
            let dsums = if parts.is_empty() {
                Var::full(sums.shape(), 0.0)
            } else {
                Var::stack(&parts.iter().collect::<Vec<_>>(), 0)
            };
            [dsums, first(dh), first(dc)]
        };
        if out.wants(1) && hidden.size(0) > 0 {
            // Hidden states before each step, a row for each step and sequence.
            let others = hidden.slice(0, ..-1);
            let before = Var::concat(&[&h.unsqueeze(0), &others], 0);
            let rows = |x: &Var<T>| x.flatten(0, 1);
            out.add(1, rows(&dsums).transpose(0, 1).matmul(&rows(&before)));
        }
        out.add(0, dsums);
        out.add(2, dh);
        out.add(3, dc);
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        let (sums, width) = (inputs[0], inputs[1][1]);
        let products = sums.iter().product::<usize>().saturating_mul(width);
        let states = [&sums[..2], &[width]].concat();
        Outline::of(states.clone())
            .and(states)
            .and(sums)
            .and(sums)
            .multiply_adds(products)
            .reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (steps, batch, width) = (draw.within(1, 4), draw.within(0, 3), draw.within(1, 3));
        let state = [batch, width];
        Sample::new(
            Self,
            [
                draw.normal([steps, batch, 4 * width]),
                draw.normal([4 * width, width]),
                draw.normal(state),
                draw.normal(state),
            ],
        )
    }
}

/// The steps of a layer.
struct Long;

impl<T: Real> Cell<T> for Long {
    #[track_caller]
    fn run(
        &self,
        params: &CellParams<'_, T>,
        x: &Var<T>,
        states: Vec<Var<T>>,
    ) -> (Var<T>, Vec<Var<T>>) {
        let bias = match [params.bias_ih, params.bias_hh] {
            [Some(ih), Some(hh)] => Some(ih + hh),
            [ih, hh] => ih.or(hh).cloned(),
        };
        let sums = x.linear(params.weight_ih, bias.as_ref());
        let inputs = [&sums, params.weight_hh, &states[0], &states[1]];
        let [hidden, memory, ..]: [Var<T>; 4] = Var::apply_array(LstmSequence, inputs);
        let last = [hidden.select(0, -1), memory.select(0, -1)];
        (hidden, last.into())
    }
}

impl<T: Real> Var<T> {
    /// One step of a long short-term memory: the next hidden state `h′` and memory `c′`.
    ///
    /// `[i, f, g, o] = weight_ih·x + bias_ih + weight_hh·h + bias_hh`,
    /// `c′ = σ(f)·c + σ(i)·tanh g`, `h′ = σ(o)·tanh c′`
    ///
    /// * `self`: `[.., inputs]`; `h`, `c`: `[.., width]`
    /// * weights `[4·width, inputs]`, `[4·width, width]`; biases `[4·width]`
    ///
    /// Source: Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::CellParams;
    ///
    /// let [w, u] = [[8, 3], [8, 2]].map(|shape| Var::constant(Tensor::<f64>::zeros(shape)));
    /// let (x, h) = (Var::constant(Tensor::ones([1, 3])), Var::constant(Tensor::ones([1, 2])));
    /// // Weights of 0: all gates are ½, so half of the memory is kept.
    /// let (_, memory) = x.lstm_cell(&h, &h, &CellParams::new(&w, &u));
    /// assert_eq!(memory.value().to_vec(), [0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn lstm_cell(&self, h: &Self, c: &Self, params: &CellParams<'_, T>) -> (Self, Self) {
        params.check("lstm_cell", 4, self, h);
        require!(
            h.shape() == c.shape(),
            "lstm_cell: the hidden state is {:?}, the memory {:?}",
            h.shape(),
            c.shape()
        );
        let sums = params.input_sums(self) + params.hidden_sums(h);
        let [h, c, _] = Self::apply_array(LstmGates, [&sums, c]);
        (h, c)
    }

    /// A sequence through layers of long short-term memory, see [`lstm_cell`](Self::lstm_cell).
    ///
    /// * `self`: `[steps, batch, inputs]`, see [`RecurrentOptions::batch_first`]; or
    ///   `[steps, inputs]` for one sequence, the states then without the batch too
    /// * `layers`: the parameters of each layer, with two directions those of the backward one after
    ///   those of the forward one
    /// * `state`: hidden states and memories `[layers·directions, batch, width]`; 0 by default
    /// * returns the hidden states of the last layer `[steps, batch, directions·width]`, and the last
    ///   hidden states and memories, shaped as `state`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{CellParams, RecurrentOptions};
    ///
    /// let [w, u] = [[8, 3], [8, 2]].map(|shape| Var::constant(Tensor::<f64>::zeros(shape)));
    /// let x = Var::constant(Tensor::ones([5, 1, 3])); // steps, batch, inputs
    /// let (states, h, c) = x.lstm(&[CellParams::new(&w, &u)], None, &RecurrentOptions::default());
    /// assert_eq!((states.shape(), h.shape(), c.shape()), (&[5, 1, 2][..], &[1, 1, 2][..], &[1, 1, 2][..]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or there is no step or no layer.
    #[must_use]
    #[track_caller]
    pub fn lstm(
        &self,
        layers: &[CellParams<'_, T>],
        state: Option<(&Self, &Self)>,
        options: &RecurrentOptions,
    ) -> (Self, Self, Self) {
        let state = state.map(|(h, c)| vec![h, c]);
        let (y, last) = self.sequence("lstm", [4, 2], layers, state, options, &Long);
        let [h, c] = <[Self; 2]>::try_from(last).expect("a cell of two states");
        (y, h, c)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<LstmGates>("lstm_cell"),
    OpInfo::op::<LstmSequence>("lstm"),
    OpInfo::function("lstm_cell", |draw| {
        let (n, inputs, width) = (draw.within(1, 3), draw.within(1, 3), draw.within(1, 3));
        let f = generic!(|x, h, c, w, u, b| {
            let (h, c) = x.lstm_cell(h, c, &CellParams::new(w, u).biases(b, b));
            h + c * 0.3
        });
        let rows = 4 * width;
        let shapes = [
            vec![n, inputs],
            vec![n, width],
            vec![n, width],
            vec![rows, inputs],
            vec![rows, width],
            vec![rows],
        ];
        Case::new("lstm_cell", f, shapes.map(|shape| draw.normal(shape)))
    }),
    OpInfo::function("lstm", |draw| {
        let (options, x, state, params) = draw_layers(draw, 4);
        let memory = draw.normal(state.shape());
        let f = generic!(
            [options] | x,
            h,
            c,
            w0,
            u0,
            b0,
            w1,
            u1,
            b1 | {
                let layers = [
                    CellParams::new(w0, u0).biases(b0, b0),
                    CellParams::new(w1, u1).biases(b1, b1),
                ];
                let (y, h, c) = x.lstm(&layers, Some((h, c)), &options);
                y.sum(..) * 0.5 + h + c * 0.3
            }
        );
        let inputs: Vec<_> = [x, state, memory].into_iter().chain(params).collect();
        Case::new(format!("{options:?}"), f, inputs)
    }),
];
