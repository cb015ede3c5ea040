//! `AdaGrad`.

use wengert_tensor::{Real, Tensor};

use super::{Samples, squarable};
use crate::rule::{Rule, Step, Update};
use crate::rule_options::{Range, RuleOptions};
use crate::rule_state::RuleState;

/// `AdaGrad`: the gradient over the root of the sum of all squared gradients (Duchi, Hazan & Singer 2011).
///
/// `s ← s + g²`; `p ← p − γ/(1 + (t − 1)η) · g/(√s + ε)`, `t` counting from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// The learning rate `γ`.
    pub lr: f64,
    /// Decay `η` of the learning rate per step.
    pub lr_decay: f64,
    /// Weight decay `λ`: `g ← g + λp`.
    pub weight_decay: f64,
    /// The initial value of the sum of squares.
    pub initial_accumulator_value: f64,
    /// `ε`, added to the root of the sum.
    pub eps: f64,
    /// Whether the loss is maximised.
    pub maximize: bool,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self {
            lr: 1e-2,
            lr_decay: 0.0,
            weight_decay: 0.0,
            initial_accumulator_value: 0.0,
            eps: 1e-10,
            maximize: false,
        }
    }
}

impl<T: Real> Rule<T> for Adagrad {
    fn options(&self) -> RuleOptions {
        let Self {
            lr,
            lr_decay,
            weight_decay,
            initial_accumulator_value,
            eps,
            maximize,
        } = *self;
        let initial = initial_accumulator_value;
        RuleOptions::new("adagrad", lr)
            .number("lr_decay", lr_decay, Range::NonNegative)
            .number("initial_accumulator_value", initial, Range::NonNegative)
            .number("eps", eps, Range::NonNegative)
            .weight_decay(weight_decay)
            .maximize(maximize)
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> RuleState<T> {
        RuleState::default().with_tensors(["sum"], param, self.initial_accumulator_value)
    }

    fn update(&self, update: Update<'_, T>) {
        let Step { lr, count, .. } = update.step;
        let lr = T::of(lr / (1.0 + (count - 1) as f64 * self.lr_decay));
        let (eps, most) = (T::of(self.eps), T::largest());
        update.elementwise(["sum"], |p, [s], g| {
            let g = squarable(g);
            // A sum of many large squares saturates at the largest number.
            let s = (s + g * g).minimum(most);
            (p - lr * g / (s.sqrt() + eps), [s])
        });
    }
}

impl Samples for Adagrad {
    fn samples() -> Vec<Self> {
        let plain = Self {
            lr: 0.5,
            ..Self::default()
        };
        let filled = Self {
            lr_decay: 1e-3,
            initial_accumulator_value: 0.1,
            ..plain
        };
        vec![plain, filled]
    }
}
