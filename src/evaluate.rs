//! Accuracy and predictions of a model on a data set.

use wengert_nn::{Module, Pass};
use wengert_tensor::Real;
use wengert_tensor::fail::fail;

use crate::data::{Loader, Position, Targets};

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
    let mut wrong_shape = None;
    let evaluated = loader.for_evaluation(loader.set());
    evaluated.prefetch(Position::default(), |batches| {
        for batch in batches {
            let mut pass = Pass::eval(model);
            let scores = model.call(&pass.input(batch.inputs), &mut pass);
            if scores.rank() != 2 {
                wrong_shape = Some(scores.shape().to_vec());
                return;
            }
            predicted.extend(scores.value().argmax(1).iter());
            targets.push(batch.targets);
        }
    });
    // Not in the closure above, which would hide the caller's line.
    if let Some(shape) = wrong_shape {
        fail(format_args!(
            "predictions: {shape:?}: a model must return [batch, classes]"
        ));
    }
    (predicted, targets)
}
