//! [`Subset`]: some samples of a set; [`split_rows`]: a training and a validation part.

use wengert_tensor::require;

use super::dataset::{Dataset, Example};
use super::error::DataError;
use super::image_files::ImageFiles;
use super::images::ImageSet;
use super::random::{Purpose, stream};
use super::sampler::rows_by_class;
use super::split::Split;

/// The samples of a set with some indices, in their order; an index may occur more than once.
///
/// ```
/// use wengert::data::{Dataset, ImageSet, Subset, split_rows};
///
/// let digits = ImageSet::digits();
/// let (train, validation) = split_rows(&digits, 0.2, 0);
/// let validation = Subset::new(&digits, validation);
/// assert_eq!(validation.len(), 359);
/// assert_eq!(train.len() + validation.len(), digits.len());
/// ```
#[derive(Clone)]
pub struct Subset<'a> {
    set: &'a dyn Dataset,
    rows: Vec<usize>,
}

impl std::fmt::Debug for Subset<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut view = f.debug_struct("Subset");
        view.field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<'a> Subset<'a> {
    /// The samples with these indices.
    ///
    /// # Panics
    /// If there is no such sample.
    #[must_use]
    #[track_caller]
    pub fn new(set: &'a dyn Dataset, rows: Vec<usize>) -> Self {
        if let Some(row) = rows.iter().find(|&&row| row >= set.len()) {
            wengert_tensor::fail::fail(format_args!(
                "Subset: index {row}: the set has {} samples",
                set.len()
            ));
        }
        Self { set, rows }
    }

    /// The indices in the whole set.
    #[must_use]
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }
}

impl Dataset for Subset<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn example(&self, index: usize) -> Example {
        self.set.example(self.rows[index])
    }

    fn try_example(&self, index: usize) -> Result<Example, DataError> {
        self.set.try_example(self.rows[index])
    }

    fn class_names(&self) -> &[String] {
        self.set.class_names()
    }

    fn class_count(&self) -> usize {
        self.set.class_count()
    }

    fn class(&self, index: usize) -> Option<i64> {
        self.set.class(self.rows[index])
    }

    fn scale(&self) -> f64 {
        self.set.scale()
    }
}

/// The indices of a set in two parts, each ascending: the first to train on, and a random `share` for validation.
///
/// If all targets are classes, the parts are stratified: of a class with `n` samples `share·n`, rounded, are for
/// validation, but never all. Otherwise the same holds of the whole set.
///
/// # Panics
/// If the share is not from 0 to 1, excluding 1.
#[must_use]
#[track_caller]
pub fn split_rows(set: &dyn Dataset, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    require!(
        (0.0..1.0).contains(&share),
        "split: share = {share}: must be from 0 to 1, excluding 1"
    );
    let groups = if (0..set.len()).all(|index| set.class(index).is_some()) {
        rows_by_class(set, "split")
    } else {
        vec![(0..set.len()).collect()]
    };
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    for (group, mut rows) in (0..).zip(groups) {
        stream(Purpose::Split, seed, 0, group).shuffle(&mut rows);
        let held = (share * rows.len() as f64).round() as usize;
        let (first, rest) = rows.split_at(held.min(rows.len().saturating_sub(1)));
        validation.extend(first);
        train.extend(rest);
    }
    train.sort_unstable();
    validation.sort_unstable();
    (train, validation)
}

impl ImageSet {
    /// The images in two parts: a random `share` of each class, rounded, becomes the test set; see [`split_rows`].
    ///
    /// # Panics
    /// If the share is not from 0 to 1, excluding 1.
    #[must_use]
    #[track_caller]
    pub fn split(&self, share: f64, seed: u64) -> Split {
        let (train, test) = split_rows(self, share, seed);
        Split {
            train: self.select(train),
            test: self.select(test),
        }
    }
}

impl ImageFiles {
    /// As [`ImageSet::split`], without reading an image.
    ///
    /// # Panics
    /// If the share is not from 0 to 1, excluding 1.
    #[must_use]
    #[track_caller]
    pub fn split(&self, share: f64, seed: u64) -> Split<Self> {
        let (train, test) = split_rows(self, share, seed);
        Split {
            train: self.select(train),
            test: self.select(test),
        }
    }
}
