//! Adam under the largest absolute value.

use wengert_tensor::{Real, Tensor};

use super::{adaptive, coupled};
use crate::fused::fused;
use crate::rule::{Rule, State, Step};

/// Adam with the largest absolute value in place of the mean square (Kingma & Ba 2015, algorithm 2).
///
/// `g ← g + λp`; `m ← β₁m + (1 − β₁)g`; `u ← max(β₂u, |g| + ε)`; `p ← p − γ/(1 − β₁ᵗ) · m/u`, `t`
/// counting from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adamax {
    /// The learning rate `γ`.
    pub lr: f64,
    /// How much of the mean gradient and of the largest value are kept, `β₁` and `β₂`.
    pub betas: [f64; 2],
    /// Added to the absolute value, `ε`.
    pub eps: f64,
    /// The weight decay `λ`, added to the gradient.
    pub weight_decay: f64,
    /// Whether to climb instead.
    pub maximize: bool,
}

impl Default for Adamax {
    fn default() -> Self {
        Self {
            lr: 2e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            maximize: false,
        }
    }
}

impl<T: Real> Rule<T> for Adamax {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn momentum(&self) -> Option<f64> {
        Some(self.betas[0])
    }

    fn validate(&self) {
        adaptive("adamax", self.lr, self.betas, self.eps, self.weight_decay);
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> State<T> {
        State::zeros(["exp_avg", "exp_inf"], param)
    }

    fn update(
        &self,
        param: &mut Tensor<T>,
        gradient: &Tensor<T>,
        state: &mut State<T>,
        step: &Step,
    ) {
        let beta1 = step.momentum;
        let size = T::of(step.lr / (1.0 - beta1.powf(step.count as f64)));
        let (new, keep, eps) = (T::of(1.0 - beta1), T::of(self.betas[1]), T::of(self.eps));
        let slope = coupled(self.maximize, self.weight_decay);
        let [mean, largest] = state.tensors_mut();
        fused([param, mean, largest], gradient, |[p, m, u], g| {
            let g = slope(p, g);
            let m = m + new * (g - m);
            let u = (keep * u).maximum(g.abs() + eps);
            [p - size * m / u, m, u]
        });
    }
}
