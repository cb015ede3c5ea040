//! Adam.

use wengert_tensor::{Real, Tensor};

use super::{Samples, squarable};
use crate::rule::{Rule, Step, Update};
use crate::rule_options::{Range, RuleOptions};
use crate::rule_state::RuleState;

/// Adam (Kingma & Ba 2015, algorithm 1; AMSGrad: Reddi, Kale & Kumar 2018).
///
/// `m ← β₁m + (1 − β₁)g`; `v ← β₂v + (1 − β₂)g²`;
/// `p ← p − γ/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)`, `t` counting from 1. With
/// AMSGrad the largest `v` so far replaces `v`.
///
/// In this and every other rule that squares gradients, a finite gradient beyond ±2⁶³ in `f32` (±2⁵¹¹ in
/// `f64`) counts as that bound: its square would overflow, and all later updates would be 0. An infinite or
/// NaN gradient makes the parameter NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
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
    /// Whether the largest mean square so far is used: AMSGrad.
    pub amsgrad: bool,
    /// Whether the loss is maximised.
    pub maximize: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
            amsgrad: false,
            maximize: false,
        }
    }
}

impl<T: Real> Rule<T> for Adam {
    fn options(&self) -> RuleOptions {
        let Self {
            lr,
            betas,
            eps,
            weight_decay,
            decoupled_weight_decay,
            amsgrad,
            maximize,
        } = *self;
        RuleOptions::new("adam", lr)
            .momentum("betas[0]", betas[0], Range::BelowOne)
            .number("betas[1]", betas[1], Range::BelowOne)
            .number("eps", eps, Range::NonNegative)
            .weight_decay(weight_decay)
            .decoupled(decoupled_weight_decay)
            .flag("amsgrad", amsgrad)
            .maximize(maximize)
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> RuleState<T> {
        let state = RuleState::zeros(["exp_avg", "exp_avg_sq"], param);
        if self.amsgrad {
            state.with_tensors(["max_exp_avg_sq"], param, 0.0)
        } else {
            state
        }
    }

    fn update(&self, update: Update<'_, T>) {
        let Step { lr, count, .. } = update.step;
        let [beta1, beta2] = [update.step.momentum, self.betas[1]];
        let correction1 = 1.0 - beta1.powf(count as f64);
        let correction2 = 1.0 - beta2.powf(count as f64);
        let step_size = T::of(lr / correction1);
        let root = T::of(correction2.sqrt());
        let eps = T::of(self.eps);
        let (new1, beta2, new2) = (T::of(1.0 - beta1), T::of(beta2), T::of(1.0 - beta2));
        let moments = |m: T, v: T, g: T| {
            let g = squarable(g);
            (m + new1 * (g - m), beta2 * v + new2 * g * g)
        };
        if self.amsgrad {
            let names = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
            update.elementwise(names, |p, [m, v, largest], g| {
                let (m, v) = moments(m, v, g);
                let largest = largest.maximum(v);
                let p = p - step_size * m / (largest.sqrt() / root + eps);
                (p, [m, v, largest])
            });
        } else {
            update.elementwise(["exp_avg", "exp_avg_sq"], |p, [m, v], g| {
                let (m, v) = moments(m, v, g);
                (p - step_size * m / (v.sqrt() / root + eps), [m, v])
            });
        }
    }
}

impl Samples for Adam {
    fn samples() -> Vec<Self> {
        let plain = Self {
            lr: 0.1,
            ..Self::default()
        };
        let amsgrad = Self {
            amsgrad: true,
            ..plain
        };
        vec![plain, amsgrad]
    }
}
