//! Adam with Nesterov's momentum.

use wengert_tensor::{Real, Tensor};

use super::{adaptive, decayed, within};
use crate::fused::fused;
use crate::rule::{Rule, State, Step};

/// Adam with Nesterov's momentum (Dozat 2016).
///
/// `g ← g + λp`; `m ← β₁m + (1 − β₁)g`; `v ← β₂v + (1 − β₂)g²`; `μₜ = β₁(1 − ½·0.96^(tψ))`;
/// `p ← p − γ(1 − μₜ)/(1 − Πμ₁…μₜ) · g/d − γμₜ₊₁/(1 − Πμ₁…μₜ₊₁) · m/d` with
/// `d = √(v/(1 − β₂ᵗ)) + ε`, `t` counting from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdam {
    /// The learning rate `γ`.
    pub lr: f64,
    /// How much of the mean gradient and of the mean square are kept, `β₁` and `β₂`.
    pub betas: [f64; 2],
    /// Added to the root of the mean square, `ε`.
    pub eps: f64,
    /// The weight decay `λ`, added to the gradient.
    pub weight_decay: f64,
    /// How fast the momentum rises from `½β₁` to `β₁`, `ψ`.
    pub momentum_decay: f64,
    /// Whether the decay shrinks the parameter instead, as in [`AdamW`](crate::AdamW).
    pub decoupled_weight_decay: bool,
    /// Whether to climb instead.
    pub maximize: bool,
}

impl Default for NAdam {
    fn default() -> Self {
        Self {
            lr: 2e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            momentum_decay: 4e-3,
            decoupled_weight_decay: false,
            maximize: false,
        }
    }
}

impl<T: Real> Rule<T> for NAdam {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn momentum(&self) -> Option<f64> {
        Some(self.betas[0])
    }

    fn validate(&self) {
        adaptive("nadam", self.lr, self.betas, self.eps, self.weight_decay);
        within("nadam", "momentum_decay", self.momentum_decay, 0.0..);
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> State<T> {
        State::zeros(["exp_avg", "exp_avg_sq"], param).with_scalar("mu_product", 1.0)
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
        let mu = |t: f64| beta1 * (1.0 - 0.5 * 0.96f64.powf(t * self.momentum_decay));
        let product = state.scalar_mut("mu_product");
        *product *= mu(count);
        let next = *product * mu(count + 1.0);
        let gradient_size = T::of(step.lr * (1.0 - mu(count)) / (1.0 - *product));
        let mean_size = T::of(step.lr * mu(count + 1.0) / (1.0 - next));
        let correction = T::of(1.0 - beta2.powf(count));
        let eps = T::of(self.eps);
        let (new1, keep2, new2) = (T::of(1.0 - beta1), T::of(beta2), T::of(1.0 - beta2));
        let decayed = decayed(
            self.maximize,
            self.weight_decay,
            self.decoupled_weight_decay,
            step.lr,
        );
        let [mean, square] = state.tensors_mut();
        fused([param, mean, square], gradient, |[p, m, v], g| {
            let (p, g) = decayed(p, g);
            let m = m + new1 * (g - m);
            let v = keep2 * v + new2 * g * g;
            let root = (v / correction).sqrt() + eps;
            [p - (gradient_size * g + mean_size * m) / root, m, v]
        });
    }
}
