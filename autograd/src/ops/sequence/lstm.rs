//! Long short-term memory.

use crate::ops::elementwise::{Sigmoid, Tanh};
use crate::ops::prelude::*;
use crate::ops::support::{CellParams, RecurrentOptions, StepFn, draw_layers, parts, times_slope};

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
        let [i, f, g, o] = parts(call.output(2));
        let squashed = memory.tanh();
        let mut dmemory = times_slope(Tanh, &(&dh * &o), memory);
        if let Some(direct) = out.grad(1) {
            dmemory = dmemory + direct;
        }
        let mut dgates = [&dmemory * &g, &dmemory * c, &dmemory * &i, dh * squashed];
        if let Some(direct) = out.grad(2) {
            let direct = parts::<T, 4>(direct);
            dgates = std::array::from_fn(|k| &dgates[k] + &direct[k]);
        }
        let sums = parts::<T, 4>(call.input(0));
        let [di, df, dout] = [0, 1, 3].map(|k| times_slope(Sigmoid, &dgates[k], &sums[k]));
        let dg = times_slope(Tanh, &dgates[2], &sums[2]);
        out.add(0, Var::concat(&[&di, &df, &dg, &dout], -1));
        out.add(1, dmemory * f);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (n, width) = (draw.within(0, 3), draw.within(1, 4));
        Sample::new(Self, [draw.normal([n, 4 * width]), draw.normal([n, width])])
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
        let step: StepFn<'_, T> = &|params, sums, state| {
            let sums = sums + params.hidden_sums(&state[0]);
            let [h, c, _] = Self::apply_array(LstmGates, [&sums, &state[1]]);
            vec![h, c]
        };
        let (y, last) = self.sequence("lstm", [4, 2], layers, state, options, step);
        let [h, c] = <[Self; 2]>::try_from(last).expect("a cell of two states");
        (y, h, c)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<LstmGates>("lstm_cell"),
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
