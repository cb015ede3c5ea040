//! Checkpoints whose checksum is right and whose contents no run has written.

use std::fs;
use std::path::Path;

use wengert::nn::{StateDict, Values};
use wengert::optim::{Lbfgs, LbfgsOptions, ReduceLrOnPlateau, StepLr};
use wengert::prelude::*;
use wengert::train::Checkpoint;

use crate::checkpoints::{rejected, run, two_epochs};
use crate::models::{bits, images, network};

/// Replaces a checkpoint's contents by others, under a correct checksum.
fn edit(file: &Path, change: impl FnOnce(&mut StateDict)) {
    let mut state = StateDict::load(file).expect("safetensors");
    change(&mut state);
    state
        .metadata
        .insert("wengert.checksum".to_owned(), "00000000".to_owned());
    let mut bytes = state.to_bytes();
    let sum = format!("{:08x}", crc32(&bytes));
    let key = b"\"wengert.checksum\":\"";
    let place = bytes
        .windows(key.len())
        .position(|window| window == key)
        .expect("the checksum")
        + key.len();
    bytes[place..place + 8].copy_from_slice(sum.as_bytes());
    fs::write(file, bytes).expect("it can be written");
}

/// CRC-32 (IEEE 802.3), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    };
    !bytes.iter().fold(!0, step)
}

/// Sets numbers of the trainer.
fn set_numbers(state: &mut StateDict, changes: &[(&str, f64)]) {
    let names: Vec<String> = state.metadata["names.trainer"]
        .lines()
        .map(str::to_owned)
        .collect();
    let values = state.get("numbers/trainer").and_then(Values::real::<f64>);
    let mut values = values.expect("the trainer's numbers").to_vec();
    for (name, value) in changes {
        let place = names.iter().position(|known| known == name);
        values[place.expect("a number of the trainer")] = *value;
    }
    let count = values.len();
    let values = Values::F64(Tensor::from_vec(values, [count]));
    state.insert("numbers/trainer", values);
}

fn batches_of(batch: usize) -> LoaderOptions {
    LoaderOptions {
        batch,
        ..LoaderOptions::default()
    }
}

fn adam() -> Optimizer {
    Optimizer::new(Adam::default())
}

#[test]
fn a_checkpoint_of_another_version_is_rejected() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = run(scratch.path(), 1).checkpoint.expect("a checkpoint");
    edit(&file, |state| {
        state
            .metadata
            .insert("wengert.version".to_owned(), "0.0.9".to_owned());
    });
    let (model, set) = (&mut network(0), images(20, 0));
    let text = rejected(&file, model, &set, batches_of(4), two_epochs(), adam());
    assert!(
        text.contains("0.0.9") && text.contains(env!("CARGO_PKG_VERSION")),
        "{text}"
    );
    assert_eq!(
        Checkpoint::load(&file).expect("can be looked at").version(),
        "0.0.9"
    );
}

/// A run with accumulation, a moving average, a schedule and a plateau; from a file, or into a directory.
fn long_run(files: Result<&Path, &Path>) -> Result<(), String> {
    let set = images(20, 0);
    let loader = Loader::new(&set, batches_of(4));
    let mut model = network(0);
    let before = bits(&model);
    let mut trainer = Trainer::new(&mut model, adam(), &loader)
        .options(TrainOptions {
            epochs: 2,
            accumulate: 3,
            ema: Some(Ema::default()),
            ..TrainOptions::default()
        })
        .validation(&loader)
        .plateau(ReduceLrOnPlateau::default())
        .schedule(Every::Epoch, |_| StepLr {
            step_size: 2,
            gamma: 0.5,
        });
    trainer = match files {
        Ok(file) => trainer.resume(file),
        Err(directory) => trainer.checkpoints(CheckpointOptions {
            directory: directory.to_owned(),
            every_steps: Some(1),
            keep_last: 20,
            ..CheckpointOptions::default()
        }),
    };
    let trained = trainer.fit().map(drop).map_err(|error| error.to_string());
    drop(trainer);
    assert!(
        trained.is_ok() || bits(&model) == before,
        "an error changes nothing"
    );
    trained
}

#[test]
fn parts_that_are_missing_or_belong_to_another_run_are_named() {
    let scratch = tempfile::tempdir().expect("a directory");
    long_run(Err(scratch.path())).expect("nothing is wrong");
    // In the second epoch, with a batch that waits for its update.
    let file = scratch.path().join("checkpoint-0000000006.safetensors");
    let content = fs::read(&file).expect("a file");
    long_run(Ok(&file)).expect("is intact");
    let without = |name: &'static str| move |state: &mut StateDict| drop(state.remove(name));
    let replaced = |name: &'static str, shape: [usize; 2]| {
        move |state: &mut StateDict| state.insert(name, Values::F32(Tensor::zeros(shape)))
    };
    let text = |key: &'static str, value: &'static str| {
        move |state: &mut StateDict| drop(state.metadata.insert(key.to_owned(), value.to_owned()))
    };
    let renamed = |state: &mut StateDict| {
        let names = state.metadata["names.history"].replace("train_loss", "train_cost");
        state.metadata.insert("names.history".to_owned(), names);
    };
    let changes: [(Box<dyn Fn(&mut StateDict)>, &str); 14] = [
        (
            Box::new(without("history/steps")),
            "`history/steps` is missing",
        ),
        (
            Box::new(without("history/epochs")),
            "`history/epochs` is missing",
        ),
        (
            Box::new(without("numbers/trainer")),
            "the number `epoch` is missing",
        ),
        (Box::new(without("numbers/optimizer")), "`/0/lr` is missing"),
        (
            Box::new(without("numbers/schedule.0")),
            "`last_epoch` is missing",
        ),
        (Box::new(without("numbers/plateau")), "`best` is missing"),
        (
            Box::new(without("model/0.weight")),
            "another model: the state does not fit",
        ),
        (
            Box::new(without("ema/0.weight")),
            "another model: the state does not fit",
        ),
        (
            Box::new(without("optimizer/0.weight/exp_avg")),
            "`0.weight/exp_avg` is missing",
        ),
        (
            Box::new(replaced("optimizer/0.bias/exp_avg", [2, 2])),
            "the model needs [3]",
        ),
        (
            Box::new(replaced("accumulated/0.bias", [2, 2])),
            "the gradient of `0.bias` is [2, 2]",
        ),
        (
            Box::new(text("setting.colour", "red")),
            "another colour (red, here none)",
        ),
        (
            Box::new(text("setting.ema", "None")),
            "another ema (None, here Some",
        ),
        (Box::new(renamed), "another list of metrics (train_cost, "),
    ];
    for (change, named) in changes {
        fs::write(&file, &content).expect("it can be written");
        edit(&file, change);
        let error = long_run(Ok(&file)).expect_err(named);
        assert!(
            error.contains(named) && error.contains("checkpoint-0000000006"),
            "{error:?}, {named:?} is expected"
        );
    }
}

#[test]
fn only_files_with_the_names_of_checkpoints_are_checkpoints() {
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path().join("run");
    assert_eq!(Checkpoint::last_in(&directory).expect("no directory"), None);
    fs::create_dir(&directory).expect("it can be made");
    for name in [
        "checkpoint-7",
        "checkpoint-x.safetensors",
        "best.safetensors",
        "7.safetensors",
    ] {
        fs::write(directory.join(name), "").expect("it can be written");
    }
    fs::create_dir(directory.join("checkpoint-0000000009.safetensors")).expect("it can be made");
    assert_eq!(Checkpoint::last_in(&directory).expect("a directory"), None);
    let first = directory.join("checkpoint-0000000002.safetensors");
    fs::write(&first, "").expect("it can be written");
    assert_eq!(
        Checkpoint::last_in(&directory).expect("a directory"),
        Some(first.clone())
    );
    let error = Checkpoint::last_in(&first).expect_err("a file");
    assert!(error.to_string().contains("cannot be read"), "{error}");
    let error = Checkpoint::load(&directory).expect_err("a directory");
    assert!(error.to_string().contains("is a directory"), "{error}");
}

#[test]
fn counts_that_contradict_the_run_are_damage() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = run(scratch.path(), 1).checkpoint.expect("a checkpoint");
    let content = fs::read(&file).expect("a file");
    // An epoch has five batches, and each is an update.
    for (changes, named) in [
        (&[("step", 6.0)][..], "step"),
        (
            &[("step", 3.0), ("pending/batches", 1.0)],
            "pending/batches",
        ),
        (&[("pending/batches", 4.0)], "pending/batches"),
        (&[("step", 0.5)], "step"),
        (&[("updates", -1.0)], "updates"),
        (&[("best/epoch", 1e300)], "best/epoch"),
        (&[("sum/examples", f64::NAN)], "sum/examples"),
    ] {
        fs::write(&file, &content).expect("it can be written");
        edit(&file, |state| set_numbers(state, changes));
        let (model, set) = (&mut network(0), images(20, 0));
        let text = rejected(&file, model, &set, batches_of(4), two_epochs(), adam());
        assert!(text.contains("damaged") && text.contains(named), "{text}");
    }
}

#[test]
fn a_history_of_other_rows_or_impossible_counts_is_damage() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = run(scratch.path(), 1).checkpoint.expect("a checkpoint");
    let content = fs::read(&file).expect("a file");
    for name in ["history/steps", "history/epochs"] {
        let values = StateDict::load(&file).expect("safetensors");
        let values = values.get(name).and_then(Values::real::<f64>).expect(name);
        let [rows, width] = *values.shape() else {
            panic!("{:?}", values.shape())
        };
        let mut changed = Vec::new();
        for (place, value) in [(0, 1e300), (1, -1.0), (0, 0.5), (1, f64::NAN)] {
            let mut elements = values.to_vec();
            elements[place] = value;
            changed.push((Tensor::from_vec(elements, [rows, width]), "as a count"));
        }
        changed.push((values.reshape([rows * width]), "not rows of"));
        changed.push((Tensor::zeros([rows, width - 1]), "not rows of"));
        for (values, reason) in changed {
            fs::write(&file, &content).expect("it can be written");
            edit(&file, |state| state.insert(name, Values::F64(values)));
            let error = Checkpoint::load(&file).expect_err(reason).to_string();
            assert!(
                error.contains("damaged") && error.contains(reason),
                "{error:?}, {reason:?} is expected"
            );
        }
        fs::write(&file, &content).expect("it can be written");
    }
}

#[test]
fn batches_before_the_beginning_of_an_epoch_are_damage() {
    let set = images(20, 0);
    let loader = Loader::new(&set, batches_of(4));
    let scratch = tempfile::tempdir().expect("a directory");
    let method = || Lbfgs::new(LbfgsOptions::default());
    let options = |epochs| TrainOptions {
        epochs,
        accumulate: 3,
        ..TrainOptions::default()
    };
    let checkpoints = CheckpointOptions {
        directory: scratch.path().to_owned(),
        every_steps: Some(1),
        keep_last: 9,
        ..CheckpointOptions::default()
    };
    Trainer::new(&mut network(0), method(), &loader)
        .options(options(1))
        .checkpoints(checkpoints)
        .fit()
        .expect("nothing is wrong");
    let file = scratch.path().join("checkpoint-0000000001.safetensors");
    // L-BFGS evaluates the batches since the last update again: here two, of which one is before the first one.
    edit(&file, |state| {
        set_numbers(state, &[("pending/batches", 2.0)]);
    });
    let mut model = network(0);
    let before = bits(&model);
    let error = Trainer::new(&mut model, method(), &loader)
        .options(options(2))
        .resume(&file)
        .fit()
        .expect_err("must not be resumed")
        .to_string();
    assert!(
        error.contains("damaged") && error.contains("pending/batches"),
        "{error}"
    );
    assert_eq!(bits(&model), before);
}

#[test]
fn an_epoch_beyond_all_numbers_of_batches_is_no_overflow() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = run(scratch.path(), 1).checkpoint.expect("a checkpoint");
    edit(&file, |state| {
        set_numbers(state, &[("epoch", 2_f64.powi(53))]);
    });
    // 2⁵³ epochs of more than 2¹¹ batches are more than 2⁶⁴ batches.
    let (model, set) = (&mut network(0), images(2100, 0));
    let text = rejected(&file, model, &set, batches_of(1), two_epochs(), adam());
    assert!(text.contains("training data"), "{text}");
}
