//! Adamax.

use wengert_tensor::{Real, Tensor};

use super::Samples;
use crate::rule::{Rule, Step, Update};
use crate::rule_options::{Range, RuleOptions};
use crate::rule_state::RuleState;

/// Adam with a decayed largest absolute value in place of the mean square (Kingma & Ba 2015, algorithm 2).
///
/// `m ← β₁m + (1 − β₁)g`; `u ← max(β₂u, |g| + ε)`; `p ← p − γ/(1 − β₁ᵗ) · m/u`, `t`
/// counting from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adamax {
    /// The learning rate `γ`.
    pub lr: f64,
    /// Decay rates `β₁` of the mean gradient and `β₂` of the largest absolute value.
    pub betas: [f64; 2],
    /// `ε`, added to the absolute value.
    pub eps: f64,
    /// Weight decay `λ`: `g ← g + λp`.
    pub weight_decay: f64,
    /// Whether the loss is maximised.
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
    fn options(&self) -> RuleOptions {
        let Self {
            lr,
            betas,
            eps,
            weight_decay,
            maximize,
        } = *self;
        RuleOptions::new("adamax", lr)
            .momentum("betas[0]", betas[0], Range::BelowOne)
            .number("betas[1]", betas[1], Range::BelowOne)
            .number("eps", eps, Range::NonNegative)
            .weight_decay(weight_decay)
            .maximize(maximize)
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> RuleState<T> {
        RuleState::zeros(["exp_avg", "exp_inf"], param)
    }

    fn update(&self, update: Update<'_, T>) {
        let Step { lr, count, .. } = update.step;
        let beta1 = update.step.momentum;
        let step_size = T::of(lr / (1.0 - beta1.powf(count as f64)));
        let (new1, beta2, eps) = (T::of(1.0 - beta1), T::of(self.betas[1]), T::of(self.eps));
        update.elementwise(["exp_avg", "exp_inf"], |p, [m, u], g| {
            let m = m + new1 * (g - m);
            let u = (beta2 * u).maximum(g.abs() + eps);
            (p - step_size * m / u, [m, u])
        });
    }
}

impl Samples for Adamax {
    fn samples() -> Vec<Self> {
        vec![Self {
            lr: 0.1,
            ..Self::default()
        }]
    }
}
