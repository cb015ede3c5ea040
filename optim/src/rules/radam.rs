//! Adam with its variance rectified.

use wengert_tensor::{Real, Tensor};

use super::{adaptive, decayed};
use crate::fused::fused;
use crate::rule::{Rule, State, Step};

/// Adam that trusts its mean square only once that rests on enough gradients (Liu et al. 2020).
///
/// `g ← g + λp`; `m ← β₁m + (1 − β₁)g`; `v ← β₂v + (1 − β₂)g²`; with `ρ∞ = 2/(1 − β₂) − 1` and
/// `ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ)`, `t` counting from 1: if `ρ > 5`,
/// `p ← p − γ/(1 − β₁ᵗ) · m · r√(1 − β₂ᵗ)/(√v + ε)` with
/// `r² = (ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ)`, otherwise `p ← p − γ/(1 − β₁ᵗ) · m`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdam {
    /// The learning rate `γ`.
    pub lr: f64,
    /// How much of the mean gradient and of the mean square are kept, `β₁` and `β₂`.
    pub betas: [f64; 2],
    /// Added to the root of the mean square, `ε`.
    pub eps: f64,
    /// The weight decay `λ`, added to the gradient.
    pub weight_decay: f64,
    /// Whether the decay shrinks the parameter instead, as in [`AdamW`](crate::AdamW).
    pub decoupled_weight_decay: bool,
    /// Whether to climb instead.
    pub maximize: bool,
}

impl Default for RAdam {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
            maximize: false,
        }
    }
}

impl<T: Real> Rule<T> for RAdam {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn momentum(&self) -> Option<f64> {
        Some(self.betas[0])
    }

    fn validate(&self) {
        adaptive("radam", self.lr, self.betas, self.eps, self.weight_decay);
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> State<T> {
        State::zeros(["exp_avg", "exp_avg_sq"], param)
    }

    fn update(
        &self,
        param: &mut Tensor<T>,
        gradient: &Tensor<T>,
        state: &mut State<T>,
        step: &Step,
    ) {
        let [beta1, beta2] = [step.momentum, self.betas[1]];
        let count = step.count as f64;
        let correction2 = 1.0 - beta2.powf(count);
        let longest = 2.0 / (1.0 - beta2) - 1.0;
        let length = longest - 2.0 * count * beta2.powf(count) / correction2;
        let size = step.lr / (1.0 - beta1.powf(count));
        let eps = T::of(self.eps);
        let (new1, keep2, new2) = (T::of(1.0 - beta1), T::of(beta2), T::of(1.0 - beta2));
        let decayed = decayed(
            self.maximize,
            self.weight_decay,
            self.decoupled_weight_decay,
            step.lr,
        );
        let moments = |p: T, m: T, v: T, g: T| {
            let (p, g) = decayed(p, g);
            (p, m + new1 * (g - m), keep2 * v + new2 * g * g)
        };
        let [mean, square] = state.tensors_mut();
        if length > 5.0 {
            let rectified = (length - 4.0) * (length - 2.0) * longest
                / ((longest - 4.0) * (longest - 2.0) * length);
            let size = T::of(size * correction2.sqrt() * rectified.sqrt());
            fused([param, mean, square], gradient, |[p, m, v], g| {
                let (p, m, v) = moments(p, m, v, g);
                [p - size * m / (v.sqrt() + eps), m, v]
            });
        } else {
            let size = T::of(size);
            fused([param, mean, square], gradient, |[p, m, v], g| {
                let (p, m, v) = moments(p, m, v, g);
                [p - size * m, m, v]
            });
        }
    }
}
