//! [`Loader`]: batches of tensors from a [`Dataset`].

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use wengert_tensor::fail::fail;
use wengert_tensor::{Real, require};

use super::augment::Augment;
use super::batch::Batch;
use super::collate::Collate;
use super::dataset::Dataset;
use super::error::DataError;
use super::normalize::Normalize;
use super::random::{Purpose, stream};
use super::sampler::{Draws, Sampler};

/// How a [`Loader`] makes batches.
#[derive(Clone, Debug, PartialEq)]
pub struct LoaderOptions {
    /// Samples per batch.
    pub batch: usize,
    /// The seed of shuffling, of augmentation and of [`Batch::seed`].
    pub seed: u64,
    /// Whether each epoch has its own random order; otherwise all have the order of the set.
    pub shuffle: bool,
    /// Whether to omit the last batch of an epoch if it is not full.
    pub drop_last: bool,
    /// Which samples an epoch has.
    pub sampler: Sampler,
    /// The factor of the inputs; `None` is that of the set ([`Dataset::scale`]), which maps the brightest pixel to 1.
    pub scale: Option<f64>,
    /// Subtracts a mean and divides by a deviation, after scaling.
    pub normalize: Option<Normalize>,
    /// Random changes of every image.
    pub augment: Augment,
    /// The background threads of [`Loader::prefetch`]; 0 makes batches on the caller's thread. The batches do
    /// not depend on it.
    pub workers: usize,
}

impl Default for LoaderOptions {
    /// Batches of 64, shuffled with seed 0, the last one possibly shorter, pixels from 0 to 1, one worker.
    fn default() -> Self {
        Self {
            batch: 64,
            seed: 0,
            shuffle: true,
            drop_last: false,
            sampler: Sampler::Each,
            scale: None,
            normalize: None,
            augment: Augment::default(),
            workers: 1,
        }
    }
}

/// A position in training: the next batch is number `step` of epoch `epoch`, both from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The number of finished epochs.
    pub epoch: u64,
    /// The number of finished batches of this epoch.
    pub step: usize,
}

/// Makes batches of a [`Dataset`], each a pure function of set, options and [`Position`].
///
/// ```
/// use wengert::data::{Loader, LoaderOptions, Position, Split};
///
/// let digits = Split::digits();
/// let loader = Loader::new(&digits.train, LoaderOptions { batch: 32, seed: 7, ..LoaderOptions::default() });
/// for batch in loader.epoch::<f32>(0) {
///     assert_eq!(batch.inputs.shape()[1..], [1, 8, 8]);
/// }
/// // From a saved position on, the batches are the same.
/// let rest = loader.batches::<f32>(Position { epoch: 0, step: 40 });
/// assert_eq!(rest.len(), loader.steps() - 40);
/// ```
#[derive(Clone)]
pub struct Loader<'a> {
    set: &'a dyn Dataset,
    options: LoaderOptions,
    draws: Draws,
}

impl fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("samples", &self.set.len())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<'a> Loader<'a> {
    /// A loader of a set.
    ///
    /// # Panics
    /// If the batch is 0, if `drop_last` would omit every batch, if `scale` is not a finite number, if
    /// `normalize` does not have one mean and one deviation above 0 per channel, if an augmentation does not fit
    /// the set, or if the sampler does not.
    #[must_use]
    #[track_caller]
    pub fn new(set: &'a dyn Dataset, options: LoaderOptions) -> Self {
        require!(options.batch > 0, "Loader: batch = 0: must be at least 1");
        require!(
            !options.drop_last || set.is_empty() || options.batch <= set.len(),
            "Loader: batch = {} with drop_last: the set has {} samples, so every batch would be omitted; use \
             a batch of at most {}, or `drop_last: false`",
            options.batch,
            set.len(),
            set.len()
        );
        require!(
            options.scale.is_none_or(f64::is_finite),
            "Loader: scale = {:?}: must be a finite number; `None` maps the brightest pixel to 1",
            options.scale
        );
        options.augment.check(set);
        // Whoever trains on a sample that cannot be read gets the error.
        if let (Some(normalize), false) = (&options.normalize, set.is_empty())
            && let Ok(first) = set.try_example(0)
        {
            normalize.check(first.input.shape());
        }
        let draws = Draws::new(&options.sampler, set);
        Self {
            set,
            options,
            draws,
        }
    }

    /// A loader for another set with the same batch size, scale and normalisation, but in the order of the
    /// set, with every sample once, unchanged: for validation and test sets.
    ///
    /// # Panics
    /// As [`new`](Self::new), if the set has another number of channels.
    #[must_use]
    #[track_caller]
    pub fn for_evaluation<'b>(&self, set: &'b dyn Dataset) -> Loader<'b> {
        let options = LoaderOptions {
            shuffle: false,
            drop_last: false,
            sampler: Sampler::Each,
            augment: Augment::default(),
            ..self.options.clone()
        };
        Loader::new(set, options)
    }

    /// The set that the batches come from.
    #[must_use]
    pub fn set(&self) -> &'a dyn Dataset {
        self.set
    }

    /// The options that it was made with.
    #[must_use]
    pub const fn options(&self) -> &LoaderOptions {
        &self.options
    }

    /// Batches per epoch.
    #[must_use]
    pub fn steps(&self) -> usize {
        if self.options.drop_last {
            self.set.len() / self.options.batch
        } else {
            self.set.len().div_ceil(self.options.batch)
        }
    }

    /// All batches of an epoch.
    #[must_use]
    pub fn epoch<T: Real>(&self, epoch: u64) -> Batches<'_, T> {
        self.batches(Position { epoch, step: 0 })
    }

    /// The batches of an epoch from a position on.
    #[must_use]
    pub fn batches<T: Real>(&self, position: Position) -> Batches<'_, T> {
        Batches {
            loader: self,
            order: self.order(position.epoch).into(),
            collate: Collate::new(self.set, &self.options, position.epoch),
            position,
            part: 0..usize::MAX,
            number: PhantomData,
        }
    }

    /// The samples of an epoch in their order, as indices.
    ///
    /// All permutations are equally likely; the generator is ChaCha8 with seed and epoch as its key.
    #[must_use]
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let seed = self.options.seed;
        let mut order = self.draws.rows(self.set.len(), seed, epoch);
        if self.options.shuffle {
            stream(Purpose::Shuffle, seed, epoch, 0).shuffle(&mut order);
        }
        order
    }
}

/// The batches of an epoch; see [`Loader::batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a, T: Real> {
    loader: &'a Loader<'a>,
    order: Arc<[usize]>,
    collate: Collate<'a>,
    position: Position,
    /// Which samples of each batch are made.
    part: Range<usize>,
    number: PhantomData<T>,
}

impl<T: Real> Batches<'_, T> {
    /// The position of the next batch: save it to resume after the last one. After the last batch of an
    /// epoch it is the beginning of the next epoch.
    #[must_use]
    pub fn position(&self) -> Position {
        let Position { epoch, step } = self.position;
        if step < self.steps() {
            self.position
        } else {
            Position {
                epoch: epoch + 1,
                step: 0,
            }
        }
    }

    /// The same with some samples of each batch only; the others are not read.
    pub(crate) fn with_part(mut self, part: Range<usize>) -> Self {
        self.part = part;
        self
    }

    pub(crate) fn steps(&self) -> usize {
        self.loader.steps()
    }

    /// Counts the next batch as made.
    pub(crate) fn skip_one(&mut self) {
        self.position.step += 1;
    }

    /// The batch of a step of the epoch.
    pub(crate) fn make(&self, step: usize) -> Result<Batch<T>, DataError> {
        let options = &self.loader.options;
        let start = step * options.batch;
        let end = (start + options.batch).min(self.order.len());
        let part_end = start.saturating_add(self.part.end).min(end);
        let part_start = start.saturating_add(self.part.start).min(part_end);
        let rows = self.order[part_start..part_end].to_vec();
        let (inputs, targets) = self.collate.samples(&rows)?;
        Ok(Batch {
            inputs,
            targets,
            rows,
            seed: stream(
                Purpose::Pass,
                options.seed,
                self.position.epoch,
                step as u64,
            )
            .any(),
            is_mixed: options.augment.mixup > 0.0,
        })
    }

    /// The next batch, or why it cannot be read.
    pub(crate) fn try_next(&mut self) -> Option<Result<Batch<T>, DataError>> {
        let step = self.position.step;
        if step >= self.steps() {
            return None;
        }
        let batch = self.make(step);
        self.skip_one();
        Some(batch)
    }
}

/// A batch for a caller who expects that all samples can be read.
#[track_caller]
pub(crate) fn require_readable<T: Real>(batch: Result<Batch<T>, DataError>) -> Batch<T> {
    match batch {
        Ok(batch) => batch,
        Err(error) => fail(format_args!("{error}")),
    }
}

impl<T: Real> Iterator for Batches<'_, T> {
    type Item = Batch<T>;

    /// # Panics
    /// If a sample cannot be read ([`Dataset::try_example`]); a [`Trainer`](crate::train::Trainer) returns the error.
    fn next(&mut self) -> Option<Batch<T>> {
        self.try_next().map(require_readable)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.steps().saturating_sub(self.position.step);
        (left, Some(left))
    }
}

impl<T: Real> ExactSizeIterator for Batches<'_, T> {}
