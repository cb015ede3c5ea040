//! Adam.

use wengert_tensor::{Real, Tensor};

use super::{adaptive, decayed};
use crate::fused::fused;
use crate::rule::{Rule, State, Step};

/// Adaptive moments (Kingma & Ba 2015, algorithm 1; AMSGrad: Reddi, Kale & Kumar 2018).
///
/// `g ← g + λp`; `m ← β₁m + (1 − β₁)g`; `v ← β₂v + (1 − β₂)g²`;
/// `p ← p − γ/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)`, `t` counting from 1. AMSGrad takes the largest `v`
/// so far.
///
/// In this and every other rule that squares gradients, a finite gradient beyond ±2⁶³ in `f32` (±2⁵¹¹ in `f64`)
/// counts as that bound: its square would overflow, and the rule would stand still from then on. An infinite
/// or NaN gradient makes the parameter so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate `γ`.
    pub lr: f64,
    /// How much of the mean gradient and of the mean square are kept, `β₁` and `β₂`.
    pub betas: [f64; 2],
    /// Added to the root of the mean square, `ε`.
    pub eps: f64,
    /// The weight decay `λ`, added to the gradient.
    pub weight_decay: f64,
    /// Whether the decay shrinks the parameter instead, as in [`AdamW`](crate::AdamW).
    pub decoupled_weight_decay: bool,
    /// Whether the mean square never falls.
    pub amsgrad: bool,
    /// Whether to climb instead.
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
    fn lr(&self) -> f64 {
        self.lr
    }

    fn momentum(&self) -> Option<f64> {
        Some(self.betas[0])
    }

    fn validate(&self) {
        adaptive("adam", self.lr, self.betas, self.eps, self.weight_decay);
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> State<T> {
        let state = State::zeros(["exp_avg", "exp_avg_sq"], param);
        if self.amsgrad {
            state.with_tensors(["max_exp_avg_sq"], param, 0.0)
        } else {
            state
        }
    }

    fn update(
        &self,
        param: &mut Tensor<T>,
        gradient: &Tensor<T>,
        state: &mut State<T>,
        step: &Step,
    ) {
        let [beta1, beta2] = [step.momentum, self.betas[1]];
        let correction1 = 1.0 - beta1.powf(step.count as f64);
        let correction2 = 1.0 - beta2.powf(step.count as f64);
        let size = T::of(step.lr / correction1);
        let root = T::of(correction2.sqrt());
        let eps = T::of(self.eps);
        let decayed = decayed(
            self.maximize,
            self.weight_decay,
            self.decoupled_weight_decay,
            step.lr,
        );
        let (new1, keep2, new2) = (T::of(1.0 - beta1), T::of(beta2), T::of(1.0 - beta2));

        let moments = |p: T, m: T, v: T, g: T| {
            let (p, g) = decayed(p, g);
            (p, m + new1 * (g - m), keep2 * v + new2 * g * g)
        };
        if self.amsgrad {
            let [mean, square, largest] = state.tensors_mut();
            fused(
                [param, mean, square, largest],
                gradient,
                |[p, m, v, top], g| {
                    let (p, m, v) = moments(p, m, v, g);
                    let top = top.maximum(v);
                    [p - size * m / (top.sqrt() / root + eps), m, v, top]
                },
            );
        } else {
            let [mean, square] = state.tensors_mut();
            fused([param, mean, square], gradient, |[p, m, v], g| {
                let (p, m, v) = moments(p, m, v, g);
                [p - size * m / (v.sqrt() / root + eps), m, v]
            });
        }
    }
}
