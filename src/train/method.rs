//! [`Method`]: how a trainer updates a model.

use wengert_nn::{Gradients, Parameters};
use wengert_optim::{Lbfgs, LoadError, Optimizer, OptimizerState, Rate, Rates};
use wengert_tensor::Real;

/// How a trainer updates a model: an [`Optimizer`] of any rule, or [`Lbfgs`], which evaluates the loss at
/// several points of a step.
#[derive(Clone, Debug)]
pub enum Method<T: Real = f32> {
    /// One gradient for each update.
    Rule(Optimizer<T>),
    /// A line search for each update.
    Lbfgs(Lbfgs<T>),
}

impl<T: Real> From<Optimizer<T>> for Method<T> {
    fn from(optimizer: Optimizer<T>) -> Self {
        Self::Rule(optimizer)
    }
}

impl<T: Real> From<Lbfgs<T>> for Method<T> {
    fn from(optimizer: Lbfgs<T>) -> Self {
        Self::Lbfgs(optimizer)
    }
}

impl<T: Real> Rates for Method<T> {
    fn rates(&mut self) -> Vec<Rate<'_>> {
        match self {
            Self::Rule(optimizer) => optimizer.rates(),
            Self::Lbfgs(optimizer) => optimizer.rates(),
        }
    }
}

impl<T: Real> Method<T> {
    /// The learning rate of the first group.
    #[must_use]
    pub fn lr(&self) -> f64 {
        match self {
            Self::Rule(optimizer) => optimizer.lr(),
            Self::Lbfgs(optimizer) => optimizer.lr(),
        }
    }

    /// Whether an update evaluates its batches more than once.
    pub(super) fn evaluates_again(&self) -> bool {
        matches!(self, Self::Lbfgs(_))
    }

    /// The patterns of the groups, in order.
    pub(super) fn groups(&self) -> Vec<String> {
        match self {
            Self::Rule(optimizer) => optimizer
                .groups()
                .iter()
                .map(|g| g.pattern().to_owned())
                .collect(),
            Self::Lbfgs(_) => vec!["*".to_owned()],
        }
    }

    pub(super) fn state_dict(&self) -> OptimizerState<T> {
        match self {
            Self::Rule(optimizer) => optimizer.state_dict(),
            Self::Lbfgs(optimizer) => optimizer.state_dict(),
        }
    }

    pub(super) fn load_state_dict(
        &mut self,
        model: &(impl Parameters<T> + ?Sized),
        state: &OptimizerState<T>,
    ) -> Result<(), LoadError> {
        match self {
            Self::Rule(optimizer) => optimizer.load_state_dict(model, state),
            Self::Lbfgs(optimizer) => optimizer.load_state_dict(model, state),
        }
    }

    /// Updates the model. `gradients` are those at its present parameters; L-BFGS calls `evaluate` for
    /// the loss and the gradients at other ones.
    #[track_caller]
    pub(super) fn update<M: Parameters<T>>(
        &mut self,
        model: &mut M,
        loss: T,
        gradients: &Gradients<T>,
        mut evaluate: impl FnMut(&mut M) -> (T, Gradients<T>),
    ) {
        match self {
            Self::Rule(optimizer) => {
                let _ = optimizer.update(model, gradients);
            }
            Self::Lbfgs(optimizer) => {
                let mut first = Some((loss, gradients.clone()));
                let _ = optimizer.step(model, |model| {
                    first.take().unwrap_or_else(|| evaluate(model))
                });
            }
        }
    }
}

/// The learning rates of one group, for a schedule of its own.
pub(super) struct OneGroup<'a, R> {
    pub(super) rates: &'a mut R,
    pub(super) group: usize,
}

impl<R: Rates> Rates for OneGroup<'_, R> {
    fn rates(&mut self) -> Vec<Rate<'_>> {
        self.rates
            .rates()
            .into_iter()
            .skip(self.group)
            .take(1)
            .collect()
    }
}
