//! What functions do where they have no derivative, or a number is not finite: by name.
//!
//! The conventions are those of PyTorch.

use std::f64::consts::LN_2;

use wengert_autograd::ops::{CrossEntropyOptions, Reduction};
use wengert_autograd::{Differentiable, Draw, Graph, Tape, Var, generic, grad};
use wengert_tensor::{Dual, Real, Tensor, keep};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// One convention: a function, where, its value, its slope with respect to each input.
struct Row {
    name: &'static str,
    function: Box<dyn Differentiable>,
    inputs: Vec<Tensor<f64>>,
    value: Vec<f64>,
    /// The gradients for a cotangent of ones.
    slopes: Vec<Vec<f64>>,
}

/// Rows of the table: name, function, where, value, and slopes with respect to each input.
macro_rules! rows {
    ($($name:literal: |$($x:ident),+| $f:expr, at $inputs:tt is $value:expr, slopes $slopes:tt;)*) => {
        vec![$(Row {
            name: $name,
            function: Box::new(generic!(|$($x),+| $f)),
            inputs: vectors(&$inputs),
            value: $value.to_vec(),
            slopes: vectors(&$slopes).iter().map(Tensor::to_vec).collect(),
        }),*]
    };
}

fn vectors(x: &[&[f64]]) -> Vec<Tensor<f64>> {
    x.iter().map(|x| Tensor::from_slice(x, [x.len()])).collect()
}

/// Functions of one kink or two, element by element.
fn elementwise() -> Vec<Row> {
    let zero: &[f64] = &[0.0, -0.0];
    rows! {
        "relu at 0": |x| x.relu(), at [zero] is [0.0, 0.0], slopes [&[0.0, 0.0]];
        "relu of NaN": |x| x.relu(), at [&[NAN]] is [NAN], slopes [&[1.0]];
        "relu of infinities": |x| x.relu(), at [&[INF, -INF]] is [INF, 0.0], slopes [&[1.0, 0.0]];
        "leaky_relu at 0": |x| x.leaky_relu(0.2), at [zero] is [0.0, 0.0], slopes [&[0.2, 0.2]];
        "abs at 0": |x| x.abs(), at [zero] is [0.0, 0.0], slopes [&[0.0, 0.0]];
        "sign at 0": |x| x.sign(), at [zero] is [0.0, 0.0], slopes [&[0.0, 0.0]];
        "sign of NaN": |x| x.sign(), at [&[NAN]] is [0.0], slopes [&[0.0]];
        "floor at a step": |x| x.floor(), at [&[2.0, -0.5]] is [2.0, -1.0], slopes [&[0.0, 0.0]];
        "ceil at a step": |x| x.ceil(), at [&[2.0, -0.5]] is [2.0, 0.0], slopes [&[0.0, 0.0]];
        "round takes halves to even": |x| x.round(),
            at [&[0.5, 1.5, 2.5, -0.5]] is [0.0, 2.0, 2.0, 0.0], slopes [&[0.0; 4]];
        "trunc": |x| x.trunc(), at [&[-1.5, 1.0]] is [-1.0, 1.0], slopes [&[0.0, 0.0]];
        "elu at 0": |x| x.elu(0.5), at [&[0.0]] is [0.0], slopes [&[0.5]];
        "celu at 0": |x| x.celu(0.5), at [&[0.0]] is [0.0], slopes [&[1.0]];
        "selu at 0": |x| x.selu(),
            at [&[0.0]] is [0.0], slopes [&[1.673_263_242_354_377_2 * 1.050_700_987_355_480_5]];
        "elu far out": |x| x.elu(1.0), at [&[1e4, -1e4]] is [1e4, -1.0], slopes [&[1.0, 0.0]];
        "clamp at its bounds": |x| x.clamp(-1.0, 1.0),
            at [&[-1.0, 0.0, 1.0, INF]] is [-1.0, 0.0, 1.0, 1.0], slopes [&[0.0, 1.0, 0.0, 0.0]];
        "clamp of NaN": |x| x.clamp(-1.0, 1.0), at [&[NAN]] is [NAN], slopes [&[0.0]];
        "clamp without a bound": |x| x.clamp(0.0, f64::INFINITY),
            at [&[0.0, INF]] is [0.0, INF], slopes [&[0.0, 1.0]];
        "hardtanh": |x| x.hardtanh(0.0, 2.0), at [&[0.0, 2.0]] is [0.0, 2.0], slopes [&[0.0, 0.0]];
        "relu6": |x| x.relu6(), at [&[0.0, 6.0]] is [0.0, 6.0], slopes [&[0.0, 0.0]];
        "hardsigmoid at ±3": |x| x.hardsigmoid(),
            at [&[-3.0, 3.0]] is [0.0, 1.0], slopes [&[0.0, 0.0]];
        "hardswish at ±3": |x| x.hardswish(), at [&[-3.0, 3.0]] is [0.0, 3.0], slopes [&[0.0, 1.0]];
        "hardshrink at ±λ": |x| x.hardshrink(0.5),
            at [&[-0.5, 0.0, 0.5]] is [0.0; 3], slopes [&[0.0; 3]];
        "softshrink at ±λ": |x| x.softshrink(0.5),
            at [&[-0.5, 0.0, 0.5]] is [0.0; 3], slopes [&[0.0; 3]];
        "softshrink of NaN": |x| x.softshrink(0.5), at [&[NAN]] is [NAN], slopes [&[1.0]];
        "softsign at 0": |x| x.softsign(), at [&[0.0]] is [0.0], slopes [&[1.0]];
        "prelu at 0": |x, w| x.prelu(w),
            at [&[0.0, 1.0], &[0.3]] is [0.0, 1.0], slopes [&[0.3, 1.0], &[0.0]];
        "sigmoid far out": |x| x.sigmoid(), at [&[1e4, -1e4]] is [1.0, 0.0], slopes [&[0.0, 0.0]];
        "tanh far out": |x| x.tanh(), at [&[1e4, -1e4]] is [1.0, -1.0], slopes [&[0.0, 0.0]];
        "silu far out": |x| x.silu(), at [&[1e4, -1e4]] is [1e4, 0.0], slopes [&[1.0, 0.0]];
        "gelu far out": |x| x.gelu(), at [&[1e4, -1e4]] is [1e4, 0.0], slopes [&[1.0, 0.0]];
        "mish far out": |x| x.mish(), at [&[1e4, -1e4]] is [1e4, 0.0], slopes [&[1.0, 0.0]];
        "softplus far out": |x| x.softplus(1.0, 20.0),
            at [&[1e4, -1e4, 0.0]] is [1e4, 0.0, LN_2], slopes [&[1.0, 0.0, 0.5]];
        "logsigmoid far out": |x| x.logsigmoid(),
            at [&[1e4, -1e4]] is [0.0, -1e4], slopes [&[0.0, 1.0]];
    }
}

/// Where a slope is infinite or undefined, or held at 0 by convention.
fn singular() -> Vec<Row> {
    rows! {
        "sqrt at 0": |x| x.sqrt(), at [&[0.0, -1.0]] is [0.0, NAN], slopes [&[INF, NAN]];
        "rsqrt at 0": |x| x.rsqrt(), at [&[0.0]] is [INF], slopes [&[-INF]];
        "ln at 0": |x| x.ln(), at [&[0.0, -1.0]] is [-INF, NAN], slopes [&[INF, -1.0]];
        "ln_1p at −1": |x| x.ln_1p(), at [&[-1.0]] is [-INF], slopes [&[INF]];
        "reciprocal at 0": |x| x.reciprocal(), at [&[0.0]] is [INF], slopes [&[-INF]];
        "asin at 1": |x| x.asin(), at [&[1.0]] is [std::f64::consts::FRAC_PI_2], slopes [&[INF]];
        "pow 0 at 0": |x| x.pow(0.0), at [&[0.0, 2.0]] is [1.0, 1.0], slopes [&[0.0, 0.0]];
        "pow 1 at 0": |x| x.pow(1.0), at [&[0.0]] is [0.0], slopes [&[1.0]];
        "pow 2 at 0": |x| x.pow(2.0), at [&[0.0]] is [0.0], slopes [&[0.0]];
        "pow ½ at 0": |x| x.pow(0.5), at [&[0.0]] is [0.0], slopes [&[INF]];
        "pow −1 at 0": |x| x.pow(-1.0), at [&[0.0]] is [INF], slopes [&[-INF]];
        "pow_tensor, base 0": |x, e| x.pow_tensor(e),
            at [&[0.0, 0.0, 0.0], &[0.0, 2.0, -1.0]]
            is [1.0, 0.0, INF], slopes [&[0.0, 0.0, -INF], &[0.0, 0.0, -INF]];
        "pow_tensor, base negative": |x, e| x.pow_tensor(e),
            at [&[-2.0], &[3.0]] is [-8.0], slopes [&[12.0], &[NAN]];
        "div by 0": |a, b| a / b, at [&[1.0], &[0.0]] is [INF], slopes [&[INF], &[-INF]];
        "atan2 at the origin": |y, x| y.atan2(x),
            at [&[0.0], &[0.0]] is [0.0], slopes [&[NAN], &[NAN]];
        "norm of a zero vector": |x| x.norm(2.0, ..),
            at [&[0.0, 0.0]] is [0.0], slopes [&[0.0, 0.0]];
        "norm 1 at 0": |x| x.norm(1.0, ..), at [&[0.0, -2.0]] is [2.0], slopes [&[0.0, -1.0]];
        "norm 3 of a zero vector": |x| x.norm(3.0, ..),
            at [&[0.0, 0.0]] is [0.0], slopes [&[0.0, 0.0]];
        "norm ½ with a zero": |x| x.norm(0.5, ..), at [&[0.0, 4.0]] is [4.0], slopes [&[0.0, 1.0]];
        "norm 0": |x| x.norm(0.0, ..), at [&[0.0, 4.0, -1.0]] is [2.0], slopes [&[0.0; 3]];
        "norm ∞ at a tie": |x| x.norm(f64::INFINITY, ..),
            at [&[-3.0, 1.0, 3.0]] is [3.0], slopes [&[-0.5, 0.0, 0.5]];
        "std of equal numbers": |x| x.std(.., 1), at [&[2.0, 2.0]] is [0.0], slopes [&[0.0, 0.0]];
    }
}

/// Ties, NaN among others, and reductions.
fn choices() -> Vec<Row> {
    rows! {
        "maximum at a tie": |a, b| a.maximum(b),
            at [&[1.0, 2.0, -0.0], &[1.0, 0.0, 0.0]]
            is [1.0, 2.0, 0.0], slopes [&[0.5, 1.0, 0.5], &[0.5, 0.0, 0.5]];
        "minimum at a tie": |a, b| a.minimum(b),
            at [&[1.0, 2.0], &[1.0, 0.0]] is [1.0, 0.0], slopes [&[0.5, 0.0], &[0.5, 1.0]];
        "maximum with a NaN": |a, b| a.maximum(b),
            at [&[NAN, 1.0], &[1.0, NAN]] is [NAN, NAN], slopes [&[1.0, 1.0], &[1.0, 1.0]];
        "minimum with a NaN": |a, b| a.minimum(b),
            at [&[NAN, 1.0], &[1.0, NAN]] is [NAN, NAN], slopes [&[1.0, 1.0], &[1.0, 1.0]];
        "maximum of infinities": |a, b| a.maximum(b),
            at [&[INF, -INF], &[INF, 0.0]] is [INF, 0.0], slopes [&[0.5, 0.0], &[0.5, 1.0]];
        "amax at a tie": |x| x.amax(0), at [&[1.0, 3.0, 3.0]] is [3.0], slopes [&[0.0, 0.5, 0.5]];
        "amin at a tie": |x| x.amin(0),
            at [&[1.0, 1.0, 1.0, 3.0]] is [1.0], slopes [&[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.0]];
        "amax with a NaN": |x| x.amax(0), at [&[1.0, NAN]] is [NAN], slopes [&[NAN, NAN]];
        "max at a tie": |x| x.max(0), at [&[1.0, 3.0, 3.0]] is [3.0], slopes [&[0.0, 1.0, 0.0]];
        "min at a tie": |x| x.min(0), at [&[1.0, 1.0, 3.0]] is [1.0], slopes [&[1.0, 0.0, 0.0]];
        "max with NaNs": |x| x.max(0),
            at [&[1.0, NAN, 3.0, NAN]] is [NAN], slopes [&[0.0, 1.0, 0.0, 0.0]];
        "sort keeps the order of equal ones":
            |x| x.sort(0).0 * Var::constant(Tensor::arange(1.0, 4.0, 1.0)),
            at [&[2.0, 1.0, 1.0]] is [1.0, 2.0, 6.0], slopes [&[3.0, 1.0, 2.0]];
        "where with a NaN in the branch not taken":
            |a, b| Var::where_(&Tensor::from_vec(vec![true, false], [2]), a, b),
            at [&[1.0, NAN], &[INF, 2.0]] is [1.0, 2.0], slopes [&[1.0, 0.0], &[0.0, 1.0]];
        "where around a root at 0":
            |x| {
                let mask = x.gt(&Var::scalar(0.0));
                let inside = Var::where_(&mask, x, &Var::scalar(1.0));
                Var::where_(&mask, &inside.sqrt(), x)
            },
            at [&[0.0, 4.0]] is [0.0, 2.0], slopes [&[1.0, 0.25]];
        "masked_fill over a NaN": |x| x.masked_fill(&Tensor::from_vec(vec![true, false], [2]), 7.0),
            at [&[NAN, 2.0]] is [7.0, 2.0], slopes [&[0.0, 1.0]];
        "prod with one zero": |x| x.prod(..),
            at [&[2.0, 0.0, 3.0]] is [0.0], slopes [&[0.0, 6.0, 0.0]];
        "prod with two zeros": |x| x.prod(..),
            at [&[2.0, 0.0, 0.0]] is [0.0], slopes [&[0.0, 0.0, 0.0]];
        "cumprod with a zero": |x| x.cumprod(0),
            at [&[2.0, 0.0, 3.0]] is [2.0, 0.0, 0.0], slopes [&[1.0, 8.0, 0.0]];
        "amax where three tie": |x| x.amax(keep(0)),
            at [&[0.1, 0.1, 0.1]] is [0.1], slopes [&[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]];
        "topk at a tie": |x| x.topk(0, 2).0,
            at [&[1.0, 3.0, 3.0, 3.0]] is [3.0, 3.0], slopes [&[0.0, 1.0, 1.0, 0.0]];
        "max pooling at a tie": |x| x.reshape([1, 1, 4]).max_pool1d(2).reshape([2]),
            at [&[3.0, 3.0, 1.0, 1.0]] is [3.0, 1.0], slopes [&[1.0, 0.0, 1.0, 0.0]];
        "softmax of −∞": |x| x.softmax(0), at [&[-INF, -INF]] is [NAN, NAN], slopes [&[NAN, NAN]];
        "softmax_or_zero of −∞": |x| x.softmax_or_zero(0),
            at [&[-INF, -INF]] is [0.0, 0.0], slopes [&[0.0, 0.0]];
        "softmax with −∞": |x| x.softmax(0), at [&[-INF, 1.0]] is [0.0, 1.0], slopes [&[0.0, 0.0]];
        "log_softmax of −∞": |x| x.log_softmax(0),
            at [&[-INF, -INF]] is [NAN, NAN], slopes [&[NAN, NAN]];
        "0·∞": |a, b| a * b, at [&[0.0], &[INF]] is [NAN], slopes [&[INF], &[0.0]];
        "asinh at 0": |x| x.asinh(), at [&[0.0]] is [0.0], slopes [&[1.0]];
        "acosh at 1": |x| x.acosh(), at [&[1.0, 0.5]] is [0.0, NAN], slopes [&[INF, NAN]];
        "atanh at ±1": |x| x.atanh(), at [&[1.0, -1.0]] is [INF, -INF], slopes [&[INF, INF]];
        "cross entropy, all ignored, mean": |x| {
                let targets = Tensor::from_vec(vec![-100, -100], [2]);
                x.reshape([2, 1]).cross_entropy(&targets).reshape([1])
            },
            at [&[0.5, -0.5]] is [NAN], slopes [&[0.0, 0.0]];
        "cross entropy, all ignored, sum": |x| {
                let targets = Tensor::from_vec(vec![-100, -100], [2]);
                let options = CrossEntropyOptions { reduction: Reduction::Sum, ..Default::default() };
                x.reshape([2, 1]).cross_entropy_with(&targets, &options).reshape([1])
            },
            at [&[0.5, -0.5]] is [0.0], slopes [&[0.0, 0.0]];
        "sum of nothing": |x| x.sum(..), at [&[]] is [0.0], slopes [&[]];
        "prod of nothing": |x| x.prod(..), at [&[]] is [1.0], slopes [&[]];
        "mean of nothing": |x| x.mean(..), at [&[]] is [NAN], slopes [&[]];
        "sum with a NaN": |x| x.sum(..), at [&[1.0, NAN]] is [NAN], slopes [&[1.0, 1.0]];
        "logsumexp with −∞": |x| x.logsumexp(0), at [&[-INF, 1.0]] is [1.0], slopes [&[0.0, 1.0]];
        "logsumexp of −∞": |x| x.logsumexp(0), at [&[-INF, -INF]] is [-INF], slopes [&[0.0, 0.0]];
        "logsumexp far out": |x| x.logsumexp(0), at [&[1e4, -1e4]] is [1e4], slopes [&[1.0, 0.0]];
        "scatter where an index repeats":
            |x, y| x.scatter(0, &Tensor::from_vec(vec![1, 1], [2]), y),
            at [&[1.0, 2.0], &[5.0, 6.0]] is [1.0, 6.0], slopes [&[1.0, 0.0], &[0.0, 1.0]];
        "embedding of the padding row":
            |w| w.reshape([2, 1]).embedding(&Tensor::from_vec(vec![0, 1, 0], [3]), Some(1)),
            at [&[4.0, 5.0]] is [4.0, 5.0, 4.0], slopes [&[2.0, 0.0]];
    }
}

fn table() -> impl Iterator<Item = Row> {
    [elementwise(), singular(), choices()].into_iter().flatten()
}

fn same(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * b.abs()
}

fn require_same(row: &Row, what: &str, actual: &[f64], expected: &[f64], tolerance: f64) {
    let equal = actual.len() == expected.len()
        && actual
            .iter()
            .zip(expected)
            .all(|(&a, &b)| same(a, b, tolerance));
    assert!(equal, "{}: {what}: {actual:?}, not {expected:?}", row.name);
}

/// Values, and gradients for a cotangent of 2 everywhere, with or without a graph.
fn run<T: Real>(
    row: &Row,
    f: impl Fn(&[Var<T>]) -> Vec<Var<T>>,
    graph: Graph,
) -> (Vec<f64>, Vec<Vec<f64>>) {
    let tape = Tape::new();
    let x: Vec<_> = row.inputs.iter().map(|x| tape.leaf(x.cast())).collect();
    let y = f(&x).remove(0);
    let roots = [(&y, Var::full(y.shape(), 2.0))];
    let gradients = grad(&roots, &x.iter().collect::<Vec<_>>(), graph);
    let numbers = |x: &Tensor<T>| x.iter().map(T::to_f64).collect();
    let gradients = gradients
        .into_iter()
        .zip(&x)
        .map(|(g, x)| g.map_or_else(|| vec![0.0; x.len()], |g| numbers(g.value())));
    (numbers(y.value()), gradients.collect())
}

#[test]
fn values_and_slopes_follow_the_conventions() {
    /// Rounding of `f64`, and of `f32`.
    const EXACT: [f64; 2] = [1e-14, 1e-6];
    for row in table() {
        for graph in [Graph::Skip, Graph::Create] {
            let double = run::<f64>(&row, |x| row.function.f64(x), graph);
            let single = run::<f32>(
                &row,
                |x| row.function.f32(x).expect("generic functions run on f32"),
                graph,
            );
            for ((value, gradients), tolerance) in [double, single].into_iter().zip(EXACT) {
                require_same(&row, "value", &value, &row.value, tolerance);
                for (i, (gradient, slopes)) in gradients.iter().zip(&row.slopes).enumerate() {
                    let expected: Vec<_> = slopes.iter().map(|slope| 2.0 * slope).collect();
                    let what = format!("gradient of input {i}");
                    require_same(&row, &what, gradient, &expected, tolerance);
                }
            }
        }
    }
}

/// At a kink a dual number has one tangent, and it is the slope of the convention.
#[test]
fn forward_mode_follows_the_same_conventions() {
    for row in table() {
        let all = row.inputs.iter().flat_map(Tensor::iter);
        let numbers = all.chain(row.value.iter().copied());
        if numbers
            .chain(row.slopes.iter().flatten().copied())
            .any(|x| !x.is_finite())
        {
            continue;
        }
        let mut draw = Draw::new(1, 3);
        let tangents: Vec<_> = row.inputs.iter().map(|x| draw.normal(x.shape())).collect();
        let x: Vec<Var<Dual>> = row
            .inputs
            .iter()
            .zip(&tangents)
            .map(|(x, u)| Var::constant(x.zip(u, Dual::new)))
            .collect();
        let y = row
            .function
            .dual(&x)
            .expect("generic functions run on dual numbers");
        let forward: f64 = y[0].value().iter().map(|y| y.tangent).sum();
        let reverse: f64 = tangents
            .iter()
            .zip(&row.slopes)
            .map(|(u, slopes)| u.iter().zip(slopes).map(|(u, s)| u * s).sum::<f64>())
            .sum();
        assert!(
            (forward - reverse).abs() <= 1e-12 * reverse.abs().max(1.0),
            "{}: forward mode {forward}, by the slopes {reverse}",
            row.name
        );
    }
}

/// The derivative of `⟨gradient, u⟩` with respect to the cotangent is the Jacobian times `u`, at a
/// kink too: what backward is, its own backward must agree with.
#[test]
fn the_adjoint_identity_holds_at_kinks() {
    for row in table() {
        let numbers = row.slopes.iter().flatten().chain(&row.value);
        if numbers.into_iter().any(|x| !x.is_finite()) {
            continue;
        }
        let mut draw = Draw::new(2, 3);
        let tape = Tape::new();
        let x: Vec<_> = row.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let y = row.function.f64(&x).remove(0);
        let c = tape.leaf(draw.normal(y.shape()));
        let inputs: Vec<_> = x.iter().collect();
        let gradients = grad(&[(&y, c.clone())], &inputs, Graph::Create);
        let tangents: Vec<_> = x.iter().map(|x| draw.normal(x.shape())).collect();
        let pairs: Vec<_> = gradients
            .iter()
            .zip(&tangents)
            .filter_map(|(g, u)| Some((g.as_ref()?, u)))
            .collect();
        let by_gradient: f64 = pairs
            .iter()
            .map(|(g, u)| {
                g.value()
                    .iter()
                    .zip(u.iter())
                    .map(|(g, u)| g * u)
                    .sum::<f64>()
            })
            .sum();
        let roots: Vec<_> = pairs
            .iter()
            .map(|(g, u)| (*g, Var::constant((*u).clone())))
            .collect();
        let product = grad(&roots, &[&c], Graph::Skip).remove(0);
        let by_product: f64 = product.map_or(0.0, |product| {
            product
                .value()
                .iter()
                .zip(c.value().iter())
                .map(|(a, b)| a * b)
                .sum()
        });
        assert!(
            (by_gradient - by_product).abs() <= 1e-12 * by_gradient.abs().max(1.0),
            "{}: ⟨gradient, u⟩ = {by_gradient}, ⟨cotangent, J u⟩ = {by_product}",
            row.name
        );
    }
}

/// Places, which are not differentiated.
#[test]
fn the_first_of_equal_elements_and_the_first_nan_are_found() {
    let x = Var::constant(Tensor::from_vec(vec![1.0, 3.0, 3.0, 2.0, 2.0, 2.0], [2, 3]));
    assert_eq!(x.argmax(1).to_vec(), [1, 0]);
    assert_eq!(x.argmax(..).to_vec(), [1]);
    assert_eq!(x.argmin(0).to_vec(), [0, 1, 1]);
    assert_eq!(x.max_with_indices([1, 0]).1.to_vec(), [1]);
    let x = Var::constant(Tensor::from_vec(vec![1.0, NAN, INF, NAN], [4]));
    assert_eq!(x.argmax(0).to_vec(), [1]);
    assert_eq!(x.argmin(0).to_vec(), [1]);
    assert_eq!(x.sort(0).1.to_vec(), [0, 2, 1, 3]);
}
