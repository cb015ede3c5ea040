//! Gradients in `f32`: what rounding explains passes, what it does not explain fails.

use wengert_autograd::check::{Derivative, Report, Verdict, check_gradients};
use wengert_autograd::{
    Call, Contributions, Draw, Inputs, LARGEST, Op, Outputs, Sample, Var, generic,
};
use wengert_tensor::{Real, Tensor};

/// `x²`, whose slope has errors in `f32` that differ from number to number, as those of a bad approximation.
#[derive(Clone, Debug)]
struct Scattered {
    size: f64,
}

impl Op for Scattered {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(|x| x * x).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let is_single = T::of(1.0 + 1e-10) == T::one();
        let size = if is_single { self.size } else { 0.0 };
        let x = call.input(0).value();
        let factor = x.map(|x| T::of(1.0 + size * (x.primal().to_f64() * 1e8).sin()));
        out.input(0, |g| g * call.input(0) * 2.0 * Var::constant(factor));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self { size: 0.0 }, [draw.any()])
    }
}

fn singles(report: &Report) -> impl Iterator<Item = Verdict> {
    let of_f32 = report
        .records
        .iter()
        .filter(|r| r.derivative == Derivative::Single);
    of_f32.map(|r| r.verdict)
}

#[test]
fn errors_that_no_rounding_explains_fail() {
    let x = Draw::new(3, LARGEST).uniform([2, 5], 0.5, 2.0);
    for size in [1e-1, 1e-2, 1e-3] {
        let op = Scattered { size };
        let report = check_gradients(
            generic!([op] | x | Var::apply(op.clone(), [x]).tanh()),
            std::slice::from_ref(&x),
        );
        assert!(report.failed(), "{size:e}: {report}");
        assert!(
            singles(&report).any(|verdict| verdict == Verdict::Fail),
            "{size:e}: {report}"
        );
    }
    let op = Scattered { size: 0.0 };
    check_gradients(
        generic!([op] | x | Var::apply(op.clone(), [x]).tanh()),
        &[x],
    )
    .assert();
}

#[test]
fn errors_that_rounding_explains_pass() {
    let mut draw = Draw::new(7, LARGEST);
    let (x, w) = (draw.normal([3, 4]), draw.normal([4, 4]));
    macro_rules! all_pass {
        ($($f:expr;)*) => {$(
            let report = check_gradients($f, &[x.clone(), w.clone()]);
            assert!(report.is_ok(), "{}: {report}", stringify!($f));
            let other: Vec<_> = singles(&report).filter(|v| *v != Verdict::Pass).collect();
            assert!(other.is_empty(), "{}: {other:?}", stringify!($f));
        )*};
    }
    all_pass! {
        generic!(|x, w| ((x + 1e3).matmul(w) * 1e-3).tanh());
        generic!(|x, w| x.matmul(w).matmul(w).matmul(w).softmax(1));
        generic!(|x, w| (x.matmul(w) * 3e3).sin());
        generic!(|x, w| ((x * 1e3 + 1e5).matmul(w) - (x * 1e3).matmul(w) - x.matmul(w)).sin());
        generic!(|x, w| (x.matmul(w) * 1e4).sin().matmul(w).exp());
        generic!(|x, w| (x + 1e4).var(1, 0).sum(..) + w.sum(..));
        generic!(|x, w| (x * 20.0).exp().matmul(w).sum(..).sin());
        generic!(|x, w| ((x * 100.0).cos().exp() * 3e2).sin().matmul(w));
    }
}

#[test]
fn a_kink_within_the_rounding_of_f32_is_no_mistake() {
    // In f32 the sum is 0 or 1.2e-7: relu lets the gradient through or not.
    let x = Tensor::from_vec(vec![1.0 / 3.0, 0.1, 0.7], [3]);
    let report = check_gradients(
        generic!(|x| (x * 3.0 - 1.0 + 1e-9).relu().sum(..) + x.sum(..) * 1e-3),
        &[x],
    );
    assert!(!report.failed(), "{report}");
}

#[test]
fn of_many_errors_the_first_are_analysed() {
    let x = Draw::new(5, LARGEST).uniform([150], 0.5, 2.0);
    let op = Scattered { size: 1e-2 };
    let report = check_gradients(generic!([op] | x | Var::apply(op.clone(), [x]).sin()), &[x]);
    let of_f32 = report.records.iter();
    let of_f32 = of_f32.filter(|r| r.derivative == Derivative::Single);
    let (analysed, open): (Vec<_>, Vec<_>) = of_f32.partition(|r| r.reason != "rounding of f32");
    let failures = analysed.iter().filter(|r| r.verdict == Verdict::Fail);
    // 64 at most, and then nothing is said.
    assert!((1..=64).contains(&failures.count()), "{report}");
    assert!(!open.is_empty(), "{report}");
    let verdicts = open.iter().map(|r| r.verdict);
    assert!(verdicts.eq(open.iter().map(|_| Verdict::NoiseLimited)));
}

#[test]
fn a_gradient_beyond_the_range_of_f32_is_not_compared() {
    // In f32 the rectifier is at 0, where its slope is 0; in f64 the slope is 1e50.
    let f = generic!(|x| (x * 1e-20).relu() * 1e35 * 1e35);
    let report = check_gradients(f, &[Tensor::from_slice(&[1e-30], [1])]);
    assert!(!report.failed(), "{report}");
    assert_eq!(singles(&report).collect::<Vec<_>>(), [Verdict::NonFinite]);
}
