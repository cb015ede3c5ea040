//! The training loop that lessons share.

use wengert::prelude::*;

/// Trains a model for an epoch; returns the mean loss over its steps.
pub(crate) fn epoch<M: Module<f32>>(
    model: &mut M,
    optimizer: &mut Optimizer,
    loader: &Loader<'_>,
    epoch: u64,
) -> f64 {
    let mut sum = 0.0;
    for batch in loader.epoch(epoch) {
        let mut pass = Pass::train(model, batch.seed);
        let scores = model.call(&pass.input(batch.inputs), &mut pass);
        let loss = scores.cross_entropy(batch.targets.classes());
        let gradients = pass.backward(&loss);
        optimizer.step(model, &gradients, pass);
        sum += f64::from(loss.item());
    }
    sum / loader.steps() as f64
}

/// A loader of batches in random order.
pub(crate) fn loader(set: &ImageSet, batch: usize) -> Loader<'_> {
    Loader::new(set, LoaderOptions { batch, ..LoaderOptions::default() })
}

/// The share of correct answers on another set than the loader's, in percent.
pub(crate) fn percent<M: Module<f32>>(model: &M, loader: &Loader<'_>, set: &ImageSet) -> f64 {
    100.0 * accuracy(model, &loader.for_evaluation(set))
}
