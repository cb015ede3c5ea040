//! Schedules of any length.

use wengert_optim::{
    ConstantLr, CosineAnnealingLr, CosineAnnealingWarmRestarts, Curve, LinearLr, MultiStepLr,
    OneCycleLr, PolynomialLr, Schedule, StepLr,
};

use crate::schedules::{rates, sgd};

#[test]
fn lengths_up_to_the_largest_number_change_nothing_in_the_first_steps() {
    const ENDLESS: u64 = u64::MAX;
    let curves: [Box<dyn Curve>; 10] = [
        Box::new(StepLr {
            step_size: ENDLESS,
            gamma: 0.5,
        }),
        Box::new(MultiStepLr {
            milestones: vec![ENDLESS],
            gamma: 0.5,
        }),
        Box::new(ConstantLr {
            factor: 1.0,
            total_iters: ENDLESS,
        }),
        Box::new(LinearLr {
            start_factor: 1.0,
            end_factor: 0.0,
            total_iters: ENDLESS,
        }),
        Box::new(PolynomialLr {
            total_iters: ENDLESS,
            power: 1.0,
        }),
        Box::new(CosineAnnealingLr {
            t_max: ENDLESS,
            eta_min: 0.0,
        }),
        Box::new(CosineAnnealingLr {
            t_max: ENDLESS / 2 + 1,
            eta_min: 0.0,
        }),
        Box::new(CosineAnnealingWarmRestarts {
            t_0: ENDLESS,
            t_mult: ENDLESS,
            eta_min: 0.0,
        }),
        Box::new(OneCycleLr {
            max_lr: 25.0.into(),
            total_steps: ENDLESS,
            ..OneCycleLr::default()
        }),
        Box::new(OneCycleLr {
            max_lr: 25.0.into(),
            total_steps: ENDLESS,
            three_phase: true,
            ..OneCycleLr::default()
        }),
    ];
    for curve in curves {
        let text = format!("{curve:?}");
        assert_eq!(rates(curve, 3), [1.0; 4], "{text}");
    }
}

#[test]
fn the_last_step_of_a_sequence_is_that_of_the_curve_which_ends_first() {
    let cycle = |total_steps| -> Box<dyn Curve> {
        Box::new(OneCycleLr {
            total_steps,
            ..OneCycleLr::default()
        })
    };
    let last = |lengths: [u64; 2], milestone| {
        let curves = lengths.map(cycle).into();
        Schedule::sequence(curves, &[milestone], &mut sgd(1.0)).last_step()
    };
    assert_eq!(last([10, 10], 4), Some(14));
    assert_eq!(last([10, 10], 11), Some(21));
    assert_eq!(last([10, 10], 12), Some(10));
    // Sums that wrap around would end at once.
    assert_eq!(last([u64::MAX, u64::MAX], 4), Some(u64::MAX));
    assert_eq!(last([u64::MAX, 10], u64::MAX), Some(u64::MAX));
}
