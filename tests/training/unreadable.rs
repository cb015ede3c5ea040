//! Samples that cannot be read are errors of their own, also where a run compares its data with those of another.

use std::path::Path;

use wengert::data::{DataError, Dataset, Example, ImageSet, Problem};
use wengert::distributed::{Communicator, Simulator};
use wengert::prelude::*;
use wengert::train::CheckpointOptions;

use crate::models::images;

const SAMPLES: usize = 32;

/// The last sample is not in the first batch, but in the hash of the set.
const LAST: usize = SAMPLES - 1;

/// Samples in files, one of which may be gone.
struct Files {
    set: ImageSet,
    gone: Option<usize>,
}

impl Files {
    fn new(gone: Option<usize>) -> Self {
        Self {
            set: images(SAMPLES, 0),
            gone,
        }
    }
}

impl Dataset for Files {
    fn len(&self) -> usize {
        SAMPLES
    }

    fn example(&self, index: usize) -> Example {
        self.try_example(index).expect("a sample")
    }

    fn try_example(&self, index: usize) -> Result<Example, DataError> {
        if self.gone == Some(index) {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(DataError {
                file: format!("sample {index}").into(),
                problem: Problem::Io(error),
            });
        }
        Ok(self.set.example(index))
    }

    fn class_names(&self) -> &[String] {
        self.set.class_names()
    }

    fn class(&self, index: usize) -> Option<i64> {
        self.set.class(index)
    }
}

fn fit(
    files: &Files,
    checkpoints: Option<&Path>,
    others: Option<&Communicator>,
) -> Result<(), TrainError> {
    let options = LoaderOptions {
        batch: 8,
        shuffle: false,
        ..LoaderOptions::default()
    };
    let loader = Loader::new(files, options);
    let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(2))];
    let mut trainer =
        Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader).options(TrainOptions {
            epochs: 1,
            shards: 2,
            ..TrainOptions::default()
        });
    if let Some(directory) = checkpoints {
        trainer = trainer
            .checkpoints(CheckpointOptions {
                directory: directory.to_owned(),
                ..CheckpointOptions::default()
            })
            .resume_if_possible();
    }
    if let Some(others) = others {
        trainer = trainer.communicator(others);
    }
    trainer.fit().map(drop)
}

#[test]
fn the_hash_of_a_set_is_an_error_if_a_sample_cannot_be_read() {
    let whole = Files::new(None).fingerprint().expect("all can be read");
    assert_eq!(whole, Files::new(None).fingerprint().expect("all"));
    let error = Files::new(Some(LAST)).fingerprint().expect_err("gone");
    assert_eq!(error.file, Path::new("sample 31"));
}

#[test]
fn a_resumed_run_names_the_sample_that_cannot_be_read() {
    let directory = tempfile::tempdir().expect("a directory");
    fit(&Files::new(None), Some(directory.path()), None).expect("it trains");
    let error = fit(&Files::new(Some(LAST)), Some(directory.path()), None).expect_err("gone");
    assert!(matches!(error, TrainError::Data(_)), "{error}");
    assert!(error.to_string().starts_with("sample 31: "), "{error}");
}

#[test]
fn processes_name_the_sample_that_one_of_them_cannot_read() {
    let errors = Simulator::new(2).run(|communicator| {
        let gone = (communicator.rank() == 1).then_some(LAST);
        let result = fit(&Files::new(gone), None, Some(communicator));
        result.expect_err("gone").to_string()
    });
    assert!(
        errors[0].starts_with("process 1: sample 31: "),
        "{errors:?}"
    );
    assert!(errors[1].starts_with("sample 31: "), "{errors:?}");
}
