//! [`Batch`]: some samples as tensors; [`Targets`]: what the model is to answer.

use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor, fail::fail};

/// Some samples of a set.
#[derive(Clone, Debug)]
pub struct Batch<T: Real> {
    /// `[batch, …]`, scaled and normalised; for images `[batch, channels, height, width]`.
    pub inputs: Tensor<T>,
    /// What the model is to answer.
    pub targets: Targets<T>,
    /// The indices of these samples in the set.
    pub rows: Vec<usize>,
    /// A seed for the random choices of this training step, such as dropout:
    /// `Pass::train(&model, batch.seed)`. It depends on the seed of the loader, the epoch and the step.
    pub seed: u64,
    /// Whether the samples were mixed, so that class numbers have become probabilities.
    pub is_mixed: bool,
}

impl<T: Real> Batch<T> {
    /// The number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The targets of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets<T: Real> {
    /// Class numbers `[batch, …]`, usually `[batch]`.
    Classes(Tensor<i64>),
    /// Numbers `[batch, …]`: values of a regression, labels that are 0 or 1, or probabilities `[batch, classes]`.
    Numbers(Tensor<T>),
}

impl<T: Real> Targets<T> {
    /// The class numbers.
    ///
    /// # Panics
    /// If the targets are numbers, such as probabilities after mixup.
    #[must_use]
    #[track_caller]
    pub fn classes(&self) -> &Tensor<i64> {
        match self {
            Self::Classes(classes) => classes,
            Self::Numbers(numbers) => fail(format_args!(
                "classes: the targets are numbers of shape {:?}: use `numbers()`, or `cross_entropy()` for \
                 probabilities",
                numbers.shape()
            )),
        }
    }

    /// The numbers.
    ///
    /// # Panics
    /// If the targets are class numbers.
    #[must_use]
    #[track_caller]
    pub fn numbers(&self) -> &Tensor<T> {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Classes(classes) => fail(format_args!(
                "numbers: the targets are class numbers of shape {:?}: use `classes()`",
                classes.shape()
            )),
        }
    }

    /// The extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Classes(classes) => classes.shape(),
            Self::Numbers(numbers) => numbers.shape(),
        }
    }

    /// The mean cross entropy of class scores with these targets: [`Var::cross_entropy`] for class numbers,
    /// [`Var::cross_entropy_soft`] for probabilities, as mixup makes them.
    ///
    /// * `scores`: `[batch, classes, …]`
    /// * returns one number
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn cross_entropy(&self, scores: &Var<T>) -> Var<T> {
        match self {
            Self::Classes(classes) => scores.cross_entropy(classes),
            Self::Numbers(numbers) => scores.cross_entropy_soft(&Var::constant(numbers.clone())),
        }
    }

    /// The most probable class of each sample, `[batch]`: the class numbers themselves, or the position of the
    /// largest probability along axis 1.
    ///
    /// # Panics
    /// If the targets are numbers of another rank than 2.
    #[must_use]
    #[track_caller]
    pub fn most_probable(&self) -> Tensor<i64> {
        match self {
            Self::Classes(classes) => classes.clone(),
            Self::Numbers(numbers) if numbers.rank() == 2 => numbers.argmax(1),
            Self::Numbers(numbers) => fail(format_args!(
                "most_probable: the targets have shape {:?}: [batch, classes] is needed",
                numbers.shape()
            )),
        }
    }
}
