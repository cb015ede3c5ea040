//! What holds for every gradient.

use crate::model::{self, Pair};
use wengert_nn::Gradients;
use wengert_optim::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, NAdam, Optimizer, RAdam, RmsProp, Rule, Sgd,
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
fn the_first_step_with_momentum_is_a_plain_one() {
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

#[test]
fn climbing_is_descending_on_the_turned_gradient() {
    let down = Adam {
        amsgrad: true,
        ..Adam::default()
    };
    let up = Adam {
        maximize: true,
        ..down
    };
    turned(up, down);
    macro_rules! turned {
        ($($rule:ident)*) => {$(
            let down = $rule::default();
            turned($rule { maximize: true, ..down }, down);
        )*};
    }
    turned!(Sgd AdamW NAdam RAdam Adamax RmsProp Adagrad Adadelta);
}

fn turned<R: Rule<f32>>(up: R, down: R) {
    fn walk(rule: impl Rule<f32>, sign: f32) -> Vec<f32> {
        let mut model = Pair::drawn(1);
        let mut optimizer = Optimizer::new(rule);
        let g = Pair::<f32>::drawn(2);
        let (gradients, pass) = model.pass(&(g.weight.value() * f64::from(sign)), g.bias.value());
        optimizer.step(&mut model, &gradients, pass);
        model.weight.value().to_vec()
    }
    let name = format!("{up:?}");
    assert!(walk(up, -1.0) == walk(down, 1.0), "{name}");
}

#[test]
fn coupled_decay_is_a_part_of_the_gradient() {
    // At p = 2 with gradient 0 and decay ¼, and with gradient ½ and none, a rule sees the same.
    macro_rules! same {
        ($($rule:ident)*) => {$(
            let plain = $rule::default();
            let decays = $rule { weight_decay: 0.25, ..plain };
            let paths = [
                model::follow(decays, 2.0, &[0.0]),
                model::follow($rule { weight_decay: 0.0, ..plain }, 2.0, &[0.5]),
            ];
            assert_eq!(paths[0], paths[1], stringify!($rule));
        )*};
    }
    same!(Sgd Adam NAdam RAdam Adamax RmsProp Adagrad Adadelta);
}

#[test]
fn decoupled_decay_shrinks_the_parameter_before_the_step() {
    macro_rules! shrinks {
        ($($rule:ident)*) => {$(
            let plain = $rule { lr: 0.5, ..$rule::default() };
            let decays = $rule { weight_decay: 0.25, decoupled_weight_decay: true, ..plain };
            // 2(1 − ½·¼) = 1¾
            let paths = [model::follow(decays, 2.0, &[0.5]), model::follow(plain, 1.75, &[0.5])];
            assert_eq!(paths[0], paths[1], stringify!($rule));
        )*};
    }
    shrinks!(Adam NAdam RAdam);
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
    let rules = || Adam {
        amsgrad: true,
        weight_decay: 0.01,
        ..Adam::default()
    };
    let one = parallel::with_threads(1, || trained::<f32>(rules(), 3));
    for threads in [2, 3] {
        let many = parallel::with_threads(threads, || trained::<f32>(rules(), 3));
        assert!(one == many, "{threads} threads");
    }
}

#[test]
fn every_rule_finds_the_bottom_of_a_bowl() {
    fn descends(rule: impl Rule<f64>) {
        let name = format!("{rule:?}");
        let mut model = Pair::new(Tensor::linspace(-1.0, 2.0, 7), Tensor::scalar(3.0));
        let mut optimizer = Optimizer::new(rule);
        for _ in 0..1000 {
            let (gradients, pass) = model.bowl();
            optimizer.step(&mut model, &gradients, pass);
        }
        let left = model.bowl().0.norm();
        assert!(left < 1e-2, "{name}: {left}");
    }
    descends(Sgd {
        lr: 0.1,
        ..Sgd::default()
    });
    descends(Sgd {
        lr: 0.1,
        momentum: 0.9,
        nesterov: true,
        ..Sgd::default()
    });
    descends(Adam {
        lr: 0.1,
        ..Adam::default()
    });
    descends(Adam {
        lr: 0.1,
        amsgrad: true,
        ..Adam::default()
    });
    descends(AdamW {
        lr: 0.1,
        ..AdamW::default()
    });
    descends(NAdam {
        lr: 0.1,
        ..NAdam::default()
    });
    descends(RAdam {
        lr: 0.1,
        ..RAdam::default()
    });
    descends(Adamax {
        lr: 0.1,
        ..Adamax::default()
    });
    descends(Adagrad {
        lr: 0.5,
        ..Adagrad::default()
    });
    descends(Adadelta {
        eps: 1e-3,
        ..Adadelta::default()
    });
    for centered in [false, true] {
        descends(RmsProp {
            lr: 0.005,
            centered,
            ..RmsProp::default()
        });
    }
}
