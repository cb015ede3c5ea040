//! [`Schedule`]: applies curves to the learning rates of an optimizer.

use std::sync::Arc;

use wengert_tensor::require;

use super::curve::{Curve, GroupRate};
use super::rates::{Rate, Rates};
use crate::optimizer_state::{LoadError, Scalars};

/// Changes the learning rates of an optimizer at each step, by one [`Curve`] or a sequence of them.
///
/// ```
/// use wengert_optim::{CosineAnnealingLr, LinearLr, Optimizer, Schedule, Sgd};
///
/// let mut optimizer: Optimizer = Optimizer::new(Sgd { lr: 0.5, ..Sgd::default() });
/// let warm = LinearLr { start_factor: 0.5, total_iters: 2, ..LinearLr::default() };
/// let fall = CosineAnnealingLr { t_max: 4, ..CosineAnnealingLr::default() };
/// let mut schedule = Schedule::sequence(vec![Box::new(warm), Box::new(fall)], &[2], &mut optimizer);
/// let mut rates = vec![optimizer.lr()];
/// for _ in 0..6 {
///     schedule.step(&mut optimizer);
///     rates.push(optimizer.lr());
/// }
/// assert_eq!(rates[..3], [0.25, 0.375, 0.5]);
/// assert!((rates[4] - 0.25).abs() < 1e-15 && rates[6].abs() < 1e-15);
/// ```
///
/// Step the schedule after the optimizer. To resume: make optimizer and schedule as before, then load the
/// state of both; the schedule sets the rates.
#[derive(Clone, Debug)]
pub struct Schedule {
    parts: Vec<Part>,
    milestones: Vec<u64>,
    epoch: u64,
}

/// A curve, the initial rates of the groups, and the number of steps on it.
#[derive(Clone, Debug)]
struct Part {
    curve: Arc<dyn Curve>,
    base: Vec<f64>,
    epoch: u64,
}

impl Part {
    /// Starts a curve: sets the first rates.
    #[track_caller]
    fn new(curve: Arc<dyn Curve>, optimizer: &mut impl Rates) -> Self {
        let rates = optimizer.rates();
        curve.validate(rates.len());
        let mut base = Vec::new();
        for (i, rate) in rates.into_iter().enumerate() {
            if let Some(initial) = curve.base(i) {
                *rate.initial = Some(initial);
            }
            base.push(*rate.initial.get_or_insert(*rate.lr));
            require!(
                curve.momentum(0, i).is_none() || rate.momentum.is_some(),
                "schedule: {curve:?}: the rule of group {i} has no momentum to cycle; set `cycle_momentum: false`"
            );
        }
        let mut part = Self {
            curve,
            base,
            epoch: 0,
        };
        part.set_rates(0, optimizer, Curve::start);
        part
    }

    fn set_rates(
        &mut self,
        epoch: u64,
        optimizer: &mut impl Rates,
        rate_at: impl Fn(&dyn Curve, GroupRate) -> f64,
    ) {
        for (group, rate) in optimizer.rates().into_iter().enumerate() {
            let Rate { lr, momentum, .. } = rate;
            let (before, base) = (*lr, self.base[group]);
            *lr = rate_at(
                &*self.curve,
                GroupRate {
                    group,
                    lr: before,
                    base,
                },
            );
            if let (Some(momentum), Some(new)) = (momentum, self.curve.momentum(epoch, group)) {
                *momentum = new;
            }
        }
        self.epoch = epoch;
    }
}

impl Schedule {
    /// A schedule of one curve. It sets the first rates at once.
    ///
    /// The factors of several schedules of one optimizer multiply if each is stepped; all start from the
    /// rates before the first one was made.
    ///
    /// # Panics
    /// If an option of the curve is outside its range, or the curve changes the momentum of a rule that has
    /// none.
    #[must_use]
    #[track_caller]
    pub fn new(curve: impl Curve, optimizer: &mut impl Rates) -> Self {
        Self {
            parts: vec![Part::new(Arc::new(curve), optimizer)],
            milestones: Vec::new(),
            epoch: 0,
        }
    }

    /// A sequence of curves: `curves[i + 1]` starts at step `milestones[i]`, from the initial rates.
    ///
    /// # Panics
    /// As [`new`](Self::new), and if there are no curves, not one milestone fewer than curves, or the
    /// milestones are not in order.
    #[must_use]
    #[track_caller]
    pub fn sequence(
        curves: Vec<Box<dyn Curve>>,
        milestones: &[u64],
        optimizer: &mut impl Rates,
    ) -> Self {
        let mut parts = Vec::new();
        for curve in curves {
            parts.push(Part::new(Arc::from(curve), optimizer));
        }
        require!(
            parts.len() == milestones.len() + 1,
            "sequence: {} curves, {} milestones: must be one milestone fewer than curves, and at least one \
             curve",
            parts.len(),
            milestones.len()
        );
        require!(
            milestones.is_sorted(),
            "sequence: milestones = {milestones:?}: must be in ascending order"
        );
        for rate in optimizer.rates() {
            *rate.lr = rate.initial.unwrap_or(*rate.lr);
        }
        let first = milestones.partition_point(|&m| m == 0);
        parts[first].set_rates(0, optimizer, Curve::start);
        Self {
            parts,
            milestones: milestones.to_vec(),
            epoch: 0,
        }
    }

    /// Sets the rates for the next step of the optimizer.
    ///
    /// # Panics
    /// If the optimizer has another number of groups than when the schedule was made, or after the last step
    /// of a [`OneCycleLr`](crate::OneCycleLr).
    #[track_caller]
    pub fn step(&mut self, optimizer: &mut impl Rates) {
        let (groups, known) = (optimizer.rates().len(), self.parts[0].base.len());
        require!(
            groups == known,
            "schedule: made for {known} groups, the optimizer has {groups}; step it with the optimizer that it was \
             made for"
        );
        self.epoch += 1;
        let index = self.milestones.partition_point(|&m| m <= self.epoch);
        let part = &mut self.parts[index];
        let is_first = index > 0 && self.milestones[index - 1] == self.epoch;
        let epoch = if is_first { 0 } else { part.epoch + 1 };
        if let Some(last) = part.curve.last_step() {
            require!(
                epoch <= last,
                "schedule: step {epoch} after the last one, {last}, of {:?}; use more steps, or stop stepping it",
                part.curve
            );
        }
        if is_first {
            part.set_rates(epoch, optimizer, Curve::restart);
        } else {
            part.set_rates(epoch, optimizer, |curve, at| curve.next(epoch, at));
        }
    }

    /// The last step that the schedule may make; `None` if it has no end. [`step`](Self::step) panics after it.
    #[must_use]
    pub fn last_step(&self) -> Option<u64> {
        let starts = std::iter::once(0).chain(self.milestones.iter().copied());
        let nexts = self.milestones.iter().copied().map(Some).chain([None]);
        let mut parts = self.parts.iter().zip(starts.zip(nexts));
        parts.find_map(|(part, (start, next))| {
            let end = part.curve.last_step()?.saturating_add(start);
            // The next curve replaces this one at its milestone.
            next.is_none_or(|next| end.saturating_add(1) < next)
                .then_some(end)
        })
    }

    /// The number of steps so far.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The state as named numbers, with the current rates and momenta.
    #[must_use]
    pub fn state_dict(&self, optimizer: &mut impl Rates) -> Vec<(String, f64)> {
        let mut dict = vec![("last_epoch".to_owned(), self.epoch as f64)];
        for (i, part) in self.parts.iter().enumerate() {
            dict.push((format!("{i}/last_epoch"), part.epoch as f64));
            for (group, base) in part.base.iter().enumerate() {
                dict.push((format!("{i}/base_lr/{group}"), *base));
            }
        }
        for (group, rate) in optimizer.rates().into_iter().enumerate() {
            dict.push((format!("lr/{group}"), *rate.lr));
            if let Some(momentum) = rate.momentum {
                dict.push((format!("momentum/{group}"), *momentum));
            }
        }
        dict
    }

    /// Replaces the state by that of a schedule of the same curves, and sets the rates; after an error
    /// nothing has changed.
    ///
    /// # Errors
    /// If a name is missing, unknown or there twice, or a count or a rate is invalid.
    pub fn load_state_dict(
        &mut self,
        optimizer: &mut impl Rates,
        dict: &[(String, f64)],
    ) -> Result<(), LoadError> {
        let mut source = Scalars::new(dict)?;
        let mut loaded = self.clone();
        loaded.epoch = source.count("last_epoch")?;
        for (i, part) in loaded.parts.iter_mut().enumerate() {
            part.epoch = source.count(&format!("{i}/last_epoch"))?;
            for (group, base) in part.base.iter_mut().enumerate() {
                *base = source.rate(&format!("{i}/base_lr/{group}"))?;
            }
        }
        let rates = optimizer.rates();
        let mut values = Vec::new();
        for (group, rate) in rates.iter().enumerate() {
            let lr = source.rate(&format!("lr/{group}"))?;
            let momentum = match rate.momentum {
                Some(_) => Some(source.rate(&format!("momentum/{group}"))?),
                None => None,
            };
            values.push((lr, momentum));
        }
        source.finish()?;
        for (rate, (lr, new)) in rates.into_iter().zip(values) {
            *rate.lr = lr;
            if let (Some(momentum), Some(new)) = (rate.momentum, new) {
                *momentum = new;
            }
        }
        *self = loaded;
        Ok(())
    }
}
