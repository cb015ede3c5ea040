//! [`Normalize`]: channels with mean 0 and standard deviation 1.

use wengert_tensor::require;

use super::images::ImageSet;

/// Subtracts a mean per channel and divides by a standard deviation per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    /// The mean of each channel, after scaling.
    pub mean: Vec<f64>,
    /// The standard deviation of each channel, after scaling.
    pub deviation: Vec<f64>,
}

impl Normalize {
    /// The mean and the population standard deviation of the pixels of a set, scaled to 0–1, per channel. A
    /// constant channel gets the deviation 1.
    ///
    /// ```
    /// use wengert::data::{Dataset, Normalize};
    ///
    /// let normalize = Normalize::of(&Dataset::digits().train);
    /// assert!((normalize.mean[0] - 0.305).abs() < 0.001);
    /// ```
    #[must_use]
    pub fn of(set: &ImageSet) -> Self {
        let [images, channels, height, width] = set.shape();
        let (plane, white) = (height * width, f64::from(set.white()));
        let count = (images * plane).max(1) as f64;
        let moments = |channel: usize| {
            let planes = set.pixels().chunks_exact(plane.max(1));
            let bytes = planes.skip(channel).step_by(channels).flatten();
            // Integer sums are exact, and below 2⁶⁴ for any set that fits into memory.
            let (sum, squares) = bytes.fold((0_u64, 0_u64), |(sum, squares), &byte| {
                let byte = u64::from(byte);
                (sum + byte, squares + byte * byte)
            });
            let mean = sum as f64 / count;
            let variance = (squares as f64 / count - mean * mean).max(0.0);
            (mean / white, variance.sqrt() / white)
        };
        let (mean, deviation): (Vec<f64>, Vec<f64>) = (0..channels).map(moments).unzip();
        Self {
            mean,
            deviation: deviation
                .into_iter()
                .map(|d| if d > 0.0 { d } else { 1.0 })
                .collect(),
        }
    }

    pub(crate) fn apply(&self, x: f64, channel: usize) -> f64 {
        (x - self.mean[channel]) / self.deviation[channel]
    }

    #[track_caller]
    pub(crate) fn check(&self, channels: usize) {
        require!(
            self.mean.len() == channels && self.deviation.len() == channels,
            "Loader: normalize has {} means and {} deviations, the images have {channels} channels; \
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
