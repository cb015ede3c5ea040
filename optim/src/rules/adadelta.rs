//! Steps in the unit of the parameter.

use wengert_tensor::{Real, Tensor};

use super::{squared, within};
use crate::fused::fused;
use crate::rule::{Rule, State, Step};

/// Gradients scaled by the ratio of the recent steps to the recent gradients (Zeiler 2012).
///
/// `g ← g + λp`; `v ← ρv + (1 − ρ)g²`; `δ = √(u + ε)/√(v + ε) · g`; `u ← ρu + (1 − ρ)δ²`;
/// `p ← p − γδ`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adadelta {
    /// The learning rate `γ`.
    pub lr: f64,
    /// How much of the mean squares is kept, `ρ`.
    pub rho: f64,
    /// Added to the mean squares under the root, `ε`.
    pub eps: f64,
    /// The weight decay `λ`, added to the gradient.
    pub weight_decay: f64,
    /// Whether to climb instead.
    pub maximize: bool,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self {
            lr: 1.0,
            rho: 0.9,
            eps: 1e-6,
            weight_decay: 0.0,
            maximize: false,
        }
    }
}

impl<T: Real> Rule<T> for Adadelta {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn validate(&self) {
        within("adadelta", "lr", self.lr, 0.0..);
        within("adadelta", "eps", self.eps, 0.0..);
        within("adadelta", "weight_decay", self.weight_decay, 0.0..);
        within("adadelta", "rho", self.rho, 0.0..=1.0);
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> State<T> {
        State::zeros(["square_avg", "acc_delta"], param)
    }

    fn update(
        &self,
        param: &mut Tensor<T>,
        gradient: &Tensor<T>,
        state: &mut State<T>,
        step: &Step,
    ) {
        let (lr, eps) = (T::of(step.lr), T::of(self.eps));
        let (keep, new) = (T::of(self.rho), T::of(1.0 - self.rho));
        let slope = squared(self.maximize, self.weight_decay);
        let [square, steps] = state.tensors_mut();
        fused([param, square, steps], gradient, |[p, v, u], g| {
            let g = slope(p, g);
            let v = keep * v + new * g * g;
            let delta = (u + eps).sqrt() / (v + eps).sqrt() * g;
            [p - lr * delta, v, keep * u + new * delta * delta]
        });
    }
}
