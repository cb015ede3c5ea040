//! Curves that change the rate at some steps.

use wengert_tensor::require;

use super::curve::{Curve, GroupRate};
use crate::rule_options::Range;

/// Multiplies the rate by `gamma` every `step_size` steps. It has no end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLr {
    /// The number of steps between two changes.
    pub step_size: u64,
    /// The factor.
    pub gamma: f64,
}

impl Default for StepLr {
    fn default() -> Self {
        Self {
            step_size: 1,
            gamma: 0.1,
        }
    }
}

impl Curve for StepLr {
    fn validate(&self, _groups: usize) {
        Range::NonNegative.require("step_lr", "gamma", self.gamma);
        require!(
            self.step_size > 0,
            "step_lr: step_size = 0: must be at least 1"
        );
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        if epoch.is_multiple_of(self.step_size) {
            at.lr * self.gamma
        } else {
            at.lr
        }
    }
}

/// Multiplies the rate by `gamma` at each milestone; a repeated milestone multiplies repeatedly. After the
/// last one the rate stays.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiStepLr {
    /// The steps at which the rate changes, in any order.
    pub milestones: Vec<u64>,
    /// The factor.
    pub gamma: f64,
}

impl Default for MultiStepLr {
    fn default() -> Self {
        Self {
            milestones: Vec::new(),
            gamma: 0.1,
        }
    }
}

impl MultiStepLr {
    fn factor(&self, epoch: u64) -> f64 {
        let count = self.milestones.iter().filter(|&&m| m == epoch).count();
        self.gamma.powi(count as i32)
    }
}

impl Curve for MultiStepLr {
    fn validate(&self, _groups: usize) {
        Range::NonNegative.require("multi_step_lr", "gamma", self.gamma);
    }

    fn start(&self, at: GroupRate) -> f64 {
        at.lr * self.factor(0)
    }

    fn restart(&self, at: GroupRate) -> f64 {
        at.base * self.factor(0)
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        at.lr * self.factor(epoch)
    }
}
