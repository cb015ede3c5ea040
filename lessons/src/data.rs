//! The data sets of the lessons.

use std::path::Path;

use wengert::prelude::*;

use crate::run::say;
use crate::{LessonError, Run};

/// Where Debian's package `dataset-fashion-mnist` puts Fashion-MNIST.
pub const FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist";

/// Where lessons look for CIFAR-10.
pub const CIFAR_10: &str = "cifar-10-batches-bin";

/// Fashion-MNIST if it is there, else the embedded digits, after a line that says what to install.
pub(crate) fn fashion_or_digits(run: &mut Run<'_>) -> Result<Split, LessonError> {
    if let Some(directory) = &run.options.fashion {
        return Ok(Split::fashion_mnist(directory)?);
    }
    if Path::new(FASHION_MNIST).is_dir() {
        return Ok(Split::fashion_mnist(FASHION_MNIST)?);
    }
    say!(run, "Fashion-MNIST is not in {FASHION_MNIST}: `apt-get install dataset-fashion-mnist` puts");
    say!(run, "it there on Debian. This run uses the embedded digits, and its numbers are other ones.\n");
    Ok(Split::digits())
}

/// CIFAR-10 if it is there, else [`fashion_or_digits`].
pub(crate) fn cifar_or_fashion(run: &mut Run<'_>) -> Result<Split, LessonError> {
    if let Some(directory) = &run.options.cifar {
        return Ok(Split::cifar10(directory)?);
    }
    if Path::new(CIFAR_10).is_dir() {
        return Ok(Split::cifar10(CIFAR_10)?);
    }
    say!(run, "CIFAR-10 is not in {CIFAR_10}: unpack cifar-10-binary.tar.gz, from");
    say!(run, "https://www.cs.toronto.edu/~kriz/cifar.html, here. Until then: Fashion-MNIST.\n");
    fashion_or_digits(run)
}

/// An image of a set as a tensor, from 0 to 1: `[channels, height, width]`.
pub(crate) fn image(set: &ImageSet, index: usize) -> Tensor {
    let white = f32::from(set.white());
    let pixels = set.image(index).iter().map(|&pixel| f32::from(pixel) / white).collect();
    Tensor::from_vec(pixels, &set.shape()[1..])
}

/// The same images with other pixels.
pub(crate) fn with_pixels(set: &ImageSet, pixels: Vec<u8>) -> ImageSet {
    let classes: Vec<&str> = set.classes().iter().map(String::as_str).collect();
    ImageSet::new(pixels, set.shape(), set.labels().to_vec(), &classes, set.white())
}
