//! [`Split`]: a training set and a test set of images.

use super::images::ImageSet;

/// A training set and a test set of images: in memory, or of [`ImageFiles`](super::ImageFiles).
///
/// ```
/// use wengert::data::Split;
///
/// let digits = Split::digits();
/// assert_eq!((digits.train.len(), digits.test.len()), (1438, 359));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Split<S = ImageSet> {
    /// The training set.
    pub train: S,
    /// The test set; not for choosing models or options.
    pub test: S,
}
