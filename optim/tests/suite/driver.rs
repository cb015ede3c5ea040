//! Groups, clipping, shared and frozen parameters, buffers, mistakes.

use crate::model::{Pair, follow_with};
use wengert_nn::{Buffer, Param, Parameters, Pass, Path, Slot, SlotMut, fields};
use wengert_optim::{Adam, LambdaLr, Norm, Optimizer, Schedule, Sgd};
use wengert_tensor::Tensor;

fn pair() -> Pair<f64> {
    Pair::new(Tensor::full([2], 1.0), Tensor::full([3], 1.0))
}

const HALF: Sgd = Sgd {
    lr: 0.5,
    momentum: 0.0,
    dampening: 0.0,
    weight_decay: 0.0,
    nesterov: false,
    maximize: false,
};

#[test]
fn each_parameter_belongs_to_the_first_group_that_matches_it() {
    let mut model = pair();
    let mut optimizer = Optimizer::new(HALF)
        .group("b*", Sgd { lr: 0.25, ..HALF })
        .group("*", Sgd { lr: 0.125, ..HALF });
    let (gradients, pass) = model.quadratic();
    optimizer.step(&mut model, &gradients, pass);
    assert_eq!(model.weight.value().to_vec(), [0.875; 2]);
    assert_eq!(model.bias.value().to_vec(), [0.75; 3]);
    let rates: Vec<_> = optimizer.groups().iter().map(|group| group.lr).collect();
    assert_eq!(rates, [0.5, 0.25, 0.125]);
}

#[test]
#[should_panic(
    expected = "group: fc: matches no parameter, or only parameters of earlier groups; \
                           the model has weight, bias"
)]
fn a_group_that_matches_nothing_is_a_mistake() {
    let mut model = pair();
    let mut optimizer = Optimizer::new(HALF).group("fc", HALF);
    let (gradients, pass) = model.quadratic();
    optimizer.step(&mut model, &gradients, pass);
}

#[test]
fn the_learning_rate_can_be_read_and_set() {
    let mut optimizer = Optimizer::new(HALF);
    assert_eq!(follow_with(&mut optimizer, 1.0, &[1.0]), [0.5]);
    optimizer.set_lr(0.25);
    assert_eq!(optimizer.lr(), 0.25);
    assert_eq!(follow_with(&mut optimizer, 1.0, &[1.0]), [0.75]);
}

#[test]
fn clipping_by_norm_scales_all_gradients_by_one_factor() {
    // 3, 4 → norm 5; the factor is 1 / (5 + 10⁻⁶).
    let mut model = Pair::new(Tensor::scalar(0.0), Tensor::scalar(0.0));
    let mut optimizer = Optimizer::new(Sgd { lr: 1.0, ..HALF }).clip_norm(1.0);
    let (gradients, pass) = model.pass(&Tensor::scalar(3.0), &Tensor::scalar(-4.0));
    let stepped = optimizer.step(&mut model, &gradients, pass);
    assert_eq!(stepped.norm, Some(5.0));
    assert_eq!(model.weight.value().item(), -3.0 / (5.0 + 1e-6));
    assert_eq!(model.bias.value().item(), 4.0 / (5.0 + 1e-6));
    let untouched: Vec<_> = gradients.iter().map(|(_, g)| g.item()).collect();
    assert_eq!(untouched, [3.0, -4.0], "the caller's gradients stay");
}

#[test]
fn clips_apply_in_their_order() {
    let step = |optimizer: Optimizer<f64>| {
        let mut optimizer = optimizer;
        let mut model = Pair::new(Tensor::scalar(0.0), Tensor::scalar(0.0));
        let (gradients, pass) = model.pass(&Tensor::scalar(3.0), &Tensor::scalar(-4.0));
        let stepped = optimizer.step(&mut model, &gradients, pass);
        (stepped.norm, model.weight.value().item())
    };
    let rule = Sgd { lr: 1.0, ..HALF };
    assert_eq!(step(Optimizer::new(rule).clip_value(2.0)), (None, -2.0));
    let value_first = Optimizer::new(rule).clip_value(3.0).clip_norm(100.0);
    assert_eq!(step(value_first), (Some(18.0f64.sqrt()), -3.0));
    let norm_first = Optimizer::new(rule).clip_norm(100.0).clip_value(3.0);
    assert_eq!(step(norm_first), (Some(5.0), -3.0));
}

#[test]
fn frozen_parameters_stay_as_they_are() {
    let mut model = pair();
    model.bias.freeze();
    let mut optimizer = Optimizer::new(Adam::default()).strict();
    let (gradients, pass) = model.quadratic();
    optimizer.step(&mut model, &gradients, pass);
    assert_eq!(model.bias.value().to_vec(), [1.0; 3]);
    assert!(model.weight.value().get([0]) < 1.0);
}

#[test]
fn a_parameter_that_is_frozen_after_the_backward_pass_stays_as_it_is() {
    let mut model = pair();
    let mut optimizer = Optimizer::new(HALF);
    let (gradients, pass) = model.quadratic();
    model.bias.freeze();
    optimizer.step(&mut model, &gradients, pass);
    assert_eq!(model.bias.value().to_vec(), [1.0; 3]);
    assert_eq!(model.weight.value().to_vec(), [0.5; 2]);
}

#[test]
fn a_parameter_without_gradient_stays_as_it_is() {
    let mut model = pair();
    let mut optimizer = Optimizer::new(HALF);
    let mut pass = Pass::train(&model, 0);
    let loss = pass.param(&model.weight).sum(..);
    let gradients = pass.backward(&loss);
    optimizer.step(&mut model, &gradients, pass);
    assert_eq!(model.bias.value().to_vec(), [1.0; 3]);
}

#[test]
#[should_panic(expected = "no gradient for bias: the forward pass never used it")]
fn a_strict_optimizer_names_a_parameter_without_gradient() {
    let mut model = pair();
    let mut pass = Pass::train(&model, 0);
    let loss = pass.param(&model.weight).sum(..);
    let gradients = pass.backward(&loss);
    let mut optimizer = Optimizer::new(HALF).strict();
    optimizer.update(&mut model, &gradients);
}

#[test]
#[should_panic(expected = "step: 2 gradients, 0 of them for parameters of this model")]
fn gradients_of_another_model_are_a_mistake() {
    let (gradients, _pass) = pair().quadratic();
    Optimizer::new(HALF).update(&mut pair(), &gradients);
}

/// One parameter under two names.
struct Tied {
    table: Param<f64>,
}

fields!(Tied as f64 { "encoder.weight" => table, "decoder.weight" => table });

#[test]
fn a_shared_parameter_is_updated_once_by_the_sum_of_its_gradients() {
    let mut model = Tied {
        table: Param::new(Tensor::full([2], 1.0)),
    };
    let rule = Sgd {
        momentum: 0.5,
        ..HALF
    };
    let mut optimizer = Optimizer::new(rule);
    for _ in 0..2 {
        let mut pass = Pass::train(&model, 0);
        let loss = pass
            .param(&model.table)
            .add(&pass.param(&model.table))
            .sum(..);
        let gradients = pass.backward(&loss);
        gradients.require_all();
        optimizer.step(&mut model, &gradients, pass);
    }
    // g = 2: b = 2, 3; p = 1 − 1 − 1½
    assert_eq!(model.table.value().to_vec(), [-1.5; 2]);
    let names: Vec<_> = optimizer
        .state_dict()
        .tensors
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["encoder.weight/momentum_buffer"]);
}

/// A parameter and a running mean.
struct Running {
    weight: Param<f64>,
    mean: Buffer<f64>,
}

fields!(Running as f64 { weight, mean });

impl Running {
    fn new() -> Self {
        Self {
            weight: Param::new(Tensor::scalar(1.0)),
            mean: Buffer::new(Tensor::scalar(0.0)),
        }
    }

    fn pass(&self, slope: f64) -> (wengert_nn::Gradients<f64>, Pass<f64>) {
        let mut pass = Pass::train(self, 0);
        let x = pass.input(Tensor::scalar(slope));
        let loss = pass.param(&self.weight).mul(&x).sum(..);
        pass.update(&self.mean, move |mean| mean.map(|m| 0.5 * m + slope));
        (pass.backward(&loss), pass)
    }
}

#[test]
fn a_step_commits_the_buffers_and_an_update_does_not() {
    let mut model = Running::new();
    let mut optimizer = Optimizer::new(HALF);
    let (gradients, pass) = model.pass(1.0);
    optimizer.step(&mut model, &gradients, pass);
    assert_eq!(model.mean.value().item(), 1.0);
    let (gradients, _pass) = model.pass(1.0);
    optimizer.update(&mut model, &gradients);
    assert_eq!(model.mean.value().item(), 1.0);
    assert_eq!(model.weight.value().item(), 0.0);
}

#[test]
fn a_step_with_a_non_finite_gradient_can_be_skipped_whole() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut model = Running::new();
        let mut optimizer = Optimizer::new(Adam::default()).skip_non_finite();
        let (gradients, pass) = model.pass(1.0);
        assert!(optimizer.step(&mut model, &gradients, pass).applied);
        let (before, state) = (model.weight.value().item(), optimizer.state_dict());
        let (gradients, pass) = model.pass(bad);
        assert!(!optimizer.step(&mut model, &gradients, pass).applied);
        assert_eq!(model.weight.value().item(), before);
        assert_eq!(model.mean.value().item(), 1.0);
        assert_eq!(optimizer.state_dict(), state);
    }
}

#[test]
fn a_non_finite_gradient_is_applied_unless_asked_otherwise() {
    let mut model = Running::new();
    let (gradients, pass) = model.pass(f64::NAN);
    assert!(
        Optimizer::new(HALF)
            .step(&mut model, &gradients, pass)
            .applied
    );
    assert!(model.weight.value().item().is_nan());
}

#[test]
fn an_update_happens_in_place() {
    let mut model = Pair::<f32>::drawn(0);
    let mut optimizer = Optimizer::new(Adam::default());
    let place = |model: &Pair<f32>| {
        model
            .weight
            .value()
            .as_slice()
            .expect("contiguous")
            .as_ptr()
    };
    let before = place(&model);
    for _ in 0..3 {
        let (gradients, pass) = model.quadratic();
        optimizer.step(&mut model, &gradients, pass);
        assert_eq!(place(&model), before);
    }
}

/// A model whose parameters come in another order every time.
struct Shuffled(Pair<f64>, bool);

impl Parameters<f64> for Shuffled {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, f64>)) {
        self.0.walk(path, visit);
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, f64>)) {
        self.1 = !self.1;
        if self.1 {
            return self.0.walk_mut(path, visit);
        }
        path.within("bias", |path| self.0.bias.walk_mut(path, visit));
        path.within("weight", |path| self.0.weight.walk_mut(path, visit));
    }
}

#[test]
fn state_belongs_to_the_path_not_to_the_place_in_the_walk() {
    let rule = Sgd {
        momentum: 0.5,
        ..HALF
    };
    let mut plain = pair();
    let mut shuffled = Shuffled(plain.clone(), false);
    let [mut a, mut b] = [Optimizer::new(rule), Optimizer::new(rule)];
    for step in 0..4 {
        let slopes = (Tensor::full([2], f64::from(step)), Tensor::full([3], -1.0));
        let (gradients, _) = plain.pass(&slopes.0, &slopes.1);
        a.update(&mut plain, &gradients);
        let (gradients, _) = shuffled.0.pass(&slopes.0, &slopes.1);
        b.update(&mut shuffled, &gradients);
    }
    assert_eq!(plain.bits(), shuffled.0.bits());
}

#[test]
#[should_panic(expected = "adam: betas[1] = 1: must be at least 0 and below 1")]
fn an_option_out_of_range_is_a_mistake() {
    let _: Optimizer = Optimizer::new(Adam {
        betas: [0.9, 1.0],
        ..Adam::default()
    });
}

#[test]
#[should_panic(expected = "set_lr: lr = inf: must be a finite number, at least 0")]
fn an_infinite_learning_rate_cannot_be_set() {
    Optimizer::<f64>::new(HALF).set_lr(f64::INFINITY);
}

#[test]
#[should_panic(expected = "step: group *: lr = NaN: must be a finite number, at least 0")]
fn a_learning_rate_that_a_schedule_made_nan_stops_the_step() {
    let mut model = pair();
    let mut optimizer = Optimizer::new(HALF);
    let mut schedule = Schedule::new(LambdaLr::new(|_, _| f64::NAN), &mut optimizer);
    schedule.step(&mut optimizer);
    let (gradients, pass) = model.quadratic();
    optimizer.step(&mut model, &gradients, pass);
}

#[test]
#[should_panic(expected = "clip_norm: max = NaN: must be at least 0")]
fn a_clip_at_nan_is_refused_when_it_is_added() {
    let _ = Optimizer::<f64>::new(HALF).clip_norm(f64::NAN);
}

#[test]
fn the_norm_of_all_is_the_norm_of_their_norms() {
    let model = Pair::new(Tensor::<f64>::zeros([2]), Tensor::zeros([1]));
    let bias = Tensor::from_slice(&[4.0], [1]);
    let (gradients, _) = model.pass(&Tensor::from_slice(&[-2.0, 4.0], [2]), &bias);
    for (p, expected) in [
        (1.0, 10.0),
        (2.0, 6.0),
        (3.0, 136.0f64.cbrt()),
        (f64::INFINITY, 4.0),
        (f64::NEG_INFINITY, 2.0),
        (0.0, 2.0), // of the two norms 2 and 1, both count
    ] {
        let found = Norm::P(p).of(&gradients);
        assert!((found - expected).abs() < 1e-14, "{p}: {found}");
    }
    assert_eq!(Norm::Max.of(&gradients), 4.0);
}
