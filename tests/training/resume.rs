//! Exact resume: a run that was stopped and resumed ends with the same bits as one that was not.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;

use wengert::data::Augment;
use wengert::optim::{Lbfgs, LbfgsOptions, LineSearch, OneCycleLr, ReduceLrOnPlateau, StepLr};
use wengert::prelude::*;
use wengert::train::{Checkpoint, History, Method, StopReason};

use crate::models::{bits, images, network};

/// 22 examples in batches of 4: six batches an epoch, the last one shorter, 42 in all.
const EPOCHS: u64 = 7;
const BATCHES: usize = 42;

const MODES: [&str; 9] = [
    "momentum",
    "adam",
    "lbfgs",
    "accumulation",
    "ema",
    "augmentation",
    "plateau",
    "one cycle",
    "groups",
];

/// Trains from where the directory's last checkpoint is, for at most `count` batches.
#[allow(clippy::too_many_lines)] // one arm a mode
fn train(mode: &str, directory: &Path, count: usize) -> (String, History, StopReason) {
    let set = images(22, 5);
    let valid = images(9, 6);
    let augment = if mode == "augmentation" {
        Augment {
            shift: 1,
            flip: true,
            ..Augment::default()
        }
    } else {
        Augment::default()
    };
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            seed: 11,
            augment,
            ..LoaderOptions::default()
        },
    );
    let validation = loader.for_evaluation(&valid);
    let mut model = network(2);
    let sgd = Sgd {
        lr: 0.1,
        momentum: 0.9,
        ..Sgd::default()
    };
    let method: Method = match mode {
        "adam" | "ema" => Optimizer::new(Adam {
            lr: 0.01,
            ..Adam::default()
        })
        .into(),
        "lbfgs" => {
            let line_search = Some(LineSearch::StrongWolfe);
            Lbfgs::new(LbfgsOptions {
                max_iter: 2,
                history_size: 5,
                line_search,
                ..LbfgsOptions::default()
            })
            .into()
        }
        "groups" => Optimizer::new(sgd)
            .group("*.bias", Sgd { lr: 0.02, ..sgd })
            .into(),
        _ => Optimizer::new(sgd).into(),
    };
    let options = TrainOptions {
        epochs: EPOCHS,
        accumulate: if ["accumulation", "lbfgs"].contains(&mode) {
            4
        } else {
            1
        },
        ema: (mode == "ema").then(Ema::default),
        clip_norm: (mode == "momentum").then_some(0.5),
        warm_up: 5,
        ..TrainOptions::default()
    };
    let seen = RefCell::new(0);
    let mut trainer = Trainer::new(&mut model, method, &loader)
        .options(options)
        .validation(&validation)
        .checkpoints(CheckpointOptions {
            directory: directory.to_owned(),
            ..CheckpointOptions::default()
        })
        .resume_if_possible()
        .on_step(|_| {
            *seen.borrow_mut() += 1;
            if *seen.borrow() >= count {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    trainer = match mode {
        "plateau" => {
            let options = ReduceLrOnPlateau {
                factor: 0.5,
                patience: 0,
                threshold: 0.3,
                ..ReduceLrOnPlateau::default()
            };
            trainer.plateau(options)
        }
        "one cycle" => trainer.schedule(Every::Step, |steps| OneCycleLr {
            max_lr: 0.2.into(),
            total_steps: steps,
            ..OneCycleLr::default()
        }),
        "groups" => trainer
            .schedule_group(Every::Epoch, "*", |_| StepLr {
                step_size: 2,
                gamma: 0.5,
            })
            .schedule_group(Every::Step, "*.bias", |steps| CosineAnnealingLr {
                t_max: steps,
                eta_min: 0.0,
            }),
        _ => trainer,
    };
    let outcome = trainer.fit().expect("nothing is wrong");
    let ema = trainer.ema().map(|ema| ema.to_bytes());
    drop(trainer);
    (
        format!("{} {ema:?}", bits(&model)),
        outcome.history,
        outcome.reason,
    )
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// One run that is stopped and resumed after every single batch.
fn stopped_everywhere(mode: &str) {
    let whole = train(mode, scratch().path(), usize::MAX);
    assert_eq!(whole.2, StopReason::Finished);
    let directory = scratch();
    let mut stops = 0;
    loop {
        let part = train(mode, directory.path(), 1);
        if part.2 == StopReason::Finished {
            assert_eq!((&part.0, &part.1), (&whole.0, &whole.1), "{mode}");
            break;
        }
        stops += 1;
    }
    assert_eq!(stops, BATCHES, "{mode}");
}

/// A run that is stopped once, and resumed.
fn stopped_once(mode: &str, stop: usize, whole: &(String, History, StopReason)) {
    let directory = scratch();
    train(mode, directory.path(), stop);
    let last = Checkpoint::last_in(directory.path())
        .expect("a directory")
        .expect("a checkpoint");
    let position = Checkpoint::load(last).expect("is intact").position();
    assert_eq!(position.epoch as usize * 6 + position.step, stop, "{mode}");
    let resumed = train(mode, directory.path(), usize::MAX);
    assert_eq!(
        (&resumed.0, &resumed.1),
        (&whole.0, &whole.1),
        "{mode}, stopped after batch {stop}"
    );
}

#[test]
fn a_run_stopped_after_every_batch_ends_with_the_same_bits() {
    for mode in MODES {
        stopped_everywhere(mode);
    }
}

#[test]
fn a_run_stopped_once_ends_with_the_same_bits() {
    let is_full = std::env::var_os("WENGERT_FULL").is_some();
    for (i, mode) in MODES.into_iter().enumerate() {
        let whole = train(mode, scratch().path(), usize::MAX);
        for stop in 1..BATCHES {
            // By default one stop per mode: in the middle of an epoch, and of an accumulation.
            if is_full || stop == 9 + i {
                stopped_once(mode, stop, &whole);
            }
        }
    }
}

#[test]
fn a_run_may_be_continued_with_more_epochs() {
    let set = images(12, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let run = |epochs, directory: &Path| {
        let mut model = network(0);
        let outcome = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader)
            .epochs(epochs)
            .checkpoints(CheckpointOptions {
                directory: directory.to_owned(),
                ..CheckpointOptions::default()
            })
            .resume_if_possible()
            .fit()
            .expect("nothing is wrong");
        (bits(&model), outcome.history)
    };
    let whole = run(5, scratch().path());
    let directory = scratch();
    run(2, directory.path());
    assert_eq!(run(5, directory.path()), whole);
}
