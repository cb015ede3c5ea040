//! Schedules of rules without momentum, rates that become 0, reductions that are too small.

use crate::schedules::rates;
use wengert_optim::{
    Adagrad, ConstantLr, CosineAnnealingLr, Optimizer, Plateau, ReduceLrOnPlateau, Schedule,
};

#[test]
fn the_state_of_a_schedule_has_the_momenta_that_there_are() {
    let curve = || CosineAnnealingLr {
        t_max: 4,
        eta_min: 0.0,
    };
    let mut optimizer = Optimizer::<f64>::new(Adagrad::default());
    let mut schedule = Schedule::new(curve(), &mut optimizer);
    for _ in 0..3 {
        schedule.step(&mut optimizer);
    }
    let saved = schedule.state_dict(&mut optimizer);
    assert!(saved.iter().any(|(name, _)| name == "lr/0"), "{saved:?}");
    assert!(!saved.iter().any(|(name, _)| name.starts_with("momentum")));
    let mut other = Optimizer::<f64>::new(Adagrad::default());
    let mut resumed = Schedule::new(curve(), &mut other);
    resumed
        .load_state_dict(&mut other, &saved)
        .expect("its own state");
    assert_eq!(other.lr().to_bits(), optimizer.lr().to_bits());
    assert_eq!(resumed.state_dict(&mut other), saved);
}

#[test]
fn a_constant_factor_of_zero_ends_at_the_initial_rate() {
    let curve = ConstantLr {
        factor: 0.0,
        total_iters: 2,
    };
    assert_eq!(rates(curve, 4), [0.0, 0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn a_reduction_within_eps_is_omitted() {
    let lowest = |eps: f64| {
        let mut optimizer = Optimizer::<f64>::new(Adagrad {
            lr: 1.0,
            ..Adagrad::default()
        });
        let options = ReduceLrOnPlateau {
            factor: 0.5,
            patience: 0,
            eps,
            ..ReduceLrOnPlateau::default()
        };
        let mut plateau = Plateau::new(options, &mut optimizer);
        for _ in 0..6 {
            plateau.step(1.0, &mut optimizer);
        }
        optimizer.lr()
    };
    // ½, ¼; ⅛ would be a reduction by ⅛.
    assert_eq!(lowest(0.2), 0.25);
    assert_eq!(lowest(0.125), 0.25);
    assert_eq!(lowest(0.1), 0.125);
    assert_eq!(lowest(0.0), 1.0 / 32.0);
}
