//! The learning rates that a schedule may change.

use wengert_tensor::{Real, require};

use crate::optimizer::Optimizer;

/// The learning rate of one group, to be changed by a schedule.
#[derive(Debug)]
pub struct Rate<'a> {
    /// The learning rate of the next step.
    pub lr: &'a mut f64,
    /// The momentum or β₁ of the next step; `None` for rules without.
    pub momentum: Option<&'a mut f64>,
    /// The initial rate: the one when the first schedule was made, or the one that the options of a schedule
    /// define.
    pub initial: &'a mut Option<f64>,
}

/// An optimizer whose learning rates a schedule may change.
pub trait Rates {
    /// The rates of all groups, in order.
    fn rates(&mut self) -> Vec<Rate<'_>>;
}

impl<T: Real> Rates for Optimizer<T> {
    fn rates(&mut self) -> Vec<Rate<'_>> {
        let groups = self.groups.iter_mut();
        groups
            .map(|group| Rate {
                lr: &mut group.lr,
                momentum: group.options.momentum.map(|_| &mut group.momentum),
                initial: &mut group.initial,
            })
            .collect()
    }
}

/// An option with one number for all groups, or one per group.
#[derive(Clone, Debug, PartialEq)]
pub enum PerGroup {
    /// One number for all groups.
    All(f64),
    /// One number per group, in the order of the groups.
    Each(Vec<f64>),
}

impl PerGroup {
    pub(crate) fn of(&self, group: usize) -> f64 {
        match self {
            Self::All(value) => *value,
            Self::Each(values) => values[group],
        }
    }

    #[track_caller]
    pub(crate) fn require(&self, schedule: &str, option: &str, groups: usize) {
        if let Self::Each(values) = self {
            require!(
                values.len() == groups,
                "{schedule}: {option} has {} numbers, the optimizer has {groups} groups",
                values.len()
            );
        }
    }
}

impl From<f64> for PerGroup {
    fn from(value: f64) -> Self {
        Self::All(value)
    }
}

impl From<Vec<f64>> for PerGroup {
    fn from(values: Vec<f64>) -> Self {
        Self::Each(values)
    }
}
