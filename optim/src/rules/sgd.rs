//! Stochastic gradient descent.

use wengert_tensor::{Real, Tensor};

use super::Samples;
use crate::rule::{Rule, Step, Update};
use crate::rule_options::{Range, RuleOptions};
use crate::rule_state::RuleState;

/// Stochastic gradient descent (Robbins & Monro 1951), with momentum (Polyak 1964; Nesterov 1983 in
/// the form of Sutskever et al. 2013).
///
/// Without momentum `p ← p − γg`. With momentum `b ← μb + (1 − τ)g`, at the first step `b ← g`; then
/// `p ← p − γb`, or with Nesterov momentum `p ← p − γ(g + μb)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate `γ`.
    pub lr: f64,
    /// The momentum `μ`.
    pub momentum: f64,
    /// The dampening `τ`.
    pub dampening: f64,
    /// Weight decay `λ`: `g ← g + λp`.
    pub weight_decay: f64,
    /// Whether the momentum is Nesterov momentum; needs `momentum > 0` and `dampening = 0`.
    pub nesterov: bool,
    /// Whether the loss is maximised.
    pub maximize: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            momentum: 0.0,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            maximize: false,
        }
    }
}

/// Only with momentum.
const BUFFER: &str = "momentum_buffer";

impl<T: Real> Rule<T> for Sgd {
    fn options(&self) -> RuleOptions {
        let Self {
            lr,
            momentum,
            dampening,
            weight_decay,
            nesterov,
            maximize,
        } = *self;
        RuleOptions::new("sgd", lr)
            .momentum("momentum", momentum, Range::NonNegative)
            .number("dampening", dampening, Range::Finite)
            .weight_decay(weight_decay)
            .flag("nesterov", nesterov)
            .maximize(maximize)
            .exclude(
                nesterov && (momentum == 0.0 || dampening != 0.0),
                "nesterov: needs momentum above 0 and dampening 0",
            )
    }

    fn init(&self, param: &Tensor<T>, step: &Step) -> RuleState<T> {
        if step.momentum == 0.0 {
            RuleState::default()
        } else {
            RuleState::zeros([BUFFER], param)
        }
    }

    fn update(&self, update: Update<'_, T>) {
        let lr = T::of(update.step.lr);
        if update.step.momentum == 0.0 {
            return update.elementwise([], |p, [], g| (p - lr * g, []));
        }
        // A schedule may have raised the momentum from 0 after the first step.
        let is_new = !update.state.has(BUFFER);
        let first = update.step.count == 1 || is_new;
        if is_new {
            *update.state = self.init(update.param, &update.step);
        }
        let momentum = T::of(update.step.momentum);
        let undampened = T::of(1.0 - self.dampening);
        let nesterov = self.nesterov;
        update.elementwise([BUFFER], |p, [b], g| {
            let b = if first {
                g
            } else {
                momentum * b + undampened * g
            };
            let direction = if nesterov { g + momentum * b } else { b };
            (p - lr * direction, [b])
        });
    }
}

impl Samples for Sgd {
    fn samples() -> Vec<Self> {
        let plain = Self {
            lr: 0.1,
            ..Self::default()
        };
        let momentum = Self {
            momentum: 0.9,
            dampening: 0.1,
            ..plain
        };
        let nesterov = Self {
            momentum: 0.9,
            nesterov: true,
            ..plain
        };
        vec![plain, momentum, nesterov]
    }
}
