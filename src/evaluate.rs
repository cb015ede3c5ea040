//! Accuracy and predictions of a model on a set of images.

use wengert_nn::{Module, Pass};
use wengert_tensor::{Real, require};

use crate::data::Loader;

/// The class with the highest score for each image, in the order of the loader's set.
///
/// Images are scaled and normalised as the loader does; shuffling, augmentation and `drop_last` are
/// ignored.
///
/// # Panics
/// If the model's result is not `[batch, classes]`.
#[track_caller]
pub fn predictions<T: Real, M>(model: &M, loader: &Loader<'_>) -> Vec<i64>
where
    M: Module<T>,
{
    let mut predicted = Vec::with_capacity(loader.set().len());
    for batch in loader.for_evaluation(loader.set()).epoch(0) {
        let mut pass = Pass::eval(model);
        let scores = model.call(&pass.input(batch.images), &mut pass);
        require!(
            scores.rank() == 2,
            "predictions: {:?}: a model must return [batch, classes]",
            scores.shape()
        );
        predicted.extend(scores.value().argmax(1).iter());
    }
    predicted
}

/// The fraction of images whose class has the highest score, from 0 to 1; NaN for an empty set.
///
/// The loader is the one that the model was trained with, for another set, so that the images are scaled
/// and normalised alike: `accuracy(&model, &loader.for_evaluation(&data.test))`.
///
/// # Panics
/// As [`predictions`].
#[track_caller]
pub fn accuracy<T: Real, M>(model: &M, loader: &Loader<'_>) -> f64
where
    M: Module<T>,
{
    let predicted = predictions(model, loader);
    let labels = loader.set().labels();
    let correct = predicted
        .iter()
        .zip(labels)
        .filter(|(predicted, label)| **predicted == i64::from(**label))
        .count();
    correct as f64 / labels.len() as f64
}
