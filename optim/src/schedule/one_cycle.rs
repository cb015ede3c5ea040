//! The 1cycle policy.

use std::f64::consts::PI;

use wengert_tensor::require;

use super::curve::{Curve, GroupRate};
use super::rates::PerGroup;
use crate::rule_options::Range;

/// How the rate goes from one value to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anneal {
    /// Half a cosine.
    Cos,
    /// A straight line.
    Linear,
}

impl Anneal {
    fn between(self, from: f64, to: f64, part: f64) -> f64 {
        match self {
            Self::Cos => to + (from - to) / 2.0 * ((PI * part).cos() + 1.0),
            Self::Linear => (to - from) * part + from,
        }
    }
}

/// The 1cycle policy (Smith & Topin 2019): the rate rises from `max_lr / div_factor` to `max_lr`, and
/// falls to `max_lr / (div_factor · final_div_factor)`; the momentum, or β₁, changes in the opposite
/// direction.
///
/// The rate of the optimizer is not used. The rise takes `pct_start · total_steps` steps. With three phases
/// a fall of the same length to the first rate follows, and then the fall to the last rate. A step after
/// `total_steps` panics.
#[derive(Clone, Debug, PartialEq)]
pub struct OneCycleLr {
    /// The highest rate.
    pub max_lr: PerGroup,
    /// The number of steps, for example `epochs · steps_per_epoch`.
    pub total_steps: u64,
    /// The fraction of the steps in which the rate rises, in `0 … 1`.
    pub pct_start: f64,
    /// The form of rise and fall.
    pub anneal_strategy: Anneal,
    /// Whether the momentum changes too.
    pub cycle_momentum: bool,
    /// The momentum at the highest rate.
    pub base_momentum: PerGroup,
    /// The momentum at the lowest rates.
    pub max_momentum: PerGroup,
    /// The highest rate divided by the first.
    pub div_factor: f64,
    /// The first rate divided by the last.
    pub final_div_factor: f64,
    /// Whether the fall to the first rate is a separate phase.
    pub three_phase: bool,
}

impl Default for OneCycleLr {
    fn default() -> Self {
        Self {
            max_lr: 1e-3.into(),
            total_steps: 1,
            pct_start: 0.3,
            anneal_strategy: Anneal::Cos,
            cycle_momentum: true,
            base_momentum: 0.85.into(),
            max_momentum: 0.95.into(),
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }
}

/// The last step of a phase, with its rate and its momentum.
type Phase = (f64, f64, f64);

impl OneCycleLr {
    fn phases(&self, group: usize) -> (Phase, Vec<Phase>) {
        let top = self.max_lr.of(group);
        let first = top / self.div_factor;
        let last = first / self.final_div_factor;
        let [low, high] = [&self.base_momentum, &self.max_momentum].map(|m| m.of(group));
        let total = self.total_steps as f64;
        let rise = (self.pct_start * total - 1.0, top, low);
        let end = (total - 1.0, last, high);
        let phases = if self.three_phase {
            let fall = (2.0 * self.pct_start * total - 2.0, first, high);
            vec![rise, fall, end]
        } else {
            vec![rise, end]
        };
        ((0.0, first, high), phases)
    }

    /// The rate and the momentum after `epoch` steps.
    fn rate_and_momentum(&self, epoch: u64, group: usize) -> (f64, f64) {
        let step = epoch as f64;
        let (mut from, phases) = self.phases(group);
        let last = phases.len() - 1;
        for (i, to) in phases.into_iter().enumerate() {
            if step <= to.0 || i == last {
                let part = (step - from.0) / (to.0 - from.0);
                let between = |a, b| self.anneal_strategy.between(a, b, part);
                return (between(from.1, to.1), between(from.2, to.2));
            }
            from = to;
        }
        unreachable!("the last phase returns")
    }
}

impl Curve for OneCycleLr {
    fn validate(&self, groups: usize) {
        require!(
            self.total_steps > 0,
            "one_cycle_lr: total_steps = 0: must be at least 1"
        );
        require!(
            (0.0..=1.0).contains(&self.pct_start),
            "one_cycle_lr: pct_start = {}: must be between 0 and 1, both allowed",
            self.pct_start
        );
        for (option, values) in [
            ("max_lr", &self.max_lr),
            ("base_momentum", &self.base_momentum),
            ("max_momentum", &self.max_momentum),
        ] {
            values.require("one_cycle_lr", option, groups);
            for group in 0..groups {
                Range::NonNegative.require("one_cycle_lr", option, values.of(group));
            }
        }
        for (option, value) in [
            ("div_factor", self.div_factor),
            ("final_div_factor", self.final_div_factor),
        ] {
            require!(
                value > 0.0 && value.is_finite(),
                "one_cycle_lr: {option} = {value}: must be a finite number above 0"
            );
        }
        let (start, _) = self.rate_and_momentum(0, 0);
        require!(
            !start.is_nan(),
            "one_cycle_lr: pct_start = {}, total_steps = {}: a phase has no steps; use more steps or another \
             pct_start",
            self.pct_start,
            self.total_steps
        );
    }

    fn base(&self, group: usize) -> Option<f64> {
        Some(self.max_lr.of(group) / self.div_factor)
    }

    fn start(&self, at: GroupRate) -> f64 {
        self.next(0, at)
    }

    fn restart(&self, at: GroupRate) -> f64 {
        self.next(0, at)
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        require!(
            epoch <= self.total_steps,
            "one_cycle_lr: step {epoch} after the last of total_steps = {}; use more steps, or stop stepping it",
            self.total_steps
        );
        self.rate_and_momentum(epoch, at.group).0
    }

    fn last_step(&self) -> Option<u64> {
        Some(self.total_steps)
    }

    fn momentum(&self, epoch: u64, group: usize) -> Option<f64> {
        self.cycle_momentum
            .then(|| self.rate_and_momentum(epoch, group).1)
    }
}
