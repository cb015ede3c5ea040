//! [`Split`]: a training set and a test set of images.

use super::images::ImageSet;

/// A training set and a test set of images.
///
/// ```
/// use wengert::data::Split;
///
/// let digits = Split::digits();
/// assert_eq!((digits.train.len(), digits.test.len()), (1438, 359));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The training set.
    pub train: ImageSet,
    /// The test set; not for choosing models or options.
    pub test: ImageSet,
}
