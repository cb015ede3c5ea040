//! What a schedule is: how the rate of one group follows from the one before.

use std::fmt::Debug;

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// The place of the group.
    pub group: usize,
    /// Its learning rate now.
    pub lr: f64,
    /// The learning rate that the schedule started from.
    pub base: f64,
}

/// The options of a schedule, and the learning rates that follow from them.
///
/// As in `PyTorch`, most rates follow from the rate before, not from the count alone, so that several
/// schedules of one optimizer multiply, and a rate set by hand in between is kept to. The driver,
/// [`Schedule`](crate::Schedule), does the rest.
pub trait Curve: Debug + Send + Sync + 'static {
    /// Panics if an option makes no sense.
    ///
    /// # Panics
    /// That is its purpose.
    #[track_caller]
    fn validate(&self, _groups: usize) {}

    /// The rate that a group starts from, if the options say so, not the optimizer.
    fn base(&self, _group: usize) -> Option<f64> {
        None
    }

    /// The rate before the first step, when the schedule is made.
    fn start(&self, at: At) -> f64 {
        at.lr
    }

    /// The rate where the schedule takes over from another one, whatever that left.
    fn restart(&self, at: At) -> f64 {
        at.base
    }

    /// The rate after `epoch` steps of the schedule, at least 1.
    fn next(&self, epoch: u64, at: At) -> f64;

    /// The momentum after so many steps, if the schedule changes it.
    fn momentum(&self, _epoch: u64, _group: usize) -> Option<f64> {
        None
    }
}
