//! Adam with decoupled weight decay.

use wengert_tensor::{Real, Tensor};

use super::{Adam, Samples};
use crate::rule::{Rule, Step, Update};
use crate::rule_options::RuleOptions;
use crate::rule_state::RuleState;

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
///
/// `p ← p − γλp`, then the update of [`Adam`] without decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// The learning rate `γ`.
    pub lr: f64,
    /// Decay rates `β₁` of the mean gradient and `β₂` of the mean square.
    pub betas: [f64; 2],
    /// `ε`, added to the root of the mean square.
    pub eps: f64,
    /// Weight decay `λ`: `p ← p − γλp`.
    pub weight_decay: f64,
    /// Whether the largest mean square so far is used: AMSGrad.
    pub amsgrad: bool,
    /// Whether the loss is maximised.
    pub maximize: bool,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 1e-2,
            amsgrad: false,
            maximize: false,
        }
    }
}

impl AdamW {
    const fn adam(&self) -> Adam {
        let Self {
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize,
        } = *self;
        Adam {
            lr,
            betas,
            eps,
            weight_decay,
            decoupled_weight_decay: true,
            amsgrad,
            maximize,
        }
    }
}

impl<T: Real> Rule<T> for AdamW {
    fn options(&self) -> RuleOptions {
        Rule::<T>::options(&self.adam())
    }

    fn init(&self, param: &Tensor<T>, step: &Step) -> RuleState<T> {
        self.adam().init(param, step)
    }

    fn update(&self, update: Update<'_, T>) {
        self.adam().update(update);
    }
}

impl Samples for AdamW {
    fn samples() -> Vec<Self> {
        vec![Self {
            lr: 0.1,
            ..Self::default()
        }]
    }
}
