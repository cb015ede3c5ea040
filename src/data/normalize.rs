//! [`Normalize`]: channels with mean 0 and standard deviation 1.

use std::ops::Range;

use wengert_tensor::fail::fail;
use wengert_tensor::{Tensor, require};

use super::dataset::Dataset;
use super::error::DataError;

/// Subtracts a mean per channel and divides by a standard deviation per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    /// The mean of each channel, after scaling.
    pub mean: Vec<f64>,
    /// The standard deviation of each channel, after scaling.
    pub deviation: Vec<f64>,
}

impl Normalize {
    /// The mean and the population standard deviation of the inputs of a set along their first axis (channels
    /// of images, features of rows), scaled as a loader scales them. A constant channel gets the deviation 1.
    ///
    /// `mean = Σ x / n`, `deviation = √(Σ (x − mean)² / n)`, in two passes over the set, in `f64`.
    ///
    /// ```
    /// use wengert::data::{Normalize, Split};
    ///
    /// let normalize = Normalize::of(&Split::digits().train);
    /// assert!((normalize.mean[0] - 0.305).abs() < 0.001);
    /// ```
    ///
    /// # Panics
    /// If the set is empty, or its inputs are single numbers of rank 0.
    #[must_use]
    #[track_caller]
    pub fn of(set: &dyn Dataset) -> Self {
        match Self::of_sums(set, |sums| sums(0..set.len())) {
            Ok(normalize) => normalize,
            Err(error) => fail(format_args!("Normalize::of: {error}")),
        }
    }

    /// As [`of`](Self::of), where `all` calls its argument for ranges of samples that are all samples together, here or
    /// in other processes, and returns the results one after the other.
    #[track_caller]
    pub(crate) fn of_sums<E>(
        set: &dyn Dataset,
        mut all: impl FnMut(&SumsOfSamples<'_>) -> Result<Vec<f64>, E>,
    ) -> Result<Self, E> {
        require!(
            !set.is_empty(),
            "Normalize::of: the set has no samples, so it has no mean"
        );
        // Sums of bytes are exact, since they are scaled at the end.
        let mean = channel_means(&all(&|samples| sums_of(set, samples, |x, _| x))?);
        let variance = channel_means(&all(&|samples| {
            sums_of(set, samples, |x, channel| {
                let difference = x - mean[channel];
                difference * difference
            })
        })?);
        let deviation = |variance: f64| match variance.sqrt() * set.scale().abs() {
            d if d > 0.0 => d,
            _ => 1.0,
        };
        Ok(Self {
            mean: mean.iter().map(|mean| mean * set.scale()).collect(),
            deviation: variance.into_iter().map(deviation).collect(),
        })
    }

    /// `(x − mean) / deviation` in place, along the first axis.
    pub(crate) fn apply(&self, input: &mut Tensor<f64>) {
        let size = input.len() / input.shape()[0].max(1);
        let channels = input.as_mut_slice().chunks_exact_mut(size.max(1));
        for ((values, mean), deviation) in channels.zip(&self.mean).zip(&self.deviation) {
            for x in values {
                *x = (*x - mean) / deviation;
            }
        }
    }

    #[track_caller]
    pub(crate) fn check(&self, shape: &[usize]) {
        let channels = shape.first().copied().unwrap_or_default();
        require!(
            self.mean.len() == channels && self.deviation.len() == channels,
            "Loader: normalize has {} means and {} deviations, the inputs {shape:?} have {channels} channels; \
             `Normalize::of(&set)` computes both",
            self.mean.len(),
            self.deviation.len()
        );
        require!(
            self.mean.iter().all(|mean| mean.is_finite())
                && self.deviation.iter().all(|&d| d > 0.0 && d.is_finite()),
            "Loader: normalize has mean {:?} and deviation {:?}: must be finite numbers, deviations above 0",
            self.mean,
            self.deviation
        );
    }
}

/// For each of some samples the number of its channels and of values in a channel, and a sum over each channel.
pub(crate) type SumsOfSamples<'a> = dyn Fn(Range<usize>) -> Result<Vec<f64>, DataError> + 'a;

/// See [`SumsOfSamples`]; the sums are of a function of each value and its channel.
#[track_caller]
fn sums_of(
    set: &dyn Dataset,
    samples: Range<usize>,
    f: impl Fn(f64, usize) -> f64,
) -> Result<Vec<f64>, DataError> {
    let mut sums = Vec::new();
    let mut channels = None;
    for index in samples {
        let input = set.try_example(index)?.input;
        require!(
            input.rank() > 0 && *channels.get_or_insert(input.shape()[0]) == input.shape()[0],
            "Normalize::of: sample {index} has the shape {:?}: all samples need the same first axis",
            input.shape()
        );
        let values = input.to_vec();
        let size = values.len() / input.shape()[0].max(1);
        sums.extend([input.shape()[0] as f64, size as f64]);
        for (channel, values) in values.chunks_exact(size.max(1)).enumerate() {
            sums.push(values.iter().map(|&x| f(x, channel)).sum());
        }
    }
    Ok(sums)
}

/// The means over all samples from the sums of each.
fn channel_means(mut samples: &[f64]) -> Vec<f64> {
    let (mut sums, mut count) = (Vec::new(), 0_usize);
    while let [channels, size, rest @ ..] = samples {
        let channels = *channels as usize;
        let present = if *size > 0.0 { channels } else { 0 };
        let (own, rest) = rest.split_at(present.min(rest.len()));
        sums.resize(channels, 0.0);
        for (sum, own) in sums.iter_mut().zip(own) {
            *sum += own;
        }
        count += *size as usize;
        samples = rest;
    }
    sums.iter().map(|sum| sum / count.max(1) as f64).collect()
}
