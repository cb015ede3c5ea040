//! The first steps of each rule, followed by hand.

mod model;

use model::{assert_close, follow};
use wengert_optim::{Adam, AdamW, Sgd};

const ONES: [f64; 3] = [1.0; 3];

#[test]
fn sgd_walks_against_the_gradient() {
    let rule = Sgd {
        lr: 0.5,
        ..Sgd::default()
    };
    assert_eq!(follow(rule, 1.0, &ONES), [0.5, 0.0, -0.5]);
    let climb = Sgd {
        maximize: true,
        ..rule
    };
    assert_eq!(follow(climb, 1.0, &ONES), [1.5, 2.0, 2.5]);
}

#[test]
fn sgd_decay_adds_to_the_gradient() {
    // p − ½(0 + ½p) = ¾p
    let rule = Sgd {
        lr: 0.5,
        weight_decay: 0.5,
        ..Sgd::default()
    };
    assert_eq!(follow(rule, 1.0, &[0.0; 3]), [0.75, 0.5625, 0.421_875]);
    // Climbing turns the gradient, not the decay: p − ½(−1 + ½p) = ¾p + ½.
    let climb = Sgd {
        maximize: true,
        ..rule
    };
    assert_eq!(follow(climb, 1.0, &[1.0; 2]), [1.25, 1.4375]);
}

#[test]
fn sgd_momentum_keeps_half_of_the_last_direction() {
    // b = 1, 1½, 1¾
    let rule = Sgd {
        lr: 0.5,
        momentum: 0.5,
        ..Sgd::default()
    };
    assert_eq!(follow(rule, 1.0, &ONES), [0.5, -0.25, -1.125]);
    // b = 1, then ½·1 + ¼·1 = ¾, then ⅜ + ¼ = ⅝: the first gradient is not dampened.
    let dampened = Sgd {
        dampening: 0.75,
        ..rule
    };
    assert_eq!(follow(dampened, 1.0, &ONES), [0.5, 0.125, -0.1875]);
    // g + ½b = 1½, 1¾, 1⅞
    let nesterov = Sgd {
        nesterov: true,
        ..rule
    };
    assert_eq!(follow(nesterov, 1.0, &ONES), [0.25, -0.625, -1.5625]);
}

#[test]
fn adam_steps_by_the_learning_rate_under_a_constant_gradient() {
    // The corrected moments are g and g², so each step is γ·sign(g), whatever the size of g.
    let rule = Adam {
        lr: 0.25,
        eps: 0.0,
        ..Adam::default()
    };
    for g in [1.0, 3e-7, 8e5] {
        assert_close(&follow(rule, 1.0, &[g; 3]), &[0.75, 0.5, 0.25]);
        assert_close(&follow(rule, 1.0, &[-g; 3]), &[1.25, 1.5, 1.75]);
    }
    // ε joins the corrected root: g / (g + ε) = 1 / (1 + ½).
    let damped = Adam { eps: 0.5, ..rule };
    assert_close(&follow(damped, 1.0, &[1.0]), &[1.0 - 0.25 / 1.5]);
}

#[test]
fn adam_remembers_a_turned_gradient() {
    // β = ½, ½. g = 1: m = ½, v = ½, corrections ½: a whole step.
    // g = −1: m = ¼ − ½ = −¼, v = ¼ + ½ = ¾, corrections ¾: m̂ = −⅓, v̂ = 1.
    let rule = Adam {
        lr: 0.3,
        betas: [0.5; 2],
        eps: 0.0,
        ..Adam::default()
    };
    assert_close(&follow(rule, 1.0, &[1.0, -1.0]), &[0.7, 0.8]);
}

#[test]
fn amsgrad_divides_by_the_largest_mean_square() {
    // β = 0, ½. g = 2: v = 2, corrected 4. g = 1: v = 1½ but the largest is 2, corrected by ¾: 8/3.
    let rule = Adam {
        lr: 0.3,
        betas: [0.0, 0.5],
        eps: 0.0,
        amsgrad: true,
        ..Adam::default()
    };
    let second = 0.7 - 0.3 / (8.0f64 / 3.0).sqrt();
    assert_close(&follow(rule, 1.0, &[2.0, 1.0]), &[0.7, second]);
    // Without, v̂ = 1½ / ¾ = 2.
    let plain = Adam {
        amsgrad: false,
        ..rule
    };
    let second = 0.7 - 0.3 / 2.0f64.sqrt();
    assert_close(&follow(plain, 1.0, &[2.0, 1.0]), &[0.7, second]);
}

#[test]
fn adam_decay_passes_through_the_moments_and_adam_w_decay_does_not() {
    // Adam sees the gradient ½p alone: a whole step of its sign.
    let adam = Adam {
        lr: 0.25,
        eps: 0.0,
        weight_decay: 0.5,
        ..Adam::default()
    };
    assert_close(&follow(adam, 1.0, &[0.0]), &[0.75]);
    // AdamW shrinks by ¼·½ and takes no step: 0 / (0 + ε).
    let adam_w = AdamW {
        lr: 0.25,
        weight_decay: 0.5,
        ..AdamW::default()
    };
    assert_close(&follow(adam_w, 1.0, &[0.0; 2]), &[0.875, 0.765_625]);
    // And with a gradient shrinks first: ⅞ − ¼.
    let exact = AdamW { eps: 0.0, ..adam_w };
    assert_close(&follow(exact, 1.0, &[1.0]), &[0.625]);
}
