//! A catalogue of wrong rules: each fails, alone and inside a composite, where it is named with what is wrong.
//!
//! A default run checks every third one; `WENGERT_FULL=1` all 266.

use wengert_autograd::check::{CheckOptions, Report, check_black_box, check_gradients_with};
use wengert_autograd::{
    Call, Contributions, Draw, Inputs, LARGEST, Op, Outputs, Sample, Var, generic,
};
use wengert_tensor::{Real, Tensor, keep};

/// An op, and the input whose rule is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    /// `x·sin x`
    Sine,
    /// `x[i, j]·b[j]`: the rule of `x`
    Columns,
    /// The same: the rule of `b`, a sum over rows
    Bias,
    /// The matrix product of `x` and `w`: the rule of `x`
    Left,
    /// The same: the rule of `w`
    Right,
    /// The mean of every row
    Mean,
}

const BASES: [Base; 6] = [
    Base::Sine,
    Base::Columns,
    Base::Bias,
    Base::Left,
    Base::Right,
    Base::Mean,
];

/// A mistake, and the words of the right diagnosis.
const MISTAKES: [(Mistake, &[&str]); 23] = [
    (Mistake::Scaled(2.0), &["scaled by 2"]),
    (Mistake::Scaled(0.5), &["scaled by 0.5 = 1/2"]),
    (Mistake::Scaled(1.0 / 9.0), &["= 1/3²"]),
    (
        Mistake::Scaled(4.0),
        &["scaled by 4, where 4 is the extent"],
    ),
    (Mistake::Scaled(0.25), &["= 1/4"]),
    (Mistake::Scaled(1.0 + 1e-6), &["scaled by 1.00000"]),
    (Mistake::Scaled(1.0 - 1e-8), &["scaled by 0.99999"]),
    (Mistake::Scaled(-1.0), &["wrong sign"]),
    (Mistake::Scaled(0.0), &["missing"]),
    (Mistake::Reversed, &["reverse order"]),
    (Mistake::Shifted, &["shifted"]),
    (Mistake::Transposed, &["transposed"]),
    (Mistake::Permuted, &["permuted"]),
    (Mistake::IgnoresCotangent, &["ignores the cotangent"]),
    (Mistake::Clips, &["clips"]),
    (Mistake::Thresholds, &["thresholds"]),
    (Mistake::Rounded, &["f32"]),
    (Mistake::NotANumberAtZero, &["not finite", "zeros", "clips"]),
    (Mistake::OneEntry(1e-3), &["wrong in 1 of"]),
    (Mistake::OneEntry(1e-8), &["wrong in 1 of"]),
    (Mistake::Shifts, &["term", "adds"]),
    (Mistake::StridedCotangent, &["not contiguous"]),
    (
        Mistake::ConstantSlope,
        &["constant where a derivative belongs"],
    ),
];

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    None,
    Scaled(f64),
    Reversed,
    Shifted,
    Transposed,
    Permuted,
    IgnoresCotangent,
    Clips,
    Thresholds,
    Rounded,
    NotANumberAtZero,
    OneEntry(f64),
    /// A constant is added.
    Shifts,
    /// Right for contiguous cotangents only.
    StridedCotangent,
    /// Right at first order, with a derivative of 0.
    ConstantSlope,
}

#[derive(Clone, Debug)]
struct Wrong {
    base: Base,
    mistake: Mistake,
}

fn rearranged<T: Real>(g: &Var<T>, from: impl Fn(usize) -> usize) -> Var<T> {
    let n = g.len();
    let index = (0..n).map(|k| from(k) as i64).collect();
    let flat = g.reshape([n]);
    flat.index_select(0, &Tensor::from_vec(index, [n]))
        .reshape(g.shape())
}

impl Wrong {
    /// The cotangent of the input, made wrong.
    fn wrong<T: Real>(&self, g: &Var<T>, right: impl Fn(&Var<T>) -> Var<T>) -> Var<T> {
        let map = |f: &(dyn Fn(f64) -> f64 + Sync)| {
            let moved = g.value().map(|g| T::of(f(g.primal().to_f64())));
            right(&Var::constant(moved))
        };
        let good = right(g);
        let n = good.len();
        match self.mistake {
            Mistake::None => good,
            Mistake::Scaled(c) => good * c,
            Mistake::Reversed => rearranged(&good, |k| n - 1 - k),
            Mistake::Shifted => rearranged(&good, |k| (k + 1) % n),
            Mistake::Transposed => {
                let columns = good.shape().last().copied().unwrap_or(1).max(1);
                let rows = n / columns;
                rearranged(&good, |k| (k % rows) * columns + k / rows)
            }
            Mistake::Permuted => rearranged(&good, |k| (k * 5 + 2) % n),
            Mistake::IgnoresCotangent => right(&Var::full(g.shape(), 1.0)),
            Mistake::Clips => map(&|g| g.clamp(-0.5, 0.5)),
            Mistake::Thresholds => map(&|g| if g.abs() < 1e-3 { 0.0 } else { g }),
            Mistake::Rounded => map(&|g| f64::from(g as f32)),
            Mistake::NotANumberAtZero => right(&(g * g / g)),
            Mistake::OneEntry(error) => {
                let mut factor = vec![1.0; n];
                factor[n / 2] += error;
                let factor = factor.into_iter().map(T::of).collect();
                &good * Var::constant(Tensor::from_vec(factor, good.shape()))
            }
            Mistake::Shifts => good + 0.1,
            Mistake::StridedCotangent if g.value().is_contiguous() => good,
            Mistake::StridedCotangent => good * 1.5,
            Mistake::ConstantSlope => {
                let constant =
                    |x: &Var<T>| Var::constant(x.value().map(|x| T::of(x.primal().to_f64())));
                constant(&good)
            }
        }
    }
}

impl Op for Wrong {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        match self.base {
            Base::Sine => x[0].map(|x| x * x.sin()).into(),
            Base::Columns | Base::Bias => (&x[0] * &x[1]).into(),
            Base::Left | Base::Right => x[0].matmul(&x[1]).into(),
            Base::Mean => x[0].mean(1).into(),
        }
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let good = Self {
            mistake: Mistake::None,
            ..self.clone()
        };
        let of = |base: Base| if base == self.base { self } else { &good };
        let x = call.input(0);
        match self.base {
            Base::Sine => out.input(0, |g| self.wrong(g, |g| g * (x.sin() + x * x.cos()))),
            Base::Columns | Base::Bias => {
                let b = call.input(1);
                out.input(0, |g| of(Base::Columns).wrong(g, |g| g * b));
                out.input(1, |g| of(Base::Bias).wrong(g, |g| (g * x).sum(0)));
            }
            Base::Left | Base::Right => {
                let w = call.input(1);
                out.input(0, |g| of(Base::Left).wrong(g, |g| g.matmul(&w.t())));
                out.input(1, |g| of(Base::Right).wrong(g, |g| x.t().matmul(g)));
            }
            Base::Mean => {
                let columns = x.shape()[1];
                let spread =
                    |g: &Var<T>| g.unsqueeze(1).broadcast_to(x.shape()) * (1.0 / columns as f64);
                out.input(0, |g| self.wrong(g, spread));
            }
        }
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let op = Self {
            base: Base::Sine,
            mistake: Mistake::None,
        };
        Sample::new(op, [draw.normal([2, 3])])
    }
}

/// The op on its operands.
fn apply<T: Real>(op: &Wrong, x: &Var<T>, w: &Var<T>, b: &Var<T>) -> Var<T> {
    match op.base {
        Base::Sine | Base::Mean => Var::apply(op.clone(), [x]),
        Base::Columns | Base::Bias => Var::apply(op.clone(), [x, b]),
        Base::Left | Base::Right => Var::apply(op.clone(), [x, w]),
    }
}

/// Checks the op alone, or between other ops.
fn report(op: &Wrong, composite: bool) -> Report {
    let mut draw = Draw::new(11, LARGEST);
    let x = draw.normal([4, 3]);
    let (w, b) = (draw.normal([3, 3]), draw.normal([3]));
    let options = CheckOptions::default();
    if composite {
        let v = draw.normal([3, 3]);
        let f = generic!(
            [op] | x,
            v,
            w,
            b | {
                let x = x.matmul(v).tanh();
                let y = apply(op, &x, w, b);
                y.softmax(0).exp() * (w.sum(..) + b.sin().sum(..) + x.mean(keep(..)).sum(..))
            }
        );
        return check_gradients_with(f, &[x, v, w, b], &options);
    }
    if op.mistake == Mistake::StridedCotangent {
        // A product has contiguous cotangents.
        let f = generic!([op] | x, w, b | apply(op, x, w, b));
        return check_gradients_with(f, &[x, w, b], &options);
    }
    let f = generic!(
        [op] | x,
        w,
        b | apply(op, x, w, b) * (w.sum(..) + b.sum(..))
    );
    check_gradients_with(f, &[x, w, b], &options)
}

/// Whether the mistake changes anything: some have no effect on some ops.
fn has_effect(base: Base, mistake: Mistake, composite: bool) -> bool {
    match mistake {
        // The ops that follow give contiguous cotangents.
        Mistake::StridedCotangent => !composite,
        // A vector has no transpose, and of 3 elements 5k + 2 is the reverse order.
        Mistake::Transposed | Mistake::Permuted => base != Base::Bias,
        _ => true,
    }
}

#[test]
fn wrong_rules_fail_and_are_named_and_explained() {
    let (mut rules, mut named, mut explained, mut passed) = (0, 0, 0, Vec::new());
    let full = std::env::var_os("WENGERT_FULL").is_some();
    let mut number = 0;
    for base in BASES {
        for composite in [false, true] {
            let right = Wrong {
                base,
                mistake: Mistake::None,
            };
            report(&right, composite).assert();
            for (mistake, words) in MISTAKES {
                if !has_effect(base, mistake, composite) {
                    continue;
                }
                number += 1;
                if !full && number % 3 != 0 {
                    continue;
                }
                let report = report(&Wrong { base, mistake }, composite);
                rules += 1;
                if !report.failed() {
                    passed.push(format!("{base:?}, {mistake:?}, composite {composite}"));
                    continue;
                }
                let first = report.located.first();
                let Some(first) = first.filter(|l| l.op == "Wrong") else {
                    println!("{base:?}, {mistake:?}, composite {composite}: not named: {report}");
                    continue;
                };
                named += 1;
                if words.iter().any(|words| first.hypothesis.contains(words)) {
                    explained += 1;
                } else {
                    println!("{base:?}, {mistake:?}, composite {composite}: {first}");
                }
            }
        }
    }
    println!(
        "{rules} wrong rules: {} pass, {named} are named, {explained} explained",
        passed.len()
    );
    assert!(rules >= if full { 120 } else { 40 }, "{rules}");
    assert!(passed.is_empty(), "{passed:?}");
    assert_eq!(named, rules);
    assert!(explained * 10 >= 9 * rules, "{explained} of {rules}");
}

/// Makes a gradient wrong; the cotangents are given too.
type Spoil = fn(&mut Vec<f64>, &[f64]);

#[test]
fn wrong_black_boxes_fail() {
    // The product of a matrix of 3 rows and 4 columns with a vector, as a kernel would write it.
    let product = |x: &[&[f64]]| -> Vec<f64> {
        let rows = x[0].chunks(4);
        rows.map(|row| row.iter().zip(x[1]).map(|(a, v)| a * v).sum())
            .collect()
    };
    let gradient = |x: &[&[f64]], c: &[f64]| -> Vec<Vec<f64>> {
        let matrix = (0..12).map(|k| c[k / 4] * x[1][k % 4]).collect();
        let vector = (0..4).map(|j| (0..3).map(|i| c[i] * x[0][4 * i + j]).sum());
        vec![matrix, vector.collect()]
    };
    let inputs = [
        (0..12)
            .map(|k| (f64::from(k) * 0.7).sin())
            .collect::<Vec<_>>(),
        vec![0.3, -1.2, 0.8, 2.0],
    ];
    check_black_box(product, gradient, &inputs).assert();
    let mistakes: [(&str, Spoil, &str); 14] = [
        (
            "doubled",
            |g, _| g.iter_mut().for_each(|g| *g *= 2.0),
            "scaled by 2",
        ),
        (
            "negated",
            |g, _| g.iter_mut().for_each(|g| *g = -*g),
            "wrong sign",
        ),
        (
            "divided by the batch",
            |g, _| g.iter_mut().for_each(|g| *g /= 3.0),
            "1/3",
        ),
        (
            "divided twice",
            |g, _| g.iter_mut().for_each(|g| *g /= 4.0),
            "1/4",
        ),
        (
            "six digits",
            |g, _| g.iter_mut().for_each(|g| *g *= 0.999_999),
            "scaled by 0.99999",
        ),
        (
            "missing",
            |g, _| g.iter_mut().for_each(|g| *g = 0.0),
            "missing",
        ),
        ("reversed", |g, _| g.reverse(), "reverse order"),
        ("shifted", |g, _| g.rotate_left(1), "shifted"),
        ("one entry", |g, _| g[2] *= 1.01, "wrong in 1 of"),
        (
            "last entry",
            |g, _| *g.last_mut().expect("not empty") += 0.1,
            "adds to it",
        ),
        (
            "in f32",
            |g, _| g.iter_mut().for_each(|g| *g = f64::from(*g as f32)),
            "f32",
        ),
        (
            "a shift",
            |g, _| g.iter_mut().for_each(|g| *g += 0.1),
            "adds to it",
        ),
        (
            "clipped",
            |g, _| g.iter_mut().for_each(|g| *g = g.clamp(-0.5, 0.5)),
            "",
        ),
        (
            "times the cotangent",
            |g, c| g.iter_mut().for_each(|g| *g *= c[0]),
            "",
        ),
    ];
    let (mut explained, mut total) = (0, 0);
    for slot in 0..2 {
        for (name, spoil, words) in mistakes {
            let wrong = |x: &[&[f64]], c: &[f64]| {
                let mut all = gradient(x, c);
                spoil(&mut all[slot], c);
                all
            };
            let report = check_black_box(product, wrong, &inputs);
            assert!(report.failed(), "{name}, input {slot}: {report}");
            total += 1;
            if report.to_string().contains(words) {
                explained += 1;
            } else {
                println!("{name}, input {slot}: {report}");
            }
        }
    }
    assert!(
        explained * 10 >= total * 9,
        "{explained} of {total} explained"
    );
}
