//! One rise, one fall.

use std::f64::consts::PI;

use wengert_tensor::require;

use super::curve::{At, Curve};
use super::rates::PerGroup;

/// How a value goes from one number to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anneal {
    /// Along half a cosine.
    Cos,
    /// Along a line.
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

/// Rises from `max_lr / div_factor` to `max_lr`, and falls far below where it began (Smith & Topin
/// 2019); the momentum, or β₁, goes the other way.
///
/// The rate of the optimizer plays no part. The rise takes `pct_start` of `total_steps`; with three
/// phases as long a fall to the first rate follows, and then the fall to the last.
#[derive(Clone, Debug, PartialEq)]
pub struct OneCycleLr {
    /// The highest rate.
    pub max_lr: PerGroup,
    /// How many steps there are; `epochs · steps_per_epoch`, say.
    pub total_steps: u64,
    /// The part of the steps in which the rate rises, in `0 … 1`.
    pub pct_start: f64,
    /// How it rises and falls.
    pub anneal_strategy: Anneal,
    /// Whether the momentum changes too.
    pub cycle_momentum: bool,
    /// The momentum at the highest rate.
    pub base_momentum: PerGroup,
    /// The momentum at the lowest rates.
    pub max_momentum: PerGroup,
    /// The highest rate over the first.
    pub div_factor: f64,
    /// The first rate over the last.
    pub final_div_factor: f64,
    /// Whether the fall to the first rate is a phase of its own.
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

/// Where a phase ends, with which rate and which momentum.
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

    /// The rate and the momentum after so many steps.
    fn place(&self, epoch: u64, group: usize) -> (f64, f64) {
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
        require!(self.total_steps > 0, "one_cycle_lr: total_steps = 0");
        require!(
            (0.0..=1.0).contains(&self.pct_start),
            "one_cycle_lr: pct_start = {}: not between 0 and 1",
            self.pct_start
        );
        for (option, values) in [
            ("max_lr", &self.max_lr),
            ("base_momentum", &self.base_momentum),
            ("max_momentum", &self.max_momentum),
        ] {
            values.require("one_cycle_lr", option, groups);
        }
        let (start, _) = self.place(0, 0);
        require!(
            !start.is_nan(),
            "one_cycle_lr: pct_start = {} of {} steps: a phase has no length",
            self.pct_start,
            self.total_steps
        );
    }

    fn base(&self, group: usize) -> Option<f64> {
        Some(self.max_lr.of(group) / self.div_factor)
    }

    fn start(&self, at: At) -> f64 {
        self.next(0, at)
    }

    fn restart(&self, at: At) -> f64 {
        self.next(0, at)
    }

    fn next(&self, epoch: u64, at: At) -> f64 {
        require!(
            epoch <= self.total_steps,
            "one_cycle_lr: step {epoch} of {}",
            self.total_steps
        );
        self.place(epoch, at.group).0
    }

    fn momentum(&self, epoch: u64, group: usize) -> Option<f64> {
        self.cycle_momentum.then(|| self.place(epoch, group).1)
    }
}
