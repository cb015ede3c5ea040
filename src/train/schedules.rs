//! The learning-rate schedules of a trainer: planned with the number of steps, rehearsed before training.

use wengert_optim::{Curve, Rate, Rates, Schedule};

use super::error::TrainError;
use super::method::OneGroup;

/// How often a schedule makes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// After each update.
    Step,
    /// After each epoch.
    Epoch,
}

/// One curve, or several one after the other.
pub(super) type Curves = (Vec<Box<dyn Curve>>, Vec<u64>);

/// A schedule before the number of steps is known.
pub(super) struct Plan<'a> {
    pub(super) every: Every,
    /// The pattern of the group; `None` for all groups.
    pub(super) group: Option<String>,
    pub(super) curves: Box<dyn Fn(u64) -> Curves + 'a>,
}

/// A schedule that runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) every: Every,
    group: Option<usize>,
    pub(super) schedule: Schedule,
    /// For messages, and to compare with that of a checkpoint.
    pub(super) text: String,
}

impl Running {
    /// Starts a schedule for training of that many steps. It sets the first rates.
    #[track_caller]
    pub(super) fn start(
        plan: &Plan<'_>,
        total: u64,
        groups: &[String],
        rates: &mut impl Rates,
    ) -> Result<Self, TrainError> {
        let group = match &plan.group {
            None => None,
            Some(pattern) => Some(
                groups
                    .iter()
                    .position(|known| known == pattern)
                    .ok_or_else(|| TrainError::Group {
                        pattern: pattern.clone(),
                        groups: groups.join(", "),
                    })?,
            ),
        };
        let (mut curves, milestones) = (plan.curves)(total);
        let text = format!(
            "{curves:?} at {milestones:?} for group {group:?} every {:?}",
            plan.every
        );
        let schedule = match group {
            None => schedule(&mut curves, &milestones, rates),
            Some(group) => schedule(&mut curves, &milestones, &mut OneGroup { rates, group }),
        };
        if let Some(end) = schedule.last_step().filter(|&end| end < total) {
            return Err(TrainError::ScheduleEnd {
                schedule: text,
                end,
                steps: total,
            });
        }
        Ok(Self {
            every: plan.every,
            group,
            schedule,
            text,
        })
    }

    /// Sets the rates for the next step.
    #[track_caller]
    pub(super) fn step(&mut self, rates: &mut impl Rates) {
        match self.group {
            None => self.schedule.step(rates),
            Some(group) => self.schedule.step(&mut OneGroup { rates, group }),
        }
    }

    pub(super) fn state_dict(&self, rates: &mut impl Rates) -> Vec<(String, f64)> {
        match self.group {
            None => self.schedule.state_dict(rates),
            Some(group) => self.schedule.state_dict(&mut OneGroup { rates, group }),
        }
    }

    pub(super) fn load_state_dict(
        &mut self,
        rates: &mut impl Rates,
        dict: &[(String, f64)],
    ) -> Result<(), wengert_optim::LoadError> {
        match self.group {
            None => self.schedule.load_state_dict(rates, dict),
            Some(group) => self
                .schedule
                .load_state_dict(&mut OneGroup { rates, group }, dict),
        }
    }
}

/// A schedule of one curve starts from the present rates, a sequence from the initial ones.
#[track_caller]
fn schedule(
    curves: &mut Vec<Box<dyn Curve>>,
    milestones: &[u64],
    rates: &mut impl Rates,
) -> Schedule {
    if milestones.is_empty()
        && curves.len() == 1
        && let Some(curve) = curves.pop()
    {
        return Schedule::new(curve, rates);
    }
    Schedule::sequence(std::mem::take(curves), milestones, rates)
}

/// The rates of an optimizer without the optimizer.
struct Rehearsal(Vec<(f64, Option<f64>, Option<f64>)>);

impl Rates for Rehearsal {
    fn rates(&mut self) -> Vec<Rate<'_>> {
        let rates = self.0.iter_mut();
        rates
            .map(|(lr, momentum, initial)| Rate {
                lr,
                momentum: momentum.as_mut(),
                initial,
            })
            .collect()
    }
}

/// The most updates that are rehearsed: some seconds of work, and training may have no end but a stop.
const REHEARSED: u64 = 10_000_000;

/// An error if a learning rate of the training to come is negative, infinite or NaN. After that many updates the
/// optimizer still refuses such a rate, with a panic.
#[track_caller]
pub(super) fn rehearse(
    schedules: &[Running],
    rates: &mut impl Rates,
    epochs: u64,
    updates_per_epoch: u64,
) -> Result<(), TrainError> {
    let rates = rates.rates();
    let mut rates = Rehearsal(
        rates
            .into_iter()
            .map(|r| (*r.lr, r.momentum.map(|m| *m), *r.initial))
            .collect(),
    );
    let mut schedules = schedules.to_vec();
    rates.check(0)?;
    if schedules.is_empty() {
        return Ok(());
    }
    let mut step = 0;
    for _ in 0..epochs.min(REHEARSED / updates_per_epoch.max(1) + 1) {
        for _ in 0..updates_per_epoch {
            step += 1;
            for schedule in schedules.iter_mut().filter(|s| s.every == Every::Step) {
                schedule.step(&mut rates);
            }
            rates.check(step)?;
        }
        for schedule in schedules.iter_mut().filter(|s| s.every == Every::Epoch) {
            schedule.step(&mut rates);
        }
        rates.check(step)?;
    }
    Ok(())
}

impl Rehearsal {
    fn check(&self, step: u64) -> Result<(), TrainError> {
        let wrong = self
            .0
            .iter()
            .map(|(lr, ..)| *lr)
            .find(|lr| !(lr.is_finite() && *lr >= 0.0));
        wrong.map_or(Ok(()), |lr| Err(TrainError::Rate { lr, step }))
    }
}
