//! Rates by a function of the caller's.

use std::fmt;

use super::curve::{At, Curve};

type Factor = Box<dyn Fn(u64, usize) -> f64 + Send + Sync>;

/// The rate times `f(steps so far, group)`.
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
    /// A schedule of that factor.
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
    fn start(&self, at: At) -> f64 {
        self.next(0, at)
    }

    fn restart(&self, at: At) -> f64 {
        self.next(0, at)
    }

    fn next(&self, epoch: u64, at: At) -> f64 {
        at.base * (self.0)(epoch, at.group)
    }
}

/// At every step the last rate times `f(steps so far, group)`.
pub struct MultiplicativeLr(Factor);

impl MultiplicativeLr {
    /// A schedule of that factor.
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
    fn restart(&self, at: At) -> f64 {
        self.next(0, at)
    }

    fn next(&self, epoch: u64, at: At) -> f64 {
        at.lr * (self.0)(epoch, at.group)
    }
}
