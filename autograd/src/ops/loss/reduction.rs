//! How a loss adds up.

use wengert_tensor::Real;

use crate::sample::Draw;
use crate::var::Var;

/// What a loss does with the losses of its elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum over the extent of the first axis.
    BatchMean,
    /// Nothing: each is given back.
    None,
}

impl Reduction {
    /// Of losses whose mean divides by their number.
    #[track_caller]
    pub(crate) fn of<T: Real>(self, losses: &Var<T>) -> Var<T> {
        self.over(losses, losses.len() as f64)
    }

    /// Of losses whose mean divides by something else. The mean over nothing is NaN, and no
    /// gradient comes from it.
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

impl Draw {
    /// A reduction of losses of some shape; not the mean of none, which is NaN.
    pub(crate) fn reduction(&mut self, shape: &[usize]) -> Reduction {
        let reduction = self.pick(&[Reduction::Mean, Reduction::Sum, Reduction::None]);
        if shape.contains(&0) {
            Reduction::Sum
        } else {
            reduction
        }
    }
}
