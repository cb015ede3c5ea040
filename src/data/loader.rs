//! [`Loader`]: batches of tensors from an [`ImageSet`].

use wengert_tensor::{Real, Tensor, require};

use super::augment::{Augment, RandomChange};
use super::images::ImageSet;
use super::normalize::Normalize;
use super::random::{Purpose, stream};

/// How a [`Loader`] makes batches.
#[derive(Clone, Debug, PartialEq)]
pub struct LoaderOptions {
    /// Images per batch.
    pub batch: usize,
    /// The seed of shuffling, of augmentation and of [`Batch::seed`].
    pub seed: u64,
    /// Whether each epoch has its own random order; otherwise all have the order of the set.
    pub shuffle: bool,
    /// Whether to omit the last batch of an epoch if it is not full.
    pub drop_last: bool,
    /// The factor from bytes to numbers; `None` maps the brightest pixel to 1.
    pub scale: Option<f64>,
    /// Subtracts a mean and divides by a deviation, after scaling.
    pub normalize: Option<Normalize>,
    /// Random changes of every image.
    pub augment: Augment,
}

impl Default for LoaderOptions {
    /// Batches of 64, shuffled with seed 0, the last one possibly shorter, pixels from 0 to 1.
    fn default() -> Self {
        Self {
            batch: 64,
            seed: 0,
            shuffle: true,
            drop_last: false,
            scale: None,
            normalize: None,
            augment: Augment::default(),
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

/// Some images and their labels.
#[derive(Clone, Debug)]
pub struct Batch<T: Real> {
    /// `[batch, channels, height, width]`, scaled and normalised.
    pub images: Tensor<T>,
    /// `[batch]`, class numbers.
    pub labels: Tensor<i64>,
    /// The indices of these images in the set.
    pub rows: Vec<usize>,
    /// A seed for the random choices of this training step, such as dropout:
    /// `Pass::train(&model, batch.seed)`. It depends on the seed of the loader, the epoch and the step.
    pub seed: u64,
}

/// Makes batches of an [`ImageSet`], each a pure function of set, options and [`Position`].
///
/// ```
/// use wengert::data::{Dataset, Loader, LoaderOptions, Position};
///
/// let digits = Dataset::digits();
/// let loader = Loader::new(&digits.train, LoaderOptions { batch: 32, seed: 7, ..LoaderOptions::default() });
/// for batch in loader.epoch::<f32>(0) {
///     assert_eq!(batch.images.shape()[1..], [1, 8, 8]);
/// }
/// // From a saved position on, the batches are the same.
/// let rest = loader.batches::<f32>(Position { epoch: 0, step: 40 });
/// assert_eq!(rest.len(), loader.steps() - 40);
/// ```
#[derive(Clone, Debug)]
pub struct Loader<'a> {
    set: &'a ImageSet,
    options: LoaderOptions,
}

impl<'a> Loader<'a> {
    /// A loader of a set.
    ///
    /// # Panics
    /// If the batch is 0, if `drop_last` would omit every batch, if `scale` is not a finite number, or if
    /// `normalize` does not have one mean and one deviation above 0 per channel.
    #[must_use]
    #[track_caller]
    pub fn new(set: &'a ImageSet, options: LoaderOptions) -> Self {
        require!(options.batch > 0, "Loader: batch = 0: must be at least 1");
        require!(
            !options.drop_last || set.is_empty() || options.batch <= set.len(),
            "Loader: batch = {} with drop_last: the set has {} images, so every batch would be omitted; use \
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
        if let Some(normalize) = &options.normalize {
            normalize.check(set.shape()[1]);
        }
        Self { set, options }
    }

    /// A loader for another set with the same batch size, scale and normalisation, but in the order of the
    /// set, with every image, unchanged: for validation and test sets.
    ///
    /// # Panics
    /// As [`new`](Self::new), if the set has another number of channels.
    #[must_use]
    #[track_caller]
    pub fn for_evaluation<'b>(&self, set: &'b ImageSet) -> Loader<'b> {
        let options = LoaderOptions {
            shuffle: false,
            drop_last: false,
            augment: Augment::default(),
            ..self.options.clone()
        };
        Loader::new(set, options)
    }

    /// The set that the batches come from.
    #[must_use]
    pub fn set(&self) -> &'a ImageSet {
        self.set
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &LoaderOptions {
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
            order: self.order(position.epoch),
            values: self.values(),
            position,
        }
    }

    /// The order of the images in an epoch, as indices.
    ///
    /// All permutations are equally likely (Fisher and Yates, 1938; Durstenfeld, 1964); the generator is
    /// ChaCha8 with seed and epoch as its key.
    #[must_use]
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.set.len()).collect();
        if self.options.shuffle {
            let mut random = stream(Purpose::Shuffle, self.options.seed, epoch, 0);
            for last in (1..order.len()).rev() {
                order.swap(last, random.below(last + 1));
            }
        }
        order
    }

    /// The value of each byte, per channel: `(byte · scale − mean) / deviation`.
    fn values<T: Real>(&self) -> Vec<[T; 256]> {
        let scale = self
            .options
            .scale
            .unwrap_or(1.0 / f64::from(self.set.white()));
        (0..self.set.shape()[1])
            .map(|channel| {
                std::array::from_fn(|byte| {
                    let x = byte as f64 * scale;
                    T::of(match &self.options.normalize {
                        Some(normalize) => normalize.apply(x, channel),
                        None => x,
                    })
                })
            })
            .collect()
    }
}

/// The batches of an epoch; see [`Loader::batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a, T: Real> {
    loader: &'a Loader<'a>,
    order: Vec<usize>,
    values: Vec<[T; 256]>,
    position: Position,
}

impl<T: Real> Batches<'_, T> {
    /// The position of the next batch: save it to resume after the last one. After the last batch of an
    /// epoch it is the beginning of the next epoch.
    #[must_use]
    pub fn position(&self) -> Position {
        let Position { epoch, step } = self.position;
        if step < self.loader.steps() {
            self.position
        } else {
            Position {
                epoch: epoch + 1,
                step: 0,
            }
        }
    }

    fn batch(&self, rows: Vec<usize>) -> Batch<T> {
        let (set, options) = (self.loader.set, &self.loader.options);
        let Position { epoch, step } = self.position;
        let [_, channels, height, width] = set.shape();
        let mut pixels = Vec::with_capacity(rows.len() * channels * height * width);
        for &row in &rows {
            let change = RandomChange::new(options.augment, options.seed, epoch, row);
            let planes = set.image(row).chunks_exact((height * width).max(1));
            for (plane, values) in planes.zip(&self.values) {
                change.append(plane, width, values, &mut pixels);
            }
        }
        let labels = rows
            .iter()
            .map(|&row| i64::from(set.labels()[row]))
            .collect();
        Batch {
            images: Tensor::from_vec(pixels, [rows.len(), channels, height, width]),
            labels: Tensor::from_vec(labels, [rows.len()]),
            rows,
            seed: stream(Purpose::Pass, options.seed, epoch, step as u64).any(),
        }
    }
}

impl<T: Real> Iterator for Batches<'_, T> {
    type Item = Batch<T>;

    fn next(&mut self) -> Option<Batch<T>> {
        let step = self.position.step;
        if step >= self.loader.steps() {
            return None;
        }
        let start = step * self.loader.options.batch;
        let end = (start + self.loader.options.batch).min(self.order.len());
        let batch = self.batch(self.order[start..end].to_vec());
        self.position.step += 1;
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.loader.steps().saturating_sub(self.position.step);
        (left, Some(left))
    }
}

impl<T: Real> ExactSizeIterator for Batches<'_, T> {}
