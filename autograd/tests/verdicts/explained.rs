//! What a check says about rules that break in unusual ways.

use std::sync::atomic::{AtomicUsize, Ordering};

use wengert_autograd::check::{CheckOptions, check_gradients, check_gradients_with};
use wengert_autograd::{
    Call, Contributions, Draw, Inputs, LARGEST, Op, Outputs, Reads, Sample, Var, check_op, generic,
};
use wengert_tensor::{Real, Tensor};

/// What the rule of [`Twice`] does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Right,
    Panics,
    /// Another gradient in every run.
    Counts,
    Clips,
    NanAt(usize),
    Scaled(f64),
    /// Right, with a derivative of its own that is not.
    WrongSlope,
}

/// `2x`, or `x²` with [`Rule::WrongSlope`].
#[derive(Clone, Debug)]
struct Twice(Rule);

static RUNS: AtomicUsize = AtomicUsize::new(0);

fn constant<T: Real>(x: &Var<T>, f: impl Fn(f64) -> f64 + Sync) -> Var<T> {
    Var::constant(x.value().map(|x| T::of(f(x.primal().to_f64()))))
}

impl Op for Twice {
    fn reads(&self) -> Reads {
        if self.0 == Rule::WrongSlope {
            Reads::INPUTS
        } else {
            Reads::SHAPES
        }
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        match self.0 {
            Rule::WrongSlope => x[0].map(|x| x * x).into(),
            _ => x[0].map(|x| x + x).into(),
        }
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| match self.0 {
            Rule::Right => g * 2.0,
            Rule::Panics => panic!("no rule for this case"),
            Rule::Counts => g * RUNS.fetch_add(1, Ordering::Relaxed) as f64,
            Rule::Clips => constant(g, |g| g.clamp(-4.0, 4.0)) * 2.0,
            Rule::NanAt(k) => {
                let mut factor = vec![T::of(2.0); g.len()];
                factor[k] = T::of(f64::NAN);
                g * Var::constant(Tensor::from_vec(factor, g.shape()))
            }
            Rule::Scaled(c) => g * (2.0 * c),
            Rule::WrongSlope => g * constant(call.input(0), |x| 2.0 * x),
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self(Rule::Right), [draw.any()])
    }
}

/// What is said about the rule, which is the first wrong one.
fn hypothesis(rule: Rule, x: &Tensor<f64>) -> String {
    let op = Twice(rule);
    let f = generic!([op] | x | Var::apply(op.clone(), [x]).sin());
    let report = check_gradients(f, std::slice::from_ref(x));
    assert!(report.failed(), "{rule:?}: {report}");
    let located = report.located.first().expect("a wrong op");
    assert_eq!(located.op, "Twice");
    located.hypothesis.clone()
}

#[test]
fn the_right_rule_passes() {
    check_op::<Twice>().assert();
}

#[test]
fn unusual_faults_are_explained() {
    let x = Draw::new(1, LARGEST).normal([3, 4]);
    let large = Draw::new(2, LARGEST).normal([600]);
    for (rule, x, expected) in [
        (Rule::Panics, &x, "no rule for this case"),
        (Rule::Counts, &x, "not deterministic"),
        (
            Rule::NanAt(1),
            &x,
            "not finite at element 1, where forward mode gives",
        ),
        (
            Rule::Scaled(12.0),
            &x,
            "scaled by 12, where 12 is the number of elements of input 0",
        ),
        // An input that is too large to be compared as a whole.
        (Rule::Clips, &large, "not linear in it"),
        (Rule::WrongSlope, &x, "its derivative is not"),
    ] {
        let found = hypothesis(rule, x);
        assert!(found.contains(expected), "{rule:?}: {found}");
    }
}

/// A sum that broadcasts, without the reduction in its rule.
#[derive(Clone, Debug)]
struct Added;

impl Op for Added {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        (&x[0] + &x[1]).into()
    }

    fn vjp<T: Real>(&self, _: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, Var::clone);
        out.input(1, Var::clone);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [draw.normal([2, 3]), draw.normal([3])])
    }
}

#[test]
fn a_missing_reduction_is_recognised_by_the_shape() {
    let mut draw = Draw::new(3, LARGEST);
    let inputs = [draw.normal([2, 3]), draw.normal([3])];
    let report = check_gradients(generic!(|x, b| Var::apply(Added, [x, b]).sin()), &inputs);
    assert!(report.failed(), "{report}");
    let found = &report.located.first().expect("a wrong op").hypothesis;
    assert!(
        found.starts_with("a reduction over broadcast axes is missing"),
        "{found}"
    );
    assert!(check_op::<Added>().failed());
}

#[test]
fn eight_wrong_calls_are_listed_at_most() {
    let x = Tensor::from_slice(&[0.3], [1]);
    // Wrong at first order, and at second order only.
    for rule in [Rule::Scaled(1.25), Rule::WrongSlope] {
        let op = Twice(rule);
        let chain = generic!(
            [op] | x | {
                let step = |x: Var<T>, _| Var::apply(op.clone(), [&x]);
                (0..9).fold(x.clone(), step)
            }
        );
        let report = check_gradients(chain, std::slice::from_ref(&x));
        assert!(report.failed(), "{report}");
        let entries: Vec<_> = report.located.iter().map(|found| found.entry).collect();
        assert_eq!(entries, [1, 2, 3, 4, 5, 6, 7, 8], "{report}");
    }
}

#[test]
fn an_op_is_located_though_forward_mode_records_other_ops() {
    let op = Twice(Rule::Scaled(3.0));
    let f = generic!(
        [op] | x | {
            // Two numbers in the place of one: the tape of forward mode has one more entry.
            let x = if size_of::<T>() > 8 {
                x * 1.0
            } else {
                x.clone()
            };
            Var::apply(op.clone(), [&x]).sin()
        }
    );
    let report = check_gradients(f, &[Tensor::from_slice(&[0.3, -0.8], [2])]);
    let located: Vec<_> = report.located.iter().map(|found| found.op).collect();
    assert_eq!(located, ["Twice"], "{report}");
    assert!(report.located[0].hypothesis.contains("scaled by 3"));
}

#[test]
fn a_path_that_is_cut_in_a_plain_closure_belongs_to_no_op() {
    let x = [Tensor::from_slice(&[0.3, -0.8], [2])];
    let cut = |x: &[Var<f64>]| &x[0] * x[0].detach();
    for second_order in [false, true] {
        let options = CheckOptions {
            second_order,
            ..CheckOptions::default()
        };
        let report = check_gradients_with(cut, &x, &options);
        assert!(report.failed() && report.located.is_empty(), "{report}");
        assert!(
            report.tape.iter().any(|entry| entry.op == "mul"),
            "{report}"
        );
    }
}

/// `1`, of no operand: nothing to judge.
#[derive(Clone, Debug)]
struct One;

impl Op for One {
    fn forward<T: Real>(&self, _: &Inputs<'_, T>) -> Outputs<T> {
        Tensor::ones([1]).into()
    }

    fn vjp<T: Real>(&self, _: &Call<T>, _: &mut Contributions<'_, T>) {}

    fn sample(_: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [] as [Tensor<f64>; 0])
    }
}

/// `2x`, with empty samples only.
#[derive(Clone, Debug)]
struct Empty;

impl Op for Empty {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(|x| x + x).into()
    }

    fn vjp<T: Real>(&self, _: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g * 2.0);
    }

    fn sample(_: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [Tensor::zeros([2, 0])])
    }
}

#[test]
fn an_op_of_which_nothing_can_be_judged_does_not_pass() {
    let report = check_op::<One>();
    assert!(report.to_string().contains("no inputs"), "{report}");
    assert!(report.failed());
    let report = check_op::<Empty>();
    assert!(!report.failed() && !report.judged(), "{report}");
    assert!(!report.is_ok());
}
