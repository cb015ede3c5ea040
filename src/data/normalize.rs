//! [`Normalize`]: channels with mean 0 and standard deviation 1.

use wengert_tensor::{Tensor, require};

use super::dataset::Dataset;

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
        require!(
            !set.is_empty(),
            "Normalize::of: the set has no samples, so it has no mean"
        );
        // Sums of bytes are exact, since they are scaled at the end.
        let mean = channel_means(set, |x, _| x);
        let variance = channel_means(set, |x, channel| {
            let difference = x - mean[channel];
            difference * difference
        });
        let deviation = |variance: f64| match variance.sqrt() * set.scale().abs() {
            d if d > 0.0 => d,
            _ => 1.0,
        };
        Self {
            mean: mean.iter().map(|mean| mean * set.scale()).collect(),
            deviation: variance.into_iter().map(deviation).collect(),
        }
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

/// The mean over the set of a function of each input value and its channel.
#[track_caller]
fn channel_means(set: &dyn Dataset, f: impl Fn(f64, usize) -> f64) -> Vec<f64> {
    let (mut sums, mut count) = (Vec::new(), 0_usize);
    for index in 0..set.len() {
        let input = set.example(index).input;
        require!(
            input.rank() > 0 && (index == 0 || input.shape()[0] == sums.len()),
            "Normalize::of: sample {index} has the shape {:?}: all samples need the same first axis",
            input.shape()
        );
        sums.resize(input.shape()[0], 0.0);
        let values = input.to_vec();
        let size = values.len() / sums.len().max(1);
        for (channel, values) in values.chunks_exact(size.max(1)).enumerate() {
            sums[channel] += values.iter().map(|&x| f(x, channel)).sum::<f64>();
        }
        count += size;
    }
    sums.iter().map(|sum| sum / count.max(1) as f64).collect()
}
