//! Gradients whose squares overflow or vanish.

use crate::model::Pair;
use wengert_optim::{
    Adadelta, Adagrad, Adam, AdamW, NAdam, Norm, Optimizer, RAdam, RmsProp, Rule, Sgd,
    clip_grad_norm, rule_samples,
};
use wengert_tensor::Tensor;

/// Some roundings of `f32`.
const SINGLE: f32 = 1e-6;

/// 128 gradients of one size, clipped to norm 2, and the norm before.
fn clipped(size: f32, norm: Norm) -> (Vec<f32>, f32) {
    let model = Pair::new(Tensor::<f32>::zeros([127]), Tensor::zeros([1]));
    let (mut gradients, _) = model.pass(&Tensor::full([127], size), &Tensor::full([1], size));
    let before = clip_grad_norm(&mut gradients, 2.0, norm);
    (
        gradients.iter().flat_map(|(_, g)| g.to_vec()).collect(),
        before,
    )
}

#[test]
fn gradients_of_any_size_are_clipped_to_the_norm() {
    for size in [1e3, 1e19, 1e30, 1e37, 3e38] {
        for (norm, expected) in [
            (Norm::P(2.0), 2.0 / 128.0_f32.sqrt()),
            (Norm::P(1.0), 2.0 / 128.0),
            (Norm::P(3.0), 2.0 / 128.0_f32.cbrt()),
            (Norm::Max, 2.0),
        ] {
            let (gradients, before) = clipped(size, norm);
            for g in gradients {
                assert!(
                    (g - expected).abs() <= 4.0 * SINGLE * expected,
                    "{norm:?} of {size:e}: {g}"
                );
            }
            let exact = 2.0 / f64::from(expected) * f64::from(size);
            let exact = exact as f32;
            assert!(
                before == exact || (before / exact - 1.0).abs() < 4.0 * SINGLE,
                "{before} {exact}"
            );
        }
    }
    let (gradients, before) = clipped(1e-30, Norm::P(2.0));
    assert!((before / (128.0_f32.sqrt() * 1e-30) - 1.0).abs() < SINGLE);
    assert!(gradients.iter().all(|&g| g == 1e-30));
}

#[test]
fn a_step_with_a_norm_that_is_not_finite_is_skipped() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut model = Pair::new(Tensor::<f32>::zeros([2]), Tensor::zeros([1]));
        let (gradients, pass) =
            model.pass(&Tensor::from_slice(&[1.0, bad], [2]), &Tensor::zeros([1]));
        let mut optimizer = Optimizer::new(Sgd {
            lr: 1.0,
            ..Sgd::default()
        })
        .clip_norm(1.0);
        let stepped = optimizer.step(&mut model, &gradients, pass);
        assert!(!stepped.applied);
        assert!(!stepped.norm.unwrap().is_finite());
        assert_eq!(model.weight.value().to_vec(), [0.0, 0.0]);
    }
}

/// The values of a parameter that starts at 0, for a constant gradient.
fn path(rule: impl Rule<f32>, gradient: f32, steps: usize) -> Vec<f32> {
    let mut optimizer = Optimizer::new(rule);
    let mut model = Pair::new(Tensor::<f32>::zeros([1]), Tensor::zeros([1]));
    let gradient = Tensor::full([1], gradient);
    (0..steps)
        .map(|_| {
            let (gradients, pass) = model.pass(&gradient, &Tensor::zeros([1]));
            assert!(optimizer.step(&mut model, &gradients, pass).applied);
            model.weight.value().item()
        })
        .collect()
}

#[test]
fn adaptive_rules_make_the_same_steps_for_gradients_of_any_size() {
    let rules: [(&str, fn() -> Box<dyn Rule<f32>>); 8] = [
        ("adam", || Box::new(Adam::default())),
        ("amsgrad", || {
            Box::new(Adam {
                amsgrad: true,
                ..Adam::default()
            })
        }),
        ("adam_w", || {
            Box::new(AdamW {
                weight_decay: 0.0,
                ..AdamW::default()
            })
        }),
        ("nadam", || Box::new(NAdam::default())),
        ("rms_prop", || Box::new(RmsProp::default())),
        ("centered", || {
            Box::new(RmsProp {
                centered: true,
                ..RmsProp::default()
            })
        }),
        ("adagrad", || Box::new(Adagrad::default())),
        ("adadelta", || {
            Box::new(Adadelta {
                eps: 1e-30,
                ..Adadelta::default()
            })
        }),
    ];
    for (name, rule) in rules {
        let usual = path(rule(), 1e3, 4);
        for size in [1e10, 1e18, 1e25, 3e38] {
            for (found, expected) in path(rule(), size, 4).iter().zip(&usual) {
                assert!(
                    (found / expected - 1.0).abs() < 1e-3,
                    "{name} at {size:e}: {found} instead of {expected}"
                );
            }
        }
        let infinite = path(rule(), f32::INFINITY, 1)[0];
        assert!(!infinite.is_finite(), "{name}: {infinite}");
    }
    // The first steps of rectified Adam are those of momentum alone.
    assert!(path(RAdam::default(), 1e25, 8)[7].is_finite());
}

/// With some processors a product of subnormal numbers takes a hundred times as long as one of normal numbers.
#[test]
fn the_state_of_parameters_without_gradient_ends_at_zero_and_not_at_subnormal_numbers() {
    for rule in rule_samples::<f32>() {
        let name = format!("{rule:?}");
        // 19 elements: a block of the vectorised loop, and the elements after it.
        let mut model = Pair::new(Tensor::<f32>::zeros([19]), Tensor::zeros([1]));
        let mut optimizer = Optimizer::new(rule);
        // Adam's mean square becomes 1.3e-38, which decays below the smallest normal number in 100 steps, and
        // its mean gradient in 430.
        for step in 0..500 {
            let size = if step == 0 { 3.6e-18 } else { 0.0 };
            let (gradients, pass) = model.pass(&Tensor::full([19], size), &Tensor::full([1], size));
            optimizer.step(&mut model, &gradients, pass);
            if step % 100 == 99 {
                for (path, state) in &optimizer.state_dict().tensors {
                    let subnormal = state.to_vec().into_iter().find(|x| x.is_subnormal());
                    assert_eq!(subnormal, None, "{name}: {path} after {step} steps");
                }
            }
        }
    }
}
