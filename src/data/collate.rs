//! [`Collate`]: samples of a set as the tensors of a batch: scaled, augmented, normalised, stacked.

use wengert_tensor::{Element, Real, Tensor, require};

use super::augment::Augment;
use super::batch::Targets;
use super::dataset::{Dataset, Example, Target};
use super::error::DataError;
use super::loader::LoaderOptions;
use super::normalize::Normalize;

/// How the samples of an epoch become tensors.
#[derive(Clone)]
pub(crate) struct Collate<'a> {
    set: &'a dyn Dataset,
    scale: f64,
    normalize: Option<&'a Normalize>,
    augment: &'a Augment,
    seed: u64,
    epoch: u64,
}

impl std::fmt::Debug for Collate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collate")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

impl<'a> Collate<'a> {
    pub(crate) fn new(set: &'a dyn Dataset, options: &'a LoaderOptions, epoch: u64) -> Self {
        Self {
            set,
            scale: options.scale.unwrap_or_else(|| set.scale()),
            normalize: options.normalize.as_ref(),
            augment: &options.augment,
            seed: options.seed,
            epoch,
        }
    }

    /// The inputs `[rows, …]` and targets `[rows, …]` of some samples.
    #[track_caller]
    pub(crate) fn samples<T: Real>(
        &self,
        rows: &[usize],
    ) -> Result<(Tensor<T>, Targets<T>), DataError> {
        let mut inputs = Stack::new("input", rows.len());
        let mut targets = StackedTargets::Empty;
        for &row in rows {
            let Example { input, target } = self.sample(row)?;
            inputs.push(row, &input, |x| T::of(x));
            targets.push(row, &target, rows.len());
        }
        Ok((inputs.tensor(), targets.finish()))
    }

    /// A sample, mixed with another one if the options say so.
    fn sample(&self, row: usize) -> Result<Example, DataError> {
        let one = self.unmixed(row)?;
        if self.augment.mixup == 0.0 {
            return Ok(one);
        }
        let count = self.set.len();
        let (partner, share) = self.augment.partner(count, self.seed, self.epoch, row);
        let other = self.unmixed(partner)?;
        let mix = |a: &Tensor<f64>, b: &Tensor<f64>| {
            require!(
                a.shape() == b.shape(),
                "Loader: mixup: samples {row} and {partner} have the shapes {:?} and {:?}: all must have one shape",
                a.shape(),
                b.shape()
            );
            a.zip(b, |a, b| share * a + (1.0 - share) * b)
        };
        let targets = [(row, &one), (partner, &other)].map(|(row, x)| self.numbers(row, &x.target));
        Ok(Example {
            input: mix(&one.input, &other.input),
            target: Target::Numbers(mix(&targets[0], &targets[1])),
        })
    }

    /// A target as numbers: of a class number the probability 1 of that class.
    fn numbers(&self, row: usize, target: &Target) -> Tensor<f64> {
        let count = self.set.class_count();
        match target {
            Target::Numbers(numbers) => numbers.clone(),
            Target::Classes(classes) => {
                let valid = |&class: &i64| usize::try_from(class).is_ok_and(|class| class < count);
                let Some(class) = target.class().filter(valid) else {
                    wengert_tensor::fail::fail(format_args!(
                        "Loader: mixup: sample {row} has the target {classes:?}: one of the {count} classes is needed"
                    ));
                };
                let mut probabilities = vec![0.0; count];
                probabilities[class as usize] = 1.0;
                Tensor::from_vec(probabilities, [count])
            }
        }
    }

    fn unmixed(&self, row: usize) -> Result<Example, DataError> {
        let Example { mut input, target } = self.set.try_example(row)?;
        input.map_in_place(|x| x * self.scale);
        self.augment.apply(&mut input, self.seed, self.epoch, row);
        if let Some(normalize) = self.normalize {
            normalize.apply(&mut input);
        }
        Ok(Example { input, target })
    }
}

/// Tensors of one shape that become rows of one tensor.
struct Stack<E> {
    what: &'static str,
    rows: usize,
    shape: Vec<usize>,
    values: Vec<E>,
    pushed: usize,
}

impl<E: Element> Stack<E> {
    fn new(what: &'static str, rows: usize) -> Self {
        Self {
            what,
            rows,
            shape: Vec::new(),
            values: Vec::new(),
            pushed: 0,
        }
    }

    #[track_caller]
    fn push<V: Element>(&mut self, row: usize, x: &Tensor<V>, convert: impl Fn(V) -> E) {
        if self.pushed == 0 {
            self.shape = x.shape().to_vec();
            self.values.reserve_exact(self.rows * x.len());
        }
        require!(
            x.shape() == self.shape,
            "Loader: sample {row}: its {} has the shape {:?}, others of the batch {:?}: all must have one shape",
            self.what,
            x.shape(),
            self.shape
        );
        self.values.extend(x.iter().map(convert));
        self.pushed += 1;
    }

    fn tensor(self) -> Tensor<E> {
        let shape = [&[self.pushed], &self.shape[..]].concat();
        Tensor::from_vec(self.values, shape)
    }
}

/// The targets of a batch under construction.
enum StackedTargets<T: Real> {
    Empty,
    Classes(Stack<i64>),
    Numbers(Stack<T>),
}

impl<T: Real> StackedTargets<T> {
    #[track_caller]
    fn push(&mut self, row: usize, target: &Target, rows: usize) {
        if let Self::Empty = self {
            *self = match target {
                Target::Classes(_) => Self::Classes(Stack::new("target", rows)),
                Target::Numbers(_) => Self::Numbers(Stack::new("target", rows)),
            };
        }
        match (self, target) {
            (Self::Classes(stack), Target::Classes(classes)) => stack.push(row, classes, |x| x),
            (Self::Numbers(stack), Target::Numbers(numbers)) => stack.push(row, numbers, T::of),
            _ => wengert_tensor::fail::fail(format_args!(
                "Loader: sample {row}: some targets of the batch are class numbers and some are other numbers"
            )),
        }
    }

    fn finish(self) -> Targets<T> {
        match self {
            Self::Empty => Targets::Classes(Tensor::from_vec(Vec::new(), [0])),
            Self::Classes(stack) => Targets::Classes(stack.tensor()),
            Self::Numbers(stack) => Targets::Numbers(stack.tensor()),
        }
    }
}
