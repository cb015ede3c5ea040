//! `RMSprop`.

use wengert_tensor::{Real, Tensor};

use super::{Samples, squarable};
use crate::rule::{Rule, Step, Update};
use crate::rule_options::{Range, RuleOptions};
use crate::rule_state::RuleState;

const SQUARE: &str = "square_avg";
const MEAN: &str = "grad_avg";
/// Only with momentum.
const BUFFER: &str = "momentum_buffer";

/// `RMSprop`: the gradient over its root mean square (Tieleman & Hinton 2012; centred: Graves 2013).
///
/// `v ← αv + (1 − α)g²`; `d = √v + ε`, or centred `a ← αa + (1 − α)g` and
/// `d = √(v − a²) + ε`; then `p ← p − γg/d`, or with momentum `b ← μb + g/d` and `p ← p − γb`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// The learning rate `γ`.
    pub lr: f64,
    /// Decay rate `α` of the mean square.
    pub alpha: f64,
    /// `ε`, added to the root of the mean square.
    pub eps: f64,
    /// Weight decay `λ`: `g ← g + λp`.
    pub weight_decay: f64,
    /// The momentum `μ`.
    pub momentum: f64,
    /// Whether the square of the mean gradient is subtracted from the mean square.
    pub centered: bool,
    /// Whether the loss is maximised.
    pub maximize: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            lr: 1e-2,
            alpha: 0.99,
            eps: 1e-8,
            weight_decay: 0.0,
            momentum: 0.0,
            centered: false,
            maximize: false,
        }
    }
}

impl<T: Real> Rule<T> for RmsProp {
    fn options(&self) -> RuleOptions {
        let Self {
            lr,
            alpha,
            eps,
            weight_decay,
            momentum,
            centered,
            maximize,
        } = *self;
        RuleOptions::new("rms_prop", lr)
            .momentum("momentum", momentum, Range::NonNegative)
            .number("alpha", alpha, Range::UpToOne)
            .number("eps", eps, Range::NonNegative)
            .weight_decay(weight_decay)
            .flag("centered", centered)
            .maximize(maximize)
    }

    fn init(&self, param: &Tensor<T>, step: &Step) -> RuleState<T> {
        let mut state = RuleState::zeros([SQUARE], param);
        if self.centered {
            state = state.with_tensors([MEAN], param, 0.0);
        }
        if step.momentum > 0.0 {
            state = state.with_tensors([BUFFER], param, 0.0);
        }
        state
    }

    fn update(&self, update: Update<'_, T>) {
        let (alpha, new, eps) = (T::of(self.alpha), T::of(1.0 - self.alpha), T::of(self.eps));
        let (lr, momentum) = (T::of(update.step.lr), T::of(update.step.momentum));
        let has_momentum = update.step.momentum > 0.0;
        // A schedule may have raised the momentum from 0 after the first step.
        if has_momentum && !update.state.has(BUFFER) {
            let state = std::mem::take(update.state);
            *update.state = state.with_tensors([BUFFER], update.param, 0.0);
        }
        let plain = |v: T, g: T| {
            let g = squarable(g);
            let v = alpha * v + new * g * g;
            (v, g / (v.sqrt() + eps))
        };
        let centered = |v: T, a: T, g: T| {
            let g = squarable(g);
            let v = alpha * v + new * g * g;
            let a = a + new * (g - a);
            (v, a, g / ((v - a * a).sqrt() + eps))
        };
        match (self.centered, has_momentum) {
            (false, false) => update.elementwise([SQUARE], |p, [v], g| {
                let (v, direction) = plain(v, g);
                (p - lr * direction, [v])
            }),
            (false, true) => update.elementwise([SQUARE, BUFFER], |p, [v, b], g| {
                let (v, direction) = plain(v, g);
                let b = momentum * b + direction;
                (p - lr * b, [v, b])
            }),
            (true, false) => update.elementwise([SQUARE, MEAN], |p, [v, a], g| {
                let (v, a, direction) = centered(v, a, g);
                (p - lr * direction, [v, a])
            }),
            (true, true) => update.elementwise([SQUARE, MEAN, BUFFER], |p, [v, a, b], g| {
                let (v, a, direction) = centered(v, a, g);
                let b = momentum * b + direction;
                (p - lr * b, [v, a, b])
            }),
        }
    }
}

impl Samples for RmsProp {
    fn samples() -> Vec<Self> {
        let plain = Self {
            lr: 0.005,
            ..Self::default()
        };
        let variants = [(false, 0.0), (false, 0.5), (true, 0.0), (true, 0.5)];
        variants
            .map(|(centered, momentum)| Self {
                momentum,
                centered,
                ..plain
            })
            .to_vec()
    }
}
