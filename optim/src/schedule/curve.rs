//! [`Curve`]: the formula of a schedule.

use std::fmt::Debug;

/// The learning rate of one group, from which a [`Curve`] computes the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupRate {
    /// The index of the group.
    pub group: usize,
    /// The current learning rate.
    pub lr: f64,
    /// The learning rate that the schedule started from.
    pub base: f64,
}

/// The formula of a schedule.
///
/// As in `PyTorch`, most curves compute a rate from the previous rate, not from the number of steps alone.
/// So several schedules of one optimizer multiply, and a rate that the caller sets between two steps has an
/// effect. [`Schedule`](crate::Schedule) applies a curve to an optimizer.
///
/// A curve defines the rate for any number of steps; what it does after its last step is documented with
/// each.
pub trait Curve: Debug + Send + Sync + 'static {
    /// Panics if an option is outside its range.
    ///
    /// # Panics
    /// If an option is outside its range.
    #[track_caller]
    fn validate(&self, _groups: usize) {}

    /// The initial rate of a group, if the options define it instead of the optimizer.
    fn base(&self, _group: usize) -> Option<f64> {
        None
    }

    /// The rate before the first step, when the schedule is made.
    fn start(&self, at: GroupRate) -> f64 {
        at.lr
    }

    /// The first rate of the curve if it follows another one in a sequence.
    fn restart(&self, at: GroupRate) -> f64 {
        at.base
    }

    /// The rate after `epoch` steps of the schedule, where `epoch` is at least 1.
    fn next(&self, epoch: u64, at: GroupRate) -> f64;

    /// The last step that the curve may make; `None` if it has no end.
    fn last_step(&self) -> Option<u64> {
        None
    }

    /// The momentum after `epoch` steps, if the curve changes it.
    fn momentum(&self, _epoch: u64, _group: usize) -> Option<f64> {
        None
    }
}

/// A curve that is chosen at run time.
impl Curve for Box<dyn Curve> {
    fn validate(&self, groups: usize) {
        (**self).validate(groups);
    }

    fn base(&self, group: usize) -> Option<f64> {
        (**self).base(group)
    }

    fn start(&self, at: GroupRate) -> f64 {
        (**self).start(at)
    }

    fn restart(&self, at: GroupRate) -> f64 {
        (**self).restart(at)
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        (**self).next(epoch, at)
    }

    fn last_step(&self) -> Option<u64> {
        (**self).last_step()
    }

    fn momentum(&self, epoch: u64, group: usize) -> Option<f64> {
        (**self).momentum(epoch, group)
    }
}
