//! [`Batch`]: some samples as tensors; [`Targets`]: what the model is to answer.

use std::ops::Range;

use wengert_autograd::Var;
use wengert_autograd::ops::CrossEntropyOptions;
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

    /// Some of the samples, in their order, with the same seed; those beyond the end are left out.
    ///
    /// ```
    /// use wengert::data::{Loader, LoaderOptions, Split};
    ///
    /// let digits = Split::digits();
    /// let loader = Loader::new(&digits.train, LoaderOptions { batch: 32, ..LoaderOptions::default() });
    /// let batch = loader.epoch::<f32>(0).next().expect("there are batches");
    /// assert_eq!(batch.part(8..16).rows, batch.rows[8..16]);
    /// assert_eq!(batch.part(30..40).len(), 2);
    /// ```
    #[must_use]
    pub fn part(&self, samples: Range<usize>) -> Self {
        let end = samples.end.min(self.len());
        let samples = samples.start.min(end)..end;
        let along = samples.start as isize..samples.end as isize;
        let targets = match &self.targets {
            Targets::Classes(classes) => Targets::Classes(classes.slice(0, along.clone())),
            Targets::Numbers(numbers) => Targets::Numbers(numbers.slice(0, along.clone())),
        };
        Self {
            inputs: self.inputs.slice(0, along),
            targets,
            rows: self.rows[samples].to_vec(),
            seed: self.seed,
            is_mixed: self.is_mixed,
        }
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
        self.cross_entropy_with(scores, &CrossEntropyOptions::default())
    }

    /// [`cross_entropy`](Self::cross_entropy) with options.
    ///
    /// ```
    /// use wengert::data::Targets;
    /// use wengert::prelude::*;
    ///
    /// let scores = Var::constant(Tensor::<f64>::zeros([3, 10]));
    /// let targets = Targets::Classes(Tensor::from_vec(vec![7, 0, 2], [3]));
    /// let options = CrossEntropyOptions { label_smoothing: 0.1, ..Default::default() };
    /// let loss = targets.cross_entropy_with(&scores, &options);
    /// assert!((loss.item() - 10_f64.ln()).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// As [`Var::cross_entropy_with`] for class numbers, and [`Var::cross_entropy_soft_with`] for probabilities.
    #[must_use]
    #[track_caller]
    pub fn cross_entropy_with(&self, scores: &Var<T>, options: &CrossEntropyOptions) -> Var<T> {
        match self {
            Self::Classes(classes) => scores.cross_entropy_with(classes, options),
            Self::Numbers(numbers) => {
                scores.cross_entropy_soft_with(&Var::constant(numbers.clone()), options)
            }
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
