//! A look into a network: one forward and one backward pass of a batch, without a change.

use std::collections::BTreeMap;

use wengert::data::{ImageSet, Loader};
use wengert::nn::{Sequential, Summary};
use wengert::prelude::*;

use crate::run::{Images, LayerRow};

/// The images of the batch.
pub const BATCH: usize = 64;

/// The gradient and the dead units of every layer with parameters, in the order in which they run.
///
/// The batch has the first images of the set, so that epochs can be compared. Dropout is off, and running
/// statistics stay.
pub fn layers(
    model: &Sequential,
    images: &Images,
    set: &ImageSet,
    summary: &Summary,
) -> Vec<LayerRow> {
    let loader = Loader::new(set, images.loader_options(BATCH));
    let Some(batch) = loader.for_evaluation(set).epoch(0).next() else {
        return Vec::new();
    };
    let mut pass = Pass::train(model, 0);
    pass.evaluate("*");
    let paths: Vec<&str> = summary
        .layers
        .iter()
        .map(|layer| layer.path.as_str())
        .collect();
    for path in &paths {
        pass.capture(path);
    }
    let scores = model.call(&pass.input(batch.inputs), &mut pass);
    let loss = scores.cross_entropy(batch.targets.classes());
    let dead: BTreeMap<String, f64> = pass
        .captures()
        .filter_map(|(path, output)| Some((path.to_owned(), never_positive(output.value())?)))
        .collect();
    let gradients = pass.backward(&loss);
    let gradients: BTreeMap<&str, f64> = gradients
        .iter()
        .map(|(path, gradient)| (path, square(gradient)))
        .collect();
    let last = paths.last().copied();
    let parameters = model.parameters();
    let mut rows: Vec<LayerRow> = Vec::new();
    for path in paths {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}.")
        };
        let own = |name: &str| {
            name.strip_prefix(prefix.as_str())
                .is_some_and(|rest| !rest.contains('.'))
        };
        let squares = || parameters.iter().filter(|(name, _)| own(name));
        if squares().count() == 0 || rows.iter().any(|row| row.path == path) {
            continue;
        }
        let gradient: f64 = squares()
            .filter_map(|(name, _)| gradients.get(name.as_str()))
            .sum();
        let weight: f64 = squares().map(|(_, param)| square(param.value())).sum();
        rows.push(LayerRow {
            path: path.to_owned(),
            gradient: gradient.sqrt(),
            weight: weight.sqrt(),
            // No rectifier follows the scores.
            dead: dead.get(path).copied().filter(|_| Some(path) != last),
        });
    }
    rows
}

fn square(x: &Tensor<f32>) -> f64 {
    x.iter().map(|x| f64::from(x) * f64::from(x)).sum()
}

/// The share of channels or units that are above 0 nowhere, for no image.
fn never_positive(output: &Tensor<f32>) -> Option<f64> {
    let &[_, channels, ..] = output.shape() else {
        return None;
    };
    let axes: Vec<isize> = (0..output.rank() as isize)
        .filter(|&axis| axis != 1)
        .collect();
    let highest = output.max(&axes[..]);
    let dead = highest.iter().filter(|x| *x <= 0.0).count();
    Some(dead as f64 / channels as f64)
}
