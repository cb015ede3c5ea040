//! Plain recurrent networks.

use crate::ops::prelude::*;
use crate::ops::support::{Cell, CellParams, RecurrentOptions, draw_cell, draw_layers};

/// The activation of a plain cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RnnActivation {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// `max(0, x)`
    Relu,
}

impl RnnActivation {
    fn of<T: Real>(self, x: &Var<T>) -> Var<T> {
        match self {
            Self::Tanh => x.tanh(),
            Self::Relu => x.relu(),
        }
    }
}

/// The steps of a layer.
struct Plain(RnnActivation);

impl<T: Real> Cell<T> for Plain {
    #[track_caller]
    fn run(
        &self,
        params: &CellParams<'_, T>,
        x: &Var<T>,
        mut states: Vec<Var<T>>,
    ) -> (Var<T>, Vec<Var<T>>) {
        let sums = params.input_sums(x);
        let mut outputs = Vec::with_capacity(x.size(0));
        for t in 0..x.size(0) {
            let sums = &sums.select(0, t as isize) + params.hidden_sums(&states[0]);
            let next = self.0.of(&sums);
            outputs.push(next.clone());
            states = vec![next];
        }
        (Var::stack(&outputs.iter().collect::<Vec<_>>(), 0), states)
    }
}

impl<T: Real> Var<T> {
    /// One step of a plain recurrent cell: `h′ = f(weight_ih·x + bias_ih + weight_hh·h + bias_hh)`.
    ///
    /// * `self`: `[.., inputs]`; `h`: `[.., width]`
    /// * weights `[width, inputs]`, `[width, width]`; biases `[width]`
    ///
    /// Source: Elman 1990.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{CellParams, RnnActivation};
    ///
    /// let (w, u) = (Var::constant(Tensor::<f64>::ones([1, 2])), Var::constant(Tensor::ones([1, 1])));
    /// let (x, h) = (Var::constant(Tensor::ones([1, 2])), Var::constant(Tensor::full([1, 1], 3.0)));
    /// // relu(1 + 1 + 3)
    /// assert_eq!(x.rnn_cell(&h, &CellParams::new(&w, &u), RnnActivation::Relu).item(), 5.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn rnn_cell(&self, h: &Self, params: &CellParams<'_, T>, f: RnnActivation) -> Self {
        params.check("rnn_cell", 1, self, h);
        f.of(&(params.input_sums(self) + params.hidden_sums(h)))
    }

    /// A sequence through layers of plain recurrent cells, see [`rnn_cell`](Self::rnn_cell).
    ///
    /// Shapes are those of [`lstm`](Self::lstm); there is no second state.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{CellParams, RnnActivation, RecurrentOptions};
    ///
    /// let w = Var::constant(Tensor::<f64>::ones([1, 1]));
    /// let x = Var::constant(Tensor::ones([3, 1, 1])); // steps, batch, inputs
    /// let options = RecurrentOptions::default();
    /// let (states, _) = x.rnn(&[CellParams::new(&w, &w)], None, RnnActivation::Relu, &options);
    /// assert_eq!(states.value().to_vec(), [1.0, 2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or there is no step or no layer.
    #[must_use]
    #[track_caller]
    pub fn rnn(
        &self,
        layers: &[CellParams<'_, T>],
        state: Option<&Self>,
        f: RnnActivation,
        options: &RecurrentOptions,
    ) -> (Self, Self) {
        let state = state.map(|h| vec![h]);
        let (y, mut last) = self.sequence("rnn", [1, 1], layers, state, options, &Plain(f));
        (y, last.remove(0))
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::function("rnn_cell", |draw| {
        let f = generic!(|x, h, w, u, b, c| {
            let params = CellParams::new(w, u).biases(b, c);
            // Not relu: the sums could lie at its kink. Its own row of the table checks it.
            x.rnn_cell(h, &params, RnnActivation::Tanh)
        });
        Case::new("rnn_cell", f, draw_cell(draw, 1))
    }),
    OpInfo::function("rnn", |draw| {
        let (options, x, state, params) = draw_layers(draw, 1);
        let f = generic!(
            [options] | x,
            h,
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
                let (y, h) = x.rnn(&layers, Some(h), RnnActivation::Tanh, &options);
                y.sum(..) * 0.5 + h
            }
        );
        let inputs: Vec<_> = [x, state].into_iter().chain(params).collect();
        Case::new(format!("{options:?}"), f, inputs)
    }),
];
