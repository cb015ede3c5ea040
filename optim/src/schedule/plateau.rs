//! Rates that fall when a metric stops improving.

use super::rates::{PerGroup, Rates};
use crate::optimizer_state::{LoadError, Scalars};
use crate::rule_options::Range;

/// Whether a metric should fall or rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricMode {
    /// Lower is better.
    Min,
    /// Higher is better.
    Max,
}

/// Whether `threshold` is relative or absolute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdMode {
    /// An improvement is better than `best · (1 ∓ threshold)`.
    Rel,
    /// An improvement is better than `best ∓ threshold`.
    Abs,
}

/// The options of a [`Plateau`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceLrOnPlateau {
    /// Whether the metric should fall or rise.
    pub mode: MetricMode,
    /// The factor of the rate, at least 0 and below 1.
    pub factor: f64,
    /// The number of steps without improvement that are allowed.
    pub patience: u64,
    /// How much better than the best metric an improvement must be.
    pub threshold: f64,
    /// Whether the threshold is relative or absolute.
    pub threshold_mode: ThresholdMode,
    /// The number of steps after a reduction that are not counted.
    pub cooldown: u64,
    /// The lowest rate.
    pub min_lr: PerGroup,
    /// A reduction by at most this much is omitted.
    pub eps: f64,
}

impl Default for ReduceLrOnPlateau {
    fn default() -> Self {
        Self {
            mode: MetricMode::Min,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Rel,
            cooldown: 0,
            min_lr: 0.0.into(),
            eps: 1e-8,
        }
    }
}

/// Reduces the rates when a metric has not improved for `patience` steps.
///
/// ```
/// use wengert_optim::{Optimizer, Plateau, ReduceLrOnPlateau, Sgd};
///
/// let mut optimizer: Optimizer = Optimizer::new(Sgd { lr: 0.5, ..Sgd::default() });
/// let options = ReduceLrOnPlateau { factor: 0.5, patience: 1, ..ReduceLrOnPlateau::default() };
/// let mut plateau = Plateau::new(options, &mut optimizer);
/// for loss in [3.0, 2.0, 2.0, 2.0] {
///     plateau.step(loss, &mut optimizer);
/// }
/// assert_eq!(optimizer.lr(), 0.25);
/// ```
#[derive(Clone, Debug)]
pub struct Plateau {
    options: ReduceLrOnPlateau,
    best: f64,
    bad: u64,
    cooldown: u64,
    epoch: u64,
}

impl Plateau {
    /// A schedule with these options.
    ///
    /// # Panics
    /// If an option is outside its range, or `min_lr` does not have one number per group.
    #[must_use]
    #[track_caller]
    pub fn new(options: ReduceLrOnPlateau, optimizer: &mut impl Rates) -> Self {
        let name = "reduce_lr_on_plateau";
        Range::BelowOne.require(name, "factor", options.factor);
        Range::NonNegative.require(name, "threshold", options.threshold);
        Range::NonNegative.require(name, "eps", options.eps);
        let groups = optimizer.rates().len();
        options.min_lr.require(name, "min_lr", groups);
        for group in 0..groups {
            Range::NonNegative.require(name, "min_lr", options.min_lr.of(group));
        }
        let worst = match options.mode {
            MetricMode::Min => f64::INFINITY,
            MetricMode::Max => f64::NEG_INFINITY,
        };
        Self {
            options,
            best: worst,
            bad: 0,
            cooldown: 0,
            epoch: 0,
        }
    }

    /// Records a metric, and reduces the rates if it has not improved for too long. A NaN is not an
    /// improvement.
    pub fn step(&mut self, metric: f64, optimizer: &mut impl Rates) {
        self.epoch += 1;
        if self.improves(metric) {
            self.best = metric;
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad = 0;
        }
        if self.bad > self.options.patience {
            self.reduce(optimizer);
            self.cooldown = self.options.cooldown;
            self.bad = 0;
        }
    }

    fn improves(&self, metric: f64) -> bool {
        let (best, threshold) = (self.best, self.options.threshold);
        match (self.options.mode, self.options.threshold_mode) {
            (MetricMode::Min, ThresholdMode::Rel) => metric < best * (1.0 - threshold),
            (MetricMode::Min, ThresholdMode::Abs) => metric < best - threshold,
            (MetricMode::Max, ThresholdMode::Rel) => metric > best * (1.0 + threshold),
            (MetricMode::Max, ThresholdMode::Abs) => metric > best + threshold,
        }
    }

    fn reduce(&self, optimizer: &mut impl Rates) {
        for (i, rate) in optimizer.rates().into_iter().enumerate() {
            let lower = (*rate.lr * self.options.factor).max(self.options.min_lr.of(i));
            if *rate.lr - lower > self.options.eps {
                *rate.lr = lower;
            }
        }
    }

    /// The best metric so far.
    #[must_use]
    pub const fn best(&self) -> f64 {
        self.best
    }

    /// The state as named numbers. The rates are in the optimizer's.
    #[must_use]
    pub fn state_dict(&self) -> Vec<(String, f64)> {
        let named = [
            ("best", self.best),
            ("num_bad_epochs", self.bad as f64),
            ("cooldown_counter", self.cooldown as f64),
            ("last_epoch", self.epoch as f64),
        ];
        named.map(|(name, x)| (name.to_owned(), x)).to_vec()
    }

    /// Replaces the state by that of a schedule with the same options; after an error nothing has changed.
    ///
    /// # Errors
    /// If a name is missing, unknown or there twice, or a count is invalid.
    pub fn load_state_dict(&mut self, dict: &[(String, f64)]) -> Result<(), LoadError> {
        let mut source = Scalars::new(dict)?;
        let best = source.number("best")?;
        let bad = source.count("num_bad_epochs")?;
        let cooldown = source.count("cooldown_counter")?;
        let epoch = source.count("last_epoch")?;
        source.finish()?;
        (self.best, self.bad, self.cooldown, self.epoch) = (best, bad, cooldown, epoch);
        Ok(())
    }
}
