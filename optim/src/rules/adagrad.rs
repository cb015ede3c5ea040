//! Gradients by all that came before.

use wengert_tensor::{Real, Tensor};

use super::{largest, squared, within};
use crate::fused::fused;
use crate::rule::{Rule, State, Step};

/// Gradients divided by the root of the sum of all their squares (Duchi, Hazan & Singer 2011).
///
/// `g ← g + λp`; `s ← s + g²`; `p ← p − γ/(1 + (t − 1)η) · g/(√s + ε)`, `t` counting from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// The learning rate `γ`.
    pub lr: f64,
    /// How fast the learning rate falls with the steps, `η`.
    pub lr_decay: f64,
    /// The weight decay `λ`, added to the gradient.
    pub weight_decay: f64,
    /// What the sum of the squares starts with.
    pub initial_accumulator_value: f64,
    /// Added to the root of the sum, `ε`.
    pub eps: f64,
    /// Whether to climb instead.
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
    fn lr(&self) -> f64 {
        self.lr
    }

    fn validate(&self) {
        within("adagrad", "lr", self.lr, 0.0..);
        within("adagrad", "eps", self.eps, 0.0..);
        within("adagrad", "weight_decay", self.weight_decay, 0.0..);
        within("adagrad", "lr_decay", self.lr_decay, 0.0..);
        within(
            "adagrad",
            "initial_accumulator_value",
            self.initial_accumulator_value,
            0.0..,
        );
    }

    fn init(&self, param: &Tensor<T>, _step: &Step) -> State<T> {
        State::default().with_tensors(["sum"], param, self.initial_accumulator_value)
    }

    fn update(
        &self,
        param: &mut Tensor<T>,
        gradient: &Tensor<T>,
        state: &mut State<T>,
        step: &Step,
    ) {
        let lr = T::of(step.lr / (1.0 + (step.count - 1) as f64 * self.lr_decay));
        let eps = T::of(self.eps);
        let slope = squared(self.maximize, self.weight_decay);
        let most = largest();
        let [sum] = state.tensors_mut();
        fused([param, sum], gradient, |[p, s], g| {
            let g = slope(p, g);
            // The sum of many large squares stops at the largest number.
            let s = (s + g * g).minimum(most);
            [p - lr * g / (s.sqrt() + eps), s]
        });
    }
}
