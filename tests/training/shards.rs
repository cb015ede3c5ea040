//! Batches that are cut into shards.

use wengert::data::{Augment, DataError, ImageSet, Position};
use wengert::nn::StateDict;
use wengert::prelude::*;
use wengert::tensor::parallel::with_threads;
use wengert::train::{BatchSource, History, Origin, TrainBatch};

use crate::models::{bits, images, network};

fn loader(set: &ImageSet, batch: usize) -> Loader<'_> {
    Loader::new(
        set,
        LoaderOptions {
            batch,
            seed: 5,
            augment: Augment {
                shift: 1,
                ..Augment::default()
            },
            ..LoaderOptions::default()
        },
    )
}

fn sgd() -> Optimizer {
    Optimizer::new(Sgd {
        lr: 0.1,
        momentum: 0.9,
        ..Sgd::default()
    })
}

/// Trains in batches of 8; 30 examples leave a last batch of 6.
fn train(model: &mut Sequential, shards: usize) -> History {
    let set = images(30, 0);
    let loader = loader(&set, 8);
    let options = TrainOptions {
        epochs: 3,
        shards,
        ..TrainOptions::default()
    };
    let outcome = Trainer::new(model, sgd(), &loader).options(options).fit();
    outcome.expect("it trains").history
}

/// Without random choices and without statistics over a batch.
fn plain() -> Sequential {
    sequential![Flatten, Linear::new(16, 3, &mut rng(1))]
}

fn distance(a: &Sequential, b: &Sequential) -> f64 {
    let weights = |model: &Sequential| -> Vec<f32> {
        let all = model.parameters().into_iter();
        all.flat_map(|(_, param)| param.value().to_vec()).collect()
    };
    let pairs = weights(a).into_iter().zip(weights(b));
    pairs
        .map(|(a, b)| f64::from((a - b).abs()))
        .fold(0.0, f64::max)
}

#[test]
fn shards_add_up_to_the_gradient_of_the_batch() {
    // Rounding only: twelve updates in f32.
    const ROUNDING: f64 = 1e-5;
    let mut whole = plain();
    let expected = train(&mut whole, 1);
    for shards in [2, 4, 8] {
        let mut cut = plain();
        let history = train(&mut cut, shards);
        assert!(distance(&whole, &cut) < ROUNDING, "{shards} shards");
        let pairs = history.steps.iter().zip(&expected.steps);
        for (step, expected) in pairs {
            assert!((step.loss - expected.loss).abs() < ROUNDING, "{step:?}");
        }
        assert_eq!(
            history.column("train_accuracy").len(),
            expected.column("train_accuracy").len()
        );
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let run = |threads| {
        with_threads(threads, || {
            let mut model = network(1);
            let _ = train(&mut model, 4);
            bits(&model)
        })
    };
    let one = run(1);
    for threads in [2, 3, 5] {
        assert_eq!(run(threads), one, "{threads} threads");
    }
}

#[test]
fn the_number_of_shards_decides_what_dropout_and_batch_norm_see() {
    let run = |shards| {
        let mut model = network(1);
        let _ = train(&mut model, shards);
        bits(&model)
    };
    assert_ne!(run(2), run(4));
    assert_eq!(run(2), run(2));
}

#[test]
fn running_statistics_move_by_the_mean_of_the_shards() {
    let set = images(8, 3);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 8,
            shuffle: false,
            ..LoaderOptions::default()
        },
    );
    let rng = &mut rng(0);
    let mut model: Sequential = sequential![BatchNorm2d::new(1), Flatten, Linear::new(16, 3, rng)];
    let options = TrainOptions {
        epochs: 1,
        shards: 4,
        ..TrainOptions::default()
    };
    let frozen = Optimizer::new(Sgd {
        lr: 0.0,
        ..Sgd::default()
    });
    let trained = Trainer::new(&mut model, frozen, &loader)
        .options(options)
        .fit();
    trained.expect("it trains");
    let state = StateDict::of(&model);
    let value = |name: &str| -> f64 {
        let found = state.get(name).and_then(wengert::nn::Values::real::<f64>);
        found.unwrap_or_else(|| panic!("{name}")).to_vec()[0]
    };
    let (mut mean, mut var) = (0.0, 0.0);
    let batch = loader.epoch::<f64>(0).next().expect("one batch");
    for shard in 0..4 {
        let x = batch.part(2 * shard..2 * shard + 2).inputs.to_vec();
        let n = x.len() as f64;
        let own = x.iter().sum::<f64>() / n;
        mean += own / 4.0;
        var += x.iter().map(|x| (x - own).powi(2)).sum::<f64>() / (n - 1.0) / 4.0;
    }
    // Sums of 32 numbers of about 1 in f32.
    let rounding = 1e-6;
    assert!((value("0.running_mean") - 0.1 * mean).abs() < rounding);
    assert!((value("0.running_var") - (0.9 + 0.1 * var)).abs() < rounding);
    let batches = state
        .get("0.num_batches_tracked")
        .and_then(wengert::nn::Values::counter);
    assert_eq!(batches, Some(1));
}

#[test]
fn a_run_in_shards_is_resumed_with_the_same_bits_and_the_same_shards_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let set = images(30, 0);
    let loader = loader(&set, 8);
    let run = |model: &mut Sequential, shards, epochs, stop_after: usize| {
        let mut seen = 0;
        let options = TrainOptions {
            epochs,
            shards,
            accumulate: 3,
            ..TrainOptions::default()
        };
        let checkpoints = CheckpointOptions {
            directory: directory.path().to_owned(),
            ..CheckpointOptions::default()
        };
        Trainer::new(model, sgd(), &loader)
            .options(options)
            .checkpoints(checkpoints)
            .resume_if_possible()
            .on_step(move |_| {
                seen += 1;
                if seen == stop_after {
                    std::ops::ControlFlow::Break(())
                } else {
                    std::ops::ControlFlow::Continue(())
                }
            })
            .fit()
    };
    let mut stopped = network(1);
    run(&mut stopped, 4, 2, 2).expect("it trains");
    let wrong = run(&mut network(1), 2, 2, 0).expect_err("other shards");
    assert!(
        wrong.to_string().contains("another shards (4, here 2)"),
        "{wrong}"
    );
    let mut resumed = network(1);
    run(&mut resumed, 4, 2, 0).expect("it goes on");
    std::fs::remove_dir_all(directory.path()).expect("it is there");
    let mut whole = network(1);
    run(&mut whole, 4, 2, 0).expect("it trains");
    assert_eq!(bits(&resumed), bits(&whole));
}

#[test]
fn shards_that_do_not_divide_the_batch_are_one_sentence() {
    let set = images(30, 0);
    let mut model = network(1);
    let options = TrainOptions {
        shards: 3,
        ..TrainOptions::default()
    };
    let error = Trainer::new(&mut model, sgd(), &loader(&set, 8))
        .options(options)
        .fit()
        .expect_err("3 does not divide 8");
    assert_eq!(
        error.to_string(),
        "trainer: 3 shards do not divide a batch of 8 examples; choose a batch that is a multiple of 3, or other \
         shards"
    );
}

#[test]
fn an_input_that_is_not_finite_is_named_by_its_place_in_the_batch() {
    /// Example 5 is infinite.
    struct Infinite;
    impl Dataset for Infinite {
        fn len(&self) -> usize {
            8
        }
        fn example(&self, index: usize) -> Example {
            let x = if index == 5 { f64::INFINITY } else { 1.0 };
            Example::new(Tensor::full([16], x), index % 3)
        }
    }
    let options = LoaderOptions {
        batch: 8,
        shuffle: false,
        ..LoaderOptions::default()
    };
    let loader = Loader::new(&Infinite, options);
    let mut model = plain();
    let options = TrainOptions {
        shards: 4,
        ..TrainOptions::default()
    };
    let error = Trainer::new(&mut model, sgd(), &loader)
        .options(options)
        .fit();
    let TrainError::NonFinite(found) = error.expect_err("not finite") else {
        panic!("another error");
    };
    assert_eq!(found.origin, Origin::Input { example: 5 });
}

/// A source whose batches cannot be cut.
struct Whole<'a>(Loader<'a>);

struct WholeBatch(Batch<f32>);

impl TrainBatch<f32> for WholeBatch {
    fn input(&self) -> &Tensor {
        &self.0.inputs
    }
    fn seed(&self) -> u64 {
        self.0.seed
    }
    fn labels(&self) -> Option<&Tensor<i64>> {
        self.0.labels()
    }
}

impl BatchSource<f32> for Whole<'_> {
    type Batch = WholeBatch;
    fn steps(&self) -> usize {
        self.0.steps()
    }
    fn examples(&self) -> usize {
        self.0.set().len()
    }
    fn batches(&self, position: Position) -> impl Iterator<Item = WholeBatch> {
        self.0.batches(position).map(WholeBatch)
    }
    fn settings(&self) -> Result<Vec<(String, String)>, DataError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_source_whose_batches_cannot_be_cut_says_what_is_missing() {
    let set = images(16, 0);
    let mut model = network(1);
    let source = Whole(loader(&set, 8));
    let options = TrainOptions {
        shards: 2,
        ..TrainOptions::default()
    };
    let error = Trainer::new(&mut model, sgd(), &source)
        .options(options)
        .fit();
    let text = error.expect_err("no parts").to_string();
    assert!(text.contains("implement `TrainBatch::part`"), "{text}");
}
