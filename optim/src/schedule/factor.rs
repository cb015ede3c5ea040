//! Curves that multiply the rate by a function of the step: constant, linear, exponential, polynomial.

use wengert_tensor::require;

use super::curve::{Curve, GroupRate};
use crate::rule_options::Range;

/// Multiplies the rate by `factor` for the first `total_iters` steps. Afterwards it is the initial rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConstantLr {
    /// The factor, in `0 … 1`.
    pub factor: f64,
    /// The number of steps with the factor.
    pub total_iters: u64,
}

impl Default for ConstantLr {
    fn default() -> Self {
        Self {
            factor: 1.0 / 3.0,
            total_iters: 5,
        }
    }
}

impl Curve for ConstantLr {
    fn validate(&self, _groups: usize) {
        require!(
            (0.0..=1.0).contains(&self.factor),
            "constant_lr: factor = {}: must be between 0 and 1, both allowed",
            self.factor
        );
    }

    fn start(&self, at: GroupRate) -> f64 {
        at.lr * self.factor
    }

    fn restart(&self, at: GroupRate) -> f64 {
        let whole = f64::from(u8::from(self.total_iters == 0));
        at.base * (self.factor + whole * (1.0 - self.factor))
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        if epoch != self.total_iters {
            at.lr
        } else if self.factor == 0.0 {
            // The factor 0 cannot be undone by a division.
            at.base
        } else {
            at.lr * (1.0 / self.factor)
        }
    }
}

/// The factor goes linearly from `start_factor` to `end_factor` in `total_iters` steps, and stays there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearLr {
    /// The factor at the start, above 0 and up to 1.
    pub start_factor: f64,
    /// The factor at the end, in `0 … 1`.
    pub end_factor: f64,
    /// The number of steps.
    pub total_iters: u64,
}

impl Default for LinearLr {
    fn default() -> Self {
        Self {
            start_factor: 1.0 / 3.0,
            end_factor: 1.0,
            total_iters: 5,
        }
    }
}

impl Curve for LinearLr {
    fn validate(&self, _groups: usize) {
        require!(
            self.start_factor > 0.0 && self.start_factor <= 1.0,
            "linear_lr: start_factor = {}: must be above 0 and at most 1",
            self.start_factor
        );
        require!(
            (0.0..=1.0).contains(&self.end_factor),
            "linear_lr: end_factor = {}: must be between 0 and 1, both allowed",
            self.end_factor
        );
    }

    fn start(&self, at: GroupRate) -> f64 {
        at.lr * self.start_factor
    }

    fn restart(&self, at: GroupRate) -> f64 {
        at.base * self.start_factor
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        if epoch > self.total_iters {
            return at.lr;
        }
        let rise = self.end_factor - self.start_factor;
        let before = self.total_iters as f64 * self.start_factor + (epoch - 1) as f64 * rise;
        at.lr * (1.0 + rise / before)
    }
}

/// Multiplies the rate by `gamma` at every step. It has no end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExponentialLr {
    /// The factor.
    pub gamma: f64,
}

impl Curve for ExponentialLr {
    fn validate(&self, _groups: usize) {
        Range::NonNegative.require("exponential_lr", "gamma", self.gamma);
    }

    fn next(&self, _epoch: u64, at: GroupRate) -> f64 {
        at.lr * self.gamma
    }
}

/// Falls to 0 as `(1 − t/total_iters)^power`, and stays 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolynomialLr {
    /// The number of steps.
    pub total_iters: u64,
    /// The exponent.
    pub power: f64,
}

impl Default for PolynomialLr {
    fn default() -> Self {
        Self {
            total_iters: 5,
            power: 1.0,
        }
    }
}

impl Curve for PolynomialLr {
    fn validate(&self, _groups: usize) {
        Range::NonNegative.require("polynomial_lr", "power", self.power);
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        if epoch > self.total_iters {
            return at.lr;
        }
        let left = |t: u64| 1.0 - t as f64 / self.total_iters as f64;
        at.lr * (left(epoch) / left(epoch - 1)).powf(self.power)
    }
}
