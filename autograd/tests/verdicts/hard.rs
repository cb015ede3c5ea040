//! Functions whose gradients are right, and which are hard to judge: none may fail.

use wengert_autograd::check::{Derivative, Report, Verdict, check_gradients};
use wengert_autograd::{Draw, LARGEST, Var, generic};
use wengert_tensor::{ConvOptions, Number, Real, Tensor, keep};

fn at(values: &[f64]) -> Tensor<f64> {
    Tensor::from_slice(values, [values.len()])
}

/// Every function with its inputs: nothing fails, and something is judged.
macro_rules! passes {
    ($(|$($x:ident),+| $f:expr, at $($input:expr),+;)*) => {
        let mut panics = Vec::new();
        $({
            let report = check_gradients(generic!(|$($x),+| $f), &[$($input),+]);
            if !report.is_ok() {
                panics.push(format!("{}: {report}", stringify!($f)));
            }
        })*
        assert!(panics.is_empty(), "{}", panics.join("\n"));
    };
}

#[test]
fn functions_that_vary_fast_or_near_the_end_of_their_domain_pass() {
    passes! {
        |x| (x * 1e3).tanh(), at at(&[1e-4, 0.3, -2e-3, 0.7]);
        |x| (x * 1e4).sin(), at at(&[0.3, -0.7, 1.1]);
        |x| x.ln(), at at(&[1e-3, 1.0, 1e-8, 1e5]);
        |x| x.sqrt(), at at(&[1e-6, 1.0, 1e-12]);
        |x| 1.0 / x, at at(&[1e-3, -1e-5, 2.0]);
        |x| x.acos(), at at(&[1.0 - 1e-6, -1.0 + 1e-5, 0.2]);
        |x| x.atanh(), at at(&[1.0 - 1e-6, 0.2]);
        |x| x.acosh(), at at(&[1.0 + 1e-6, 3.0]);
        |x| x.pow(2.5), at at(&[1e-7, 0.5]);
        |x| x.exp(), at at(&[90.0, 1.0]);
        |x| x.exp(), at at(&[-700.0, 700.0]);
        |x| (x * x * -1.0).exp(), at at(&[20.0, 0.1]);
        |x| x.softplus(1.0, 20.0), at at(&[-40.0, 40.0, 0.0]);
        |x| x.sigmoid(), at at(&[-40.0, 40.0, 0.0]);
        |x| x.tanh(), at at(&[20.0, -0.3, 1e-9]);
        |x| x.tan(), at at(&[1.57, 0.1]);
        |x| (x * 100.0).cos().exp(), at at(&[0.1, 0.2, 7.0]);
        |x| (x * x).sin(), at at(&[30.0, 100.0]);
        |x| (x * x * -1e4).exp(), at at(&[1e-3, 0.02, -0.01]);
        |x| (x * 1e5).sin() * 1e-5 + x, at at(&[0.3, -0.7]);
        |x| 1.0 / (x * x + 1e-10), at at(&[1e-5, 3e-6, 0.1]);
        |x| (x * x + 1e-12).sqrt(), at at(&[1e-6, -1e-7, 2.0]);
        |x| x.asin(), at at(&[1.0 - 1e-9, -0.3]);
        |x| (1.0 - x * x).sqrt(), at at(&[1.0 - 1e-7, 0.5]);
        |x| x.ln_1p(), at at(&[-1.0 + 1e-7, 1e-12, 3.0]);
        |x| x.exp_m1(), at at(&[1e-12, -30.0, 3.0]);
        |x| x.cosh(), at at(&[300.0, -1.0]);
        |x| x.gelu(), at at(&[-12.0, 0.0, 9.0]);
        |x| x.erf(), at at(&[4.0, -0.1, 1e-8]);
        |x| x.sinc(), at at(&[1e-8, 1.0, 40.0]);
        |x| x.tanhshrink(), at at(&[1e-4, -20.0, 0.3]);
        |x| x.mish(), at at(&[-40.0, 0.0, 30.0]);
        |x| x.logsigmoid(), at at(&[-300.0, 0.1, 40.0]);
        |x| x.log_softmax(0), at at(&[-200.0, 0.0, 200.0]);
        |x| x.norm(2.0, 0), at at(&[1e-9, 2e-9, -1e-9]);
        |x| x.prod(0), at at(&[1e-8, 1e9, -3.0]);
        |x| x.cumprod(0), at at(&[1e-3, 0.5, -3.0]);
        |x, y| x / y, at at(&[1e9, 1e-9]), at(&[1e-9, 1e9]);
        |x, y| x.atan2(y), at at(&[1e-8, 1.0]), at(&[1.0, -1e-8]);
        |x, y| (x - y) / (x + y), at at(&[1.0, 2.0]), at(&[1.0 + 1e-6, 3.0]);
        |x, y| (x * y).tanh().sum(..) * 1e-30, at at(&[1.0, 2.0]), at(&[0.3, -0.1]);
    }
}

#[test]
fn offsets_and_cancellation_pass() {
    passes! {
        |x| (x + 1e8) - 1e8, at at(&[0.7, -1.3]);
        |x| (x + 1e12) - 1e12, at at(&[0.7, -1.3]);
        |x| (x + 1e6).sum(..), at at(&[0.7, -1.3, 2.0]);
        |x| x.exp() - x.exp() + x, at at(&[10.0, 2.0]);
        |x| x.softmax(0), at at(&[1.0, 2.0, 3.0]);
        |x| x.softmax(0).sum(..) + x.sum(..), at at(&[1.0, 2.0, 3.0]);
        |x| (x - x.mean(keep(..))).pow(2.0).mean(..), at at(&[1e6, 1e6 + 1.0, 1e6 + 3.0]);
        |x| x.logsumexp(0), at at(&[1e3, 1e3 + 1.0, -1e3]);
        |x| (x * 1e-8 + 1.0).ln(), at at(&[0.3, -2.0]);
        |x, y| x * 1e-9 + y, at at(&[0.3, 1.0]), at(&[1.0, 2.0]);
        |x| (x + 1e15) - 1e15, at at(&[0.7, -1.3]);
        |x| x.sin().pow(2.0) + x.cos().pow(2.0) + x * 1e-6, at at(&[0.7, -1.3]);
        |x| x.var(.., 0), at at(&[1e8, 1e8 + 1.0, 1e8 + 3.0]);
        |x| (x.exp() + 1e12).ln(), at at(&[1.0, 20.0]);
        |x| (x * 1e8).sum(..) - (x * 1e8).sum(..) + x.sum(..), at at(&[1.0, 20.0]);
        |x| x.softmax(0).ln().exp().sum(..) * 1e6 + x.sum(..), at at(&[1.0, 2.0, -1.0]);
    }
}

#[test]
fn units_change_no_verdict() {
    for exponent in [-300, -100, -30, 30, 100, 300] {
        let scale = 2.0_f64.powi(exponent);
        let report = check_gradients(
            generic!(|x, y| (x * y).sin() * scale),
            &[at(&[0.5, -1.5, 2.0]), at(&[1.5, 0.3, 0.4])],
        );
        // f32 has no such numbers.
        assert!(report.is_ok(), "2^{exponent}: {report}");
        let report = check_gradients(
            generic!(|x| (x * (1.0 / scale)).tanh()),
            &[at(&[0.5 * scale, -1.5 * scale])],
        );
        assert!(report.is_ok(), "inputs times 2^{exponent}: {report}");
    }
}

fn has(report: &Report, verdict: Verdict) -> bool {
    report.count(verdict) > 0
}

#[test]
fn kinks_are_named_and_judged_beside_them() {
    passes! {
        |x| x.relu(), at at(&[5e-5, -5e-5, 1.0, -1e-7]);
        |x| x.relu(), at at(&[1e-12, -1.0]);
        |x| x.abs(), at at(&[1e-6, 3.0, -1e-9]);
        |x| x.clamp(-1.0, 1.0), at at(&[1.0 - 1e-6, 1.0 + 1e-6, 0.3]);
        |x| x.max(0), at at(&[1.0, 1.0 + 1e-7, 0.3]);
        |x| x.sort(0).0.select(0, 1), at at(&[1.0, 1.0 + 1e-6, 0.3]);
        |x| x.leaky_relu(0.2), at at(&[1e-6, -1e-6]);
        |x, y| x.maximum(y), at at(&[1.0, 2.0]), at(&[1.0 + 1e-8, 1.0]);
        |x| x.relu6(), at at(&[6.0 - 1e-7, 1e-7, 7.0]);
        |x| x.hardtanh(-1.0, 1.0), at at(&[1.0 + 1e-9, 0.2]);
        |x| (x - 1.0).abs().sqrt(), at at(&[1.0 + 1e-6, 3.0]);
        |x| x.relu() * x.sin(), at at(&[1e-9, -1e-9, 2.0]);
        |x| x.elu(1.0), at at(&[-1e-8, 1e-8, -30.0]);
        |x| x.hardswish(), at at(&[3.0 - 1e-8, -3.0 + 1e-7, 0.3]);
        |x| (x.relu() + 1.0).ln(), at at(&[1e-7, 2.0]);
    }
    for x in [at(&[0.0, 0.0]), at(&[0.0, 1.0])] {
        let report = check_gradients(generic!(|x| x.relu()), std::slice::from_ref(&x));
        assert!(report.is_ok(), "{report}");
        assert!(has(&report, Verdict::Kink), "{report}");
        assert!(report.records.iter().any(|r| r.beside_a_kink), "{report}");
        let report = check_gradients(generic!(|x| x.abs()), &[x]);
        assert!(report.is_ok() && has(&report, Verdict::Kink), "{report}");
    }
}

#[test]
fn plain_closures_pass_at_kinks_and_where_they_vary_fast() {
    let functions: [fn(&[Var<f64>]) -> Var<f64>; 6] = [
        |x| x[0].relu(),
        |x| (&x[0] * 1e3).tanh(),
        |x| (&x[0] * 1e4).sin(),
        |x| x[0].abs().sqrt(),
        |x| (&x[0] + 1e8) - 1e8,
        |x| x[0].max(0),
    ];
    for (k, f) in functions.into_iter().enumerate() {
        let report = check_gradients(f, &[at(&[0.7, -5e-5, 1e-3, -1.1])]);
        assert!(report.is_ok(), "{k}: {report}");
    }
}

#[test]
fn networks_of_rectifiers_pass_with_differences() {
    for seed in 0..12 {
        let mut draw = Draw::new(seed, LARGEST);
        let (x, w, v) = (
            draw.normal([32, 6]),
            draw.normal([6, 16]),
            draw.normal([16, 3]),
        );
        let report = check_gradients(
            generic!(|x, w, v| x.matmul(w).relu().matmul(v).relu()),
            &[x, w, v],
        );
        assert!(report.is_ok(), "seed {seed}: {report}");
        let (x, w) = (draw.normal([2, 1, 8, 8]), draw.normal([3, 1, 3, 3]));
        let report = check_gradients(
            generic!(|x, w| x
                .conv2d(w, &ConvOptions::default())
                .relu()
                .max_pool2d(2)
                .sum(..)),
            &[x, w],
        );
        assert!(report.is_ok(), "seed {seed}: {report}");
    }
}

#[test]
fn a_derivative_that_is_infinite_in_both_modes_is_no_failure() {
    let report = check_gradients(generic!(|x| x.sqrt()), &[at(&[0.0, 4.0])]);
    assert!(!report.failed(), "{report}");
    assert!(has(&report, Verdict::NonFinite), "{report}");
}

#[test]
fn a_kink_is_traced_to_the_op_and_the_element_that_takes_another_branch() {
    let traced = |report: &Report, op: &str, element: &str| {
        let reasons = report.records.iter().map(|r| &r.reason);
        let wanted = format!("takes another branch at its element {element}");
        let mut found =
            reasons.filter(|r| r.contains(&format!("{op} at autograd/tests/verdicts/hard.rs")));
        assert!(found.any(|r| r.contains(&wanted)), "{report}");
        assert!(report.is_ok(), "{report}");
    };
    let x = at(&[1.0, 2.0 - 2e-9, 3.0]);
    let report = check_gradients(generic!(|x| (x * 2.0 - 4.0).relu().sin()), &[x]);
    traced(&report, "relu", "[1]");
    let x = at(&[0.5, 1.0, 1.0 + 1e-9]);
    let report = check_gradients(generic!(|x| x.exp().max(0)), std::slice::from_ref(&x));
    traced(&report, "gather", "[1]");
    let report = check_gradients(generic!(|x| x.sort(0).0.select(0, 1)), &[x]);
    // As `max` does, it gathers.
    traced(&report, "gather", "[1]");
    // Steps of a staircase, beside a step and far above its height.
    for x in [at(&[0.5, 2.0 + 1e-10]), at(&[1e4 + 0.3, -1e6 + 0.4])] {
        let report = check_gradients(generic!(|x| x.floor() + x * x), &[x]);
        assert!(report.is_ok(), "{report}");
    }
}

#[test]
fn a_smooth_function_is_traced_to_no_branch() {
    // Right but for its derivative by both modes: differences disagree, and no op explains it.
    let report = check_gradients(
        generic!(|x| x * 1.5 - x.detach() * 0.5),
        &[at(&[0.3, -1.2])],
    );
    assert!(report.failed(), "{report}");
    let text = report.to_string();
    assert!(!text.contains("another branch"), "{text}");
}

#[test]
fn a_terminal_shows_where_a_kink_comes_from_in_80_columns() {
    let x = at(&[1.0, 2.0 - 2e-9, 3.0]);
    let report = check_gradients(generic!(|x| (x * 2.0 - 4.0).relu().sin()), &[x]);
    let text = report.terminal().coloured(false).to_string();
    let words: Vec<_> = text.split_whitespace().collect();
    let sentence = "takes another branch at its element [1]";
    assert!(words.join(" ").contains(sentence), "{text}");
    let fits = |line: &str| line.chars().count() <= 80 && !line.ends_with(' ');
    assert!(text.lines().all(fits), "{text}");
    let coloured = report.terminal().coloured(true).to_string();
    assert_eq!(text.lines().count(), coloured.lines().count());
}

#[test]
fn a_mistake_of_both_modes_is_not_excused_by_a_branch_beside_it() {
    for distance in [3e-2, 3e-3, 3e-4, 3e-5, 1e-6, 1e-7, 1e-8, 1e-9] {
        // Both modes lose the path by way of `primal` and give 1.5, where the slope is 1; the rectifier adds nothing that
        // counts.
        let report = check_gradients(
            generic!(
                [distance] | x | {
                    let lost = x.value().map(|x: T| T::of(x.primal().to_f64()));
                    x * 1.5 - Var::constant(lost) * 0.5 + (x - (0.3 + distance)).relu() * 1e-12
                }
            ),
            &[at(&[0.3])],
        );
        let mut records = report.records.iter();
        let first = records.find(|r| r.derivative == Derivative::First);
        assert_eq!(
            first.map(|r| r.verdict),
            Some(Verdict::Fail),
            "{distance}: {report}"
        );
    }
}

#[test]
fn a_mistake_of_both_modes_fails_where_all_terms_are_zero() {
    // Both modes lose a path by way of `primal`. At 0 nothing rounds, so that no step is too small to see by.
    macro_rules! lost {
        ($x:expr) => {
            Var::constant($x.value().map(|x| T::of(x.primal().to_f64())))
        };
    }
    let x = [at(&[0.0, 0.0])];
    let first = check_gradients(generic!(|x| lost!(x).sin() + x * x), &x);
    assert!(first.failed(), "{first}");
    // The value and the gradient are right at 0, the second derivative is 0 in place of 1.
    let second = check_gradients(generic!(|x| lost!(x) * x), &x);
    assert!(second.failed(), "{second}");
}
