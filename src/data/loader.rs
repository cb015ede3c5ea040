//! [`Loader`]: batches of tensors from an [`ImageSet`].

use wengert_tensor::{Real, Tensor, require};

use super::augment::{Augment, Draw};
use super::images::ImageSet;
use super::normalize::Normalize;
use super::random::{Purpose, stream};

/// How a [`Loader`] makes batches.
#[derive(Clone, Debug, PartialEq)]
pub struct LoaderOptions {
    /// Images per batch.
    pub batch: usize,
    /// What shuffling and augmentation are drawn from.
    pub seed: u64,
    /// Whether each epoch has an order of its own; otherwise all have the set's.
    pub shuffle: bool,
    /// Whether a last batch that is not full is left out.
    pub drop_last: bool,
    /// The factor from bytes to numbers; `None` makes a full pixel 1.
    pub scale: Option<f64>,
    /// Subtracts a mean and divides by a deviation after scaling.
    pub normalize: Option<Normalize>,
    /// Random changes to every image, black where nothing was.
    pub augment: Augment,
}

impl Default for LoaderOptions {
    /// Batches of 64, shuffled from seed 0, the short one kept, pixels from 0 to 1.
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

/// A place in training: the next batch is number `step` of epoch `epoch`, both from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// How often the whole set was seen.
    pub epoch: u64,
    /// How many batches of this epoch were taken.
    pub step: usize,
}

/// Some images and their labels.
#[derive(Clone, Debug)]
pub struct Batch<T: Real> {
    /// `[batch, channels, height, width]`, scaled and normalised.
    pub images: Tensor<T>,
    /// `[batch]`, class numbers.
    pub labels: Tensor<i64>,
    /// Which images of the set these are.
    pub rows: Vec<usize>,
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
/// // A saved position goes on with the same batches.
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
    /// If the batch is 0, or `normalize` has not one mean and one deviation above 0 per channel.
    #[must_use]
    #[track_caller]
    pub fn new(set: &'a ImageSet, options: LoaderOptions) -> Self {
        require!(
            options.batch > 0,
            "Loader: a batch has at least 1 image, not 0"
        );
        if let Some(normalize) = &options.normalize {
            normalize.check(set.shape()[1]);
        }
        Self { set, options }
    }

    /// The set that the batches come from.
    #[must_use]
    pub fn set(&self) -> &'a ImageSet {
        self.set
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

    /// The order of the rows in an epoch.
    ///
    /// A permutation that is uniform over all of them (Fisher and Yates, 1938; Durstenfeld, 1964),
    /// drawn from ChaCha8 with seed and epoch as its key.
    #[must_use]
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.set.len()).collect();
        if self.options.shuffle {
            let mut draws = stream(Purpose::Shuffle, self.options.seed, epoch, 0);
            for last in (1..order.len()).rev() {
                order.swap(last, draws.below(last + 1));
            }
        }
        order
    }

    /// The number that each byte becomes, per channel: `(byte · scale − mean) / deviation`.
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
    /// Where the next batch stands: what to save in order to go on after the last one. After an
    /// epoch's last batch it is the beginning of the next epoch.
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
        let [_, channels, height, width] = set.shape();
        let mut pixels = Vec::with_capacity(rows.len() * channels * height * width);
        for &row in &rows {
            let draw = Draw::new(options.augment, options.seed, self.position.epoch, row);
            let planes = set.image(row).chunks_exact((height * width).max(1));
            for (plane, values) in planes.zip(&self.values) {
                draw.append(plane, width, values, &mut pixels);
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
