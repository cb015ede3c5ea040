//! The built-in data set: real handwritten digits.

use super::idx::Idx;
use super::images::ImageSet;
use super::split::Split;

const IMAGES: &[u8] = include_bytes!("../../data/digits-images.idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../data/digits-labels.idx1-ubyte.gz");

/// The class names of MNIST and of the digits.
pub(crate) const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The brightest pixel value.
const WHITE: u8 = 16;

/// Every fifth image, beginning with index 4, belongs to the test set.
const TEST_EVERY: usize = 5;

impl Split {
    /// 1,797 handwritten digits of 8×8 pixels from 0 to 16, embedded in the program: 1,438 for training and
    /// 359, those whose index is 4 mod 5, for testing. The order is that of scikit-learn.
    ///
    /// E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning
    /// Repository, 1998, <https://doi.org/10.24432/C50P49>, licensed under CC BY 4.0.
    ///
    /// ```
    /// let digits = wengert::data::Split::digits();
    /// assert_eq!((digits.train.len(), digits.test.len()), (1438, 359));
    /// ```
    #[must_use]
    pub fn digits() -> Self {
        let all = ImageSet::digits();
        let is_test = |&row: &usize| row % TEST_EVERY == TEST_EVERY - 1;
        Self {
            train: all.select((0..all.len()).filter(|row| !is_test(row))),
            test: all.select((0..all.len()).filter(is_test)),
        }
    }
}

impl ImageSet {
    /// All 1,797 images of [`Split::digits`] as one set.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the embedded file is valid")]
    pub fn digits() -> Self {
        const VALID: &str = "the embedded file is valid, a test reads it";
        let (pixels, [images, height, width]) = Idx::parse("digits-images", IMAGES)
            .and_then(|idx| idx.into_bytes("digits-images".as_ref(), "u8 of rank 3"))
            .expect(VALID);
        let (labels, [_]) = Idx::parse("digits-labels", LABELS)
            .and_then(|idx| idx.into_bytes("digits-labels".as_ref(), "u8 of rank 1"))
            .expect(VALID);
        let labels = labels.into_iter().map(i64::from).collect();
        Self::new(pixels, [images, 1, height, width], labels, &DIGITS, WHITE)
    }
}
