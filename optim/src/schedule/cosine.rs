//! Rates along a cosine.

use std::f64::consts::PI;

use wengert_tensor::require;

use super::curve::{At, Curve};

/// Swings between the rate and `eta_min` along a cosine of half period `t_max` (Loshchilov & Hutter
/// 2017, without restarts).
///
/// `γ = η + ½(γ₀ − η)(1 + cos(πt / t_max))`, each rate from the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineAnnealingLr {
    /// After how many steps the rate is lowest.
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
        require!(self.t_max > 0, "cosine_annealing_lr: t_max = 0");
    }

    fn next(&self, epoch: u64, at: At) -> f64 {
        let period = self.t_max as f64;
        // One step past the bottom: the ratio below would divide by 0.
        if (epoch - 1) % (2 * self.t_max) == self.t_max {
            return at.lr + (at.base - self.eta_min) * (1.0 - (PI / period).cos()) / 2.0;
        }
        let height = |t: u64| 1.0 + (PI * t as f64 / period).cos();
        height(epoch) / height(epoch - 1) * (at.lr - self.eta_min) + self.eta_min
    }
}

/// Falls from the rate to `eta_min` along half a cosine again and again (Loshchilov & Hutter 2017,
/// eq. 5).
///
/// `γ = η + ½(γ₀ − η)(1 + cos(πt / T))`, `t` counting from the last restart; `T` is `t_0` first, and
/// `t_mult` times as long after each restart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineAnnealingWarmRestarts {
    /// How many steps the first fall takes.
    pub t_0: u64,
    /// How much longer each fall takes than the one before.
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
    /// How many steps lie behind the last restart, and how many the fall takes.
    fn place(&self, epoch: u64) -> (u64, u64) {
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
        require!(
            self.t_0 > 0 && self.t_mult > 0,
            "cosine_annealing_warm_restarts: t_0 = {}, t_mult = {}: not at least 1",
            self.t_0,
            self.t_mult
        );
    }

    fn start(&self, at: At) -> f64 {
        self.next(0, at)
    }

    fn restart(&self, at: At) -> f64 {
        self.next(0, at)
    }

    fn next(&self, epoch: u64, at: At) -> f64 {
        let (since, length) = self.place(epoch);
        let height = 1.0 + (PI * since as f64 / length as f64).cos();
        self.eta_min + (at.base - self.eta_min) * height / 2.0
    }
}
