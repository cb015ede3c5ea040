//! Training on images that stay in their files: who reads what, and files that change during the run.

use std::fs;
use std::path::{Path, PathBuf};

use wengert::data::{Augment, Dataset, ImageFiles, ImageSet, Normalize, Problem, Split};
use wengert::distributed::{Communicator, Simulator};
use wengert::prelude::*;

use crate::models::bits;

/// Images to train on, and the bytes of one.
const IMAGES: usize = 1200;
const SIZE: usize = 16;

/// The most images that the hash of a set has, which every process reads at the start.
const HASHED: usize = 256;

/// 1200 images of 4×4 in ten classes, and 40 to test with.
fn write(directory: &Path) {
    let write = |name: &str, rank: u8, extents: &[usize], body: Vec<u8>| {
        let mut bytes = vec![0, 0, 8, rank];
        for &extent in extents {
            bytes.extend((extent as u32).to_be_bytes());
        }
        bytes.extend(body);
        fs::write(directory.join(name), bytes).expect("a file");
    };
    for (part, count) in [("train", IMAGES), ("t10k", 40)] {
        let labels = (0..count).map(|i| (i % 10) as u8).collect();
        let pixels = (0..count * SIZE).map(|i| (i * i / 7 % 256) as u8).collect();
        write(
            &format!("{part}-images-idx3-ubyte"),
            3,
            &[count, 4, 4],
            pixels,
        );
        write(&format!("{part}-labels-idx1-ubyte"), 1, &[count], labels);
    }
}

fn images_of(directory: &Path) -> PathBuf {
    directory.join("train-images-idx3-ubyte")
}

fn fit(
    set: &dyn Dataset,
    held: &dyn Dataset,
    communicator: Option<&Communicator>,
    after_step: impl Fn(usize),
) -> (String, Result<(), TrainError>) {
    let loader = Loader::new(
        set,
        LoaderOptions {
            batch: 40,
            seed: 3,
            ..LoaderOptions::default()
        },
    );
    let validation = loader.for_evaluation(held);
    let mut model = sequential![Flatten, Linear::new(SIZE, 10, &mut rng(2))];
    let mut trainer = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader)
        .options(TrainOptions {
            epochs: 1,
            shards: 4,
            ..TrainOptions::default()
        })
        .validation(&validation)
        .on_step(|step| after_step(step.step));
    if let Some(communicator) = communicator {
        trainer = trainer.communicator(communicator);
    }
    let result = trainer.fit().map(drop);
    drop(trainer);
    (bits(&model), result)
}

#[test]
fn each_process_reads_the_images_of_its_shards_and_the_weights_are_those_of_images_in_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path());
    let memory = Split::mnist(directory.path()).expect("a data set");
    let (expected, result) = fit(&memory.train, &memory.test, None, |_| ());
    result.expect("it trains");
    for processes in [1, 2, 4] {
        let results = Simulator::new(processes).run(|communicator| {
            let files = Split::open_mnist(directory.path()).expect("a data set");
            let (bits, result) = fit(&files.train, &files.test, Some(communicator), |_| ());
            result.expect("it trains");
            (bits, files.train.bytes_read(), files.test.bytes_read())
        });
        for (bits, train, test) in results {
            assert_eq!(bits, expected, "{processes} processes");
            // Its shards of each batch; the hash; a shard for the trial, of which a worker makes at most four ahead.
            let own = IMAGES / processes + HASHED + 4 * 10;
            assert!(
                train <= (own * SIZE) as u64,
                "{train} bytes by one of {processes} processes"
            );
            assert!(train >= (IMAGES / processes * SIZE) as u64);
            // Evaluation is in whole batches.
            assert!(test <= (80 * SIZE) as u64, "{test} bytes of test images");
        }
    }
}

#[test]
fn processes_share_the_reading_for_the_mean_of_a_set() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path());
    let expected = Normalize::of(&Split::mnist(directory.path()).expect("a data set").train);
    for processes in [1, 2, 3, 7] {
        let results = Simulator::new(processes).run(|communicator| {
            let set = Split::open_mnist(directory.path())
                .expect("a data set")
                .train;
            let normalize = Normalize::of_shared(&set, Some(communicator));
            (normalize.expect("all can be read"), set.bytes_read())
        });
        for (normalize, read) in results {
            assert_eq!(normalize, expected, "{processes} processes");
            // Two passes.
            let own = 2 * IMAGES.div_ceil(processes) * SIZE;
            assert!(
                read <= own as u64,
                "{read} bytes by one of {processes} processes"
            );
        }
    }
}

/// Cuts the file short, so that most images are gone.
fn cut(file: &Path) {
    let file = fs::File::options().write(true).open(file).expect("a file");
    file.set_len(100).expect("it is cut");
}

#[test]
fn a_file_that_shrinks_during_training_is_one_sentence_and_leaves_whole_steps() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path());
    let files = Split::open_mnist(directory.path()).expect("a data set");
    let file = images_of(directory.path());
    let (_, result) = fit(&files.train, &files.test, None, |step| {
        if step == 3 {
            cut(&file);
        }
    });
    match result {
        Err(TrainError::Data(error)) => {
            assert!(matches!(error.problem, Problem::Shrunk { .. }), "{error}");
            assert_eq!(error.file, file);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_first_sample_that_cannot_be_read_is_the_same_error() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path());
    let files = Split::open_mnist(directory.path()).expect("a data set");
    fs::write(images_of(directory.path()), "").expect("a file");
    let options = LoaderOptions {
        normalize: Some(Normalize {
            mean: vec![0.5],
            deviation: vec![0.5],
        }),
        augment: Augment {
            shift: 1,
            ..Augment::default()
        },
        ..LoaderOptions::default()
    };
    let loader = Loader::new(&files.train, options);
    let mut model: Sequential = sequential![Flatten, Linear::new(SIZE, 10, &mut rng(2))];
    let error = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader)
        .fit()
        .expect_err("the file is empty");
    assert!(matches!(error, TrainError::Data(_)), "{error}");
    let error = Normalize::of_shared(&files.train, None).expect_err("the file is empty");
    assert!(matches!(error, TrainError::Data(_)), "{error}");
}

#[test]
fn a_file_that_shrinks_at_one_process_is_an_error_of_all() {
    let places = [(); 3].map(|()| tempfile::tempdir().expect("a directory"));
    for place in &places {
        write(place.path());
    }
    for step in [0, 3] {
        let errors = Simulator::new(3).run(|communicator| {
            let rank = communicator.rank();
            write(places[rank].path());
            let files = Split::open_mnist(places[rank].path()).expect("a data set");
            let file = images_of(places[rank].path());
            let after = |done| {
                if rank == 1 && done == step {
                    cut(&file);
                }
            };
            let (bits, result) = fit(&files.train, &files.test, Some(communicator), after);
            (bits, result.expect_err("the file is cut").to_string())
        });
        for (process, (bits, error)) in errors.iter().enumerate() {
            assert_eq!(bits, &errors[0].0, "all have done the same steps");
            assert!(
                error.contains("has 100 bytes now, but needed 19216"),
                "{error}"
            );
            assert_eq!(error.starts_with("process 1: "), process != 1, "{error}");
        }
    }
    let errors = Simulator::new(3).run(|communicator| {
        let rank = communicator.rank();
        write(places[rank].path());
        let files = Split::open_mnist(places[rank].path()).expect("a data set");
        let file = places[rank].path().join("t10k-images-idx3-ubyte");
        // Forty images are one batch, which the last process evaluates.
        let after = |done| {
            if rank == 2 && done == 5 {
                cut(&file);
            }
        };
        let (_, result) = fit(&files.train, &files.test, Some(communicator), after);
        result.expect_err("the file is cut").to_string()
    });
    for (process, error) in errors.iter().enumerate() {
        assert!(
            error.contains("has 100 bytes now, but needed 656"),
            "{error}"
        );
        assert_eq!(error.starts_with("process 2: "), process != 2, "{error}");
    }
}

#[test]
fn hosts_with_other_images_are_found_at_the_start() {
    let places = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    for place in &places {
        write(place.path());
    }
    // One label, and one image that the hash has.
    for (name, byte) in [
        ("train-labels-idx1-ubyte", 8 + 77),
        ("train-images-idx3-ubyte", 16 + 5),
    ] {
        let path = places[1].path().join(name);
        let whole = fs::read(&path).expect("a file");
        let mut other = whole.clone();
        other[byte] = 9 - other[byte].min(9);
        fs::write(&path, other).expect("a file");
        let errors = Simulator::new(2).run(|communicator| {
            let files = Split::open_mnist(places[communicator.rank()].path()).expect("a data set");
            let (_, result) = fit(&files.train, &files.test, Some(communicator), |_| ());
            result.expect_err("other data").to_string()
        });
        for error in errors {
            assert!(error.contains("process 1 has another"), "{error}");
            assert!(error.contains("fingerprint"), "{error}");
        }
        fs::write(&path, whole).expect("a file");
    }
}

#[test]
fn sets_in_memory_and_in_files_are_the_same_data_to_a_resumed_run() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path());
    let memory: ImageSet = Split::mnist(directory.path()).expect("a data set").train;
    let files: ImageFiles = Split::open_mnist(directory.path())
        .expect("a data set")
        .train;
    let settings = |set: &dyn Dataset| {
        let loader = Loader::new(set, LoaderOptions::default());
        wengert::train::BatchSource::<f32>::settings(&loader)
    };
    assert_eq!(
        settings(&memory).expect("in memory"),
        settings(&files).expect("whole files")
    );
}
