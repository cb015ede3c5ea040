//! What the loop computes.

use std::cell::RefCell;
use std::ops::ControlFlow;

use wengert::nn::StateDict;
use wengert::optim::{ReduceLrOnPlateau, StepLr};
use wengert::prelude::*;
use wengert::tensor::parallel::with_threads;
use wengert::train::{StopHandle, StopReason};

use crate::models::{bits, images, network};

fn loader(set: &ImageSet, batch: usize) -> Loader<'_> {
    Loader::new(
        set,
        LoaderOptions {
            batch,
            seed: 3,
            ..LoaderOptions::default()
        },
    )
}

/// Without random choices and without statistics over a batch.
fn plain(seed: u64) -> Sequential {
    sequential![Flatten, Linear::new(16, 3, &mut rng(seed))]
}

const SGD: Sgd = Sgd {
    lr: 0.1,
    momentum: 0.9,
    dampening: 0.0,
    weight_decay: 0.0,
    nesterov: false,
    maximize: false,
};

fn weights(model: &Sequential) -> Vec<f64> {
    let all = model.parameters().into_iter();
    all.flat_map(|(_, param)| param.value().to_vec())
        .map(f64::from)
        .collect()
}

fn distance(a: &Sequential, b: &Sequential) -> f64 {
    let pairs = weights(a).into_iter().zip(weights(b));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn a_trainer_gives_the_weights_of_the_loop_by_hand() {
    let set = images(32, 0);
    let loader = loader(&set, 5);
    let mut by_hand = network(1);
    let mut optimizer = Optimizer::new(SGD);
    for epoch in 0..3 {
        for batch in loader.epoch(epoch) {
            let mut pass = Pass::train(&by_hand, batch.seed);
            let output = by_hand.call(&pass.input(batch.inputs), &mut pass);
            let gradients = pass.backward(&output.cross_entropy(batch.targets.classes()));
            optimizer.step(&mut by_hand, &gradients, pass);
        }
    }
    let mut trained = network(1);
    let outcome = Trainer::new(&mut trained, Optimizer::new(SGD), &loader)
        .epochs(3)
        .fit()
        .expect("nothing is wrong");
    assert_eq!(bits(&trained), bits(&by_hand));
    assert_eq!(outcome.history.steps.len(), 3 * 7);
    assert_eq!(outcome.reason, StopReason::Finished);
}

#[test]
fn the_weights_do_not_depend_on_threads() {
    let set = images(40, 0);
    let run = |threads| {
        with_threads(threads, || {
            let loader = loader(&set, 16);
            let mut model: Sequential = sequential![
                Conv2d::new(1, 16, 3, &mut rng(0)).padding(1),
                Relu,
                Flatten,
                Linear::new(256, 3, &mut rng(1)),
            ];
            let options = TrainOptions {
                epochs: 2,
                ema: Some(Ema::default()),
                accumulate: 2,
                ..TrainOptions::default()
            };
            let trainer =
                Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader).options(options);
            let outcome = trainer.validation(&loader).fit().expect("nothing is wrong");
            (bits(&model), outcome.history)
        })
    };
    let one = run(1);
    assert_eq!(run(2), one);
    assert_eq!(run(5), one);
}

#[test]
fn accumulated_batches_act_as_one_large_batch() {
    // 22 examples in batches of 4 and 2 against batches of 8 and 6: the last update of an epoch is smaller.
    let set = images(22, 0);
    let (mut small, mut large) = (plain(1), plain(1));
    let options = TrainOptions {
        epochs: 3,
        accumulate: 2,
        ..TrainOptions::default()
    };
    let outcome = Trainer::new(&mut small, Optimizer::new(SGD), &loader(&set, 4))
        .options(options)
        .fit();
    let updates = outcome.expect("nothing is wrong").history.steps.len();
    let outcome = Trainer::new(&mut large, Optimizer::new(SGD), &loader(&set, 8))
        .epochs(3)
        .fit();
    assert_eq!(
        updates,
        outcome.expect("nothing is wrong").history.steps.len()
    );
    // Sums in another order.
    assert!(
        distance(&small, &large) < 1e-5,
        "{}",
        distance(&small, &large)
    );
}

#[test]
fn a_moving_average_is_that_of_its_formula_buffers_included() {
    let set = images(20, 0);
    let loader = loader(&set, 5);
    let mut model = network(1);
    let (decay, first) = (0.7, StateDict::of(&model));
    let path = "1.running_mean";
    let value = |state: &StateDict, path: &str| {
        state
            .get(path)
            .expect("is there")
            .real::<f64>()
            .expect("real")
            .to_vec()
    };
    let expected = RefCell::new((value(&first, path), value(&first, "5.weight")));
    let options = TrainOptions {
        epochs: 2,
        ema: Some(Ema {
            decay,
            warm_up: false,
        }),
        ..TrainOptions::default()
    };
    let mut trainer = Trainer::new(&mut model, Optimizer::new(SGD), &loader)
        .options(options)
        .on_step(|step| {
            let now = StateDict::of(step.model);
            let (mean, weight) = &mut *expected.borrow_mut();
            for (average, path) in [(mean, path), (weight, "5.weight")] {
                for (average, now) in average.iter_mut().zip(value(&now, path)) {
                    *average = decay * *average + (1.0 - decay) * now;
                }
            }
        });
    trainer.fit().expect("nothing is wrong");
    let average = trainer.ema().expect("there is an average");
    let counter = average
        .get("1.num_batches_tracked")
        .and_then(wengert::nn::Values::counter);
    assert_eq!(counter, Some(8));
    let (mean, weight) = &*expected.borrow();
    for (expected, path) in [(mean, path), (weight, "5.weight")] {
        for (found, expected) in value(&average, path).iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-5,
                "{path}: {found} {expected}"
            );
        }
    }
}

#[test]
fn evaluations_use_the_moving_average_and_leave_the_weights_alone() {
    let set = images(20, 0);
    let loader = loader(&set, 5);
    let run = |validate: bool| {
        let mut model = network(1);
        // So slow an average that it stays at the first weights.
        let ema = Some(Ema {
            decay: 1.0 - 1e-12,
            warm_up: false,
        });
        let options = TrainOptions {
            epochs: 3,
            ema,
            ..TrainOptions::default()
        };
        let mut trainer = Trainer::new(&mut model, Optimizer::new(SGD), &loader).options(options);
        if validate {
            trainer = trainer.validation(&loader);
        }
        let outcome = trainer.fit().expect("nothing is wrong");
        drop(trainer);
        (bits(&model), outcome.evaluation)
    };
    let (trained, evaluation) = run(true);
    assert_eq!(trained, run(false).0);
    let first = wengert::train::evaluate(&network(1), &loader, &[]);
    let loss = evaluation.expect("there is validation data").loss;
    assert!((loss - first.loss).abs() < 1e-5, "{loss} {}", first.loss);
}

#[test]
fn warm_up_multiplies_the_rate_of_any_schedule() {
    let set = images(16, 0);
    let loader = loader(&set, 4);
    let mut model = plain(0);
    let options = TrainOptions {
        epochs: 2,
        warm_up: 3,
        ..TrainOptions::default()
    };
    let outcome = Trainer::new(&mut model, Optimizer::new(Sgd { lr: 0.8, ..SGD }), &loader)
        .options(options)
        .schedule(Every::Epoch, |_| StepLr {
            step_size: 1,
            gamma: 0.5,
        })
        .fit()
        .expect("nothing is wrong");
    let rates: Vec<f64> = outcome.history.steps.iter().map(|step| step.lr).collect();
    let expected = [0.2, 0.4, 0.6, 0.8, 0.4, 0.4, 0.4, 0.4];
    for (found, expected) in rates.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-15, "{rates:?}");
    }
}

#[test]
fn groups_have_schedules_of_their_own() {
    let set = images(8, 0);
    let loader = loader(&set, 4);
    let mut model = plain(0);
    let optimizer = Optimizer::new(Sgd { lr: 0.8, ..SGD }).group("*.bias", Sgd { lr: 0.4, ..SGD });
    let mut trainer = Trainer::new(&mut model, optimizer, &loader)
        .epochs(3)
        .schedule_group(Every::Epoch, "*.bias", |_| StepLr {
            step_size: 1,
            gamma: 0.5,
        })
        .schedule_group(Every::Step, "*", |steps| CosineAnnealingLr {
            t_max: steps,
            eta_min: 0.0,
        });
    trainer.fit().expect("nothing is wrong");
    let wengert::train::Method::Rule(optimizer) = trainer.method() else {
        panic!("made of an optimizer");
    };
    let [first, bias] = optimizer.groups() else {
        panic!("two groups")
    };
    assert!(first.lr < 1e-15, "{}", first.lr);
    assert_eq!(bias.lr, 0.05);
}

#[test]
fn a_plateau_lowers_the_rate_and_early_stopping_stops() {
    let set = images(12, 0);
    let loader = loader(&set, 4);
    let mut model = plain(0);
    // A rate of 0 improves nothing after the first evaluation.
    let options = TrainOptions {
        epochs: 50,
        early_stopping: Some(EarlyStopping {
            patience: 3,
            min_delta: 0.0,
        }),
        ..TrainOptions::default()
    };
    let outcome = Trainer::new(
        &mut model,
        Optimizer::new(Sgd { lr: 1e-30, ..SGD }),
        &loader,
    )
    .options(options)
    .validation(&loader)
    .plateau(ReduceLrOnPlateau {
        factor: 0.5,
        patience: 1,
        eps: 0.0,
        ..ReduceLrOnPlateau::default()
    })
    .fit()
    .expect("nothing is wrong");
    assert_eq!(outcome.reason, StopReason::EarlyStopped);
    // The first is the best; four more do not improve; the plateau acts after the third and the fifth.
    assert_eq!(outcome.history.epochs.len(), 5);
    assert_eq!(
        outcome.history.column("lr"),
        [1e-30, 1e-30, 1e-30, 0.5e-30, 0.5e-30]
    );
    assert_eq!(outcome.best.map(|(epoch, _)| epoch), Some(0));
}

#[test]
fn frozen_parameters_stay_and_all_others_move() {
    let set = images(16, 0);
    let mut model = network(1);
    let before = StateDict::of(&model);
    let options = TrainOptions {
        epochs: 1,
        freeze: vec!["0".to_owned(), "*.bias".to_owned()],
        ..TrainOptions::default()
    };
    Trainer::new(&mut model, Optimizer::new(SGD), &loader(&set, 4))
        .options(options)
        .fit()
        .expect("nothing is wrong");
    for (path, values) in StateDict::of(&model).iter() {
        let same = before.get(path) == Some(values);
        let frozen = path.starts_with("0.") || path.rsplit('.').next() == Some("bias");
        assert_eq!(same, frozen, "{path}");
    }
}

#[test]
fn clipping_bounds_the_update() {
    let set = images(8, 0);
    let mut model = plain(0);
    let before = model.clone();
    let options = TrainOptions {
        epochs: 1,
        clip_norm: Some(1e-3),
        ..TrainOptions::default()
    };
    let rule = Sgd {
        lr: 1.0,
        momentum: 0.0,
        ..SGD
    };
    let outcome = Trainer::new(&mut model, Optimizer::new(rule), &loader(&set, 8))
        .options(options)
        .fit();
    let norm = outcome.expect("nothing is wrong").history.steps[0].gradient_norm;
    assert!(norm > 0.01, "before clipping: {norm}");
    let moved: f64 = weights(&model)
        .iter()
        .zip(weights(&before))
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    assert!((moved.sqrt() - 1e-3).abs() < 1e-5, "{}", moved.sqrt());
}

#[test]
fn callbacks_and_handles_stop_and_another_call_continues() {
    let set = images(24, 0);
    let loader = loader(&set, 4);
    let mut whole = network(1);
    Trainer::new(&mut whole, Optimizer::new(SGD), &loader)
        .epochs(3)
        .fit()
        .expect("nothing is wrong");

    let mut model = network(1);
    let handle = StopHandle::new();
    let seen = RefCell::new(0);
    let mut trainer = Trainer::new(&mut model, Optimizer::new(SGD), &loader)
        .epochs(3)
        .stop_handle(&handle)
        .on_step(|_| {
            *seen.borrow_mut() += 1;
            match *seen.borrow() {
                4 => ControlFlow::Break(()),
                7 => {
                    handle.stop();
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Continue(()),
            }
        });
    assert_eq!(
        trainer.fit().expect("nothing is wrong").reason,
        StopReason::Callback
    );
    assert_eq!(*seen.borrow(), 4);
    assert_eq!(
        trainer.fit().expect("nothing is wrong").reason,
        StopReason::Interrupted
    );
    assert_eq!(*seen.borrow(), 7);
    handle.reset();
    let outcome = trainer.fit().expect("nothing is wrong");
    assert_eq!((outcome.reason, *seen.borrow()), (StopReason::Finished, 18));
    drop(trainer);
    assert_eq!(bits(&model), bits(&whole));
}

#[test]
fn records_and_evaluations_come_as_often_as_asked() {
    let set = images(16, 0);
    let loader = loader(&set, 4);
    let mut model = plain(0);
    let options = TrainOptions {
        epochs: 5,
        evaluate_every: 2,
        record_every: 6,
        ..TrainOptions::default()
    };
    let outcome = Trainer::new(&mut model, Optimizer::new(SGD), &loader)
        .options(options)
        .validation(&loader)
        .fit();
    let history = outcome.expect("nothing is wrong").history;
    let updates: Vec<u64> = history.steps.iter().map(|step| step.update).collect();
    assert_eq!(updates, [6, 12, 18]);
    let evaluated: Vec<bool> = history
        .column("valid_loss")
        .iter()
        .map(|loss| !loss.is_nan())
        .collect();
    assert_eq!(evaluated, [false, true, false, true, true]);
}

#[test]
fn other_number_types_losses_and_lbfgs_train() {
    let set = images(12, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 12,
            shuffle: false,
            ..LoaderOptions::default()
        },
    );
    let mut model: Sequential<f64> = sequential![Flatten, Linear::new(16, 3, &mut rng(0))];
    let options = wengert::optim::LbfgsOptions {
        max_iter: 5,
        line_search: Some(wengert::optim::LineSearch::StrongWolfe),
        ..Default::default()
    };
    let outcome = Trainer::new(&mut model, wengert::optim::Lbfgs::new(options), &loader)
        .epochs(5)
        .loss(|output: &Var<f64>, batch| {
            let target = Tensor::from_vec(
                batch
                    .targets
                    .classes()
                    .iter()
                    .flat_map(|l| (0..3).map(move |c| if l == c { 1.0 } else { 0.0 }))
                    .collect(),
                [batch.targets.classes().len(), 3],
            );
            output.mse_loss(&Var::constant(target))
        })
        .fit()
        .expect("nothing is wrong");
    let losses: Vec<f64> = outcome.history.steps.iter().map(|step| step.loss).collect();
    assert!(losses[4] < 0.2 * losses[0], "{losses:?}");
}
