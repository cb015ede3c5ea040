//! Curves from a function of the caller.

use std::fmt;

use super::curve::{Curve, GroupRate};

type Factor = Box<dyn Fn(u64, usize) -> f64 + Send + Sync>;

/// The initial rate times `f(number of steps, group)`.
///
/// ```
/// use wengert_optim::{LambdaLr, Optimizer, Schedule, Sgd};
///
/// let mut optimizer: Optimizer = Optimizer::new(Sgd { lr: 0.5, ..Sgd::default() });
/// let mut schedule = Schedule::new(LambdaLr::new(|t, _| 1.0 / (t as f64 + 1.0)), &mut optimizer);
/// schedule.step(&mut optimizer);
/// assert_eq!(optimizer.lr(), 0.25);
/// ```
pub struct LambdaLr(Factor);

impl LambdaLr {
    /// A curve with that factor.
    #[must_use]
    pub fn new(factor: impl Fn(u64, usize) -> f64 + Send + Sync + 'static) -> Self {
        Self(Box::new(factor))
    }
}

impl fmt::Debug for LambdaLr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LambdaLr")
    }
}

impl Curve for LambdaLr {
    fn start(&self, at: GroupRate) -> f64 {
        self.next(0, at)
    }

    fn restart(&self, at: GroupRate) -> f64 {
        self.next(0, at)
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        at.base * (self.0)(epoch, at.group)
    }
}

/// The previous rate times `f(number of steps, group)`.
pub struct MultiplicativeLr(Factor);

impl MultiplicativeLr {
    /// A curve with that factor.
    #[must_use]
    pub fn new(factor: impl Fn(u64, usize) -> f64 + Send + Sync + 'static) -> Self {
        Self(Box::new(factor))
    }
}

impl fmt::Debug for MultiplicativeLr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MultiplicativeLr")
    }
}

impl Curve for MultiplicativeLr {
    fn restart(&self, at: GroupRate) -> f64 {
        self.next(0, at)
    }

    fn next(&self, epoch: u64, at: GroupRate) -> f64 {
        at.lr * (self.0)(epoch, at.group)
    }
}
