//! Mistakes that checkers with absolute tolerances pass.

use wengert_autograd::check::{CheckOptions, Verdict, check_gradients, check_gradients_with};
use wengert_autograd::{
    Call, Contributions, Draw, Inputs, Op, Outputs, Reads, Sample, Tape, Var, check_op, generic,
};
use wengert_tensor::{Number, Real, Tensor, parallel};

fn at(values: &[f64]) -> Tensor<f64> {
    Tensor::from_slice(values, [values.len()])
}

/// What a rule does to the cotangent `g`, at `x`, of `y = scale · sin x`.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Right,
    Doubled,
    Clipped,
    Thresholded,
    NanAtZero,
    OneEntry(f64),
    RoundedToSingle,
}

#[derive(Clone, Debug)]
struct Sine {
    scale: f64,
    kind: Kind,
}

impl Op for Sine {
    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(|x| x.sin() * T::of(self.scale)).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| {
            let x = call.input(0);
            let slope = (x + std::f64::consts::FRAC_PI_2).sin() * self.scale;
            let right = g * &slope;
            let map = |f: &(dyn Fn(f64) -> f64 + Sync)| {
                Var::constant(g.value().map(|g| T::of(f(g.primal().to_f64())))) * &slope
            };
            match self.kind {
                Kind::Right => right,
                Kind::Doubled => right * 2.0,
                Kind::Clipped => map(&|g| g.clamp(-5.0, 5.0)),
                Kind::Thresholded => map(&|g| if g.abs() < 1e-3 { 0.0 } else { g }),
                Kind::NanAtZero => map(&|g| g * g / g),
                Kind::RoundedToSingle => map(&|g| f64::from(g as f32)),
                Kind::OneEntry(error) => {
                    let mut factor = vec![1.0; x.len()];
                    factor[x.len() / 2] += error;
                    let factor = factor.into_iter().map(T::of).collect();
                    right * Var::constant(Tensor::from_vec(factor, x.shape()))
                }
            }
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let sine = Self {
            scale: 1.0,
            kind: Kind::Right,
        };
        Sample::new(sine, [draw.any()])
    }
}

#[test]
fn the_right_rule_passes() {
    check_op::<Sine>().assert();
}

#[test]
fn a_doubled_slope_fails_in_any_unit() {
    for scale in [1e-250, 1e-16, 1e-5, 1.0, 1e100] {
        for kind in [Kind::Right, Kind::Doubled] {
            let op = Sine { scale, kind };
            let x = at(&[0.3, -1.2, 0.9]);
            let report = check_gradients(
                generic!([op] | x | Var::apply(op.clone(), [x])),
                std::slice::from_ref(&x),
            );
            let wrong = matches!(kind, Kind::Doubled);
            assert_eq!(report.failed(), wrong, "{scale:e}, {kind:?}: {report}");
            let report = check_gradients(
                |x: &[Var<f64>]| Var::apply(op.clone(), [&x[0]]),
                std::slice::from_ref(&x),
            );
            assert_eq!(report.failed(), wrong, "{scale:e}, {kind:?}: {report}");
        }
    }
}

#[test]
fn cotangents_that_are_clipped_dropped_rounded_or_divided_fail() {
    for kind in [
        Kind::Clipped,
        Kind::Thresholded,
        Kind::NanAtZero,
        Kind::RoundedToSingle,
    ] {
        let op = Sine { scale: 1.0, kind };
        let report = check_gradients(
            |x: &[Var<f64>]| Var::apply(op.clone(), [&x[0]]),
            &[at(&[0.3, -1.2, 0.9])],
        );
        assert!(report.failed(), "{kind:?}: {report}");
    }
}

#[test]
fn one_wrong_entry_of_8000_is_seen() {
    let x = Draw::new(3, 3).normal([8000]);
    for error in [1e-2, 1e-6, 1e-9] {
        let op = Sine {
            scale: 1.0,
            kind: Kind::OneEntry(error),
        };
        let report = check_gradients(
            generic!([op] | x | Var::apply(op.clone(), [x])),
            std::slice::from_ref(&x),
        );
        assert!(report.failed(), "{error:e}: {report}");
    }
}

#[test]
fn one_wrong_entry_of_a_closure_is_found_by_halving() {
    let x = Draw::new(3, 3).normal([8000]);
    let op = Sine {
        scale: 1.0,
        kind: Kind::OneEntry(1e-2),
    };
    let report = check_gradients(
        |x: &[Var<f64>]| Var::apply(op.clone(), [&x[0]]),
        std::slice::from_ref(&x),
    );
    assert!(
        report.failures().iter().any(|r| r.index == [4000]),
        "{report}"
    );
    let power = report
        .power
        .first()
        .expect("directions were judged")
        .relative;
    assert!(power < 1e-2, "{report}");
}

#[test]
fn a_path_lost_by_to_f64_is_named_and_not_believed() {
    let x = at(&[0.3, -1.2, 0.9]);
    // Both modes lose the derivative of the second factor: only differences see it.
    let lossy = generic!(|x| x * Var::constant(x.value().map(|x| T::of(x.to_f64()))));
    let without = CheckOptions {
        finite_differences: false,
        second_order: false,
        ..CheckOptions::default()
    };
    let report = check_gradients_with(&lossy_ref(&lossy), std::slice::from_ref(&x), &without);
    assert!(!report.is_ok(), "{report}");
    assert!(report.to_string().contains("misses.rs"), "{report}");
    let report = check_gradients(lossy, &[x]);
    assert!(report.failed(), "{report}");
}

/// A reference as a function of its own.
fn lossy_ref<D: wengert_autograd::Differentiable>(f: &D) -> Borrowed<'_, D> {
    Borrowed(f)
}

struct Borrowed<'a, D>(&'a D);

impl<D: wengert_autograd::Differentiable> wengert_autograd::Differentiable for &Borrowed<'_, D> {
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        self.0.f64(x)
    }
    fn dual(&self, x: &[Var<wengert_tensor::Dual>]) -> Option<Vec<Var<wengert_tensor::Dual>>> {
        self.0.dual(x)
    }
}

#[test]
fn a_check_in_which_nothing_is_judged_is_no_pass() {
    let x = at(&[0.3, -1.2]);
    let nothing = CheckOptions {
        finite_differences: false,
        forward_mode: false,
        second_order: false,
        ..CheckOptions::default()
    };
    let report = check_gradients_with(generic!(|x| x.sin()), std::slice::from_ref(&x), &nothing);
    assert!(!report.is_ok() && !report.failed(), "{report}");
    assert!(report.count(Verdict::NotTaken) > 0, "{report}");
    let report = check_gradients(generic!(|x| x.sin()), &[at(&[])]);
    assert!(!report.is_ok() && !report.failed(), "{report}");
    let report = check_gradients(generic!(|x| x.sin()), &[]);
    assert!(!report.is_ok(), "{report}");
    let report = check_gradients(generic!(|x| Var::<T>::scalar(x.len() as f64)), &[x]);
    assert!(!report.is_ok() && !report.failed(), "{report}");
    assert!(report.count(Verdict::Unreachable) > 0, "{report}");
}

#[test]
fn a_wrong_convention_at_a_kink_fails() {
    /// `max(x, 0)` with slope 7 at 0.
    #[derive(Clone, Debug)]
    struct Seven;
    impl Op for Seven {
        fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
            x[0].map(|x| if x > T::zero() { x } else { T::zero() })
                .into()
        }
        fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
            let slope = call.input(0).value().map(|x| {
                if x > T::zero() {
                    T::one()
                } else if x < T::zero() {
                    T::zero()
                } else {
                    T::of(7.0)
                }
            });
            out.input(0, |g| g * Var::constant(slope));
        }
        fn sample(draw: &mut Draw) -> Sample<Self> {
            Sample::new(Self, [draw.any_off_zero()])
        }
    }
    let report = check_gradients(|x: &[Var<f64>]| Var::apply(Seven, [&x[0]]), &[at(&[0.0])]);
    assert!(report.failed(), "{report}");
    let report = check_gradients(generic!(|x| Var::apply(Seven, [x])), &[at(&[0.0])]);
    assert!(report.failed(), "{report}");
}

#[test]
fn panics_and_functions_that_change_are_reported() {
    let x = at(&[0.3, -1.2]);
    let report = check_gradients(
        |_: &[Var<f64>]| -> Var<f64> { panic!("not today") },
        std::slice::from_ref(&x),
    );
    assert!(report.failed() && report.to_string().contains("not today"));
    let calls = std::cell::Cell::new(0.0);
    let report = check_gradients(
        |x: &[Var<f64>]| {
            calls.set(calls.get() + 1.0);
            x[0].sin() * calls.get()
        },
        std::slice::from_ref(&x),
    );
    assert!(report.to_string().contains("deterministic"), "{report}");
    let report = check_gradients(|x: &[Var<f64>]| x[0].ln(), &[x]);
    assert!(report.to_string().contains("not finite"), "{report}");
    drop(Tape::<f64>::new());
}

/// `2x`, whose value or slope is another one in its last place if several threads may run it.
#[derive(Clone, Debug)]
struct OnThreads {
    wrong_value: bool,
}

impl OnThreads {
    fn factor<T: Real>(is_wrong: bool) -> T {
        T::of(if is_wrong && parallel::threads() > 1 {
            2.0 + 4.0 * f64::EPSILON
        } else {
            2.0
        })
    }
}

impl Op for OnThreads {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let factor: T = Self::factor(self.wrong_value);
        x[0].map(|x| x * factor).into()
    }

    fn vjp<T: Real>(&self, _: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| {
            g * Var::full(g.shape(), Self::factor::<T>(!self.wrong_value).to_f64())
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self { wrong_value: true }, [draw.any()])
    }
}

#[test]
fn results_that_depend_on_the_number_of_threads_are_reported() {
    let x = at(&[0.3, -1.2]);
    for (wrong_value, text) in [
        (true, "the value depends on the number of threads"),
        (
            false,
            "input 0: the gradient depends on the number of threads",
        ),
    ] {
        for threads in [1, 3] {
            let op = OnThreads { wrong_value };
            let report = parallel::with_threads(threads, || {
                check_gradients(
                    generic!([op] | x | Var::apply(op.clone(), [x]).sin()),
                    std::slice::from_ref(&x),
                )
            });
            assert!(
                report.failed() && report.to_string().contains(text),
                "{threads}: {report}"
            );
        }
    }
}
