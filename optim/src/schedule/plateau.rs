//! Rates that fall when nothing improves.

use wengert_tensor::require;

use super::rates::{PerGroup, Rates};
use crate::optimizer_state::{LoadError, Scalars};

/// Whether a metric should fall or rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Less is better.
    Min,
    /// More is better.
    Max,
}

/// What `threshold` is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdMode {
    /// By the best metric: `best · (1 ∓ threshold)` must be beaten.
    Rel,
    /// As it is: `best ∓ threshold` must be beaten.
    Abs,
}

/// The options of a [`Plateau`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceLrOnPlateau {
    /// Whether the metric should fall or rise.
    pub mode: Mode,
    /// What the rate is multiplied by, below 1.
    pub factor: f64,
    /// How many steps without improvement are borne.
    pub patience: u64,
    /// How much better than the best a metric must be.
    pub threshold: f64,
    /// What that is measured by.
    pub threshold_mode: ThresholdMode,
    /// How many steps after a fall do not count.
    pub cooldown: u64,
    /// The lowest rate.
    pub min_lr: PerGroup,
    /// A fall of no more than this is left out.
    pub eps: f64,
}

impl Default for ReduceLrOnPlateau {
    fn default() -> Self {
        Self {
            mode: Mode::Min,
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

/// Lowers the rates when a metric has not improved for some steps.
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
    /// A schedule of those options.
    ///
    /// # Panics
    /// If `factor` is not below 1, or `min_lr` has not one number for each group.
    #[must_use]
    #[track_caller]
    pub fn new(options: ReduceLrOnPlateau, optimizer: &mut impl Rates) -> Self {
        require!(
            options.factor < 1.0,
            "reduce_lr_on_plateau: factor = {}: not below 1",
            options.factor
        );
        let groups = optimizer.rates().len();
        options
            .min_lr
            .require("reduce_lr_on_plateau", "min_lr", groups);
        let worst = match options.mode {
            Mode::Min => f64::INFINITY,
            Mode::Max => f64::NEG_INFINITY,
        };
        Self {
            options,
            best: worst,
            bad: 0,
            cooldown: 0,
            epoch: 0,
        }
    }

    /// Takes note of a metric, and lowers the rates if it is time. A NaN is no improvement.
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
            self.lower(optimizer);
            self.cooldown = self.options.cooldown;
            self.bad = 0;
        }
    }

    fn improves(&self, metric: f64) -> bool {
        let (best, threshold) = (self.best, self.options.threshold);
        match (self.options.mode, self.options.threshold_mode) {
            (Mode::Min, ThresholdMode::Rel) => metric < best * (1.0 - threshold),
            (Mode::Min, ThresholdMode::Abs) => metric < best - threshold,
            (Mode::Max, ThresholdMode::Rel) => metric > best * (1.0 + threshold),
            (Mode::Max, ThresholdMode::Abs) => metric > best + threshold,
        }
    }

    fn lower(&self, optimizer: &mut impl Rates) {
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

    /// Takes up the state of a schedule of the same options; in an error nothing changes.
    ///
    /// # Errors
    /// If a name is missing, unknown or there twice, or a count is none.
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
