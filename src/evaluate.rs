//! How well a model does on images that it does not train on.

use wengert_nn::{Module, Parameters, Pass};
use wengert_tensor::{Real, require};

use crate::data::{ImageSet, Loader, LoaderOptions, Normalize};

/// Images per forward pass; the results do not depend on it.
const BATCH: usize = 256;

/// The class that a model finds most likely for each image, in the set's order.
///
/// Images are scaled and normalised as [`LoaderOptions`] does by default, or with `normalize`.
///
/// # Panics
/// If the model's result is not `[batch, classes]`.
#[track_caller]
pub fn predictions<T: Real, M>(
    model: &M,
    images: &ImageSet,
    normalize: Option<&Normalize>,
) -> Vec<i64>
where
    M: Module<Element = T> + Parameters<T>,
{
    let options = LoaderOptions {
        batch: BATCH,
        shuffle: false,
        normalize: normalize.cloned(),
        ..LoaderOptions::default()
    };
    let mut predicted = Vec::with_capacity(images.len());
    for batch in Loader::new(images, options).epoch(0) {
        let mut pass = Pass::eval(model);
        let scores = model.forward(&pass.input(batch.images), &mut pass);
        require!(
            scores.rank() == 2,
            "predictions: {:?}: a model must give [batch, classes]",
            scores.shape()
        );
        predicted.extend(scores.value().argmax(1).iter());
    }
    predicted
}

/// The share of images whose class a model finds most likely, from 0 to 1.
///
/// # Panics
/// As [`predictions`].
#[track_caller]
pub fn accuracy<T: Real, M>(model: &M, images: &ImageSet) -> f64
where
    M: Module<Element = T> + Parameters<T>,
{
    let predicted: Vec<i64> = predictions(model, images, None);
    let hits = predicted
        .iter()
        .zip(images.labels())
        .filter(|(p, t)| **p == i64::from(**t))
        .count();
    hits as f64 / images.len() as f64
}
