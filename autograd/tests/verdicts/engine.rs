//! What the engine promises beside verdicts: stated power, budgets, reruns, third order, declared gradients.

use wengert_autograd::check::{
    CheckOptions, Derivative, Verdict, Witness, check_black_box_with, check_gradients,
    check_gradients_as, check_gradients_with,
};
use wengert_autograd::{Draw, LARGEST, Var, generic};
use wengert_tensor::Tensor;

fn at(values: &[f64]) -> Tensor<f64> {
    Tensor::from_slice(values, [values.len()])
}

/// The sum of sines of products of neighbours.
fn chain(x: &[f64]) -> f64 {
    x.windows(2).map(|p| (p[0] * p[1]).sin()).sum()
}

/// Its gradient, with one entry wrong by a share of the largest.
fn chain_gradient(x: &[f64], wrong: Option<(usize, f64)>) -> Vec<f64> {
    let mut g = vec![0.0; x.len()];
    for i in 0..x.len() - 1 {
        let slope = (x[i] * x[i + 1]).cos();
        g[i] += slope * x[i + 1];
        g[i + 1] += slope * x[i];
    }
    if let Some((k, share)) = wrong {
        g[k] += share * g.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
    }
    g
}

#[test]
fn a_black_box_is_judged_at_the_power_asked_for_and_the_wrong_entry_is_located() {
    let x = Draw::new(5, LARGEST).normal([2000]).to_vec();
    let options = CheckOptions {
        power: 1e-5,
        ..CheckOptions::default()
    };
    let vjp = |wrong| {
        move |x: &[&[f64]], c: &[f64]| {
            let g = chain_gradient(x[0], wrong);
            vec![g.iter().map(|g| g * c[0]).collect()]
        }
    };
    let f = |x: &[&[f64]]| vec![chain(x[0])];
    let report = check_black_box_with(f, vjp(None), std::slice::from_ref(&x), &options);
    report.assert();
    let power = report.power.first().expect("directions were judged");
    assert_eq!(power.witness, Witness::Differences);
    assert!(
        power.relative <= 1e-5 && power.probability > 0.999,
        "{report}"
    );
    // Elements near 0 are moved by less, so that they stay in their domain.
    let largest = x.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let place = (748..2000)
        .find(|&k| x[k].abs() > largest / 50.0)
        .expect("most elements are larger");
    let wrong = Some((place, 2.0 * power.relative));
    let wrong = check_black_box_with(f, vjp(wrong), &[x], &options);
    let found = wrong.failures().iter().any(|r| r.index == [place]);
    assert!(found, "the right one: {report}\nthe wrong one: {wrong}");
}

#[test]
fn a_budget_too_small_states_the_power_that_was_reached() {
    let x = Draw::new(6, LARGEST).normal([500]).to_vec();
    let options = CheckOptions {
        power: 1e-14,
        budget: Some(600),
        ..CheckOptions::default()
    };
    let vjp = |x: &[&[f64]], c: &[f64]| {
        let g = chain_gradient(x[0], None);
        vec![g.iter().map(|g| g * c[0]).collect()]
    };
    let report = check_black_box_with(|x| vec![chain(x[0])], vjp, &[x], &options);
    report.assert();
    assert!(report.power[0].relative > 1e-14, "{report}");
    assert!(report.to_string().contains("budget"), "{report}");
}

#[test]
fn the_third_derivative_is_judged_if_asked_for() {
    let options = CheckOptions {
        third_order: true,
        ..CheckOptions::default()
    };
    let f = generic!(|x| (x * x).tanh().exp());
    let report = check_gradients_with(f, &[at(&[0.3, -1.2, 0.7])], &options);
    report.assert();
    let thirds = report.records.iter();
    let thirds = thirds.filter(|r| r.derivative == Derivative::Third);
    assert_eq!(thirds.filter(|r| r.verdict == Verdict::Pass).count(), 3);
}

#[test]
fn declared_gradients_are_held_to_what_they_declare() {
    let options = CheckOptions::default();
    let x = [at(&[0.3, -1.2, 2.6])];
    let straight = |x: &[Var<f64>]| {
        let nearest = x[0].value().map(|x| x.round() - x);
        &x[0] + Var::constant(nearest)
    };
    check_gradients_as(straight, generic!(|x| x * 1.0), &x, &options).assert();
    let halved = |x: &[Var<f64>]| straight(x) * 0.5;
    assert!(check_gradients_as(halved, generic!(|x| x * 1.0), &x, &options).failed());
}

#[test]
fn a_function_of_another_shape_in_the_second_run_is_reported() {
    let calls = std::cell::Cell::new(0);
    let changing = |x: &[Var<f64>]| {
        calls.set(calls.get() + 1);
        if calls.get() % 2 == 0 {
            x[0].sum(..)
        } else {
            x[0].sin()
        }
    };
    let report = check_gradients(changing, &[at(&[0.3, -1.2])]);
    assert!(report.failed(), "{report}");
}
