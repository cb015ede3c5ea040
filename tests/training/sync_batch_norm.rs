//! Batch normalization over all shards of a batch, which then run at the same time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wengert::data::ImageSet;
use wengert::distributed::{Communicator, Simulator};
use wengert::nn::{StateDict, SyncBatchNorm2d, Values};
use wengert::prelude::*;
use wengert::tensor::parallel::with_threads;

use crate::models::{bits, images};

/// Batches of 8; 29 examples leave a last batch of 5.
const BATCH: usize = 8;
const EXAMPLES: usize = 29;

/// Two normalized convolutions; `norm` makes the layer for 3 channels.
fn network<L>(norm: impl Fn() -> L, dropout: f64) -> Sequential
where
    L: Module<f32> + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let rng = &mut rng(1);
    Sequential::new()
        .push(Conv2d::new(1, 3, 3, rng).padding(1))
        .push(norm())
        .push(Relu)
        .push(Conv2d::new(3, 3, 3, rng).padding(1))
        .push(norm())
        .push(Relu)
        .push(Dropout::new(dropout))
        .push(Flatten)
        .push(Linear::new(48, 3, rng))
}

fn synchronous(dropout: f64) -> Sequential {
    network(|| SyncBatchNorm2d::new(3), dropout)
}

fn train(
    model: &mut Sequential,
    set: &ImageSet,
    shards: usize,
    communicator: Option<&Communicator>,
) -> Result<Vec<f64>, TrainError> {
    let options = LoaderOptions {
        batch: BATCH,
        seed: 5,
        shuffle: false,
        ..LoaderOptions::default()
    };
    let loader = Loader::new(set, options);
    let optimizer = Optimizer::new(Sgd {
        lr: 0.05,
        momentum: 0.9,
        ..Sgd::default()
    });
    let mut trainer = Trainer::new(model, optimizer, &loader).options(TrainOptions {
        epochs: 3,
        shards,
        ..TrainOptions::default()
    });
    if let Some(communicator) = communicator {
        trainer = trainer.communicator(communicator);
    }
    let outcome = trainer.fit()?;
    Ok(outcome.history.steps.iter().map(|step| step.loss).collect())
}

#[test]
fn shards_of_any_size_train_as_batch_norm_over_the_whole_batch() {
    // Rounding in f32: twelve updates through two layers that divide by a deviation.
    const ROUNDING: f64 = 1e-4;
    let set = images(EXAMPLES, 0);
    let mut whole = network(|| BatchNorm2d::new(3), 0.0);
    let expected = train(&mut whole, &set, 1, None).expect("it trains");
    // With 8 shards each has one row.
    for shards in [1, 2, 4, 8] {
        let mut cut = synchronous(0.0);
        let found = train(&mut cut, &set, shards, None).expect("it trains");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() < ROUNDING,
                "{shards} shards: {found}, not {expected}"
            );
        }
        let (whole, cut) = (StateDict::of(&whole), StateDict::of(&cut));
        let paths = |dict: &StateDict| -> Vec<String> {
            dict.iter().map(|(path, _)| path.to_owned()).collect()
        };
        assert_eq!(paths(&whole), paths(&cut));
        for (path, values) in whole.iter() {
            let (Values::F32(a), Some(Values::F32(b))) = (values, cut.get(path)) else {
                assert_eq!(Some(values), cut.get(path), "{path}");
                continue;
            };
            for (a, b) in a.to_vec().into_iter().zip(b.to_vec()) {
                assert!(
                    f64::from((a - b).abs()) < ROUNDING,
                    "{path} with {shards} shards: {b}, not {a}"
                );
            }
        }
    }
    // Batch norm over shards of two rows is another function.
    let mut other = network(|| BatchNorm2d::new(3), 0.0);
    let found = train(&mut other, &set, 4, None).expect("it trains");
    assert!((found[11] - expected[11]).abs() > 10.0 * ROUNDING);
}

#[test]
fn processes_and_threads_change_no_bit() {
    let set = images(EXAMPLES, 0);
    let mut alone = synchronous(0.2);
    let losses = train(&mut alone, &set, 8, None).expect("it trains");
    for (processes, threads) in [
        (1, 2),
        (1, 3),
        (1, 16),
        (2, 1),
        (2, 2),
        (3, 1),
        (4, 2),
        (8, 1),
    ] {
        let results = with_threads(threads, || {
            Simulator::new(processes).run(|communicator| {
                let mut model = synchronous(0.2);
                let losses = train(&mut model, &set, 8, Some(communicator)).expect("it trains");
                (bits(&model), losses)
            })
        });
        for (found, found_losses) in results {
            assert_eq!(
                found,
                bits(&alone),
                "{processes} processes, {threads} threads"
            );
            assert_eq!(found_losses, losses);
        }
    }
}

/// `ln(x)`, which is NaN for the one image with a dark corner.
#[derive(Clone, Debug)]
struct Log;
fields!(Log);

impl<T: Real> Module<T> for Log {
    fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> {
        x.ln()
    }
}

#[test]
fn a_nan_of_one_process_stops_all_and_names_process_and_op() {
    let mut pixels = vec![100; 16 * BATCH];
    // Example 5 is in shard 5 of 8, which process 1 of 2 has.
    pixels[5 * 16] = 0;
    let labels = (0..BATCH as i64).map(|i| i % 3).collect();
    let set = ImageSet::new(pixels, [BATCH, 1, 4, 4], labels, &["a", "b", "c"], 255);
    let model = || {
        Sequential::new()
            .push_named("log", Log)
            .push(SyncBatchNorm2d::new(1))
            .push(Flatten)
            .push(Linear::new(16, 3, &mut rng(0)))
    };
    let error = train(&mut model(), &set, 8, None).expect_err("not finite");
    assert!(error.to_string().contains("`log`"), "{error}");
    let errors = Simulator::new(2).run(|communicator| {
        let error = train(&mut model(), &set, 8, Some(communicator));
        error.expect_err("not finite").to_string()
    });
    for error in errors {
        assert!(
            error.contains("in process 1: ") && error.contains("`log`"),
            "{error}"
        );
    }
}

/// Panics for a batch that has an image with a dark corner.
#[derive(Clone, Debug)]
struct Fragile;
fields!(Fragile);

impl<T: Real> Module<T> for Fragile {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let has_dark = x.value().iter().any(|x| x.to_f64() == 0.0);
        assert!(!pass.is_training() || !has_dark, "this shard fails");
        x.clone()
    }
}

#[test]
fn a_panic_in_one_shard_ends_the_others_with_its_message() {
    let mut pixels = vec![100; 16 * BATCH];
    pixels[5 * 16] = 0;
    let labels = (0..BATCH as i64).map(|i| i % 3).collect();
    let set = ImageSet::new(pixels, [BATCH, 1, 4, 4], labels, &["a", "b", "c"], 255);
    for threads in [1, 3] {
        let ended = catch_unwind(AssertUnwindSafe(|| {
            with_threads(threads, || {
                let mut model = Sequential::new()
                    .push(Fragile)
                    .push(SyncBatchNorm2d::new(1))
                    .push(Flatten)
                    .push(Linear::new(16, 3, &mut rng(0)));
                train(&mut model, &set, 8, None)
            })
        }));
        let panic = ended.expect_err("a panic");
        let text = panic.downcast_ref::<&str>().copied();
        assert_eq!(text, Some("this shard fails"), "{threads} threads");
    }
}

#[test]
fn a_process_may_have_a_shard_with_examples_beside_shards_without() {
    // The last batch has 3 examples for 8 shards, of which the second of three processes has numbers 2, 3 and 4.
    let set = images(27, 0);
    let run = |communicator: Option<&Communicator>| {
        let mut model = synchronous(0.0);
        train(&mut model, &set, 8, communicator).expect("it trains");
        bits(&model)
    };
    let alone = run(None);
    for found in Simulator::new(3).run(|communicator| run(Some(communicator))) {
        assert_eq!(found, alone);
    }
}
