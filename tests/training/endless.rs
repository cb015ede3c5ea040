//! Training without an end but a stop: the largest numbers of epochs, of warm-up steps, and schedules of them.

use std::ops::ControlFlow;

use wengert::optim::CosineAnnealingLr;
use wengert::prelude::*;
use wengert::train::StopReason;

use crate::models::images;

const ENDLESS: u64 = u64::MAX;

/// Three steps of training that would have no end.
fn three_steps(warm_up: u64, schedule: Option<Every>) -> Vec<f64> {
    let set = images(32, 0);
    let options = LoaderOptions {
        batch: 8,
        ..LoaderOptions::default()
    };
    let loader = Loader::new(&set, options);
    let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(2))];
    let sgd = Sgd {
        lr: 0.1,
        ..Sgd::default()
    };
    let mut trainer = Trainer::new(&mut model, Optimizer::new(sgd), &loader)
        .options(TrainOptions {
            epochs: ENDLESS,
            warm_up,
            ..TrainOptions::default()
        })
        .on_step(|step| {
            if step.step == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    if let Some(every) = schedule {
        trainer = trainer.schedule(every, |t_max| CosineAnnealingLr {
            t_max,
            eta_min: 0.0,
        });
    }
    let outcome = trainer.fit().expect("it trains");
    assert_eq!(outcome.reason, StopReason::Callback);
    outcome.history.steps.iter().map(|step| step.lr).collect()
}

#[test]
fn epochs_without_end_begin_at_once() {
    let rates = three_steps(0, None);
    assert!(
        rates.len() >= 3 && rates.iter().all(|&lr| lr == 0.1),
        "{rates:?}"
    );
}

#[test]
fn a_warm_up_without_end_begins_with_a_tiny_rate() {
    let rates = three_steps(ENDLESS, None);
    // The rate of update `t`, from 0, is 0.1·(t + 1)/2⁶⁴.
    assert_eq!(rates[1], 2.0 * rates[0]);
    assert!((rates[0] * 2_f64.powi(64) - 0.1).abs() < 1e-15, "{rates:?}");
}

#[test]
fn a_schedule_without_end_is_not_rehearsed_for_ever() {
    for every in [Every::Step, Every::Epoch] {
        let rates = three_steps(0, Some(every));
        assert!(rates.iter().all(|&lr| lr == 0.1), "{rates:?}");
    }
}
