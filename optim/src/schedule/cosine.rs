//! Cosine annealing, without and with restarts.

use std::f64::consts::PI;

use wengert_tensor::require;

use super::curve::{Curve, GroupRate};
use crate::rule_options::Range;

/// Falls from the initial rate to `eta_min` along half a cosine (Loshchilov & Hutter 2017, without
/// restarts).
///
/// `γ = η + ½(γ₀ − η)(1 + cos(πt / t_max))`, computed from the previous rate. After `t_max` steps the rate
/// rises again: the period is `2 t_max`, as in `PyTorch`. Stop stepping it to stay at `eta_min`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineAnnealingLr {
    /// The number of steps until the rate is lowest.
    pub t_max: u64,
    /// The lowest rate `η`.
    pub eta_min: f64,
}

impl Default for CosineAnnealingLr {
    fn default() -> Self {
        Self {
            t_max: 1,
            eta_min: 0.0,
        }
    }
}

impl Curve for CosineAnnealingLr {
    fn validate(&self, _groups: usize) {
        Range::NonNegative.require("cosine_annealing_lr", "eta_min", self.eta_min);
        require!(
            self.t_max > 0,
            "cosine_annealing_lr: t_max = 0: must be at least 1"
        );
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        let period = self.t_max as f64;
        let before = epoch - 1;
        let since_peak = self
            .t_max
            .checked_mul(2)
            .map_or(before, |both| before % both);
        // One step after the minimum: the ratio below would divide by 0.
        if since_peak == self.t_max {
            return at.lr + (at.base - self.eta_min) * (1.0 - (PI / period).cos()) / 2.0;
        }
        let height = |t: u64| 1.0 + (PI * t as f64 / period).cos();
        height(epoch) / height(epoch - 1) * (at.lr - self.eta_min) + self.eta_min
    }
}

/// Falls from the initial rate to `eta_min` along half a cosine, and restarts (Loshchilov & Hutter 2017,
/// eq. 5).
///
/// `γ = η + ½(γ₀ − η)(1 + cos(πt / T))`, where `t` counts from the last restart. `T` is `t_0` at first and
/// is multiplied by `t_mult` at each restart. It has no end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineAnnealingWarmRestarts {
    /// The number of steps of the first period.
    pub t_0: u64,
    /// The factor from one period to the next.
    pub t_mult: u64,
    /// The lowest rate `η`.
    pub eta_min: f64,
}

impl Default for CosineAnnealingWarmRestarts {
    fn default() -> Self {
        Self {
            t_0: 1,
            t_mult: 1,
            eta_min: 0.0,
        }
    }
}

impl CosineAnnealingWarmRestarts {
    /// The number of steps since the last restart, and the length of the period.
    fn in_period(&self, epoch: u64) -> (u64, u64) {
        if self.t_mult == 1 {
            return (epoch % self.t_0, self.t_0);
        }
        let (mut since, mut length) = (epoch, self.t_0);
        while since >= length {
            since -= length;
            length = length.saturating_mul(self.t_mult);
        }
        (since, length)
    }
}

impl Curve for CosineAnnealingWarmRestarts {
    fn validate(&self, _groups: usize) {
        Range::NonNegative.require("cosine_annealing_warm_restarts", "eta_min", self.eta_min);
        require!(
            self.t_0 > 0 && self.t_mult > 0,
            "cosine_annealing_warm_restarts: t_0 = {}, t_mult = {}: both must be at least 1",
            self.t_0,
            self.t_mult
        );
    }

    fn start(&self, at: GroupRate) -> f64 {
        self.next(0, at)
    }

    fn restart(&self, at: GroupRate) -> f64 {
        self.next(0, at)
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        let (since, length) = self.in_period(epoch);
        let height = 1.0 + (PI * since as f64 / length as f64).cos();
        self.eta_min + (at.base - self.eta_min) * height / 2.0
    }
}
