//! [`BatchSource`] and [`TrainBatch`]: what a trainer needs from data.

use std::iter::from_fn;
use std::ops::Range;

use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use crate::data::{Batch, DataError, Loader, LoaderOptions, Position, Targets};

/// A data set in batches, each a function of its [`Position`] alone.
///
/// That makes exact resume possible: a trainer stores a position, and the batches from there on are the
/// same. A [`Loader`] is a source.
pub trait BatchSource<T: Real> {
    /// What a step is made from.
    type Batch: TrainBatch<T> + Send;

    /// The number of batches of an epoch.
    fn steps(&self) -> usize;

    /// The number of examples of an epoch.
    fn examples(&self) -> usize;

    /// The batches of an epoch from a position on; none if its step is [`steps`](Self::steps).
    fn batches(&self, position: Position) -> impl Iterator<Item = Self::Batch>;

    /// Calls `f` with the batches of an epoch from a position on, and returns its result. A source may make them ahead
    /// on other threads; a batch that cannot be read is an error, which ends training. By default the batches are
    /// those of [`batches`](Self::batches).
    fn with_batches<R>(
        &self,
        position: Position,
        f: impl FnOnce(&mut dyn Iterator<Item = Result<Self::Batch, DataError>>) -> R,
    ) -> R {
        f(&mut self.batches(position).map(Ok))
    }

    /// As [`with_batches`](Self::with_batches), with the examples `part` of each batch only; those beyond its end are
    /// left out, so a batch may be empty. A source that need not read the other examples overrides this; by default
    /// whole batches are made and [cut](TrainBatch::part). `None` if batches cannot be cut.
    fn with_parts<R>(
        &self,
        position: Position,
        part: Range<usize>,
        f: impl FnOnce(&mut dyn Iterator<Item = Result<Self::Batch, DataError>>) -> R,
    ) -> Option<R> {
        let first = self.batches(position).next();
        if first.is_some_and(|batch| batch.part(0..0).is_none()) {
            return None;
        }
        Some(self.with_batches(position, |batches| {
            f(&mut batches
                .map_while(|batch| batch.map(|batch| batch.part(part.clone())).transpose()))
        }))
    }

    /// The number of examples of the first batch of an epoch.
    fn batch_len(&self) -> usize {
        let first = self.batches(Position::default()).next();
        first.map_or(0, |batch| batch.len())
    }

    /// The class of each example in the data set, in any order; `None` if there are no classes.
    fn labels(&self) -> Option<Vec<i64>> {
        None
    }

    /// The names of the classes; may be empty.
    fn class_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// Everything that decides about the batches, as names and values. A run may be resumed only if all of
    /// them are the same.
    ///
    /// # Errors
    /// If data that decide cannot be read.
    fn settings(&self) -> Result<Vec<(String, String)>, DataError>;
}

/// Some examples: the input of a model and what its output is compared with.
pub trait TrainBatch<T: Real> {
    /// `[batch, …]`
    fn input(&self) -> &Tensor<T>;

    /// A seed for the random choices of this step, such as dropout.
    fn seed(&self) -> u64;

    /// `[batch]`, class numbers; `None` if the targets are no classes.
    fn labels(&self) -> Option<&Tensor<i64>> {
        None
    }

    /// The mean loss of a model's output if the trainer has no loss of its own: the cross entropy of the
    /// labels. `None` if there is no usual one.
    #[track_caller]
    #[allow(clippy::manual_map)] // a closure would be reported as the caller
    fn usual_loss(&self, output: &Var<T>) -> Option<Var<T>> {
        match self.labels() {
            Some(labels) => Some(output.cross_entropy(labels)),
            None => None,
        }
    }

    /// Some of the examples, in their order, with the same seed; those beyond the end are left out. `None` if a batch
    /// cannot be cut, as by default; training in [shards](super::TrainOptions::shards) needs it.
    #[must_use]
    fn part(&self, _examples: Range<usize>) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// The number of examples.
    fn len(&self) -> usize {
        self.input().shape().first().copied().unwrap_or(1)
    }

    /// Whether there is no example.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Real> TrainBatch<T> for Batch<T> {
    fn input(&self) -> &Tensor<T> {
        &self.inputs
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn part(&self, examples: Range<usize>) -> Option<Self> {
        Some(Self::part(self, examples))
    }

    fn labels(&self) -> Option<&Tensor<i64>> {
        match &self.targets {
            Targets::Classes(classes) => Some(classes),
            Targets::Numbers(_) => None,
        }
    }

    /// The cross entropy of class numbers, or of the probabilities that mixup makes of them.
    fn usual_loss(&self, output: &Var<T>) -> Option<Var<T>> {
        let has_probabilities = self.is_mixed && output.shape() == self.targets.shape();
        if self.labels().is_none() && !has_probabilities {
            return None;
        }
        Some(self.targets.cross_entropy(output))
    }
}

impl<T: Real> BatchSource<T> for Loader<'_> {
    type Batch = Batch<T>;

    fn steps(&self) -> usize {
        Loader::steps(self)
    }

    fn examples(&self) -> usize {
        self.set().len()
    }

    fn batches(&self, position: Position) -> impl Iterator<Item = Batch<T>> {
        Loader::batches(self, position)
    }

    fn with_batches<R>(
        &self,
        position: Position,
        f: impl FnOnce(&mut dyn Iterator<Item = Result<Batch<T>, DataError>>) -> R,
    ) -> R {
        self.prefetch(position, |mut batches| {
            f(&mut from_fn(|| batches.try_next()))
        })
    }

    fn with_parts<R>(
        &self,
        position: Position,
        part: Range<usize>,
        f: impl FnOnce(&mut dyn Iterator<Item = Result<Batch<T>, DataError>>) -> R,
    ) -> Option<R> {
        Some(self.prefetch_part(position, part, |mut batches| {
            f(&mut from_fn(|| batches.try_next()))
        }))
    }

    fn batch_len(&self) -> usize {
        self.options().batch.min(self.set().len())
    }

    fn labels(&self) -> Option<Vec<i64>> {
        let set = self.set();
        (0..set.len()).map(|index| set.class(index)).collect()
    }

    fn class_names(&self) -> Vec<String> {
        self.set().class_names().to_vec()
    }

    fn settings(&self) -> Result<Vec<(String, String)>, DataError> {
        // The number of workers decides nothing about the batches.
        let options = LoaderOptions {
            workers: 0,
            ..self.options().clone()
        };
        Ok(vec![
            ("samples".to_owned(), self.set().len().to_string()),
            (
                "fingerprint".to_owned(),
                format!("{:016x}", self.set().fingerprint()?),
            ),
            ("loader".to_owned(), format!("{options:?}")),
        ])
    }
}
