//! Learning rates, step by step.

use wengert_optim::{
    Adagrad, Adam, Anneal, ConstantLr, CosineAnnealingLr, CosineAnnealingWarmRestarts, Curve,
    ExponentialLr, LambdaLr, LinearLr, LoadError, MetricMode, MultiStepLr, MultiplicativeLr,
    OneCycleLr, Optimizer, PerGroup, Plateau, PolynomialLr, ReduceLrOnPlateau, Schedule, Sgd,
    StepLr, ThresholdMode,
};

pub fn sgd(lr: f64) -> Optimizer<f64> {
    Optimizer::new(Sgd {
        lr,
        momentum: 0.9,
        ..Sgd::default()
    })
}

fn rates_of(mut schedule: Schedule, optimizer: &mut Optimizer<f64>, steps: usize) -> Vec<f64> {
    let mut rates = vec![optimizer.lr()];
    for _ in 0..steps {
        schedule.step(optimizer);
        rates.push(optimizer.lr());
    }
    rates
}

/// The rates from 1 on.
pub fn rates(curve: impl Curve, steps: usize) -> Vec<f64> {
    let mut optimizer = sgd(1.0);
    rates_of(Schedule::new(curve, &mut optimizer), &mut optimizer, steps)
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64]) {
    const CHAINED: f64 = 1e-13; // each rate has the rounding of those before it
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= CHAINED, "{found:?}, not {expected:?}");
    }
}

#[test]
fn steps_and_milestones() {
    let step = StepLr {
        step_size: 2,
        gamma: 0.5,
    };
    assert_eq!(rates(step, 5), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
    // In any order; twice is twice; 0 counts before the first step.
    let milestones = MultiStepLr {
        milestones: vec![3, 1, 3, 0],
        gamma: 0.5,
    };
    assert_eq!(rates(milestones, 4), [0.5, 0.25, 0.25, 0.0625, 0.0625]);
}

#[test]
fn factors() {
    let constant = ConstantLr {
        factor: 0.5,
        total_iters: 2,
    };
    assert_eq!(rates(constant, 3), [0.5, 0.5, 1.0, 1.0]);
    let linear = LinearLr {
        start_factor: 0.25,
        end_factor: 0.75,
        total_iters: 2,
    };
    assert_close(&rates(linear, 3), &[0.25, 0.5, 0.75, 0.75]);
    assert_eq!(
        rates(ExponentialLr { gamma: 0.5 }, 3),
        [1.0, 0.5, 0.25, 0.125]
    );
    let polynomial = PolynomialLr {
        total_iters: 4,
        power: 2.0,
    };
    let squares = [1.0, 9.0 / 16.0, 0.25, 1.0 / 16.0, 0.0, 0.0];
    assert_close(&rates(polynomial, 5), &squares);
    assert_eq!(
        rates(LambdaLr::new(|t, _| t as f64), 3),
        [0.0, 1.0, 2.0, 3.0]
    );
    let product = MultiplicativeLr::new(|t, _| t as f64);
    assert_eq!(rates(product, 3), [1.0, 1.0, 2.0, 6.0]);
}

#[test]
fn the_cosine_rises_again_past_its_bottom() {
    let cosine = CosineAnnealingLr {
        t_max: 3,
        eta_min: 0.2,
    };
    // 0.2 + 0.4(1 + cos(πt/3))
    let expected = [1.0, 0.8, 0.4, 0.2, 0.4, 0.8, 1.0, 0.8];
    assert_close(&rates(cosine, 7), &expected);
    let restarts = CosineAnnealingWarmRestarts {
        t_0: 2,
        t_mult: 2,
        eta_min: 0.0,
    };
    let half = |angle: f64| 0.5 * (1.0 + (std::f64::consts::PI * angle).cos());
    let (up, down) = (half(0.25), half(0.75));
    let expected = [1.0, 0.5, 1.0, up, 0.5, down, 1.0, half(0.125)];
    assert_close(&rates(restarts, 7), &expected);
}

#[test]
fn one_cycle_changes_rate_and_momentum_in_opposite_directions() {
    let curve = OneCycleLr {
        max_lr: 1.0.into(),
        total_steps: 10,
        anneal_strategy: Anneal::Linear,
        div_factor: 2.0,
        final_div_factor: 4.0,
        ..OneCycleLr::default()
    };
    let mut optimizer = sgd(0.3);
    let mut schedule = Schedule::new(curve.clone(), &mut optimizer);
    let mut seen = Vec::new();
    for _ in 0..10 {
        seen.push((optimizer.lr(), optimizer.groups()[0].momentum));
        schedule.step(&mut optimizer);
    }
    // Up to step 0.3·10 − 1 = 2, down to step 9.
    assert_close(
        &[seen[0].0, seen[1].0, seen[2].0, seen[9].0],
        &[0.5, 0.75, 1.0, 0.125],
    );
    assert_close(
        &[seen[0].1, seen[1].1, seen[2].1, seen[9].1],
        &[0.95, 0.9, 0.85, 0.95],
    );
    // Three phases: down to the first rate at step 2·0.3·10 − 2 = 4.
    let three = OneCycleLr {
        three_phase: true,
        ..curve
    };
    let found = rates(three, 9);
    assert_close(
        &[found[2], found[3], found[4], found[9]],
        &[1.0, 0.75, 0.5, 0.125],
    );
}

#[test]
fn one_cycle_sets_the_first_beta_of_adam() {
    let mut optimizer: Optimizer = Optimizer::new(Adam::default());
    let curve = OneCycleLr {
        total_steps: 10,
        ..OneCycleLr::default()
    };
    let _schedule = Schedule::new(curve, &mut optimizer);
    assert_eq!(optimizer.groups()[0].momentum, 0.95);
}

#[test]
#[should_panic(expected = "has no momentum to cycle")]
fn a_rule_without_momentum_cannot_cycle_it() {
    let mut optimizer: Optimizer = Optimizer::new(Adagrad::default());
    let curve = OneCycleLr {
        total_steps: 10,
        ..OneCycleLr::default()
    };
    let _schedule = Schedule::new(curve, &mut optimizer);
}

#[test]
#[should_panic(expected = "schedule: step 5 after the last one, 4, of OneCycleLr")]
fn a_step_after_the_last_of_one_cycle_is_a_mistake() {
    let curve = OneCycleLr {
        total_steps: 4,
        pct_start: 0.5,
        ..OneCycleLr::default()
    };
    let _ = rates(curve, 5);
}

#[test]
fn after_its_last_step_a_curve_keeps_the_documented_rate() {
    let last = |curve: Box<dyn Curve>| {
        let mut optimizer = sgd(1.0);
        let schedule = Schedule::sequence(vec![curve], &[], &mut optimizer);
        rates_of(schedule, &mut optimizer, 40).split_off(30)
    };
    assert_close(&last(Box::<ConstantLr>::default()), &[1.0; 11]);
    assert_close(&last(Box::<LinearLr>::default()), &[1.0; 11]);
    assert_close(&last(Box::<PolynomialLr>::default()), &[0.0; 11]);
    let milestones = MultiStepLr {
        milestones: vec![5],
        gamma: 0.5,
    };
    assert_close(&last(Box::new(milestones)), &[0.5; 11]);
}

#[test]
fn an_option_of_a_curve_that_is_not_finite_is_refused() {
    type Made = fn(f64) -> Box<dyn Curve>;
    let curves: [Made; 8] = [
        |gamma| Box::new(ExponentialLr { gamma }),
        |gamma| {
            Box::new(StepLr {
                step_size: 1,
                gamma,
            })
        },
        |gamma| {
            let milestones = vec![1];
            Box::new(MultiStepLr { milestones, gamma })
        },
        |power| {
            let total_iters = 5;
            Box::new(PolynomialLr { total_iters, power })
        },
        |eta_min| Box::new(CosineAnnealingLr { t_max: 3, eta_min }),
        |factor| {
            let total_iters = 5;
            Box::new(ConstantLr {
                factor,
                total_iters,
            })
        },
        |start_factor| {
            Box::new(LinearLr {
                start_factor,
                ..LinearLr::default()
            })
        },
        |max_lr| {
            Box::new(OneCycleLr {
                max_lr: max_lr.into(),
                total_steps: 10,
                ..OneCycleLr::default()
            })
        },
    ];
    for curve in curves {
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            let made = std::panic::catch_unwind(|| {
                Schedule::sequence(vec![curve(bad)], &[], &mut sgd(1.0)).epoch()
            });
            let text = made.expect_err("refused");
            let text = text.downcast_ref::<String>().expect("a message");
            assert!(text.contains("must be "), "{text}");
        }
    }
}

#[test]
fn each_group_has_its_own_base() {
    let mut optimizer = sgd(1.0).group(
        "b",
        Sgd {
            lr: 0.5,
            ..Sgd::default()
        },
    );
    let curve = LambdaLr::new(|t, group| (t as f64 + 1.0) * (group as f64 + 1.0));
    let mut schedule = Schedule::new(curve, &mut optimizer);
    schedule.step(&mut optimizer);
    let found: Vec<_> = optimizer.groups().iter().map(|group| group.lr).collect();
    assert_eq!(found, [2.0, 2.0]);
}

#[test]
fn a_sequence_starts_each_curve_from_the_base() {
    let mut optimizer = sgd(1.0);
    let curves: Vec<Box<dyn Curve>> = vec![
        Box::new(ConstantLr {
            factor: 0.5,
            total_iters: 9,
        }),
        Box::new(ExponentialLr { gamma: 0.5 }),
        Box::new(LinearLr {
            start_factor: 0.25,
            end_factor: 1.0,
            total_iters: 3,
        }),
    ];
    let schedule = Schedule::sequence(curves, &[2, 4], &mut optimizer);
    let expected = [0.5, 0.5, 1.0, 0.5, 0.25, 0.5, 0.75, 1.0];
    assert_close(&rates_of(schedule, &mut optimizer, 7), &expected);
}

#[test]
fn schedules_of_one_optimizer_multiply() {
    let mut optimizer = sgd(1.0);
    let constant = ConstantLr {
        factor: 0.5,
        total_iters: 2,
    };
    let mut first = Schedule::new(constant, &mut optimizer);
    let mut second = Schedule::new(ExponentialLr { gamma: 0.5 }, &mut optimizer);
    let mut found = vec![optimizer.lr()];
    for _ in 0..3 {
        first.step(&mut optimizer);
        second.step(&mut optimizer);
        found.push(optimizer.lr());
    }
    assert_eq!(found, [0.5, 0.25, 0.25, 0.125]);
}

#[test]
fn a_plateau_has_patience_a_cooldown_and_a_lowest_rate() {
    let options = ReduceLrOnPlateau {
        factor: 0.5,
        patience: 1,
        cooldown: 2,
        min_lr: PerGroup::Each(vec![0.2]),
        ..ReduceLrOnPlateau::default()
    };
    let mut optimizer = sgd(1.0);
    let mut plateau = Plateau::new(options, &mut optimizer);
    let mut found = Vec::new();
    for metric in [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0] {
        plateau.step(metric, &mut optimizer);
        found.push(optimizer.lr());
    }
    // Two bad ones, then two that do not count, then two bad ones again.
    let expected = [
        1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2, 0.2,
    ];
    assert_eq!(found, expected);
}

#[test]
fn better_is_by_mode_and_threshold() {
    let better = |mode, threshold_mode, best: f64, metric| {
        let options = ReduceLrOnPlateau {
            mode,
            threshold_mode,
            threshold: 0.25,
            ..ReduceLrOnPlateau::default()
        };
        let mut optimizer = sgd(1.0);
        let mut plateau = Plateau::new(options, &mut optimizer);
        plateau.step(best, &mut optimizer);
        plateau.step(metric, &mut optimizer);
        plateau.best() == metric
    };
    for (mode, threshold, limit, inside) in [
        (MetricMode::Min, ThresholdMode::Rel, 3.0, 2.9),
        (MetricMode::Min, ThresholdMode::Abs, 3.75, 3.7),
        (MetricMode::Max, ThresholdMode::Rel, 5.0, 5.1),
        (MetricMode::Max, ThresholdMode::Abs, 4.25, 4.3),
    ] {
        assert!(
            better(mode, threshold, 4.0, inside),
            "{mode:?} {threshold:?}"
        );
        assert!(
            !better(mode, threshold, 4.0, limit),
            "{mode:?} {threshold:?}"
        );
        assert!(!better(mode, threshold, 4.0, f64::NAN));
    }
}

#[test]
fn a_resumed_schedule_continues_with_the_same_bits() {
    let make = |optimizer: &mut Optimizer<f64>| {
        let cycle = OneCycleLr {
            max_lr: 0.7.into(),
            total_steps: 9,
            ..OneCycleLr::default()
        };
        let cosine = CosineAnnealingLr {
            t_max: 3,
            eta_min: 0.01,
        };
        let warm = LinearLr::default();
        let curves: Vec<Box<dyn Curve>> = vec![Box::new(warm), Box::new(cosine), Box::new(cycle)];
        Schedule::sequence(curves, &[3, 8], optimizer)
    };
    for stop in 0..16 {
        let mut optimizer = sgd(0.3);
        let mut schedule = make(&mut optimizer);
        for _ in 0..stop {
            schedule.step(&mut optimizer);
        }
        let saved = schedule.state_dict(&mut optimizer);
        let mut other = sgd(0.3);
        let mut resumed = make(&mut other);
        resumed
            .load_state_dict(&mut other, &saved)
            .expect("its own state");
        for _ in stop..16 {
            schedule.step(&mut optimizer);
            resumed.step(&mut other);
            assert_eq!(
                schedule.state_dict(&mut optimizer),
                resumed.state_dict(&mut other)
            );
        }
    }
}

#[test]
fn a_resumed_plateau_continues_in_the_same_way() {
    let options = ReduceLrOnPlateau {
        patience: 2,
        cooldown: 1,
        ..ReduceLrOnPlateau::default()
    };
    let metric = |t: u32| f64::from(7 * t % 5);
    for stop in 0..12 {
        let mut optimizer = sgd(1.0);
        let mut plateau = Plateau::new(options.clone(), &mut optimizer);
        (0..stop).for_each(|t| plateau.step(metric(t), &mut optimizer));
        let mut resumed = Plateau::new(options.clone(), &mut optimizer);
        resumed
            .load_state_dict(&plateau.state_dict())
            .expect("its own state");
        let mut other = optimizer.clone();
        for t in stop..12 {
            plateau.step(metric(t), &mut optimizer);
            resumed.step(metric(t), &mut other);
            assert_eq!(optimizer.lr(), other.lr());
            assert_eq!(plateau.state_dict(), resumed.state_dict());
        }
    }
}

#[test]
fn a_state_that_does_not_fit_is_an_error_by_name_and_changes_nothing() {
    let mut optimizer = sgd(1.0);
    let mut schedule = Schedule::new(ExponentialLr { gamma: 0.5 }, &mut optimizer);
    let dict = schedule.state_dict(&mut optimizer);
    let mut bad = dict.clone();
    bad.remove(0);
    let missing = LoadError::Missing("last_epoch".to_owned());
    assert_eq!(schedule.load_state_dict(&mut optimizer, &bad), Err(missing));
    let mut bad = dict.clone();
    bad.push(("lr/1".to_owned(), 1.0));
    bad[3].1 = 0.5;
    let unknown = LoadError::Unknown("lr/1".to_owned());
    assert_eq!(schedule.load_state_dict(&mut optimizer, &bad), Err(unknown));
    let mut bad = dict.clone();
    bad[1].1 = 0.5;
    let error = schedule.load_state_dict(&mut optimizer, &bad);
    assert!(matches!(error, Err(LoadError::Count { .. })), "{error:?}");
    assert_eq!(schedule.state_dict(&mut optimizer), dict);
}
