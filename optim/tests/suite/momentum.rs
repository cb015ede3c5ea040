//! Momentum that is raised from 0 during training, and gradients beyond the range of squares.

use crate::model::{assert_close, follow, follow_with};
use wengert_optim::{Adam, Optimizer, RmsProp, Sgd};

#[test]
fn momentum_that_is_raised_from_zero_starts_with_the_next_gradient() {
    let plain = Sgd {
        lr: 1.0,
        ..Sgd::default()
    };
    let mut optimizer = Optimizer::new(plain);
    assert_eq!(follow_with(&mut optimizer, 0.0, &[1.0, 1.0]), [-1.0, -2.0]);
    optimizer.groups_mut()[0].momentum = 0.5;
    // b = 2, then ½·2 + 2 = 3.
    assert_eq!(follow_with(&mut optimizer, 0.0, &[2.0, 2.0]), [-2.0, -5.0]);
}

#[test]
fn momentum_that_rms_prop_gets_later_starts_at_zero() {
    // α = 0 and ε = 0: every direction is g / |g|.
    for centered in [false, true] {
        let rule = RmsProp {
            lr: 1.0,
            alpha: if centered { 0.5 } else { 0.0 },
            eps: 0.0,
            centered,
            ..RmsProp::default()
        };
        let mut late = Optimizer::new(rule);
        let first = follow_with(&mut late, 0.0, &[2.0])[0];
        late.groups_mut()[0].momentum = 0.5;
        let second = follow_with(&mut late, 0.0, &[2.0])[0];
        // Without momentum the same two gradients give the same two steps: the buffer was 0.
        let plain = follow(rule, 0.0, &[2.0, 2.0]);
        assert_close(&[first, second], &[plain[0], plain[1] - plain[0]]);
        // At the next step it is not.
        let third = follow_with(&mut late, 0.0, &[2.0])[0];
        let plain = follow(rule, 0.0, &[2.0, 2.0, 2.0]);
        assert_close(&[third], &[plain[2] - plain[1] + 0.5 * second]);
    }
}

#[test]
fn a_gradient_of_either_sign_whose_square_overflows_makes_a_step_of_the_usual_size() {
    for g in [1e200, f64::MAX] {
        let up = follow(Adam::default(), 0.0, &[-g]);
        let down = follow(Adam::default(), 0.0, &[g]);
        assert_close(&[up[0], down[0]], &[1e-3, -1e-3]);
    }
}
