//! L-BFGS.

use crate::model::{Pair, assert_close};
use wengert_nn::{Gradients, Pass};
use wengert_optim::{Lbfgs, LbfgsOptions, LineSearch};
use wengert_tensor::Tensor;

fn start() -> Pair<f64> {
    Pair::new(Tensor::from_slice(&[-1.2, 1.0], [2]), Tensor::scalar(0.5))
}

/// Rosenbrock's function of the two weights, plus the square of the bias.
fn rosenbrock(model: &mut Pair<f64>) -> (f64, Gradients<f64>) {
    let mut pass = Pass::train(model, 0);
    let [w, b] = [&model.weight, &model.bias].map(|p| pass.param(p));
    let pick = |x: [f64; 2]| pass.input(Tensor::from_slice(&x, [2]));
    let (x, y) = (
        w.mul(&pick([1.0, 0.0])).sum(..),
        w.mul(&pick([0.0, 1.0])).sum(..),
    );
    let (across, along) = (y.sub(&x.mul(&x)), x.sub(&pass.input(Tensor::scalar(1.0))));
    let hundred = pass.input(Tensor::scalar(100.0));
    let loss = across.mul(&across).mul(&hundred).add(&along.mul(&along));
    let loss = loss.add(&b.mul(&b).sum(..));
    (loss.item(), pass.backward(&loss))
}

pub const WOLFE: LbfgsOptions = LbfgsOptions {
    lr: 1.0,
    max_iter: 20,
    max_eval: None,
    tolerance_grad: 1e-7,
    tolerance_change: 1e-9,
    history_size: 100,
    line_search: Some(LineSearch::StrongWolfe),
    maximize: false,
};

#[test]
fn it_finds_the_minimum_of_rosenbrocks_function() {
    let mut model = start();
    let mut optimizer = Lbfgs::new(WOLFE);
    for _ in 0..4 {
        optimizer.step(&mut model, rosenbrock);
    }
    let (loss, gradients) = rosenbrock(&mut model);
    assert!(loss < 1e-8 && gradients.norm() < 1e-3, "{loss}");
}

/// `½c Σ (p − 1)²` of three numbers that start at 0: gradients of size `c`.
fn steep(c: f32) -> (Vec<f32>, Lbfgs<f32>) {
    let mut model = Pair::new(Tensor::<f32>::zeros([2]), Tensor::scalar(0.0));
    let mut optimizer = Lbfgs::new(WOLFE);
    optimizer.step(&mut model, |model| {
        let mut pass = Pass::train(model, 0);
        let off = [&model.weight, &model.bias].map(|p| pass.param(p) - 1.0);
        let loss = off.map(|off| off.square().sum(..));
        let loss = (&loss[0] + &loss[1]) * (f64::from(c) / 2.0);
        (loss.item(), pass.backward(&loss))
    });
    let mut values = model.weight.value().to_vec();
    values.push(model.bias.value().item());
    (values, optimizer)
}

#[test]
fn gradients_whose_squares_overflow_or_vanish_lead_to_the_minimum() {
    for c in [1e-3, 1.0, 1e10, 1e20, 1e30, 1e37] {
        let (values, optimizer) = steep(c);
        for p in values {
            assert!((p - 1.0).abs() < 1e-3, "c = {c:e}: {p}");
        }
        for (name, number) in optimizer.state_dict().scalars {
            assert!(number.is_finite(), "c = {c:e}: {name} = {number}");
        }
    }
}

#[test]
fn the_first_step_is_one_over_the_sum_of_the_gradient() {
    // ½·p² in 3 and 1: the gradient is (3, 1), the step ¼ of it.
    let mut model = Pair::new(Tensor::scalar(3.0), Tensor::scalar(1.0));
    let mut optimizer = Lbfgs::new(LbfgsOptions {
        max_iter: 1,
        ..LbfgsOptions::default()
    });
    let quadratic = |model: &mut Pair<f64>| (0.0, model.quadratic().0);
    optimizer.step(&mut model, quadratic);
    assert_close(&[model.weight.value().item()], &[2.25]);
    assert_close(&[model.bias.value().item()], &[0.75]);
    assert_eq!((optimizer.iterations(), optimizer.evaluations()), (1, 1));
    // y = s, so the scale is 1, and the second step is Newton's.
    optimizer.step(&mut model, quadratic);
    assert_close(
        &[model.weight.value().item(), model.bias.value().item()],
        &[0.0, 0.0],
    );
}

#[test]
fn maximizing_is_minimizing_the_negated_loss() {
    let options = LbfgsOptions {
        max_iter: 7,
        ..WOLFE
    };
    let mut down = start();
    let mut optimizer = Lbfgs::new(options);
    optimizer.step(&mut down, rosenbrock);
    let mut up = start();
    let mut climber = Lbfgs::new(LbfgsOptions {
        maximize: true,
        ..options
    });
    climber.step(&mut up, |model| {
        let (loss, mut gradients) = rosenbrock(model);
        gradients.scale(-1.0);
        (-loss, gradients)
    });
    assert_eq!(up.bits(), down.bits());
}

#[test]
fn a_resumed_optimizer_continues_with_the_same_bits() {
    for line_search in [None, WOLFE.line_search] {
        let options = LbfgsOptions {
            lr: if line_search.is_some() { 1.0 } else { 0.1 },
            max_iter: 3,
            history_size: 2,
            line_search,
            ..WOLFE
        };
        for stop in 0..4 {
            let mut model = start();
            let mut optimizer = Lbfgs::new(options);
            for _ in 0..stop {
                optimizer.step(&mut model, rosenbrock);
            }
            let saved = optimizer.state_dict();
            let mut rebuilt = model.clone();
            let mut resumed = Lbfgs::new(options);
            resumed
                .load_state_dict(&rebuilt, &saved)
                .expect("its own state");
            assert_eq!(resumed.state_dict(), saved);
            for _ in stop..5 {
                let losses = [
                    optimizer.step(&mut model, rosenbrock),
                    resumed.step(&mut rebuilt, rosenbrock),
                ];
                assert_eq!(losses[0].to_bits(), losses[1].to_bits());
            }
            assert_eq!(model.bits(), rebuilt.bits());
            assert_eq!(optimizer.state_dict(), resumed.state_dict());
        }
    }
}

#[test]
fn a_state_that_does_not_fit_is_an_error_by_name_and_changes_nothing() {
    let mut model = start();
    let mut optimizer = Lbfgs::new(WOLFE);
    optimizer.step(&mut model, rosenbrock);
    let dict = optimizer.state_dict();
    let mut bad = dict.clone();
    bad.tensors[0].1 = Tensor::zeros([4]);
    let error = optimizer.load_state_dict(&model, &bad).expect_err("shape");
    assert_eq!(
        error.to_string(),
        "optimizer state: `/d` is [4], the model needs [3]"
    );
    let mut bad = dict.clone();
    bad.tensors.truncate(2);
    let error = optimizer.load_state_dict(&model, &bad).expect_err("pairs");
    assert_eq!(
        error.to_string(),
        "optimizer state: `/old_dirs/0` is missing"
    );
    assert_eq!(optimizer.state_dict(), dict);
}

#[test]
fn a_state_under_other_options_names_the_difference() {
    let mut model = start();
    let mut optimizer = Lbfgs::new(WOLFE);
    optimizer.step(&mut model, rosenbrock);
    let mut other = Lbfgs::<f64>::new(LbfgsOptions {
        history_size: 2,
        ..WOLFE
    });
    let error = other.load_state_dict(&model, &optimizer.state_dict());
    let message = error.expect_err("another history").to_string();
    assert!(
        message.contains("`/history_size` is 100 in the state, 2 here"),
        "{message}"
    );
}

/// After four steps of `PyTorch` 2.15: weights, bias, evaluations, iterations.
#[test]
fn it_agrees_with_pytorch_in_parameters_and_number_of_evaluations() {
    // Rounding accumulates over dozens of iterations; one evaluation more or less changes far more.
    const ACCUMULATED: f64 = 1e-9;
    let plain = LbfgsOptions {
        line_search: None,
        ..WOLFE
    };
    let short = LbfgsOptions {
        max_iter: 5,
        history_size: 2,
        lr: 0.5,
        ..WOLFE
    };
    let few = LbfgsOptions {
        max_iter: 6,
        max_eval: Some(5),
        ..WOLFE
    };
    let slow = LbfgsOptions {
        lr: 0.1,
        max_iter: 4,
        ..plain
    };
    let slowest = LbfgsOptions {
        lr: 0.001,
        max_iter: 9,
        ..plain
    };
    let cases = [
        (
            WOLFE,
            [
                1.000_007_058_493_982,
                1.000_013_486_393_862_4,
                1.163_366_415_157_653_7e-5,
            ],
            [49, 40],
        ),
        (
            short,
            [
                -0.433_153_956_705_267_13,
                0.172_187_601_704_575_7,
                -0.155_547_368_043_828_24,
            ],
            [25, 19],
        ),
        (
            slow,
            [
                -1.053_694_767_094_327,
                1.061_779_459_678_81,
                0.492_620_442_762_177_8,
            ],
            [16, 16],
        ),
        (
            few,
            [
                -0.260_412_159_878_692_5,
                0.047_266_245_906_320_614,
                -0.471_028_831_895_029_25,
            ],
            [20, 14],
        ),
        (
            slowest,
            [
                -1.195_278_106_747_078_6,
                1.004_970_319_095_936_5,
                0.499_556_035_588_844_76,
            ],
            [36, 36],
        ),
    ];
    for (options, expected, counts) in cases {
        let mut model = start();
        let mut optimizer = Lbfgs::new(options);
        for _ in 0..4 {
            optimizer.step(&mut model, rosenbrock);
        }
        assert_eq!(
            [optimizer.evaluations(), optimizer.iterations()],
            counts,
            "{options:?}"
        );
        let [w, b] = [&model.weight, &model.bias].map(|p| p.value().to_vec());
        for (found, expected) in w.iter().chain(&b).zip(expected) {
            assert!(
                (found - expected).abs() < ACCUMULATED,
                "{options:?}: {found}, not {expected}"
            );
        }
    }
}
