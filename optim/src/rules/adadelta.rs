//! Adadelta.

use wengert_tensor::{Real, Tensor};

use super::{Samples, squarable};
use crate::rule::{Rule, Step, Update};
use crate::rule_options::{Range, RuleOptions};
use crate::rule_state::RuleState;

/// Adadelta: the gradient times the root mean square of recent updates over that of recent gradients
/// (Zeiler 2012).
///
/// `v ← ρv + (1 − ρ)g²`; `δ = √(u + ε)/√(v + ε) · g`; `u ← ρu + (1 − ρ)δ²`;
/// `p ← p − γδ`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adadelta {
    /// The learning rate `γ`.
    pub lr: f64,
    /// Decay rate `ρ` of both mean squares.
    pub rho: f64,
    /// `ε`, added to the mean squares under the root.
    pub eps: f64,
    /// Weight decay `λ`: `g ← g + λp`.
    pub weight_decay: f64,
    /// Whether the loss is maximised.
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
    fn options(&self) -> RuleOptions {
        let Self {
            lr,
            rho,
            eps,
            weight_decay,
            maximize,
        } = *self;
        RuleOptions::new("adadelta", lr)
            .number("rho", rho, Range::UpToOne)
            .number("eps", eps, Range::NonNegative)
            .weight_decay(weight_decay)
            .maximize(maximize)
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> RuleState<T> {
        RuleState::zeros(["square_avg", "acc_delta"], param)
    }

    fn update(&self, update: Update<'_, T>) {
        let (lr, eps) = (T::of(update.step.lr), T::of(self.eps));
        let (rho, new) = (T::of(self.rho), T::of(1.0 - self.rho));
        update.elementwise(["square_avg", "acc_delta"], |p, [v, u], g| {
            let g = squarable(g);
            let v = rho * v + new * g * g;
            let delta = (u + eps).sqrt() / (v + eps).sqrt() * g;
            (p - lr * delta, [v, rho * u + new * delta * delta])
        });
    }
}

impl Samples for Adadelta {
    fn samples() -> Vec<Self> {
        vec![Self {
            eps: 1e-3,
            ..Self::default()
        }]
    }
}
