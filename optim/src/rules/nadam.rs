//! `NAdam`.

use wengert_tensor::{Real, Tensor};

use super::{Samples, squarable};
use crate::rule::{Rule, Step, Update};
use crate::rule_options::{Range, RuleOptions};
use crate::rule_state::RuleState;

/// Adam with Nesterov momentum (Dozat 2016).
///
/// `m ← β₁m + (1 − β₁)g`; `v ← β₂v + (1 − β₂)g²`; `μₜ = β₁(1 − ½·0.96^(tψ))`;
/// `p ← p − γ(1 − μₜ)/(1 − Πμ₁…μₜ) · g/d − γμₜ₊₁/(1 − Πμ₁…μₜ₊₁) · m/d` with
/// `d = √(v/(1 − β₂ᵗ)) + ε`, `t` counting from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdam {
    /// The learning rate `γ`.
    pub lr: f64,
    /// Decay rates `β₁` of the mean gradient and `β₂` of the mean square.
    pub betas: [f64; 2],
    /// `ε`, added to the root of the mean square.
    pub eps: f64,
    /// Weight decay `λ`: `g ← g + λp`.
    pub weight_decay: f64,
    /// `ψ`: how fast the momentum rises from `½β₁` to `β₁`.
    pub momentum_decay: f64,
    /// Whether weight decay is `p ← p − γλp` instead, as in [`AdamW`](crate::AdamW).
    pub decoupled_weight_decay: bool,
    /// Whether the loss is maximised.
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
    fn options(&self) -> RuleOptions {
        let Self {
            lr,
            betas,
            eps,
            weight_decay,
            momentum_decay,
            decoupled_weight_decay,
            maximize,
        } = *self;
        RuleOptions::new("nadam", lr)
            .momentum("betas[0]", betas[0], Range::BelowOne)
            .number("betas[1]", betas[1], Range::BelowOne)
            .number("eps", eps, Range::NonNegative)
            .number("momentum_decay", momentum_decay, Range::NonNegative)
            .weight_decay(weight_decay)
            .decoupled(decoupled_weight_decay)
            .maximize(maximize)
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> RuleState<T> {
        RuleState::zeros(["exp_avg", "exp_avg_sq"], param).with_scalar("mu_product", 1.0)
    }

    fn update(&self, update: Update<'_, T>) {
        let Step { lr, count, .. } = update.step;
        let [beta1, beta2] = [update.step.momentum, self.betas[1]];
        let t = count as f64;
        let mu = |t: f64| beta1 * (1.0 - 0.5 * 0.96f64.powf(t * self.momentum_decay));
        let product = update.state.scalar_mut("mu_product");
        *product *= mu(t);
        let next_product = *product * mu(t + 1.0);
        let gradient_size = T::of(lr * (1.0 - mu(t)) / (1.0 - *product));
        let mean_size = T::of(lr * mu(t + 1.0) / (1.0 - next_product));
        let correction = T::of(1.0 - beta2.powf(t));
        let eps = T::of(self.eps);
        let (new1, beta2, new2) = (T::of(1.0 - beta1), T::of(beta2), T::of(1.0 - beta2));
        update.elementwise(["exp_avg", "exp_avg_sq"], |p, [m, v], g| {
            let g = squarable(g);
            let m = m + new1 * (g - m);
            let v = beta2 * v + new2 * g * g;
            let root = (v / correction).sqrt() + eps;
            (p - (gradient_size * g + mean_size * m) / root, [m, v])
        });
    }
}

impl Samples for NAdam {
    fn samples() -> Vec<Self> {
        vec![Self {
            lr: 0.1,
            ..Self::default()
        }]
    }
}
