//! [`ImageSet`]: labelled images of one size, in memory.

use std::borrow::Cow;
use std::path::Path;

use wengert_tensor::{Tensor, element_count, require};

use super::dataset::{Dataset, Example};
use super::error::{DataError, Problem};
use crate::report::Fingerprint;

/// Labelled images of one size, as bytes: `[images, channels, height, width]`, row-major.
///
/// ```
/// let test = wengert::data::Split::digits().test;
/// assert_eq!(test.shape(), [359, 1, 8, 8]);
/// assert_eq!(test.image(0).len(), 64);
/// assert_eq!(test.classes()[test.labels()[0] as usize], "4");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ImageSet {
    pixels: Vec<u8>,
    shape: [usize; 4],
    labels: Vec<i64>,
    classes: Vec<String>,
    white: u8,
}

impl ImageSet {
    /// A set from pixels and labels.
    ///
    /// * `pixels`: `[images, channels, height, width]`, row-major
    /// * `labels`: one class number per image
    /// * `classes`: the names of the classes
    /// * `white`: the brightest pixel value, which a [`Loader`](super::Loader) scales to 1
    ///
    /// # Panics
    /// If the number of pixels is not the product of the shape, the number of labels not that of images, a
    /// label not below the number of classes, or `white` is 0.
    #[must_use]
    #[track_caller]
    pub fn new(
        pixels: Vec<u8>,
        shape: [usize; 4],
        labels: Vec<i64>,
        classes: &[&str],
        white: u8,
    ) -> Self {
        let needed = element_count(&shape);
        require!(
            needed == Some(pixels.len()),
            "ImageSet: shape {shape:?} needs {} pixels, {} are given",
            needed.map_or("more than 2⁶⁴".to_owned(), |needed| needed.to_string()),
            pixels.len()
        );
        require!(
            labels.len() == shape[0],
            "ImageSet: shape {shape:?} has {} images, {} labels are given",
            shape[0],
            labels.len()
        );
        if let Some((image, label)) = invalid_label(&labels, classes.len()) {
            wengert_tensor::fail::fail(format_args!(
                "ImageSet: image {image} has the label {label}, but there are {} classes, numbered from 0",
                classes.len()
            ));
        }
        require!(
            white > 0,
            "ImageSet: white = 0: the brightest pixel value must be at least 1"
        );
        Self {
            pixels,
            shape,
            labels,
            classes: classes.iter().map(|&name| name.to_owned()).collect(),
            white,
        }
    }

    /// The number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether the set has no images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `[images, channels, height, width]`
    #[must_use]
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// All pixels, row-major.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels of one image: `[channels, height, width]`, row-major.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    #[track_caller]
    pub fn image(&self, index: usize) -> &[u8] {
        require!(
            index < self.len(),
            "image: index {index}: the set has {} images",
            self.len()
        );
        let size = self.image_len();
        &self.pixels[index * size..(index + 1) * size]
    }

    /// The class of each image.
    #[must_use]
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// The names of the classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The brightest pixel value: 16 for the digits, 255 for all other sets.
    #[must_use]
    pub fn white(&self) -> u8 {
        self.white
    }

    /// The images with these indices, in this order; an index may occur more than once.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    #[track_caller]
    pub fn select(&self, images: impl IntoIterator<Item = usize>) -> Self {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for index in images {
            pixels.extend_from_slice(self.image(index));
            labels.push(self.labels[index]);
        }
        let [_, channels, height, width] = self.shape;
        Self {
            pixels,
            shape: [labels.len(), channels, height, width],
            labels,
            classes: self.classes.clone(),
            white: self.white,
        }
    }

    fn image_len(&self) -> usize {
        self.shape[1..].iter().product()
    }
}

impl Dataset for ImageSet {
    fn len(&self) -> usize {
        self.len()
    }

    /// The pixels as numbers from 0 to [`white`](ImageSet::white), `[channels, height, width]`.
    fn example(&self, index: usize) -> Example {
        let pixels = self.image(index).iter().map(|&byte| f64::from(byte));
        let input = Tensor::from_vec(pixels.collect(), &self.shape[1..]);
        Example::new(input, Tensor::scalar(self.labels[index]))
    }

    fn class_names(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, index: usize) -> Option<i64> {
        self.labels.get(index).copied()
    }

    /// A hash of the shape, of all labels, and of at most 256 images, evenly spaced.
    fn fingerprint(&self) -> Result<u64, DataError> {
        fingerprint(self.shape, self.white, &self.labels, |index| {
            Ok(self.image(index).into())
        })
    }

    fn scale(&self) -> f64 {
        1.0 / f64::from(self.white)
    }
}

/// The most images that a fingerprint has: few enough to be read at the start of each run.
const FINGERPRINT_IMAGES: usize = 256;

/// A hash of the shape, of all labels, and of some images, evenly spaced.
pub(crate) fn fingerprint<'a>(
    shape: [usize; 4],
    white: u8,
    labels: &[i64],
    image: impl Fn(usize) -> Result<Cow<'a, [u8]>, DataError>,
) -> Result<u64, DataError> {
    let mut hash = Fingerprint::new();
    hash.bytes(format!("{shape:?} {white}").as_bytes());
    for label in labels {
        hash.bytes(&label.to_le_bytes());
    }
    let distance = labels.len().div_ceil(FINGERPRINT_IMAGES).max(1);
    for index in (0..labels.len()).step_by(distance) {
        hash.bytes(&image(index)?);
    }
    Ok(hash.value())
}

/// An error if a label from a file is not the number of a class.
pub(crate) fn check_labels(file: &Path, labels: &[i64], classes: usize) -> Result<(), DataError> {
    match invalid_label(labels, classes) {
        Some((image, label)) => Err(Problem::Label {
            image,
            label,
            classes,
        }
        .of(file)),
        None => Ok(()),
    }
}

fn invalid_label(labels: &[i64], classes: usize) -> Option<(usize, i64)> {
    labels
        .iter()
        .copied()
        .enumerate()
        .find(|&(_, label)| !usize::try_from(label).is_ok_and(|label| label < classes))
}
