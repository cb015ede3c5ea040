//! Accuracy and predictions of a model on a data set.

use wengert_nn::{Module, Pass};
use wengert_tensor::{Real, require};

use crate::data::{Loader, Targets};

/// The class with the highest score for each sample, in the order of the loader's set.
///
/// Samples are scaled and normalised as the loader does; shuffling, sampling, augmentation and `drop_last` are
/// ignored.
///
/// # Panics
/// If the model's result is not `[batch, classes]`.
#[track_caller]
pub fn predictions<T: Real, M>(model: &M, loader: &Loader<'_>) -> Vec<i64>
where
    M: Module<T>,
{
    predictions_and_targets(model, loader).0
}

/// The fraction of samples whose class has the highest score, from 0 to 1; NaN for an empty set.
///
/// The loader is the one that the model was trained with, for another set, so that the samples are scaled
/// and normalised alike: `accuracy(&model, &loader.for_evaluation(&data.test))`. Of targets that are
/// probabilities the largest counts.
///
/// # Panics
/// As [`predictions`], and if the targets are neither class numbers nor probabilities of classes.
#[track_caller]
pub fn accuracy<T: Real, M>(model: &M, loader: &Loader<'_>) -> f64
where
    M: Module<T>,
{
    let (predicted, targets) = predictions_and_targets(model, loader);
    let classes = targets
        .iter()
        .flat_map(|targets| targets.most_probable().to_vec());
    let correct = predicted
        .iter()
        .zip(classes)
        .filter(|(predicted, class)| *predicted == class);
    correct.count() as f64 / predicted.len() as f64
}

#[track_caller]
fn predictions_and_targets<T: Real, M>(
    model: &M,
    loader: &Loader<'_>,
) -> (Vec<i64>, Vec<Targets<T>>)
where
    M: Module<T>,
{
    let mut predicted = Vec::with_capacity(loader.set().len());
    let mut targets = Vec::new();
    for batch in loader.for_evaluation(loader.set()).epoch(0) {
        let mut pass = Pass::eval(model);
        let scores = model.call(&pass.input(batch.inputs), &mut pass);
        require!(
            scores.rank() == 2,
            "predictions: {:?}: a model must return [batch, classes]",
            scores.shape()
        );
        predicted.extend(scores.value().argmax(1).iter());
        targets.push(batch.targets);
    }
    (predicted, targets)
}
