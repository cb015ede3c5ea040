//! How the losses of elements are reduced to one number.

use wengert_tensor::{Real, require};

use crate::sample::Draw;
use crate::var::Var;

/// How a loss reduces the losses of its elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum divided by the extent of the first axis.
    BatchMean,
    /// No reduction: the result has the loss of each element.
    None,
}

impl Reduction {
    /// Reduces losses; the mean divides by their number.
    #[track_caller]
    pub(crate) fn of<T: Real>(self, losses: &Var<T>) -> Var<T> {
        self.over(losses, losses.len() as f64)
    }

    /// Reduces losses; the mean divides by `count`. With `count` 0 the mean is NaN and the gradients are 0.
    #[track_caller]
    pub(crate) fn over<T: Real>(self, losses: &Var<T>, count: f64) -> Var<T> {
        match self {
            Self::Mean if count == 0.0 => losses.sum(..) * 0.0 + f64::NAN,
            Self::Mean => losses.sum(..) / count,
            Self::Sum => losses.sum(..),
            Self::BatchMean => losses.sum(..) / losses.size(0) as f64,
            Self::None => losses.clone(),
        }
    }
}

/// Panics unless the operands of a loss have one shape.
///
/// Broadcasting `[n, 1]` against `[n]` gives `[n, n]`: the loss of pairs that nobody meant, which trains
/// without a message.
#[track_caller]
pub(in crate::ops) fn require_equal_shapes(op: &str, input: &[usize], target: &[usize]) {
    require!(
        input == target,
        "{op}: input {input:?}, target {target:?}: the shapes differ; reshape one, or broadcast it with \
         `broadcast_to`"
    );
}

impl Draw {
    /// A reduction for losses of some shape; not the mean if there are no losses, because that is NaN.
    pub(crate) fn reduction(&mut self, shape: &[usize]) -> Reduction {
        let reduction = self.pick(&[Reduction::Mean, Reduction::Sum, Reduction::None]);
        if shape.contains(&0) {
            Reduction::Sum
        } else {
            reduction
        }
    }
}
