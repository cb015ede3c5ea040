//! Options and calls that make no sense: each panics with a message that names the option and its value.

use crate::model::Pair;
use wengert_nn::Gradients;
use wengert_optim::{
    Adam, CosineAnnealingWarmRestarts, Curve, ExponentialLr, GroupRate, LinearLr, Norm, OneCycleLr,
    Optimizer, PerGroup, Plateau, ReduceLrOnPlateau, Schedule, Sgd, clip_grad_norm,
};
use wengert_tensor::Tensor;
use wengert_tensor::testing::panics::assert_refused;

fn sgd() -> Optimizer<f64> {
    Optimizer::new(Sgd::default())
}

fn one() -> Pair<f64> {
    Pair::new(Tensor::scalar(1.0), Tensor::scalar(1.0))
}

/// Makes a schedule of one curve.
fn schedule(curve: impl Curve) -> impl FnOnce() {
    move || drop(Schedule::new(curve, &mut sgd()))
}

#[test]
fn nesterov_momentum_needs_momentum_and_no_dampening() {
    let nesterov = Sgd {
        nesterov: true,
        ..Sgd::default()
    };
    for (momentum, dampening) in [(0.0, 0.0), (0.0, 0.5), (0.9, 0.5)] {
        let rule = Sgd {
            momentum,
            dampening,
            ..nesterov
        };
        assert_refused(
            "sgd: nesterov: needs momentum above 0 and dampening 0",
            || drop(Optimizer::<f64>::new(rule)),
        );
    }
    let _: Optimizer = Optimizer::new(Sgd {
        momentum: 0.9,
        ..nesterov
    });
}

#[test]
fn a_group_cannot_join_after_the_first_step() {
    let mut model = one();
    let mut optimizer = sgd();
    let (gradients, pass) = model.quadratic();
    optimizer.step(&mut model, &gradients, pass);
    assert_refused(
        "group: bias: the optimizer has state already; add groups before the first step",
        || drop(optimizer.group("bias", Sgd::default())),
    );
}

#[test]
fn a_momentum_that_makes_no_sense_stops_the_step() {
    for momentum in [-0.5, f64::NAN, f64::INFINITY] {
        let mut model = one();
        let mut optimizer = sgd().group("bias", Sgd::default());
        optimizer.groups_mut()[1].momentum = momentum;
        let (gradients, _) = model.quadratic();
        assert_refused(
            &format!(
                "step: group bias: momentum = {momentum}: must be a finite number, at least 0"
            ),
            || {
                let _ = optimizer.update(&mut model, &gradients);
            },
        );
        assert_eq!(model.bits(), one().bits(), "nothing has changed");
    }
}

#[test]
fn the_p_of_a_norm_is_a_number() {
    let mut gradients = one().quadratic().0;
    assert_refused(
        "clip_grad_norm: norm = P(NaN): must be a number; 2 is usual",
        || {
            let _ = clip_grad_norm(&mut gradients, 1.0, Norm::P(f64::NAN));
        },
    );
}

#[test]
fn state_of_another_shape_than_the_gradient_is_named() {
    // A model that grows between two steps.
    let mut model = one();
    let mut optimizer = Optimizer::new(Adam::default());
    let gradients = model.quadratic().0;
    optimizer.update(&mut model, &gradients);
    *model.weight.value_mut() = Tensor::ones([2]);
    let gradients =
        Gradients::from_tensors(&model, |path| (path == "weight").then(|| Tensor::ones([2])));
    assert_refused("update: []: the gradient is [2]", || {
        let _ = optimizer.update(&mut model, &gradients);
    });
}

#[test]
fn the_options_of_a_curve_have_bounds() {
    for (t_0, t_mult) in [(0, 1), (1, 0), (0, 0)] {
        let curve = CosineAnnealingWarmRestarts {
            t_0,
            t_mult,
            eta_min: 0.0,
        };
        let expected = format!(
            "cosine_annealing_warm_restarts: t_0 = {t_0}, t_mult = {t_mult}: both must be at least 1"
        );
        assert_refused(&expected, schedule(curve));
    }
    for end_factor in [-0.5, 1.5, f64::NAN] {
        let curve = LinearLr {
            end_factor,
            ..LinearLr::default()
        };
        let expected = format!("linear_lr: end_factor = {end_factor}: must be between 0 and 1");
        assert_refused(&expected, schedule(curve));
    }
}

#[test]
fn the_options_of_one_cycle_have_bounds() {
    let cycle = || OneCycleLr {
        total_steps: 10,
        cycle_momentum: false,
        ..OneCycleLr::default()
    };
    let none = OneCycleLr {
        total_steps: 0,
        ..cycle()
    };
    assert_refused(
        "one_cycle_lr: total_steps = 0: must be at least 1",
        schedule(none),
    );
    for pct_start in [-0.1, 1.1, f64::NAN] {
        let curve = OneCycleLr {
            pct_start,
            ..cycle()
        };
        let expected = format!("one_cycle_lr: pct_start = {pct_start}: must be between 0 and 1");
        assert_refused(&expected, schedule(curve));
    }
    for value in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        let curve = OneCycleLr {
            final_div_factor: value,
            ..cycle()
        };
        let expected =
            format!("one_cycle_lr: final_div_factor = {value}: must be a finite number above 0");
        assert_refused(&expected, schedule(curve));
    }
    // The rise ends at step 0.1 · 10 − 1 = 0, where it starts.
    let short = OneCycleLr {
        pct_start: 0.1,
        ..cycle()
    };
    assert_refused(
        "one_cycle_lr: pct_start = 0.1, total_steps = 10: a phase has no steps",
        schedule(short),
    );
    let two = OneCycleLr {
        max_lr: PerGroup::Each(vec![0.1, 0.2]),
        ..cycle()
    };
    assert_refused(
        "one_cycle_lr: max_lr has 2 numbers, the optimizer has 1 groups",
        schedule(two),
    );
}

#[test]
fn one_cycle_has_no_rate_after_its_last_step() {
    let curve = OneCycleLr {
        total_steps: 4,
        ..OneCycleLr::default()
    };
    let at = GroupRate {
        group: 0,
        lr: 1.0,
        base: 1.0,
    };
    assert!(curve.next(4, at).is_finite());
    assert_refused(
        "one_cycle_lr: step 5 after the last of total_steps = 4",
        || {
            let _ = curve.next(5, at);
        },
    );
}

#[test]
fn a_plateau_has_one_lowest_rate_for_all_groups_or_one_for_each() {
    let options = ReduceLrOnPlateau {
        min_lr: vec![0.1, 0.2].into(),
        ..ReduceLrOnPlateau::default()
    };
    assert_refused(
        "reduce_lr_on_plateau: min_lr has 2 numbers, the optimizer has 1 groups",
        || drop(Plateau::new(options, &mut sgd())),
    );
}

#[test]
fn the_milestones_of_a_sequence_ascend() {
    let curves = || -> Vec<Box<dyn Curve>> {
        let curve = || -> Box<dyn Curve> { Box::new(ExponentialLr { gamma: 0.5 }) };
        vec![curve(), curve(), curve()]
    };
    assert_refused(
        "sequence: milestones = [3, 2]: must be in ascending order",
        || drop(Schedule::sequence(curves(), &[3, 2], &mut sgd())),
    );
    // Of two that are equal, the curve between them has no step.
    let mut optimizer = sgd();
    let mut schedule = Schedule::sequence(curves(), &[2, 2], &mut optimizer);
    for _ in 0..3 {
        schedule.step(&mut optimizer);
    }
    assert_eq!(optimizer.lr(), 1e-3 * 0.5);
}

#[test]
fn a_schedule_is_stepped_with_the_optimizer_that_it_was_made_for() {
    let mut schedule = Schedule::new(ExponentialLr { gamma: 0.5 }, &mut sgd());
    let mut other = sgd().group("bias", Sgd::default());
    assert_refused(
        "schedule: made for 1 groups, the optimizer has 2; step it with the optimizer that it was made for",
        || schedule.step(&mut other),
    );
    assert_eq!(schedule.epoch(), 0);
}
