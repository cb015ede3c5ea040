//! Callbacks that stop, runs that were complete, and options that do not fit.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use wengert::distributed::{CommunicatorOptions, Network, Simulator};
use wengert::optim::{Lbfgs, LbfgsOptions};
use wengert::prelude::*;
use wengert::train::{Outcome, StopReason};

use crate::checkpoints::run;
use crate::models::{bits, images, network};

const SGD: Sgd = Sgd {
    lr: 0.1,
    momentum: 0.0,
    dampening: 0.0,
    weight_decay: 0.0,
    nesterov: false,
    maximize: false,
};

fn of_four(set: &wengert::data::ImageSet) -> Loader<'_> {
    Loader::new(
        set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    )
}

fn flow(goes_on: bool) -> ControlFlow<()> {
    if goes_on {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}

#[test]
fn a_callback_of_an_epoch_stops_the_run_after_it() {
    let set = images(8, 0);
    let loader = of_four(&set);
    let mut model = network(0);
    let outcome = Trainer::new(&mut model, Optimizer::new(SGD), &loader)
        .epochs(5)
        .on_epoch(|report| flow(report.record.epoch < 1))
        .fit()
        .expect("nothing is wrong");
    assert_eq!(outcome.reason, StopReason::Callback);
    assert_eq!(outcome.history.epochs.len(), 2);
}

#[test]
fn a_callback_of_a_checkpoint_stops_the_run_once_the_file_is_written() {
    let scratch = tempfile::tempdir().expect("a directory");
    let set = images(8, 0);
    let loader = of_four(&set);
    let mut model = network(0);
    let mut files: Vec<PathBuf> = Vec::new();
    let outcome = Trainer::new(&mut model, Optimizer::new(SGD), &loader)
        .epochs(5)
        .checkpoints(CheckpointOptions {
            directory: scratch.path().to_owned(),
            ..CheckpointOptions::default()
        })
        .on_checkpoint(|path: &Path| {
            assert!(path.exists());
            files.push(path.to_owned());
            flow(files.len() < 2)
        })
        .fit()
        .expect("nothing is wrong");
    assert_eq!(outcome.reason, StopReason::Callback);
    assert_eq!(outcome.history.epochs.len(), 2);
    assert_eq!(outcome.checkpoint.as_ref(), files.last());
}

#[test]
fn a_run_that_was_complete_is_evaluated_again() {
    let scratch = tempfile::tempdir().expect("a directory");
    let first = run(scratch.path(), 2);
    let second = run(scratch.path(), 2);
    assert_eq!(second.reason, StopReason::Finished);
    assert!(second.evaluation.is_some());
    assert_eq!(second.evaluation, first.evaluation);
    assert_eq!(second.history, first.history);
}

#[test]
fn a_run_that_was_stopped_early_is_not_continued() {
    let fit = |trainer: &mut Trainer<'_, f32, Sequential, Loader<'_>>| -> Outcome {
        trainer.fit().expect("nothing is wrong")
    };
    let set = images(8, 0);
    let loader = of_four(&set);
    let mut model = network(0);
    // At a rate of 0 nothing improves on the first epoch.
    let rule = Sgd { lr: 0.0, ..SGD };
    let mut trainer = Trainer::new(&mut model, Optimizer::new(rule), &loader)
        .options(TrainOptions {
            epochs: 2,
            early_stopping: Some(EarlyStopping {
                patience: 0,
                min_delta: 0.0,
            }),
            ..TrainOptions::default()
        })
        .validation(&loader);
    // The last epoch is the one that does not improve.
    for _ in 0..2 {
        let outcome = fit(&mut trainer);
        assert_eq!(outcome.history.epochs.len(), 2);
        assert_eq!(outcome.reason, StopReason::EarlyStopped);
    }
}

#[test]
fn clipping_by_value_bounds_every_weights_update() {
    let set = images(8, 0);
    let loader = of_four(&set);
    let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(0))];
    let before = model.clone();
    let rule = Sgd { lr: 1.0, ..SGD };
    Trainer::new(&mut model, Optimizer::new(rule), &loader)
        .options(TrainOptions {
            epochs: 1,
            clip_value: Some(1e-3),
            ..TrainOptions::default()
        })
        .fit()
        .expect("nothing is wrong");
    let values = |model: &Sequential| -> Vec<f32> {
        let all = model.parameters().into_iter();
        all.flat_map(|(_, param)| param.value().to_vec()).collect()
    };
    let pairs = values(&model).into_iter().zip(values(&before));
    let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // Two steps of at most 10⁻³ each; some weight has moved by as much.
    assert!((largest - 2e-3).abs() < 1e-6, "{largest}");
}

#[test]
fn lbfgs_has_no_shards() {
    let set = images(8, 0);
    let loader = of_four(&set);
    let mut model = network(0);
    let before = bits(&model);
    let error = Trainer::new(&mut model, Lbfgs::new(LbfgsOptions::default()), &loader)
        .options(TrainOptions {
            shards: 2,
            ..TrainOptions::default()
        })
        .fit()
        .expect_err("shards");
    let text = error.to_string();
    assert!(text.contains("L-BFGS") && text.contains("shards"), "{text}");
    assert_eq!(bits(&model), before);
}

#[test]
fn the_least_improvement_is_a_finite_number_and_not_negative() {
    let set = images(8, 0);
    let loader = of_four(&set);
    for min_delta in [-1.0, f64::NAN, f64::INFINITY] {
        let mut model = network(0);
        let error = Trainer::new(&mut model, Optimizer::new(SGD), &loader)
            .options(TrainOptions {
                early_stopping: Some(EarlyStopping {
                    patience: 1,
                    min_delta,
                }),
                ..TrainOptions::default()
            })
            .validation(&loader)
            .fit()
            .expect_err("no such improvement");
        let text = error.to_string();
        assert!(
            text.contains("early_stopping.min_delta")
                && text.contains("a finite number, at least 0"),
            "{text}"
        );
    }
}

#[test]
fn one_process_trains_as_none_and_sends_nothing() {
    let set = images(16, 0);
    let train = |communicator: Option<&wengert::distributed::Communicator>| {
        let loader = of_four(&set);
        let mut model = network(0);
        let mut trainer =
            Trainer::new(&mut model, Optimizer::new(SGD), &loader).options(TrainOptions {
                epochs: 1,
                shards: 2,
                ..TrainOptions::default()
            });
        if let Some(communicator) = communicator {
            trainer = trainer.communicator(communicator);
        }
        trainer.fit().expect("nothing is wrong");
        drop(trainer);
        bits(&model)
    };
    let alone = Simulator::new(1).run(|communicator| train(Some(communicator)));
    assert_eq!(alone, [train(None)]);
    let network = Network {
        latency: 1.0,
        overhead: 1.0,
        bandwidth: 1.0,
    };
    assert_eq!(network.reduction_seconds(1, 1 << 20), 0.0);
    assert!(network.reduction_seconds(2, 1 << 20) > 2.0);
}

#[test]
#[should_panic(expected = "Communicator: bucket_bytes = 0: must be at least 1")]
fn a_bucket_has_bytes() {
    let communicators = Simulator::new(1).run(wengert::distributed::Communicator::rank);
    assert_eq!(communicators, [0]);
    let none = CommunicatorOptions {
        bucket_bytes: 0,
        ..CommunicatorOptions::default()
    };
    let _ = Simulator::new(1)
        .options(none)
        .run(wengert::distributed::Communicator::rank);
}
