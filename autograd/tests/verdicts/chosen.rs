//! What options leave out, and what they ask for in addition.

use wengert_autograd::check::{
    Check, CheckOptions, Derivative, Report, Situation, Verdict, Witness, arrange, check_black_box,
    check_black_box_with, check_dyn, check_gradients, check_gradients_with, plan,
};
use wengert_autograd::{
    Call, Contributions, Differentiable, Draw, Inputs, LARGEST, Op, Outputs, Sample, Var, check_op,
    generic,
};
use wengert_tensor::{Real, Tensor};

fn at(values: &[f64]) -> Tensor<f64> {
    Tensor::from_slice(values, [values.len()])
}

fn of(report: &Report, derivative: Derivative) -> Vec<Verdict> {
    let records = report.records.iter();
    let records = records.filter(|r| r.derivative == derivative);
    records.map(|r| r.verdict).collect()
}

/// `x³`, `3x²` and `6x`, each with the next one in its rule; the slope of `6x` is multiplied by a factor.
#[derive(Clone, Debug)]
struct Cube {
    order: usize,
    factor: f64,
}

impl Op for Cube {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let order = self.order;
        let value = move |x: T| match order {
            0 => x * x * x,
            1 => x * x * T::of(3.0),
            _ => x * T::of(6.0),
        };
        x[0].map(value).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let next = Self {
            order: self.order + 1,
            ..self.clone()
        };
        out.input(0, |g| match self.order {
            2 => g * (6.0 * self.factor),
            _ => g * Var::apply(next, [call.input(0)]),
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let order = draw.within(0, 2);
        Sample::new(Self { order, factor: 1.0 }, [draw.any()])
    }
}

/// The verdicts on the third derivative, where all before it are right.
fn thirds(f: &dyn Differentiable, x: &[f64]) -> Vec<Verdict> {
    let options = CheckOptions {
        third_order: true,
        localise: false,
        ..CheckOptions::default()
    };
    let report = check_dyn(f, &[at(x)], &options);
    let failures = report.failures();
    assert!(
        failures.iter().all(|r| r.derivative == Derivative::Third),
        "{report}"
    );
    of(&report, Derivative::Third)
}

#[test]
fn a_wrong_third_derivative_fails_and_a_right_one_passes() {
    check_op::<Cube>().assert();
    for (factor, verdict) in [
        (1.0, Verdict::Pass),
        (1.5, Verdict::Fail),
        (f64::NAN, Verdict::Fail),
    ] {
        let op = Cube { order: 0, factor };
        let f = generic!([op] | x | Var::apply(op.clone(), [x]));
        assert_eq!(thirds(&f, &[0.3, -1.2]), [verdict; 2], "{factor}");
    }
}

#[test]
fn a_third_derivative_that_is_infinite_in_both_modes_is_no_failure() {
    let found = thirds(&generic!(|x| x.pow(2.5)), &[0.0, 0.7]);
    assert_eq!(found, [Verdict::NonFinite, Verdict::Pass]);
}

#[test]
fn without_forward_mode_there_is_no_third_derivative() {
    assert_eq!(thirds(&|x: &[Var<f64>]| x[0].sin(), &[0.3]), []);
}

#[test]
fn each_witness_can_be_left_out() {
    let x = [at(&[0.3, -1.2, 0.9])];
    let all = CheckOptions::default();
    let no_forward = CheckOptions {
        forward_mode: false,
        ..all.clone()
    };
    let no_differences = CheckOptions {
        finite_differences: false,
        ..all.clone()
    };
    for (options, left_out, kept) in [
        (no_forward, Witness::Dual, Witness::Differences),
        (no_differences, Witness::Differences, Witness::Dual),
    ] {
        let report = check_gradients_with(generic!(|x| x.sin()), &x, &options);
        report.assert();
        assert!(!report.compared.contains(&left_out), "{report}");
        assert!(report.compared.contains(&kept), "{report}");
        assert!(
            of(&report, Derivative::Second).contains(&Verdict::Pass),
            "{report}"
        );
        let wrong = generic!(|x| x * &x.detach());
        assert!(check_gradients_with(wrong, &x, &options).failed());
    }
    let dual = Check::of(generic!(|x| x.sin()))
        .at("x", &x[0])
        .witnesses(&[Witness::Dual])
        .run();
    dual.assert();
    assert!(!dual.compared.contains(&Witness::Differences), "{dual}");
}

#[test]
fn without_directions_entries_are_judged_alone() {
    let options = CheckOptions {
        directions: 0,
        ..CheckOptions::default()
    };
    let report = check_gradients_with(generic!(|x| x.sin()), &[at(&[0.3, -1.2])], &options);
    report.assert();
    assert_eq!(of(&report, Derivative::Directional), []);
    assert_eq!(of(&report, Derivative::First), [Verdict::Pass; 2]);
    assert!(report.power.is_empty());
}

#[test]
fn one_entry_needs_no_jacobian() {
    let options = CheckOptions {
        only: Some((0, vec![1])),
        ..CheckOptions::default()
    };
    let f = || generic!(|x| x.sin());
    let x = [at(&[0.3, -1.2])];
    let report = check_gradients_with(f(), &x, &options);
    report.assert();
    assert_eq!(of(&report, Derivative::Jacobian), []);
    let report = check_gradients(f(), &x);
    assert_eq!(of(&report, Derivative::Jacobian), [Verdict::Pass; 4]);
}

#[test]
fn an_infinite_slope_is_not_compared_with_differences_if_they_are_left_out() {
    let options = CheckOptions {
        finite_differences: false,
        ..CheckOptions::default()
    };
    let f = || generic!(|x| x.sqrt());
    let report = check_gradients_with(f(), &[at(&[0.0, 0.7])], &options);
    assert!(!report.failed(), "{report}");
    assert_eq!(
        of(&report, Derivative::First)[0],
        Verdict::NonFinite,
        "{report}"
    );
    let numeric = report.records.iter().filter_map(|r| r.numeric);
    assert_eq!(numeric.count(), 0, "{report}");
    // With more entries than are compared with differences.
    let report = check_gradients(f(), &[Tensor::zeros([30])]);
    assert!(!report.failed(), "{report}");
    assert_eq!(of(&report, Derivative::First), [Verdict::NonFinite; 30]);
}

/// `Σ sin xₖ` as a black box, with the gradient times a factor.
fn sum_of_sines(x: &[f64], factor: f64, options: &CheckOptions) -> Report {
    let vjp = |x: &[&[f64]], c: &[f64]| {
        let slopes = x[0].iter().map(|x| c[0] * x.cos() * factor);
        vec![slopes.collect()]
    };
    let f = |x: &[&[f64]]| vec![x[0].iter().map(|x| x.sin()).sum()];
    check_black_box_with(f, vjp, &[x.to_vec()], options)
}

#[test]
fn a_budget_that_is_spent_ends_the_directions() {
    let x = Draw::new(6, LARGEST).normal([200]).to_vec();
    for (directions, judged, is_short) in [(10, 1, true), (1, 1, false)] {
        let options = CheckOptions {
            directions,
            budget: Some(1),
            // Wide bars are no reason to divide the entries.
            power: 1.0,
            ..CheckOptions::default()
        };
        let report = sum_of_sines(&x, 1.0, &options);
        report.assert();
        assert_eq!(of(&report, Derivative::Directional).len(), judged);
        assert_eq!(report.power[0].directions, judged, "{report}");
        let says_so = report.to_string().contains("the budget of 1 evaluations");
        assert_eq!(says_so, is_short, "{report}");
        // Wrong entries are not looked for then.
        let wrong = sum_of_sines(&x, 1.5, &options);
        assert!(wrong.failed(), "{wrong}");
    }
}

#[test]
fn smaller_groups_of_entries_have_narrower_bars() {
    let x = Draw::new(7, LARGEST).normal([200]).to_vec();
    let with_power = |power: f64| {
        let options = CheckOptions {
            power,
            ..CheckOptions::default()
        };
        let report = sum_of_sines(&x, 1.0, &options);
        report.assert();
        report.power[0].relative
    };
    let usual = with_power(1.0);
    let divided = with_power(0.3 * usual);
    assert!(divided < usual, "{usual:e}, {divided:e}");
}

#[test]
fn a_plan_is_not_exceeded() {
    let f = generic!(|x, y| (x * y.sum(..)).sin());
    let mut draw = Draw::new(8, LARGEST);
    let inputs = [draw.normal([2, 3]), draw.normal([100])];
    for inputs in [&inputs[..1], &inputs[..]] {
        for (forward_mode, finite_differences) in [(true, true), (true, false), (false, true)] {
            let options = CheckOptions {
                forward_mode,
                finite_differences,
                localise: false,
                ..CheckOptions::default()
            };
            let shapes: Vec<_> = inputs.iter().map(|x| x.shape().to_vec()).collect();
            let planned = plan(&shapes, &options);
            let report = match inputs {
                [_] => check_gradients_with(generic!(|x| x.sin()), inputs, &options),
                _ => check_dyn(&f, inputs, &options),
            };
            report.assert();
            let spent = report.cost;
            assert!(
                spent.values <= planned.values && spent.gradients <= planned.gradients,
                "{spent:?}, planned {planned:?}, {options:?}"
            );
            assert!(
                spent.duals <= planned.duals,
                "{spent:?}, planned {planned:?}"
            );
        }
    }
}

/// A function of no outputs.
struct Nothing;

impl Differentiable for Nothing {
    fn f64(&self, _: &[Var<f64>]) -> Vec<Var<f64>> {
        Vec::new()
    }
}

#[test]
fn a_function_without_inputs_or_outputs_is_not_judged() {
    let report = check_gradients(Nothing, &[at(&[0.3])]);
    assert_eq!(
        report.faults,
        ["the function has no outputs: nothing to judge"]
    );
    let none = check_black_box(|_: &[&[f64]]| vec![1.0], |_, _| Vec::new(), &[]);
    assert_eq!(
        none.faults,
        ["the function has no inputs: nothing to judge"]
    );
    let draw = &mut Draw::new(9, LARGEST);
    assert!(arrange(Situation::RankZero, &Nothing, &[], true, draw).is_none());
}

#[test]
fn an_error_that_is_no_number_is_the_worst() {
    let mut report = check_gradients(generic!(|x| x * &x.detach()), &[at(&[0.3, -1.2, 0.9])]);
    let last = report.records.iter().rposition(|r| !r.is_ok());
    let last = last.expect("half of the gradient is missing");
    report.records[last].error = f64::NAN;
    assert!(report.failures().len() > 1, "{report}");
    assert!(report.failures()[0].error.is_nan(), "{report}");
    let kind = report.records[last].derivative;
    assert_eq!(report.worst(kind), Some(f64::INFINITY));
}
