//! State dicts: exact round trips, and what does not fit.

use crate::model::Pair;
use wengert_optim::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, LoadError, NAdam, Optimizer, RAdam, RmsProp, Rule, Sgd,
    StateDict,
};
use wengert_tensor::Tensor;

fn train(model: &mut Pair<f32>, optimizer: &mut Optimizer, steps: std::ops::Range<u64>) {
    for seed in steps {
        let g = Pair::drawn(100 + seed);
        let (gradients, pass) = model.pass(g.weight.value(), g.bias.value());
        optimizer.step(model, &gradients, pass);
    }
}

fn resumes<R: Rule<f32> + Copy>(rule: R) {
    let mut model = Pair::drawn(1);
    let mut optimizer = Optimizer::new(rule);
    train(&mut model, &mut optimizer, 0..2);
    optimizer.set_lr(0.007);
    let saved = optimizer.state_dict();

    // A rebuilt model: the same paths and values, other identities.
    let mut rebuilt = model.clone();
    let mut resumed = Optimizer::new(rule);
    resumed
        .load_state_dict(&rebuilt, &saved)
        .expect("its own state");
    assert_eq!(resumed.state_dict(), saved, "{rule:?}");

    train(&mut model, &mut optimizer, 2..4);
    train(&mut rebuilt, &mut resumed, 2..4);
    assert!(model.bits() == rebuilt.bits(), "{rule:?}");
    assert_eq!(resumed.state_dict(), optimizer.state_dict(), "{rule:?}");
}

#[test]
fn a_resumed_optimizer_goes_on_with_the_same_bits() {
    resumes(Sgd::default());
    resumes(Sgd {
        momentum: 0.9,
        nesterov: true,
        ..Sgd::default()
    });
    resumes(Adam::default());
    resumes(AdamW {
        amsgrad: true,
        ..AdamW::default()
    });
    resumes(NAdam::default());
    resumes(RAdam {
        betas: [0.9, 0.3],
        ..RAdam::default()
    });
    resumes(RAdam::default());
    resumes(Adamax::default());
    resumes(Adagrad {
        lr_decay: 0.1,
        initial_accumulator_value: 0.1,
        ..Adagrad::default()
    });
    resumes(Adadelta::default());
    for centered in [false, true] {
        for momentum in [0.0, 0.9] {
            resumes(RmsProp {
                centered,
                momentum,
                ..RmsProp::default()
            });
        }
    }
}

fn small() -> (Pair<f32>, Optimizer, StateDict) {
    let mut model = Pair::new(Tensor::ones([2, 3]), Tensor::ones([3]));
    let mut optimizer = Optimizer::new(Adam::default());
    let (gradients, pass) = model.bowl();
    optimizer.step(&mut model, &gradients, pass);
    let dict = optimizer.state_dict();
    (model, optimizer, dict)
}

#[test]
fn names_are_paths_and_the_names_of_the_rule() {
    let (_, _, dict) = small();
    let names: Vec<_> = dict.tensors.iter().map(|(name, _)| &**name).collect();
    let expected = [
        "weight/exp_avg",
        "weight/exp_avg_sq",
        "bias/exp_avg",
        "bias/exp_avg_sq",
    ];
    assert_eq!(names, expected);
    let names: Vec<_> = dict.scalars.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["/0/lr", "/0/momentum", "weight/step", "bias/step"]);
}

#[test]
fn what_does_not_fit_is_told_by_name_and_changes_nothing() {
    let (model, mut optimizer, dict) = small();
    let mut refuse = |change: &dyn Fn(&mut StateDict), expected: &str| {
        let mut bad = dict.clone();
        change(&mut bad);
        let error = optimizer.load_state_dict(&model, &bad).expect_err(expected);
        assert_eq!(error.to_string(), format!("optimizer state: {expected}"));
        assert_eq!(optimizer.state_dict(), dict);
    };
    refuse(
        &|d| drop(d.tensors.remove(1)),
        "`weight/exp_avg_sq` is missing",
    );
    refuse(&|d| drop(d.scalars.remove(0)), "`/0/lr` is missing");
    refuse(
        &|d| d.scalars.push(("fc/step".to_owned(), 1.0)),
        "`fc/step` belongs to nothing in this model and optimizer",
    );
    refuse(
        &|d| {
            d.tensors
                .push(("bias/momentum_buffer".to_owned(), Tensor::ones([3])));
        },
        "`bias/momentum_buffer` belongs to nothing in this model and optimizer",
    );
    refuse(
        &|d| d.tensors.push(d.tensors[2].clone()),
        "`bias/exp_avg` is there twice",
    );
    refuse(
        &|d| d.tensors[0].1 = Tensor::ones([3, 2]),
        "`weight/exp_avg` is [3, 2], the model needs [2, 3]",
    );
    for value in [-1.0, 0.0, 1.5, f64::NAN, f64::INFINITY] {
        let expected = format!("`bias/step` is {value}, not a number of steps");
        refuse(&|d| d.scalars[3].1 = value, &expected);
    }
}

#[test]
fn the_state_of_another_rule_is_refused() {
    let (model, _, dict) = small();
    let mut sgd = Optimizer::new(Sgd::default());
    let error = sgd
        .load_state_dict(&model, &dict)
        .expect_err("Adam's moments");
    assert_eq!(
        error,
        LoadError::Missing("weight/momentum_buffer".to_owned())
    );
}

#[test]
fn a_parameter_that_was_never_updated_has_no_state() {
    let (mut model, _, _) = small();
    model.bias.set_frozen(true);
    let mut optimizer = Optimizer::new(Adam::default());
    let (gradients, pass) = model.bowl();
    optimizer.step(&mut model, &gradients, pass);
    let dict = optimizer.state_dict();
    assert!(
        dict.tensors
            .iter()
            .all(|(name, _)| name.starts_with("weight/"))
    );
    let mut resumed = Optimizer::new(Adam::default());
    resumed
        .load_state_dict(&model, &dict)
        .expect("its own state");
    assert_eq!(resumed.state_dict(), dict);
}

#[test]
fn adam_keeps_two_numbers_for_each_of_a_model() {
    let (_, optimizer, _) = small();
    assert_eq!(optimizer.state_bytes(), 2 * 4 * (6 + 3));
}
