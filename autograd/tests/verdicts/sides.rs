//! Rules that are wrong at a point, beside it or on one side of it only.

use wengert_autograd::check::{
    CheckOptions, Report, Verdict, check_gradients, check_gradients_with,
};
use wengert_autograd::{
    Call, Contributions, Draw, Inputs, Op, Outputs, Sample, Var, check_op, generic,
};
use wengert_tensor::{Number, Real, Tensor};

/// `x`, whose rule multiplies by a factor that depends on `x`.
#[derive(Clone, Debug)]
struct Factor(fn(f64) -> f64);

impl Op for Factor {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].clone().into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let x = call.input(0).value();
        let factor = x.map(|x| T::of(self.0(x.primal().to_f64())));
        out.input(0, |g| g * Var::constant(factor));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self(|_| 1.0), [draw.any()])
    }
}

const AT: f64 = 0.3;

/// A check at one point, against forward mode and without the derivatives of the rule.
fn report(factor: fn(f64) -> f64) -> Report {
    let op = Factor(factor);
    let options = CheckOptions {
        second_order: false,
        finite_differences: false,
        ..CheckOptions::default()
    };
    let f = generic!([op] | x | Var::apply(op.clone(), [x]));
    check_gradients_with(f, &[Tensor::from_slice(&[AT], [1])], &options)
}

#[test]
fn the_right_factor_passes() {
    check_op::<Factor>().assert();
    report(|_| 1.0).assert();
}

#[test]
fn a_rule_that_is_wrong_on_one_side_fails() {
    for factor in [
        (|x| if x >= AT { 2.0 } else { 1.0 }) as fn(f64) -> f64,
        |x| if x <= AT { 1.01 } else { 1.0 },
    ] {
        let report = report(factor);
        assert!(report.failed(), "{report}");
    }
}

#[test]
fn a_few_hundred_roundings_on_one_side_are_rounding() {
    // Less than a thousand times the tolerance, 1e-12.
    report(|x| if x >= AT { 1.0 + 5e-10 } else { 1.0 }).assert();
}

#[test]
fn a_rule_that_is_infinite_beside_the_point_fails() {
    let report = report(|x| if x == AT { 2.0 } else { f64::INFINITY });
    assert!(report.failed(), "{report}");
}

#[test]
fn a_jump_within_the_rounding_of_the_inputs_excuses_no_error() {
    let report = report(|x| {
        let distance = (x - AT).abs();
        if distance > 0.0 && distance < 1e-14 {
            2.0
        } else {
            1.0 + 1e-8
        }
    });
    assert!(report.failed(), "{report}");
}

/// `|x|` with the right slope at 0 and a wrong one elsewhere.
#[derive(Clone, Debug)]
struct Abs(f64);

impl Op for Abs {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].abs().into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g * call.input(0).sign() * self.0);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self(1.0), [draw.any_off_zero()])
    }
}

#[test]
fn a_wrong_slope_beside_a_kink_fails() {
    let zeros = [Tensor::zeros([2])];
    let of = |factor: f64| {
        let op = Abs(factor);
        check_gradients(generic!([op] | x | Var::apply(op.clone(), [x])), &zeros)
    };
    of(1.0).assert();
    let report = of(2.0);
    let failures = report.failures();
    assert!(!failures.is_empty(), "{report}");
    assert!(failures.iter().all(|r| r.beside_a_kink), "{report}");
}

#[test]
fn beside_a_kink_at_which_the_function_panics_nothing_is_judged() {
    // Only one element is moved at a time.
    let options = CheckOptions {
        directions: 0,
        second_order: false,
        structure: false,
        ..CheckOptions::default()
    };
    let f = |x: &[Var<f64>]| {
        let moved = x[0].value().iter().filter(|x| *x != 0.0).count();
        assert!(moved < 2, "two elements were moved");
        x[0].abs()
    };
    let report = check_gradients_with(f, &[Tensor::zeros([2])], &options);
    assert!(!report.failed() && !report.judged(), "{report}");
    assert_eq!(report.count(Verdict::Kink), 2, "{report}");
    assert!(!report.records.iter().any(|r| r.beside_a_kink), "{report}");
}

#[test]
fn a_function_that_records_other_ops_on_the_other_side_names_no_branch() {
    let f = generic!(|x| if x.value().iter().any(|x| x > T::of(0.5)) {
        x * 2.0 - 0.5
    } else {
        x.clone() * 1.0
    });
    let report = check_gradients(f, &[Tensor::from_slice(&[0.5 + 1e-9], [1])]);
    assert!(report.count(Verdict::Kink) > 0, "{report}");
    assert!(!report.to_string().contains("another branch"), "{report}");
}

#[test]
fn a_function_that_panics_in_forward_mode_is_reported() {
    let f = generic!(|x| {
        assert!(size_of::<T>() <= 8, "dual numbers are not for this");
        x.sin()
    });
    let report = check_gradients(f, &[Tensor::from_slice(&[0.3], [1])]);
    assert!(report.failed(), "{report}");
    let expected = "a run with other numbers panics: dual numbers are not for this";
    assert!(
        report.faults.iter().any(|f| f.contains(expected)),
        "{report}"
    );
}
