//! The first steps of each rule, computed by hand.

use crate::model::{assert_close, follow};
use wengert_optim::{Adadelta, Adagrad, Adam, AdamW, Adamax, NAdam, RAdam, RmsProp, Sgd};

const ONES: [f64; 3] = [1.0; 3];

#[test]
fn sgd_steps_against_the_gradient() {
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
    // Maximising negates the gradient, not the decay: p − ½(−1 + ½p) = ¾p + ½.
    let climb = Sgd {
        maximize: true,
        ..rule
    };
    assert_eq!(follow(climb, 1.0, &[1.0; 2]), [1.25, 1.4375]);
}

#[test]
fn sgd_momentum_adds_half_of_the_last_direction() {
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
fn adam_remembers_a_gradient_of_the_other_sign() {
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

#[test]
fn nadam_adds_the_gradient_to_the_mean() {
    // ψ = 0: every μ is ¼. v̂ = 1. m = ½: ¾/(1 − ¼)·1 + ¼/(1 − ¹⁄₁₆)·½ = 17/15.
    // m = ¾: ¾/(1 − ¹⁄₁₆)·1 + ¼/(1 − ¹⁄₆₄)·¾ = 4/5 + 4/21.
    let rule = NAdam {
        lr: 0.5,
        betas: [0.5, 0.25],
        eps: 0.0,
        momentum_decay: 0.0,
        ..NAdam::default()
    };
    let first = 1.0 - 0.5 * 17.0 / 15.0;
    let second = first - 0.5 * (4.0 / 5.0 + 4.0 / 21.0);
    assert_close(&follow(rule, 1.0, &ONES[..2]), &[first, second]);
}

#[test]
fn nadam_momentum_rises_with_the_steps() {
    // ψ = 1, β₁ = ½: μ₁ = ½(1 − ½·0.96), μ₂ = ½(1 − ½·0.96²).
    let rule = NAdam {
        lr: 1.0,
        betas: [0.5, 0.25],
        eps: 0.0,
        momentum_decay: 1.0,
        ..NAdam::default()
    };
    let (mu1, mu2) = (0.26, 0.2696);
    let step = (1.0 - mu1) / (1.0 - mu1) + 0.5 * mu2 / (1.0 - mu1 * mu2);
    assert_close(&follow(rule, 1.0, &[1.0]), &[1.0 - step]);
}

#[test]
fn radam_is_plain_momentum_while_its_window_is_short() {
    // β₂ = ½: ρ∞ = 3, never above 5. m̂ = 1, then (¼ − ½)/¾ = −⅓.
    let rule = RAdam {
        lr: 0.3,
        betas: [0.5; 2],
        ..RAdam::default()
    };
    assert_close(&follow(rule, 1.0, &[1.0, -1.0]), &[0.7, 0.8]);
}

#[test]
fn radam_rectifies_from_the_sixth_step_on() {
    // Under a constant gradient m̂ = 1 and v̂ = 1: γ five times, for ρ₅ = 4.996, then γr with ρ₆ = 5.994.
    let rule = RAdam {
        lr: 0.125,
        eps: 0.0,
        ..RAdam::default()
    };
    let path = follow(rule, 1.0, &[1.0; 6]);
    assert_close(&path[..5], &[0.875, 0.75, 0.625, 0.5, 0.375]);
    let (long, kept) = (1999.0, 0.999f64.powi(6));
    let rho = long - 12.0 * kept / (1.0 - kept);
    assert!((rho - 5.994).abs() < 1e-3, "{rho}");
    let square = (rho - 4.0) * (rho - 2.0) * long / (1995.0 * 1997.0 * rho);
    // Rounding of 1999, which is 2 / (1 − 0.999) − 1, grows in the difference above.
    assert!((path[5] - (0.375 - 0.125 * square.sqrt())).abs() < 1e-12);
}

#[test]
fn adamax_divides_by_the_largest_gradient_kept() {
    // β = ½, ½. g = 4: m̂ = 4, u = 4. g = 1: m = 1 + ½, m̂ = 1½/¾ = 2, u = max(2, 1).
    let rule = Adamax {
        lr: 0.25,
        betas: [0.5; 2],
        eps: 0.0,
        ..Adamax::default()
    };
    assert_close(&follow(rule, 1.0, &[4.0, 1.0]), &[0.75, 0.5]);
    // ε joins the absolute value: u = 4 + 4.
    let damped = Adamax { eps: 4.0, ..rule };
    assert_close(&follow(damped, 1.0, &[4.0]), &[0.875]);
}

#[test]
fn rms_prop_divides_by_the_root_of_the_mean_square() {
    // α = ¾. g = 2: v = 1, g/d = 2. g = 1: v = ¾ + ¼ = 1, g/d = 1.
    let rule = RmsProp {
        lr: 0.5,
        alpha: 0.75,
        eps: 0.0,
        ..RmsProp::default()
    };
    assert_close(&follow(rule, 1.0, &[2.0, 1.0]), &[0.0, -0.5]);
    // b = 2, then ½·2 + 1 = 2.
    let momentum = RmsProp {
        momentum: 0.5,
        ..rule
    };
    assert_close(&follow(momentum, 1.0, &[2.0, 1.0]), &[0.0, -1.0]);
    // ε joins the root: 2 / (1 + 1).
    let damped = RmsProp { eps: 1.0, ..rule };
    assert_close(&follow(damped, 1.0, &[2.0]), &[0.5]);
}

#[test]
fn centered_rms_prop_subtracts_the_squared_mean() {
    // α = ½. g = 2: v = 2, a = 1, d = 1. g = 2: v = 3, a = 1½, d = √¾.
    let rule = RmsProp {
        lr: 0.5,
        alpha: 0.5,
        eps: 0.0,
        centered: true,
        ..RmsProp::default()
    };
    let second = 2.0 / 0.75f64.sqrt();
    let path = follow(rule, 1.0, &[2.0, 2.0]);
    assert_close(&path, &[0.0, -0.5 * second]);
    let momentum = RmsProp {
        momentum: 0.25,
        ..rule
    };
    let path = follow(momentum, 1.0, &[2.0, 2.0]);
    assert_close(&path, &[0.0, -0.5 * (second + 0.5)]);
}

#[test]
fn adagrad_divides_by_the_root_of_the_sum_of_squares() {
    // s = 9, 25: g/√s = 1, ⅘.
    let rule = Adagrad {
        lr: 0.5,
        eps: 0.0,
        ..Adagrad::default()
    };
    assert_close(&follow(rule, 1.0, &[3.0, 4.0]), &[0.5, 0.1]);
    // The second rate is ½/(1 + 1).
    let falling = Adagrad {
        lr_decay: 1.0,
        ..rule
    };
    assert_close(&follow(falling, 1.0, &[3.0, 4.0]), &[0.5, 0.3]);
    // s = 16 + 9.
    let filled = Adagrad {
        initial_accumulator_value: 16.0,
        ..rule
    };
    assert_close(&follow(filled, 1.0, &[3.0]), &[0.7]);
}

#[test]
fn adadelta_scales_by_the_ratio_of_updates_to_gradients() {
    // ρ = ½, ε = 1. g = √6: v = 3, δ = √1/√4·√6, u = ½·6/4 = ¾.
    // g = 3: v = 1½ + 4½ = 6, δ = √1¾/√7·3 = 1½.
    let rule = Adadelta {
        rho: 0.5,
        eps: 1.0,
        ..Adadelta::default()
    };
    let first = 1.0 - 0.5 * 6.0f64.sqrt();
    let path = follow(rule, 1.0, &[6.0f64.sqrt(), 3.0]);
    assert_close(&path, &[first, first - 1.5]);
    let half = Adadelta { lr: 0.5, ..rule };
    assert_close(
        &follow(half, 1.0, &[6.0f64.sqrt()]),
        &[f64::midpoint(1.0, first)],
    );
}
