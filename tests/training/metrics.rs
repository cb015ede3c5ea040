//! Metrics, against values from their definitions.

use wengert::data::ImageSet;
use wengert::prelude::*;
use wengert::train::evaluate;

use crate::models::images;

/// A model whose scores are its input: four pixels, four classes.
fn scores_of(pixels: &[[u8; 4]], labels: &[u8]) -> wengert::train::Evaluation {
    let set = ImageSet::new(
        pixels.concat(),
        [labels.len(), 1, 1, 4],
        labels.iter().map(|&label| i64::from(label)).collect(),
        &["a", "b", "c", "d"],
        255,
    );
    let model: Sequential = sequential![Flatten];
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 2,
            ..LoaderOptions::default()
        },
    );
    evaluate(&model, &loader, &[1, 2, 3])
}

#[test]
fn scores_of_classes_are_those_of_their_definitions() {
    // Predicted: a, a, b, a, d. Truth: a, a, a, b, d. Class c neither occurs nor is predicted.
    let evaluation = scores_of(
        &[
            [9, 0, 0, 0],
            [9, 1, 0, 0],
            [8, 9, 0, 0],
            [9, 8, 0, 0],
            [0, 0, 0, 9],
        ],
        &[0, 0, 0, 1, 3],
    );
    let class = &evaluation.per_class();
    assert_eq!(
        (class[0].precision, class[0].recall, class[0].examples),
        (2.0 / 3.0, 2.0 / 3.0, 3)
    );
    assert_eq!(
        (class[1].precision, class[1].recall, class[1].f1),
        (0.0, 0.0, 0.0)
    );
    assert!(class[2].f1.is_nan() && class[2].precision.is_nan());
    assert_eq!(class[3].f1, 1.0);
    // F1 is 2/3 for a, 0 for b, 1 for d.
    let f1 = evaluation.macro_f1().expect("there are classes");
    assert!((f1 - (2.0 / 3.0 + 0.0 + 1.0) / 3.0).abs() < 1e-15, "{f1}");
    assert_eq!(evaluation.accuracy(), Some(0.6));
}

#[test]
fn the_k_highest_scores_grow_with_k() {
    let evaluation = scores_of(
        &[[9, 5, 3, 1], [9, 5, 3, 1], [9, 5, 3, 1], [9, 5, 3, 1]],
        &[0, 1, 2, 3],
    );
    assert_eq!(evaluation.top_k, [(1, 0.25), (2, 0.5), (3, 0.75)]);
    assert_eq!(evaluation.accuracy(), Some(0.25));
}

#[test]
fn equal_scores_count_as_in_argmax() {
    let evaluation = scores_of(&[[5, 5, 5, 5], [5, 5, 5, 5]], &[0, 1]);
    assert_eq!(evaluation.top_k, [(1, 0.5), (2, 1.0), (3, 1.0)]);
    assert_eq!(evaluation.accuracy(), Some(0.5));
}

#[test]
fn the_loss_is_the_mean_over_examples_not_over_batches() {
    // Batches of 2 and 1: the third example must not weigh as much as the two before it.
    let rows = [[10, 0, 0, 0], [0, 10, 0, 0], [0, 0, 200, 0]];
    let all = scores_of(&rows, &[0, 0, 2]).loss;
    let alone: Vec<f64> = rows
        .iter()
        .zip([0, 0, 2])
        .map(|(row, label)| scores_of(&[*row], &[label]).loss)
        .collect();
    assert!(
        (all - alone.iter().sum::<f64>() / 3.0).abs() < 1e-6,
        "{all} {alone:?}"
    );
}

#[test]
fn a_metric_of_the_caller_is_a_column_of_the_history() {
    let set = images(11, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(0))];
    let outcome = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader)
        .validation(&loader)
        .metric("share_of_class_0", |_, batch| {
            batch
                .targets
                .classes()
                .iter()
                .filter(|&label| label == 0)
                .count() as f64
                / batch.targets.classes().len() as f64
        })
        .options(TrainOptions {
            epochs: 2,
            top_k: vec![2],
            ..TrainOptions::default()
        })
        .fit()
        .expect("nothing is wrong");
    let last = outcome.history.last().expect("two epochs");
    let share = last.get("valid_share_of_class_0").expect("the column");
    assert!((share - 4.0 / 11.0).abs() < 1e-12, "{share}");
    let evaluation = outcome.evaluation.expect("there is validation data");
    assert_eq!(last.get("valid_accuracy"), evaluation.accuracy());
    assert_eq!(last.get("valid_f1"), evaluation.macro_f1());
    assert_eq!(last.get("valid_top2"), Some(evaluation.top_k[0].1));
}
