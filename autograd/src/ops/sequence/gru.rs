//! Gated recurrent units.

use crate::ops::elementwise::{Sigmoid, Tanh};
use crate::ops::prelude::*;
use crate::ops::support::{
    Cell, CellParams, RecurrentOptions, draw_cell, draw_layers, parts, times_slope,
};

/// The next state of a unit. The inputs are the sums `[rᵢ, zᵢ, nᵢ]` of its input, the sums `[rₕ, zₕ,
/// nₕ]` of its state, and the state `h`.
///
/// `r = σ(rᵢ + rₕ)`, `z = σ(zᵢ + zₕ)`, `n = tanh(nᵢ + r·nₕ)`, `h′ = (1 − z)·n + z·h`. The outputs are
/// `h′` and, because the rule reads them, the gates `[r, z, n]`. The slopes of the gates are computed from their sums, as in
/// [`LstmGates`](super::LstmGates).
#[derive(Clone, Debug)]
pub struct GruGates;

impl Op for GruGates {
    fn name(&self) -> &'static str {
        "gru_gates"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS.and_outputs([1])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let h = &x[2];
        let [inputs, states] = [0, 1].map(|i| x[i].split(-1, [h.size(-1); 3]));
        let sigmoid = |(a, b): (T, T)| (a + b).sigmoid();
        let [r, z] = [0, 1].map(|k| inputs[k].zip_costly(&states[k], sigmoid));
        let n = inputs[2].zip3(&r, &states[2], |a, r, b| (a + r * b).tanh());
        let next = z.zip3(&n, h, |z, n, h| (T::one() - z) * n + z * h);
        [next, Tensor::concat(&[&r, &z, &n], -1)].into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let h = call.input(2);
        let [inputs, states] = [0, 1].map(|k| parts::<T, 3>(call.input(k)));
        let [r, z, n] = parts(call.output(1));
        let [sum_r, sum_z] = [0, 1].map(|k| &inputs[k] + &states[k]);
        let sum_n = &inputs[2] + &r * &states[2];
        let dh = out.take(0).unwrap_or_else(|| Var::full(h.shape(), 0.0));
        let (mut dz, mut dn) = (&dh * (h - &n), &dh * (-&sum_z).sigmoid());
        let direct = out.grad(1).map(parts::<T, 3>);
        if let Some([_, direct_z, direct_n]) = &direct {
            (dz, dn) = (dz + direct_z, dn + direct_n);
        }
        let dn = times_slope(Tanh, &dn, &sum_n);
        let mut dr = &dn * &states[2];
        if let Some([direct_r, ..]) = direct {
            dr = dr + direct_r;
        }
        let [dr, dz] = [(dr, sum_r), (dz, sum_z)].map(|(g, sum)| times_slope(Sigmoid, &g, &sum));
        out.add(0, Var::concat(&[&dr, &dz, &dn], -1));
        out.add(1, Var::concat(&[&dr, &dz, &(&dn * r)], -1));
        out.add(2, dh * z);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (n, width) = (draw.within(0, 3), draw.within(1, 4));
        let sums = [n, 3 * width];
        Sample::new(
            Self,
            [
                draw.normal(sums),
                draw.normal(sums),
                draw.normal([n, width]),
            ],
        )
    }
}

/// The steps of a layer.
struct Gated;

impl<T: Real> Cell<T> for Gated {
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
            let of_state = params.hidden_sums(&states[0]);
            let inputs = [&sums.select(0, t as isize), &of_state, &states[0]];
            let [next, _] = Var::apply_array(GruGates, inputs);
            outputs.push(next.clone());
            states = vec![next];
        }
        (Var::stack(&outputs.iter().collect::<Vec<_>>(), 0), states)
    }
}

impl<T: Real> Var<T> {
    /// One step of a gated recurrent unit: the next state.
    ///
    /// `[rᵢ, zᵢ, nᵢ] = weight_ih·x + bias_ih`, `[rₕ, zₕ, nₕ] = weight_hh·h + bias_hh`,
    /// `r = σ(rᵢ + rₕ)`, `z = σ(zᵢ + zₕ)`, `n = tanh(nᵢ + r·nₕ)`, `h′ = (1 − z)·n + z·h`
    ///
    /// * `self`: `[.., inputs]`; `h`: `[.., width]`
    /// * weights `[3·width, inputs]`, `[3·width, width]`; biases `[3·width]`
    ///
    /// Source: Cho et al. 2014, with the reset after the product as in cuDNN and `PyTorch`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::CellParams;
    ///
    /// let [w, u] = [[6, 3], [6, 2]].map(|shape| Var::constant(Tensor::<f64>::zeros(shape)));
    /// let (x, h) = (Var::constant(Tensor::ones([1, 3])), Var::constant(Tensor::ones([1, 2])));
    /// // Weights of 0: z = ½ and n = 0, so half of the state is kept.
    /// assert_eq!(x.gru_cell(&h, &CellParams::new(&w, &u)).value().to_vec(), [0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn gru_cell(&self, h: &Self, params: &CellParams<'_, T>) -> Self {
        params.check("gru_cell", 3, self, h);
        let (inputs, states) = (params.input_sums(self), params.hidden_sums(h));
        let [next, _] = Self::apply_array(GruGates, [&inputs, &states, h]);
        next
    }

    /// A sequence through layers of gated recurrent units, see [`gru_cell`](Self::gru_cell).
    ///
    /// Shapes are those of [`lstm`](Self::lstm); there is no second state.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{CellParams, RecurrentOptions};
    ///
    /// let [w, u] = [[6, 3], [6, 2]].map(|shape| Var::constant(Tensor::<f64>::zeros(shape)));
    /// let x = Var::constant(Tensor::ones([5, 1, 3])); // steps, batch, inputs
    /// let (states, last) = x.gru(&[CellParams::new(&w, &u)], None, &RecurrentOptions::default());
    /// assert_eq!((states.shape(), last.shape()), (&[5, 1, 2][..], &[1, 1, 2][..]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or there is no step or no layer.
    #[must_use]
    #[track_caller]
    pub fn gru(
        &self,
        layers: &[CellParams<'_, T>],
        state: Option<&Self>,
        options: &RecurrentOptions,
    ) -> (Self, Self) {
        let state = state.map(|h| vec![h]);
        let (y, mut last) = self.sequence("gru", [3, 1], layers, state, options, &Gated);
        (y, last.remove(0))
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<GruGates>("gru_cell"),
    OpInfo::function("gru_cell", |draw| {
        let f = generic!(|x, h, w, u, b, c| x.gru_cell(h, &CellParams::new(w, u).biases(b, c)));
        Case::new("gru_cell", f, draw_cell(draw, 3))
    }),
    OpInfo::function("gru", |draw| {
        let (options, x, state, params) = draw_layers(draw, 3);
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
                let (y, h) = x.gru(&layers, Some(h), &options);
                y.sum(..) * 0.5 + h
            }
        );
        let inputs: Vec<_> = [x, state].into_iter().chain(params).collect();
        Case::new(format!("{options:?}"), f, inputs)
    }),
];
