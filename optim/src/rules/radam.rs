//! `RAdam`.

use wengert_tensor::{Real, Tensor};

use super::{Samples, squarable};
use crate::rule::{Rule, Step, Update};
use crate::rule_options::{Range, RuleOptions};
use crate::rule_state::RuleState;

/// Adam with a rectified variance: the mean square is used only after enough gradients (Liu et al. 2020).
///
/// `m ← β₁m + (1 − β₁)g`; `v ← β₂v + (1 − β₂)g²`; with `ρ∞ = 2/(1 − β₂) − 1` and
/// `ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ)`, `t` counting from 1: if `ρ > 5`,
/// `p ← p − γ/(1 − β₁ᵗ) · m · r√(1 − β₂ᵗ)/(√v + ε)` with
/// `r² = (ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ)`, otherwise `p ← p − γ/(1 − β₁ᵗ) · m`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdam {
    /// The learning rate `γ`.
    pub lr: f64,
    /// Decay rates `β₁` of the mean gradient and `β₂` of the mean square.
    pub betas: [f64; 2],
    /// `ε`, added to the root of the mean square.
    pub eps: f64,
    /// Weight decay `λ`: `g ← g + λp`.
    pub weight_decay: f64,
    /// Whether weight decay is `p ← p − γλp` instead, as in [`AdamW`](crate::AdamW).
    pub decoupled_weight_decay: bool,
    /// Whether the loss is maximised.
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
    fn options(&self) -> RuleOptions {
        let Self {
            lr,
            betas,
            eps,
            weight_decay,
            decoupled_weight_decay,
            maximize,
        } = *self;
        RuleOptions::new("radam", lr)
            .momentum("betas[0]", betas[0], Range::BelowOne)
            .number("betas[1]", betas[1], Range::BelowOne)
            .number("eps", eps, Range::NonNegative)
            .weight_decay(weight_decay)
            .decoupled(decoupled_weight_decay)
            .maximize(maximize)
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> RuleState<T> {
        RuleState::zeros(["exp_avg", "exp_avg_sq"], param)
    }

    fn update(&self, update: Update<'_, T>) {
        let Step { lr, count, .. } = update.step;
        let [beta1, beta2] = [update.step.momentum, self.betas[1]];
        let t = count as f64;
        let correction2 = 1.0 - beta2.powf(t);
        let rho_inf = 2.0 / (1.0 - beta2) - 1.0;
        let rho = rho_inf - 2.0 * t * beta2.powf(t) / correction2;
        let step_size = lr / (1.0 - beta1.powf(t));
        let eps = T::of(self.eps);
        let (new1, beta2, new2) = (T::of(1.0 - beta1), T::of(beta2), T::of(1.0 - beta2));
        let moments = |m: T, v: T, g: T| {
            let g = squarable(g);
            (m + new1 * (g - m), beta2 * v + new2 * g * g)
        };
        if rho > 5.0 {
            let r_squared =
                (rho - 4.0) * (rho - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho);
            let step_size = T::of(step_size * correction2.sqrt() * r_squared.sqrt());
            update.elementwise(["exp_avg", "exp_avg_sq"], |p, [m, v], g| {
                let (m, v) = moments(m, v, g);
                (p - step_size * m / (v.sqrt() + eps), [m, v])
            });
        } else {
            let step_size = T::of(step_size);
            update.elementwise(["exp_avg", "exp_avg_sq"], |p, [m, v], g| {
                let (m, v) = moments(m, v, g);
                (p - step_size * m, [m, v])
            });
        }
    }
}

impl Samples for RAdam {
    fn samples() -> Vec<Self> {
        let plain = Self {
            lr: 0.1,
            ..Self::default()
        };
        // ρ∞ = 2 / 0.7 − 1 is below 5: the variance is never used.
        let never_rectified = Self {
            betas: [0.9, 0.3],
            ..plain
        };
        vec![plain, never_rectified]
    }
}
