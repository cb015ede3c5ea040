//! The line search of L-BFGS on functions with many minima, and models that L-BFGS has to walk with care.

use crate::lbfgs::WOLFE;
use crate::model::Pair;
use wengert_nn::{Gradients, Param, Pass, fields};
use wengert_optim::{Lbfgs, LbfgsOptions, LoadError};
use wengert_tensor::Tensor;

/// A function of two numbers that are the whole model, given by its value and its slopes.
fn at(model: &Pair<f64>, f: impl Fn(f64, f64) -> (f64, [f64; 2])) -> (f64, Gradients<f64>) {
    let (x, y) = (model.weight.value().item(), model.bias.value().item());
    let (loss, [dx, dy]) = f(x, y);
    let gradients = Gradients::from_tensors(model, |path| {
        Some(Tensor::scalar(if path == "weight" { dx } else { dy }))
    });
    (loss, gradients)
}

/// Waves on a bowl: `½x² + size·cos(rate·x) + ⅓|y|³`.
fn waves(size: f64, rate: f64) -> impl Fn(f64, f64) -> (f64, [f64; 2]) {
    move |x, y| {
        let loss = x * x / 2.0 + size * (rate * x).cos() + y.abs().powi(3) / 3.0;
        (loss, [x - size * rate * (rate * x).sin(), y * y.abs()])
    }
}

#[test]
fn a_step_with_a_line_search_never_raises_the_loss() {
    for size in [0.0, 0.5, 3.0, 50.0] {
        for rate in [1.0, 7.0, 40.0] {
            for lr in [1e-3, 0.1, 1.0, 30.0] {
                for max_eval in [None, Some(1), Some(2), Some(4)] {
                    let mut model = Pair::new(Tensor::scalar(-2.3), Tensor::scalar(1.7));
                    let mut optimizer = Lbfgs::new(LbfgsOptions {
                        lr,
                        max_eval,
                        max_iter: 6,
                        ..WOLFE
                    });
                    let f = waves(size, rate);
                    let mut before = f64::INFINITY;
                    for _ in 0..4 {
                        let loss = optimizer.step(&mut model, |model| at(model, &f));
                        assert!(
                            loss <= before,
                            "{size} cos {rate}x, lr {lr}, {max_eval:?}: from {before} to {loss}"
                        );
                        before = loss;
                    }
                }
            }
        }
    }
}

#[test]
fn a_step_ends_where_every_slope_is_within_the_tolerance() {
    let mut model = Pair::new(Tensor::scalar(1e-9), Tensor::scalar(0.0));
    let before = model.bits();
    let mut optimizer = Lbfgs::new(WOLFE);
    optimizer.step(&mut model, |model| at(model, waves(0.0, 1.0)));
    assert_eq!(model.bits(), before);
    assert_eq!((optimizer.evaluations(), optimizer.iterations()), (1, 0));
}

#[test]
fn a_step_ends_when_parameters_or_loss_hardly_change() {
    let count = |tolerance_change: f64, lr: f64, f: &dyn Fn(f64, f64) -> (f64, [f64; 2])| {
        let mut model = Pair::new(Tensor::scalar(1.0), Tensor::scalar(1.0));
        let mut optimizer = Lbfgs::new(LbfgsOptions {
            lr,
            tolerance_change,
            line_search: None,
            ..WOLFE
        });
        optimizer.step(&mut model, |model| at(model, f));
        optimizer.iterations()
    };
    let bowl = |x: f64, y: f64| (0.5 * (x * x + y * y), [x, y]);
    // The first step is half the gradient times lr: below the tolerance 1e-3 if lr is 1e-3.
    assert_eq!(count(1e-3, 1e-3, &bowl), 1);
    // The same loss everywhere, with steps of ½.
    assert_eq!(count(1e-3, 1.0, &|_, _| (1.0, [1.0, 1.0])), 1);
    assert!(count(1e-9, 1e-3, &bowl) > 1);
}

/// One parameter under two names, and one that is frozen.
#[derive(Clone)]
struct Tied {
    table: Param<f64>,
    fixed: Param<f64>,
}

fields!(Tied as f64 { "encoder" => table, "decoder" => table, fixed });

impl Tied {
    fn new() -> Self {
        let mut fixed = Param::new(Tensor::scalar(3.0));
        fixed.freeze();
        let table = Param::new(Tensor::full([2], 2.0));
        Self { table, fixed }
    }

    /// `½ Σ (table − 1)²`
    fn loss(&mut self) -> (f64, Gradients<f64>) {
        let mut pass = Pass::train(self, 0);
        let loss = (pass.param(&self.table) - 1.0).square().sum(..) * 0.5;
        (loss.item(), pass.backward(&loss))
    }
}

#[test]
fn a_shared_parameter_is_one_of_the_search_and_a_frozen_one_is_none() {
    let mut model = Tied::new();
    let mut optimizer = Lbfgs::new(WOLFE);
    optimizer.step(&mut model, Tied::loss);
    for x in model.table.value() {
        assert!((x - 1.0).abs() < 1e-6, "{x}");
    }
    assert_eq!(model.fixed.value().item(), 3.0);
    let saved = optimizer.state_dict();
    let direction = saved.tensors.iter().find(|(name, _)| name == "/d");
    assert_eq!(direction.expect("the last step").1.shape(), [2]);
    let mut resumed = Lbfgs::new(WOLFE);
    resumed
        .load_state_dict(&model, &saved)
        .expect("its own state");
    assert_eq!(resumed.state_dict(), saved);
}

#[test]
fn a_gradient_of_a_parameter_that_is_frozen_later_is_left_out() {
    let mut model = Pair::new(Tensor::scalar(2.0), Tensor::scalar(3.0));
    let mut optimizer = Lbfgs::new(WOLFE);
    optimizer.step(&mut model, |model| {
        let result = at(model, |x, y| (x * x / 2.0 + y, [x, 1.0]));
        model.bias.freeze();
        result
    });
    assert_eq!(model.bias.value().item(), 3.0);
    assert!(model.weight.value().item().abs() < 1e-6);
}

#[test]
fn a_model_without_elements_is_left_as_it_is() {
    let mut model = Pair::<f64>::new(Tensor::zeros([0]), Tensor::zeros([2, 0]));
    let mut optimizer = Lbfgs::new(LbfgsOptions {
        tolerance_grad: 0.0,
        ..WOLFE
    });
    let loss = optimizer.step(&mut model, |model| (1.5, model.quadratic().0));
    assert_eq!((loss, optimizer.iterations()), (1.5, 0));
}

#[test]
fn counts_that_are_no_counts_are_errors() {
    let mut model = Pair::new(Tensor::scalar(1.0), Tensor::scalar(1.0));
    let mut optimizer = Lbfgs::new(WOLFE);
    optimizer.step(&mut model, |model| at(model, waves(0.0, 1.0)));
    let saved = optimizer.state_dict();
    for name in ["/func_evals", "/n_iter"] {
        for value in [-1.0, 0.5, 1e300, f64::NAN] {
            let mut bad = saved.clone();
            let number = bad.scalars.iter_mut().find(|(known, _)| known == name);
            number.expect("saved").1 = value;
            let error = optimizer.load_state_dict(&model, &bad);
            let error = error.expect_err("no count");
            assert!(matches!(error, LoadError::Count { .. }), "{error:?}");
            assert_eq!(
                error.to_string(),
                format!("optimizer state: `{name}` is {value}, not a number of steps")
            );
        }
    }
    assert_eq!(optimizer.state_dict(), saved);
}
