//! Stochastic gradient descent.

use wengert_tensor::{Real, Tensor, require};

use super::{coupled, within};
use crate::fused::fused;
use crate::rule::{Rule, State, Step};

/// Stochastic gradient descent (Robbins & Monro 1951), with momentum (Polyak 1964; Nesterov 1983 in
/// the form of Sutskever et al. 2013).
///
/// `g ← g + λp`; with momentum `b ← μb + (1 − τ)g`, at the first step `b ← g`; then `p ← p − γb`, or
/// after Nesterov `p ← p − γ(g + μb)`. `γ` is the learning rate, `μ` the momentum, `τ` the dampening,
/// `λ` the weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate `γ`.
    pub lr: f64,
    /// How much of the last direction is kept, `μ`.
    pub momentum: f64,
    /// How much of a gradient does not enter the direction, `τ`.
    pub dampening: f64,
    /// The weight decay `λ`, added to the gradient.
    pub weight_decay: f64,
    /// Whether the gradient is taken ahead of the step.
    pub nesterov: bool,
    /// Whether to climb instead.
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

impl<T: Real> Rule<T> for Sgd {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn momentum(&self) -> Option<f64> {
        Some(self.momentum)
    }

    fn validate(&self) {
        within("sgd", "lr", self.lr, 0.0..);
        within("sgd", "momentum", self.momentum, 0.0..);
        within("sgd", "weight_decay", self.weight_decay, 0.0..);
        require!(
            !self.nesterov || (self.momentum > 0.0 && self.dampening == 0.0),
            "sgd: nesterov needs momentum above 0 and no dampening, not {} and {}",
            self.momentum,
            self.dampening
        );
    }

    fn init(&self, param: &Tensor<T>, step: &Step) -> State<T> {
        if step.momentum == 0.0 {
            State::default()
        } else {
            State::zeros(["momentum_buffer"], param)
        }
    }

    fn update(
        &self,
        param: &mut Tensor<T>,
        gradient: &Tensor<T>,
        state: &mut State<T>,
        step: &Step,
    ) {
        let lr = T::of(step.lr);
        let slope = coupled(self.maximize, self.weight_decay);
        if step.momentum == 0.0 {
            return fused([param], gradient, |[p], g| [p - lr * slope(p, g)]);
        }
        // A schedule may have turned momentum on after the first step.
        let first = step.count == 1 || state.is_empty();
        if state.is_empty() {
            *state = self.init(param, step);
        }
        let momentum = T::of(step.momentum);
        let fresh = T::of(1.0 - self.dampening);
        let nesterov = self.nesterov;
        let [buffer] = state.tensors_mut();
        fused([param, buffer], gradient, |[p, b], g| {
            let g = slope(p, g);
            let b = if first { g } else { momentum * b + fresh * g };
            let direction = if nesterov { g + momentum * b } else { b };
            [p - lr * direction, b]
        });
    }
}
