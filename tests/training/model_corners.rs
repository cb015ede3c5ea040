//! Models that few have: frozen and shared parameters, one without elements, one that only some examples use.

use std::path::Path;

use wengert::distributed::{Communicator, Simulator};
use wengert::nn::StateDict;
use wengert::prelude::*;

use crate::models::images;

/// A layer that is used twice and has two paths, a parameter that only bright images use, and one without elements, which
/// none uses.
#[derive(Clone, Debug)]
struct Odd {
    norm: BatchNorm2d<f32>,
    out: Linear<f32>,
    bright: Param<f32>,
    empty: Param<f32>,
}
fields!(Odd as f32 { "first" => norm, "second" => norm, out, bright, empty });

impl Odd {
    fn new() -> Self {
        Self {
            norm: BatchNorm2d::new(1),
            out: Linear::new(16, 3, &mut rng(3)),
            bright: Param::new(Tensor::ones([1])),
            empty: Param::new(Tensor::zeros([0])),
        }
    }
}

impl Module<f32> for Odd {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        let is_bright = x.value().to_vec()[0] > 0.4;
        let x = self.norm.call(&self.norm.call(x, pass), pass);
        let shape = [x.shape()[0], 16];
        let y = self.out.call(&x.reshape(shape), pass);
        if is_bright {
            y * pass.param(&self.bright)
        } else {
            y
        }
    }
}

fn bytes(model: &Odd) -> Vec<u8> {
    StateDict::of(model).to_bytes()
}

/// Trains with a moving average; returns the model and the average.
fn train(
    model: &mut Odd,
    options: TrainOptions,
    directory: Option<&Path>,
    communicator: Option<&Communicator>,
) -> Result<StateDict, TrainError> {
    let set = images(24, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 8,
            ..LoaderOptions::default()
        },
    );
    let rule = Sgd {
        lr: 0.1,
        momentum: 0.9,
        ..Sgd::default()
    };
    let mut trainer = Trainer::new(model, Optimizer::new(rule), &loader).options(options);
    if let Some(directory) = directory {
        trainer = trainer
            .checkpoints(CheckpointOptions {
                directory: directory.to_owned(),
                ..CheckpointOptions::default()
            })
            .resume_if_possible();
    }
    if let Some(communicator) = communicator {
        trainer = trainer.communicator(communicator);
    }
    trainer.fit()?;
    Ok(trainer.ema().expect("a moving average"))
}

fn options(epochs: u64, shards: usize) -> TrainOptions {
    TrainOptions {
        epochs,
        shards,
        ema: Some(Ema::default()),
        ..TrainOptions::default()
    }
}

#[test]
fn shared_and_frozen_and_unused_parameters_are_the_same_for_any_number_of_processes() {
    let run = |communicator: Option<&Communicator>| {
        let mut model = Odd::new();
        model.freeze("out.bias");
        let average = train(&mut model, options(3, 8), None, communicator).expect("it trains");
        (bytes(&model), average.to_bytes())
    };
    let alone = run(None);
    for processes in [2, 3] {
        let all = Simulator::new(processes).run(|communicator| run(Some(communicator)));
        for found in all {
            assert!(found == alone, "{processes} processes");
        }
    }
    let mut model = Odd::new();
    model.freeze("out.bias");
    let before = model.clone();
    train(&mut model, options(3, 8), None, None).expect("it trains");
    let value = |model: &Odd, path: &str| {
        let all = model.parameters().into_iter();
        let mut found = all.filter(|(name, _)| name == path);
        found.next().expect("a parameter").1.value().to_vec()
    };
    assert_eq!(value(&model, "out.bias"), value(&before, "out.bias"));
    for path in ["out.weight", "bright", "first.weight"] {
        assert_ne!(value(&model, path), value(&before, path), "{path}");
    }
}

#[test]
fn the_moving_average_of_a_shared_layer_is_resumed_with_the_same_bits() {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut whole = Odd::new();
    let expected = train(&mut whole, options(3, 1), None, None).expect("it trains");
    let directory = Some(scratch.path());
    train(&mut Odd::new(), options(1, 1), directory, None).expect("it trains");
    let mut resumed = Odd::new();
    let average = train(&mut resumed, options(3, 1), directory, None).expect("it goes on");
    assert!(bytes(&resumed) == bytes(&whole));
    assert!(average.to_bytes() == expected.to_bytes());
    assert!(bytes(&whole) != expected.to_bytes());
}

#[test]
fn what_the_options_hold_constant_is_free_again_if_a_checkpoint_does_not_fit() {
    let scratch = tempfile::tempdir().expect("a directory");
    let freezing = |shards| TrainOptions {
        freeze: vec!["out.*".to_owned()],
        ..options(1, shards)
    };
    let frozen = |model: &Odd| -> Vec<String> {
        let all = model.parameters().into_iter();
        let frozen = all.filter(|(_, param)| param.is_frozen());
        frozen.map(|(path, _)| path).collect()
    };
    let directory = Some(scratch.path());
    let mut model = Odd::new();
    model.freeze("out.bias");
    train(&mut model, freezing(1), directory, None).expect("it trains");
    let mut model = Odd::new();
    model.freeze("out.bias");
    let before = bytes(&model);
    let error = train(&mut model, freezing(2), directory, None).expect_err("other shards");
    assert!(error.to_string().contains("another shards"), "{error}");
    assert_eq!(frozen(&model), ["out.bias"]);
    assert!(bytes(&model) == before);
}

#[test]
fn a_model_that_is_frozen_already_is_not_trained() {
    let mut model = Odd::new();
    model.freeze("*");
    let error = train(&mut model, options(1, 1), None, None).expect_err("nothing to train");
    assert_eq!(
        error.to_string(),
        "trainer: the model has no parameter that is not frozen"
    );
}
