//! Adam with decoupled weight decay.

use wengert_tensor::{Real, Tensor};

use super::Adam;
use crate::rule::{Rule, State, Step};

/// Adam whose weight decay does not pass through the moments (Loshchilov & Hutter 2019).
///
/// `p ← p − γλp`, then the update of [`Adam`] with the gradient alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// The learning rate `γ`.
    pub lr: f64,
    /// How much of the mean gradient and of the mean square are kept, `β₁` and `β₂`.
    pub betas: [f64; 2],
    /// Added to the root of the mean square, `ε`.
    pub eps: f64,
    /// The weight decay `λ`: each step shrinks the parameter by `γλ` of itself.
    pub weight_decay: f64,
    /// Whether the mean square never falls.
    pub amsgrad: bool,
    /// Whether to climb instead.
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
        Adam {
            lr: self.lr,
            betas: self.betas,
            eps: self.eps,
            weight_decay: self.weight_decay,
            decoupled_weight_decay: true,
            amsgrad: self.amsgrad,
            maximize: self.maximize,
        }
    }
}

impl<T: Real> Rule<T> for AdamW {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn momentum(&self) -> Option<f64> {
        Some(self.betas[0])
    }

    fn validate(&self) {
        Rule::<T>::validate(&self.adam());
    }

    fn init(&self, param: &Tensor<T>, step: &Step) -> State<T> {
        self.adam().init(param, step)
    }

    fn update(
        &self,
        param: &mut Tensor<T>,
        gradient: &Tensor<T>,
        state: &mut State<T>,
        step: &Step,
    ) {
        self.adam().update(param, gradient, state, step);
    }
}
