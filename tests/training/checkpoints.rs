//! The files of checkpoints: which are kept, and which are rejected.

use std::fs;
use std::path::{Path, PathBuf};

use wengert::data::{Augment, ImageSet};
use wengert::nn::{StateDict, Tanh};
use wengert::prelude::*;
use wengert::train::{Checkpoint, Outcome};

use crate::models::{bits, images, network};

fn options(directory: &Path) -> CheckpointOptions {
    CheckpointOptions {
        directory: directory.to_owned(),
        every_steps: Some(2),
        ..CheckpointOptions::default()
    }
}

pub fn run(directory: &Path, epochs: u64) -> Outcome {
    let set = images(20, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let mut model = network(0);
    Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader)
        .epochs(epochs)
        .validation(&loader)
        .checkpoints(options(directory))
        .configuration("a = \"1\"\n\"wengert.checksum\":\"ffffffff\"")
        .resume_if_possible()
        .fit()
        .expect("nothing is wrong")
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

#[test]
fn the_last_ones_and_the_best_are_kept_and_nothing_else() {
    let scratch = tempfile::tempdir().expect("a directory");
    let outcome = run(scratch.path(), 3);
    let expected = [
        "best.safetensors",
        "checkpoint-0000000014.safetensors",
        "checkpoint-0000000015.safetensors",
    ];
    assert_eq!(names(scratch.path()), expected);
    let best = Checkpoint::load(scratch.path().join("best.safetensors")).expect("is intact");
    let (epoch, value) = outcome.best.expect("three evaluations");
    assert_eq!(best.position().epoch, epoch + 1);
    let losses = outcome.history.column("valid_loss");
    assert_eq!(losses.iter().copied().fold(f64::INFINITY, f64::min), value);
    assert_eq!(losses[epoch as usize], value);
}

#[test]
fn the_best_is_kept_only_if_asked_for() {
    let scratch = tempfile::tempdir().expect("a directory");
    let set = images(8, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let mut model = network(0);
    let outcome = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader)
        .validation(&loader)
        .checkpoints(CheckpointOptions {
            keep_best: false,
            ..options(scratch.path())
        })
        .fit()
        .expect("nothing is wrong");
    assert!(outcome.best.is_some());
    let last = [18, 20].map(|step| format!("checkpoint-{step:010}.safetensors"));
    assert_eq!(names(scratch.path()), last);
}

#[test]
fn a_checkpoint_has_history_configuration_and_weights() {
    let scratch = tempfile::tempdir().expect("a directory");
    let outcome = run(scratch.path(), 2);
    let checkpoint =
        Checkpoint::load(outcome.checkpoint.expect("a checkpoint")).expect("is intact");
    assert_eq!(checkpoint.history(), &outcome.history);
    assert!(checkpoint.configuration().starts_with("a = \"1\"\n"));
    assert_eq!(checkpoint.version(), env!("CARGO_PKG_VERSION"));
    let mut model = network(9);
    checkpoint
        .evaluated()
        .load_into(&mut model)
        .expect("the same model");
    let set = images(20, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    assert_eq!(
        wengert::train::evaluate(&model, &loader, &[]),
        outcome.evaluation.expect("validation data")
    );
    // Any tool for safetensors can open it.
    assert!(
        StateDict::load(checkpoint.file())
            .expect("safetensors")
            .get("model/5.weight")
            .is_some()
    );
}

#[test]
fn a_new_run_does_not_write_over_an_old_one() {
    let scratch = tempfile::tempdir().expect("a directory");
    run(scratch.path(), 1);
    let before = names(scratch.path());
    let set = images(20, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let mut model = network(0);
    let trainer = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader);
    let error = trainer
        .checkpoints(options(scratch.path()))
        .fit()
        .expect_err("an earlier run");
    assert!(matches!(error, TrainError::Occupied { .. }), "{error}");
    let old = scratch.path().join("checkpoint-0000000004.safetensors");
    let trainer = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader);
    let error = trainer
        .checkpoints(options(scratch.path()))
        .resume(&old)
        .fit()
        .expect_err("a newer one is there");
    assert!(matches!(error, TrainError::Newer { .. }), "{error}");
    assert_eq!(names(scratch.path()), before);
    let error = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader)
        .resume(tempfile::tempdir().expect("a directory").path())
        .fit()
        .expect_err("empty");
    assert!(
        error.to_string().contains("no checkpoint to resume from"),
        "{error}"
    );
}

pub fn two_epochs() -> TrainOptions {
    TrainOptions {
        epochs: 2,
        ..TrainOptions::default()
    }
}

/// The error of resuming from a file, after a check that model and files are as they were.
pub fn rejected(
    file: &Path,
    model: &mut Sequential,
    set: &ImageSet,
    loader: LoaderOptions,
    options: TrainOptions,
    optimizer: Optimizer,
) -> String {
    let (content, before) = (fs::read(file).expect("a file"), bits(model));
    let loader = Loader::new(set, loader);
    let mut trainer = Trainer::new(model, optimizer, &loader)
        .options(options)
        .validation(&loader)
        .resume(file);
    let error = trainer.fit().expect_err("must not be resumed");
    drop(trainer);
    assert_eq!(bits(model), before, "{error}");
    assert_eq!(fs::read(file).expect("a file"), content, "{error}");
    let text = error.to_string();
    assert!(
        !text.contains('\n') && text.contains("checkpoint-"),
        "{text}"
    );
    text
}

#[test]
fn a_checkpoint_of_another_model_data_set_or_option_is_rejected() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = run(scratch.path(), 1).checkpoint.expect("a checkpoint");
    let set = images(20, 0);
    let loader = || LoaderOptions {
        batch: 4,
        ..LoaderOptions::default()
    };
    let adam = || Optimizer::new(Adam::default());
    let same = two_epochs;

    let mut wide: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(0))];
    let text = rejected(&file, &mut wide, &set, loader(), same(), adam());
    assert!(
        text.contains("another model") && text.contains("1.weight"),
        "{text}"
    );
    // The same tensors, another function.
    let rng = &mut rng(0);
    let mut tanh: Sequential = sequential![
        Conv2d::new(1, 3, 3, rng).padding(1),
        BatchNorm2d::new(3),
        Tanh,
        Dropout::new(0.2),
        Flatten,
        Linear::new(48, 3, rng),
    ];
    let text = rejected(&file, &mut tanh, &set, loader(), same(), adam());
    assert!(text.contains("another model"), "{text}");
    let text = rejected(
        &file,
        &mut network(0),
        &images(20, 1),
        loader(),
        same(),
        adam(),
    );
    assert!(text.contains("training data"), "{text}");
    for other in [
        LoaderOptions {
            batch: 5,
            ..loader()
        },
        LoaderOptions {
            seed: 1,
            ..loader()
        },
        LoaderOptions {
            augment: Augment {
                shift: 1,
                flip: false,
                ..Augment::default()
            },
            ..loader()
        },
    ] {
        let text = rejected(&file, &mut network(0), &set, other, same(), adam());
        assert!(text.contains("training data"), "{text}");
    }
    let options = TrainOptions {
        epochs: 2,
        accumulate: 2,
        ..TrainOptions::default()
    };
    let text = rejected(&file, &mut network(0), &set, loader(), options, adam());
    assert!(
        text.contains("accumulate") && text.contains("(1, here 2)"),
        "{text}"
    );
    let other = Optimizer::new(Adam {
        eps: 1e-5,
        ..Adam::default()
    });
    let text = rejected(&file, &mut network(0), &set, loader(), same(), other);
    assert!(text.contains("eps"), "{text}");
    let text = rejected(
        &file,
        &mut network(0),
        &set,
        loader(),
        same(),
        Optimizer::new(Sgd::default()),
    );
    assert!(text.contains("sgd"), "{text}");
}

#[test]
fn a_truncated_or_damaged_checkpoint_is_rejected() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = run(scratch.path(), 1).checkpoint.expect("a checkpoint");
    let content = fs::read(&file).expect("a file");
    let broken = scratch.path().join("checkpoint-broken");
    let load = |bytes: &[u8]| {
        fs::write(&broken, bytes).expect("it can be written");
        Checkpoint::load(&broken).map(drop)
    };
    load(&content).expect("is intact");
    for length in (0..content.len()).step_by(content.len() / 97) {
        let error = load(&content[..length]).expect_err("cut short");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    for place in (0..content.len()).step_by(content.len() / 199) {
        let mut damaged = content.clone();
        damaged[place] ^= 1 << (place % 8);
        load(&damaged).expect_err("one bit differs");
    }
    load(b"no safetensors at all").expect_err("text");
    let weights = StateDict::of(&network(0)).to_bytes();
    let error = load(&weights).expect_err("weights alone").to_string();
    assert!(error.contains("no state of training"), "{error}");
    let loader = LoaderOptions {
        batch: 4,
        ..LoaderOptions::default()
    };
    fs::write(&broken, &content[..content.len() / 2]).expect("it can be written");
    let adam = Optimizer::new(Adam::default());
    let text = rejected(
        &broken,
        &mut network(0),
        &images(20, 0),
        loader,
        two_epochs(),
        adam,
    );
    assert!(
        text.contains("damaged") && text.contains("another one"),
        "{text}"
    );
}

#[test]
fn a_disk_that_is_full_loses_nothing() {
    // A directory in the place of the next checkpoint: writing it fails, as on a full disk.
    let scratch = tempfile::tempdir().expect("a directory");
    let first: PathBuf = run(scratch.path(), 1).checkpoint.expect("a checkpoint");
    let content = fs::read(&first).expect("a file");
    let blocked = scratch.path().join("checkpoint-0000000007.safetensors");
    fs::create_dir(&blocked).expect("it can be made");
    let set = images(20, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let mut model = network(0);
    let mut trainer = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader)
        .epochs(2)
        .validation(&loader)
        .checkpoints(options(scratch.path()))
        .resume(&first);
    let error = trainer.fit().expect_err("it cannot be written");
    assert!(error.to_string().contains("cannot be"), "{error}");
    assert_eq!(fs::read(&first).expect("a file"), content);
    // With room again, the same trainer goes on from where it was.
    fs::remove_dir(&blocked).expect("is empty");
    trainer.fit().expect("room again");
    drop(trainer);
    let other = tempfile::tempdir().expect("a directory");
    let whole = run(other.path(), 2).checkpoint.expect("a checkpoint");
    let weights = Checkpoint::load(whole).expect("is intact").model();
    assert_eq!(StateDict::of(&model).to_bytes(), weights.to_bytes());
}
