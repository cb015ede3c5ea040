//! Mistakes that are found before the first step, each in one sentence.

use std::path::Path;

use wengert::data::ImageSet;
use wengert::optim::{LambdaLr, Lbfgs, LbfgsOptions, OneCycleLr};
use wengert::prelude::*;
use wengert::train::DirectoryLock;

use crate::models::{bits, images, network};

/// The message of an error, after a check that nothing was trained.
fn message(
    set: &ImageSet,
    train: impl FnOnce(Trainer<'_, f32, Sequential, Loader<'_>>) -> Result<(), TrainError>,
) -> String {
    let loader = Loader::new(
        set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let mut model = network(0);
    let before = bits(&model);
    let error = train(Trainer::new(
        &mut model,
        Optimizer::new(Sgd::default()),
        &loader,
    ))
    .expect_err("a mistake");
    assert_eq!(bits(&model), before, "{error}");
    error.to_string()
}

fn of_options(options: TrainOptions) -> String {
    message(&images(8, 0), |trainer| {
        trainer.options(options).fit().map(drop)
    })
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
    assert!(!message.contains('\n'), "{message:?} is one line");
}

#[test]
fn options_outside_their_ranges_are_named() {
    let default = TrainOptions::default;
    assert_says(
        &of_options(TrainOptions {
            epochs: 0,
            ..default()
        }),
        &["epochs = 0", "at least 1"],
    );
    assert_says(
        &of_options(TrainOptions {
            accumulate: 0,
            ..default()
        }),
        &["accumulate = 0"],
    );
    assert_says(
        &of_options(TrainOptions {
            evaluate_every: 0,
            ..default()
        }),
        &["evaluate_every = 0"],
    );
    assert_says(
        &of_options(TrainOptions {
            record_every: 0,
            ..default()
        }),
        &["record_every = 0"],
    );
    assert_says(
        &of_options(TrainOptions {
            top_k: vec![1, 0],
            ..default()
        }),
        &["top_k = 0"],
    );
    assert_says(
        &of_options(TrainOptions {
            clip_norm: Some(f64::NAN),
            ..default()
        }),
        &["clip_norm = NaN"],
    );
    assert_says(
        &of_options(TrainOptions {
            clip_value: Some(-1.0),
            ..default()
        }),
        &["clip_value = -1"],
    );
    for decay in [1.0, -0.1, f64::NAN] {
        let ema = Some(Ema {
            decay,
            ..Ema::default()
        });
        assert_says(
            &of_options(TrainOptions { ema, ..default() }),
            &["ema.decay", "below 1"],
        );
    }
    let early_stopping = Some(EarlyStopping {
        min_delta: f64::INFINITY,
        ..EarlyStopping::default()
    });
    assert_says(
        &of_options(TrainOptions {
            early_stopping,
            ..default()
        }),
        &["min_delta = inf"],
    );
    let monitor = Monitor {
        metric: "acuracy".to_owned(),
        mode: MetricMode::Max,
    };
    assert_says(
        &of_options(TrainOptions {
            monitor,
            ..default()
        }),
        &["acuracy", "train_accuracy"],
    );
    let freeze = vec!["con1".to_owned()];
    assert_says(
        &of_options(TrainOptions {
            freeze,
            ..default()
        }),
        &["con1", "0.weight"],
    );
    let freeze = vec!["*".to_owned()];
    assert_says(
        &of_options(TrainOptions {
            freeze,
            ..default()
        }),
        &["not frozen"],
    );
}

#[test]
fn a_learning_rate_that_goes_wrong_later_is_found_before_the_first_step() {
    let late = message(&images(8, 0), |trainer| {
        let curve = |_| LambdaLr::new(|t, _| if t < 5 { 1.0 } else { f64::NAN });
        trainer.schedule(Every::Step, curve).fit().map(drop)
    });
    assert_says(&late, &["learning rate is NaN", "step 5"]);
    let negative = message(&images(8, 0), |trainer| {
        trainer
            .schedule(Every::Epoch, |_| LambdaLr::new(|t, _| 1.0 - t as f64))
            .fit()
            .map(drop)
    });
    assert_says(&negative, &["learning rate is -", "at least 0"]);
}

#[test]
fn a_schedule_that_is_too_short_is_found_before_the_first_step() {
    let short = message(&images(8, 0), |trainer| {
        let curve = |steps| OneCycleLr {
            total_steps: steps - 1,
            cycle_momentum: false,
            ..OneCycleLr::default()
        };
        trainer.schedule(Every::Step, curve).fit().map(drop)
    });
    assert_says(&short, &["OneCycleLr", "ends after 19 steps", "takes 20"]);
}

#[test]
fn an_unknown_group_is_named() {
    let unknown = message(&images(8, 0), |trainer| {
        trainer
            .schedule_group(Every::Step, "*.bias", |_| LambdaLr::new(|_, _| 1.0))
            .fit()
            .map(drop)
    });
    assert_says(&unknown, &["*.bias"]);
}

#[test]
fn data_that_cannot_be_trained_on_is_an_error() {
    let one_class = ImageSet::new(
        vec![9; 4 * 16],
        [4, 1, 4, 4],
        vec![2; 4],
        &["a", "b", "c"],
        255,
    );
    assert_says(
        &message(&one_class, |mut t| t.fit().map(drop)),
        &["label 2", "two classes"],
    );
    let fourth = ImageSet::new(
        vec![9; 4 * 16],
        [4, 1, 4, 4],
        vec![0, 1, 2, 3],
        &["a", "b", "c", "d"],
        255,
    );
    assert_says(
        &message(&fourth, |mut t| t.fit().map(drop)),
        &["label 3", "3 classes, 0 to 2"],
    );
    let empty = ImageSet::new(vec![], [0, 1, 4, 4], vec![], &["a"], 255);
    assert_says(
        &message(&empty, |mut t| t.fit().map(drop)),
        &["training data has no examples"],
    );
    let set = images(8, 0);
    let with_validation = |valid: &ImageSet| {
        let (loader, valid) = (
            Loader::new(&set, LoaderOptions::default()),
            Loader::new(valid, LoaderOptions::default()),
        );
        let mut model = network(0);
        let mut trainer = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader);
        trainer = trainer.validation(&valid);
        trainer.fit().expect_err("a mistake").to_string()
    };
    assert_says(
        &with_validation(&empty),
        &["validation data has no examples"],
    );
    assert_says(&with_validation(&fourth), &["validation data", "label 3"]);
}

#[test]
fn a_loss_or_an_output_of_the_wrong_shape_is_an_error() {
    let set = images(8, 0);
    let shape = message(&set, |t| t.loss(|output, _| output.clone()).fit().map(drop));
    assert_says(&shape, &["[4, 3]", "one number"]);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let mut model: Sequential = sequential![Conv2d::new(1, 3, 3, &mut rng(0))];
    let error = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader)
        .fit()
        .expect_err("four axes");
    assert_says(&error.to_string(), &["[4, 3, 2, 2]", "[4, classes]"]);
}

#[test]
fn lbfgs_does_not_clip() {
    let set = images(8, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 8,
            ..LoaderOptions::default()
        },
    );
    let mut model = network(0);
    let options = TrainOptions {
        clip_norm: Some(1.0),
        ..TrainOptions::default()
    };
    let error = Trainer::new(&mut model, Lbfgs::new(LbfgsOptions::default()), &loader)
        .options(options)
        .fit();
    assert_says(
        &error.expect_err("clipping").to_string(),
        &["clip_norm", "L-BFGS"],
    );
}

fn checkpoints(directory: &Path) -> CheckpointOptions {
    CheckpointOptions {
        directory: directory.to_owned(),
        ..CheckpointOptions::default()
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_found_before_the_first_step() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = scratch.path().join("file");
    std::fs::write(&file, "text").expect("it can be written");
    let set = images(8, 0);
    // Files cannot be replaced where a directory has the name of the first one.
    let taken = scratch.path().join("taken");
    std::fs::create_dir_all(taken.join(".trial")).expect("it can be made");
    for directory in [file.clone(), file.join("below"), taken] {
        let unusable = message(&set, |t| {
            t.checkpoints(checkpoints(&directory)).fit().map(drop)
        });
        assert_says(
            &unusable,
            &["cannot write checkpoints to", "another directory"],
        );
    }
    assert_eq!(std::fs::read_to_string(file).expect("still there"), "text");
    for (options, name) in [
        (
            CheckpointOptions {
                every_epochs: 0,
                ..checkpoints(scratch.path())
            },
            "every_epochs",
        ),
        (
            CheckpointOptions {
                every_steps: Some(0),
                ..checkpoints(scratch.path())
            },
            "every_steps",
        ),
        (
            CheckpointOptions {
                keep_last: 0,
                ..checkpoints(scratch.path())
            },
            "keep_last",
        ),
    ] {
        assert_says(
            &message(&set, |t| t.checkpoints(options).fit().map(drop)),
            &[name, "at least 1"],
        );
    }
}

#[test]
fn a_directory_in_use_is_left_alone() {
    let scratch = tempfile::tempdir().expect("a directory");
    let lock = DirectoryLock::acquire(scratch.path()).expect("nobody uses it");
    let set = images(8, 0);
    let in_use = message(&set, |t| {
        t.checkpoints(checkpoints(scratch.path())).fit().map(drop)
    });
    assert_says(&in_use, &["in use by another process"]);
    drop(lock);
    assert_eq!(
        std::fs::read_dir(scratch.path())
            .expect("a directory")
            .count(),
        1,
        "the lock file"
    );
}
