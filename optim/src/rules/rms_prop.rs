//! Gradients by their root mean square.

use wengert_tensor::{Real, Tensor};

use super::{squared, within};
use crate::fused::fused;
use crate::rule::{Rule, State, Step};

/// The tensor that only momentum needs.
const BUFFER: &str = "momentum_buffer";

/// Gradients divided by their root mean square (Tieleman & Hinton 2012; centred: Graves 2013).
///
/// `g ← g + λp`; `v ← αv + (1 − α)g²`; `d = √v + ε`, or centred `a ← αa + (1 − α)g` and
/// `d = √(v − a²) + ε`; then `p ← p − γg/d`, or with momentum `b ← μb + g/d` and `p ← p − γb`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// The learning rate `γ`.
    pub lr: f64,
    /// How much of the mean square is kept, `α`.
    pub alpha: f64,
    /// Added to the root of the mean square, `ε`.
    pub eps: f64,
    /// The weight decay `λ`, added to the gradient.
    pub weight_decay: f64,
    /// How much of the last direction is kept, `μ`.
    pub momentum: f64,
    /// Whether the square of the mean gradient is taken off the mean square.
    pub centered: bool,
    /// Whether to climb instead.
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
    fn lr(&self) -> f64 {
        self.lr
    }

    fn momentum(&self) -> Option<f64> {
        Some(self.momentum)
    }

    fn validate(&self) {
        within("rms_prop", "lr", self.lr, 0.0..);
        within("rms_prop", "eps", self.eps, 0.0..);
        within("rms_prop", "weight_decay", self.weight_decay, 0.0..);
        within("rms_prop", "momentum", self.momentum, 0.0..);
        within("rms_prop", "alpha", self.alpha, 0.0..);
    }

    fn init(&self, param: &Tensor<T>, step: &Step) -> State<T> {
        let state = State::zeros(["square_avg"], param);
        let state = if self.centered {
            state.with_tensors(["grad_avg"], param, 0.0)
        } else {
            state
        };
        if step.momentum > 0.0 {
            state.with_tensors([BUFFER], param, 0.0)
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
        let (keep, new, eps) = (T::of(self.alpha), T::of(1.0 - self.alpha), T::of(self.eps));
        let (lr, momentum) = (T::of(step.lr), T::of(step.momentum));
        let slope = squared(self.maximize, self.weight_decay);
        // A schedule may have turned momentum on after the first step.
        if step.momentum > 0.0 && !state.has(BUFFER) {
            *state = std::mem::take(state).with_tensors([BUFFER], param, 0.0);
        }
        let plain = |v: T, g: T| {
            let v = keep * v + new * g * g;
            (v, g / (v.sqrt() + eps))
        };
        let centered = |v: T, a: T, g: T| {
            let v = keep * v + new * g * g;
            let a = a + new * (g - a);
            (v, a, g / ((v - a * a).sqrt() + eps))
        };
        match (self.centered, step.momentum > 0.0) {
            (false, false) => {
                let [square] = state.named_mut(["square_avg"]);
                fused([param, square], gradient, |[p, v], g| {
                    let (v, direction) = plain(v, slope(p, g));
                    [p - lr * direction, v]
                });
            }
            (false, true) => {
                let [square, buffer] = state.named_mut(["square_avg", BUFFER]);
                fused([param, square, buffer], gradient, |[p, v, b], g| {
                    let (v, direction) = plain(v, slope(p, g));
                    let b = momentum * b + direction;
                    [p - lr * b, v, b]
                });
            }
            (true, false) => {
                let [square, mean] = state.named_mut(["square_avg", "grad_avg"]);
                fused([param, square, mean], gradient, |[p, v, a], g| {
                    let (v, a, direction) = centered(v, a, slope(p, g));
                    [p - lr * direction, v, a]
                });
            }
            (true, true) => {
                let [square, mean, buffer] = state.named_mut(["square_avg", "grad_avg", BUFFER]);
                fused(
                    [param, square, mean, buffer],
                    gradient,
                    |[p, v, a, b], g| {
                        let (v, a, direction) = centered(v, a, slope(p, g));
                        let b = momentum * b + direction;
                        [p - lr * b, v, a, b]
                    },
                );
            }
        }
    }
}
