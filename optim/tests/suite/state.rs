//! State dicts: exact round trips, and what does not fit.

use crate::model::Pair;
use wengert_optim::{Adam, LoadError, Optimizer, OptimizerState, Sgd, rule_samples};
use wengert_tensor::Tensor;

fn train(model: &mut Pair<f32>, optimizer: &mut Optimizer, steps: std::ops::Range<u64>) {
    for seed in steps {
        let g = Pair::drawn(100 + seed);
        let (gradients, pass) = model.pass(g.weight.value(), g.bias.value());
        optimizer.step(model, &gradients, pass);
    }
}

#[test]
fn every_rule_resumes_with_the_same_bits() {
    let samples = || rule_samples::<f32>().into_iter();
    for (rule, same_rule) in samples().zip(samples()) {
        let name = format!("{rule:?}");
        let mut model = Pair::drawn(1);
        let mut optimizer = Optimizer::new(rule);
        train(&mut model, &mut optimizer, 0..2);
        optimizer.set_lr(0.007);
        let saved = optimizer.state_dict();

        // A rebuilt model: the same paths and values, other identities.
        let mut rebuilt = model.clone();
        let mut resumed = Optimizer::new(same_rule);
        let loaded = resumed.load_state_dict(&rebuilt, &saved);
        loaded.expect("its own state");
        assert_eq!(resumed.state_dict(), saved, "{name}");

        train(&mut model, &mut optimizer, 2..4);
        train(&mut rebuilt, &mut resumed, 2..4);
        assert!(model.bits() == rebuilt.bits(), "{name}");
        assert_eq!(resumed.state_dict(), optimizer.state_dict(), "{name}");
    }
}

fn small() -> (Pair<f32>, Optimizer, OptimizerState) {
    let mut model = Pair::new(Tensor::ones([2, 3]), Tensor::ones([3]));
    let mut optimizer = Optimizer::new(Adam::default());
    let (gradients, pass) = model.quadratic();
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
fn a_state_that_does_not_fit_is_an_error_by_name_and_changes_nothing() {
    let (model, mut optimizer, dict) = small();
    let mut refuse = |change: &dyn Fn(&mut OptimizerState), expected: &str| {
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
fn a_number_that_is_there_twice_or_counts_no_steps_is_an_error_and_changes_nothing() {
    let (model, mut optimizer, dict) = small();
    let mut bad = dict.clone();
    bad.scalars.push(dict.scalars[0].clone());
    let twice = LoadError::Twice(dict.scalars[0].0.clone());
    assert_eq!(optimizer.load_state_dict(&model, &bad), Err(twice));
    let is_count = |scalar: &&mut (String, f64)| scalar.0 == "weight/step";
    for value in [-1.0, 0.0, 0.5, 1.5, 1e300, f64::NAN] {
        let mut bad = dict.clone();
        bad.scalars.iter_mut().find(is_count).expect("its steps").1 = value;
        let error = optimizer.load_state_dict(&model, &bad);
        assert!(
            matches!(error, Err(LoadError::Count { .. })),
            "{value}: {error:?}"
        );
    }
    assert_eq!(optimizer.state_dict(), dict);
}

#[test]
fn the_state_of_another_rule_is_refused() {
    let (model, _, mut dict) = small();
    let mut sgd = Optimizer::new(Sgd {
        momentum: 0.9,
        ..Sgd::default()
    });
    let error = sgd.load_state_dict(&model, &dict).expect_err("adam");
    let message = error.to_string();
    assert!(
        message.contains("`/0/rule` is adam in the state, sgd here"),
        "{message}"
    );
    // Without comparison the names still do not fit.
    dict.options.clear();
    let error = sgd.load_state_dict(&model, &dict).expect_err("moments");
    assert_eq!(
        error,
        LoadError::Missing("weight/momentum_buffer".to_owned())
    );
}

#[test]
fn a_state_under_other_options_names_each_difference() {
    let (model, _, dict) = small();
    let other = Adam {
        lr: 0.5,
        betas: [0.8, 0.99],
        weight_decay: 0.1,
        ..Adam::default()
    };
    let mut optimizer = Optimizer::new(other);
    let before = optimizer.state_dict();
    let error = optimizer.load_state_dict(&model, &dict);
    let message = error.expect_err("other options").to_string();
    assert_eq!(
        message,
        "optimizer state: `/0/betas[1]` is 0.999 in the state, 0.99 here, `/0/weight_decay` is 0.0 in \
         the state, 0.1 here; make the optimizer with the options of the state, or clear its field \
         `options` to keep those of this optimizer"
    );
    assert_eq!(optimizer.state_dict(), before, "nothing has changed");
}

#[test]
fn another_group_is_another_option() {
    let (model, _, dict) = small();
    let mut optimizer = Optimizer::new(Adam::default()).group("bias", Adam::default());
    let error = optimizer.load_state_dict(&model, &dict);
    let message = error.expect_err("one group more").to_string();
    assert!(
        message.contains("`/1/pattern` is missing in the state, bias here"),
        "{message}"
    );
}

#[test]
fn learning_rate_and_momentum_are_state_and_cleared_options_are_not_compared() {
    let (model, _, mut dict) = small();
    let mut optimizer = Optimizer::new(Adam {
        lr: 0.5,
        betas: [0.8, 0.999],
        ..Adam::default()
    });
    let loaded = optimizer.load_state_dict(&model, &dict);
    loaded.expect("only rates differ");
    assert_eq!(optimizer.lr(), 1e-3);
    assert_eq!(optimizer.groups()[0].momentum, 0.9);
    dict.options.clear();
    let mut optimizer = Optimizer::new(Adam {
        eps: 1e-4,
        ..Adam::default()
    });
    let loaded = optimizer.load_state_dict(&model, &dict);
    loaded.expect("not compared");
}

#[test]
fn a_learning_rate_that_makes_no_sense_is_not_loaded() {
    for value in [-1.0, f64::NAN, f64::INFINITY] {
        let (model, mut optimizer, mut dict) = small();
        dict.scalars[0].1 = value;
        let error = optimizer.load_state_dict(&model, &dict);
        assert_eq!(
            error.expect_err("no rate").to_string(),
            format!("optimizer state: `/0/lr` is {value}, it must be a finite number, at least 0")
        );
    }
}

#[test]
fn a_parameter_that_was_never_updated_has_no_state() {
    let (mut model, _, _) = small();
    model.bias.freeze();
    let mut optimizer = Optimizer::new(Adam::default());
    let (gradients, pass) = model.quadratic();
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
