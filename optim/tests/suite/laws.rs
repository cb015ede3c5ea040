//! Laws that hold for every rule, or between two rules, for any gradient.

use crate::model::{self, Pair};
use wengert_nn::Gradients;
use wengert_optim::{
    Adadelta, Adam, AdamW, Optimizer, RmsProp, Rule, RuleOptions, RuleState, Sgd, Step, Update,
    rule_samples,
};
use wengert_tensor::{Real, Tensor, parallel};

/// The bits of a model after some steps on drawn gradients.
fn trained<T: Real>(rule: impl Rule<T>, steps: u64) -> Vec<u64> {
    let mut model = Pair::drawn(1);
    let mut optimizer = Optimizer::new(rule);
    for seed in 0..steps {
        let g = Pair::<T>::drawn(100 + seed);
        let (gradients, pass) = model.pass(g.weight.value(), g.bias.value());
        optimizer.step(&mut model, &gradients, pass);
    }
    model.bits()
}

#[test]
fn adam_w_without_decay_is_adam() {
    let rule = AdamW {
        weight_decay: 0.0,
        ..AdamW::default()
    };
    assert_eq!(trained::<f32>(rule, 3), trained::<f32>(Adam::default(), 3));
    let amsgrad = AdamW {
        amsgrad: true,
        ..rule
    };
    let adam = Adam {
        amsgrad: true,
        ..Adam::default()
    };
    assert_eq!(trained::<f64>(amsgrad, 3), trained::<f64>(adam, 3));
}

#[test]
fn adam_w_is_adam_with_decoupled_decay() {
    let adam = Adam {
        weight_decay: 0.1,
        decoupled_weight_decay: true,
        ..Adam::default()
    };
    let adam_w = AdamW {
        weight_decay: 0.1,
        ..AdamW::default()
    };
    assert_eq!(trained::<f32>(adam, 3), trained::<f32>(adam_w, 3));
}

#[test]
fn the_first_step_with_momentum_is_one_without() {
    let plain = Sgd {
        lr: 0.1,
        weight_decay: 0.01,
        ..Sgd::default()
    };
    let momentum = Sgd {
        momentum: 0.9,
        dampening: 0.5,
        ..plain
    };
    assert_eq!(trained::<f32>(plain, 1), trained::<f32>(momentum, 1));
    assert_ne!(trained::<f32>(plain, 2), trained::<f32>(momentum, 2));
}

/// A rule with weight decay and `maximize` of the test's choice.
#[derive(Debug)]
struct With<T: Real> {
    rule: Box<dyn Rule<T>>,
    weight_decay: f64,
    decoupled: bool,
    maximize: bool,
}

impl<T: Real> Rule<T> for With<T> {
    fn options(&self) -> RuleOptions {
        let options = self.rule.options().weight_decay(self.weight_decay);
        options.decoupled(self.decoupled).maximize(self.maximize)
    }

    fn init(&self, param: &Tensor<T>, step: &Step) -> RuleState<T> {
        self.rule.init(param, step)
    }

    fn update(&self, update: Update<'_, T>) {
        self.rule.update(update);
    }
}

/// Every sample of every rule without decay, with `change` applied.
fn rules_with<T: Real>(change: impl Fn(&mut With<T>)) -> Vec<With<T>> {
    let samples = rule_samples().into_iter();
    samples
        .map(|rule| {
            let mut with = With {
                rule,
                weight_decay: 0.0,
                decoupled: false,
                maximize: false,
            };
            change(&mut with);
            with
        })
        .collect()
}

#[test]
fn maximizing_is_minimizing_with_the_negated_gradient() {
    fn steps(rule: With<f32>, sign: f64) -> Vec<f32> {
        let mut model = Pair::drawn(1);
        let mut optimizer = Optimizer::new(rule);
        for seed in 2..4 {
            let g = Pair::<f32>::drawn(seed);
            let (gradients, pass) = model.pass(&(g.weight.value() * sign), g.bias.value());
            optimizer.step(&mut model, &gradients, pass);
        }
        model.weight.value().to_vec()
    }
    let up = rules_with(|rule| {
        rule.maximize = true;
        rule.weight_decay = 0.1;
    });
    let down = rules_with(|rule| rule.weight_decay = 0.1);
    for (up, down) in up.into_iter().zip(down) {
        let name = format!("{up:?}");
        assert!(steps(up, -1.0) == steps(down, 1.0), "{name}");
    }
}

#[test]
fn coupled_decay_is_a_part_of_the_gradient() {
    // At p = 2 with gradient 0 and λ = ¼, and with gradient ½ and λ = 0, a rule receives the same.
    let decayed = rules_with(|rule| rule.weight_decay = 0.25);
    for (decayed, plain) in decayed.into_iter().zip(rules_with(|_| ())) {
        let name = format!("{plain:?}");
        let paths = [
            model::follow(decayed, 2.0, &[0.0]),
            model::follow(plain, 2.0, &[0.5]),
        ];
        assert_eq!(paths[0], paths[1], "{name}");
    }
}

#[test]
fn decoupled_decay_shrinks_the_parameter_before_the_step() {
    let decayed = rules_with(|rule| {
        rule.weight_decay = 0.25;
        rule.decoupled = true;
    });
    for (decayed, plain) in decayed.into_iter().zip(rules_with(|_| ())) {
        let name = format!("{plain:?}");
        let mut plain = Optimizer::new(plain);
        let lr = plain.lr();
        // p(1 − γλ), then the step.
        let start = 2.0 * (1.0 - lr * 0.25);
        let paths = [
            model::follow(decayed, 2.0, &[0.5]),
            model::follow_with(&mut plain, start, &[0.5]),
        ];
        assert_eq!(paths[0], paths[1], "{name}");
    }
}

#[test]
fn a_rule_for_the_whole_gradient_receives_decay_and_sign() {
    /// `p ← p − γ g / |g|₂`
    #[derive(Debug)]
    struct Normalized;
    impl Rule<f64> for Normalized {
        fn options(&self) -> RuleOptions {
            let options = RuleOptions::new("normalized", 0.5).weight_decay(0.25);
            options.maximize(true)
        }
        fn init(&self, _param: &Tensor<f64>, _step: &Step) -> RuleState<f64> {
            RuleState::default()
        }
        fn update(&self, update: Update<'_, f64>) {
            let lr = update.step.lr;
            update.whole(|param, _state, gradient| {
                let norm = gradient.map(|g| g * g).sum(..).item().sqrt();
                param.zip_in_place(gradient, |p, g| p - lr * g / norm);
            });
        }
    }
    // −3 + ¼·4 = −2, of norm 2: p = 4 + ½.
    assert_eq!(model::follow(Normalized, 4.0, &[3.0]), [4.5]);
}

#[test]
fn a_loop_by_hand_gives_the_same_bits() {
    let (lr, momentum, decay) = (0.05f32, 0.9f32, 0.01f32);
    let rule = Sgd {
        lr: 0.05,
        momentum: 0.9,
        weight_decay: 0.01,
        ..Sgd::default()
    };
    let mut by_hand = Pair::<f32>::drawn(1);
    let mut buffers: Option<[Tensor; 2]> = None;
    for seed in 0..3 {
        let g = Pair::<f32>::drawn(100 + seed);
        let (gradients, _) = by_hand.pass(g.weight.value(), g.bias.value());
        let of = |gradients: &Gradients, p| gradients.get(p).expect("used").clone();
        let slopes = [&by_hand.weight, &by_hand.bias]
            .map(|p| of(&gradients, p).zip(p.value(), |g, p| g + decay * p));
        let next = match &buffers {
            None => slopes,
            Some([w, b]) => [
                w.zip(&slopes[0], |b, g| momentum * b + g),
                b.zip(&slopes[1], |b, g| momentum * b + g),
            ],
        };
        for (param, b) in [&mut by_hand.weight, &mut by_hand.bias]
            .into_iter()
            .zip(&next)
        {
            param.value_mut().zip_in_place(b, |p, b| p - lr * b);
        }
        buffers = Some(next);
    }
    assert_eq!(trained::<f32>(rule, 3), by_hand.bits());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for index in 0..rule_samples::<f32>().len() {
        let run = || trained::<f32>(rule_samples().swap_remove(index), 2);
        let one = parallel::with_threads(1, run);
        for threads in [2, 3] {
            let many = parallel::with_threads(threads, run);
            let rule = &rule_samples::<f32>()[index];
            assert!(one == many, "{threads} threads: {rule:?}");
        }
    }
}

#[test]
fn every_rule_finds_the_minimum_of_a_parabola() {
    for rule in rule_samples::<f64>() {
        let name = format!("{rule:?}");
        let mut model = Pair::new(Tensor::linspace(-1.0, 2.0, 7), Tensor::scalar(3.0));
        let mut optimizer = Optimizer::new(rule);
        for _ in 0..1000 {
            let (gradients, pass) = model.quadratic();
            optimizer.step(&mut model, &gradients, pass);
        }
        let left = model.quadratic().0.norm();
        assert!(left < 1e-2, "{name}: {left}");
    }
}

#[test]
fn an_option_that_is_nan_infinite_or_negative_is_refused_by_name() {
    type Made = fn(f64) -> Box<dyn Rule<f64>>;
    let options: [(&str, Made); 6] = [
        ("sgd: lr", |x| {
            let lr = x;
            Box::new(Sgd {
                lr,
                ..Sgd::default()
            })
        }),
        ("sgd: weight_decay", |x| {
            let weight_decay = x;
            Box::new(Sgd {
                weight_decay,
                ..Sgd::default()
            })
        }),
        ("adam: eps", |x| {
            let eps = x;
            Box::new(Adam {
                eps,
                ..Adam::default()
            })
        }),
        ("adam: betas[0]", |x| {
            let betas = [x, 0.9];
            Box::new(Adam {
                betas,
                ..Adam::default()
            })
        }),
        ("rms_prop: alpha", |x| {
            let alpha = x;
            Box::new(RmsProp {
                alpha,
                ..RmsProp::default()
            })
        }),
        ("adadelta: rho", |x| {
            let rho = x;
            Box::new(Adadelta {
                rho,
                ..Adadelta::default()
            })
        }),
    ];
    for (name, rule) in options {
        for bad in [-0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let made = std::panic::catch_unwind(|| Optimizer::new(rule(bad)));
            let text = made.expect_err(name);
            let text = text.downcast_ref::<String>().expect("a message");
            assert!(
                text.contains(&format!("{name} = {bad}: must be ")),
                "{text}"
            );
        }
    }
}
