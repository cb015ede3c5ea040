//! The gradients of a small network on paper, by tape, by dual numbers and by differences.
//!
//! Two inputs, two hidden units with a sigmoid, one output: h = σ(W x), y = v · h, loss = (y − t)² / 2.

use wengert::prelude::*;
use wengert::report::{LineChart, Scale, Series};

use crate::run::say;
use crate::{LessonError, Run};

const X: [f64; 2] = [0.5, -1.0];
const TARGET: f64 = 1.0;
/// W row by row, then v.
const PARAMETERS: [f64; 6] = [0.3, -0.2, -0.4, 0.1, 0.7, -0.5];
const NAMES: [&str; 6] = ["∂L/∂W₁₁", "∂L/∂W₁₂", "∂L/∂W₂₁", "∂L/∂W₂₂", "∂L/∂v₁", "∂L/∂v₂"];

/// The loss, for any number type.
fn loss<T: Real>(p: &[T; 6]) -> T {
    let sigmoid = |a: T| T::one() / (T::one() + (-a).exp());
    let [x1, x2] = X.map(T::of);
    let h1 = sigmoid(p[0] * x1 + p[1] * x2);
    let h2 = sigmoid(p[2] * x1 + p[3] * x2);
    let error = p[4] * h1 + p[5] * h2 - T::of(TARGET);
    error * error * T::of(0.5)
}

/// On paper: the chain rule from the loss back to the weights, every step a line.
fn by_hand(run: &mut Run<'_>) -> [f64; 6] {
    let [w11, w12, w21, w22, v1, v2] = PARAMETERS;
    let a = [w11 * X[0] + w12 * X[1], w21 * X[0] + w22 * X[1]];
    let h = a.map(|a| 1.0 / (1.0 + (-a).exp()));
    let y = v1 * h[0] + v2 * h[1];
    let dy = y - TARGET;
    let dh = [dy * v1, dy * v2];
    let da = [dh[0] * h[0] * (1.0 - h[0]), dh[1] * h[1] * (1.0 - h[1])];
    say!(run, "given     x             {:>10.1} {:>10.1}", X[0], X[1]);
    say!(run, "          W, row by row {w11:>10.1} {w12:>10.1} {w21:>10.1} {w22:>10.1}");
    say!(run, "          v             {v1:>10.1} {v2:>10.1}");
    say!(run, "forward   a = W x       {:>10.6} {:>10.6}", a[0], a[1]);
    say!(run, "          h = σ(a)      {:>10.6} {:>10.6}", h[0], h[1]);
    say!(run, "          y = v · h     {y:>10.6}");
    say!(run, "          L = (y − t)²/2{:>10.6}", dy * dy / 2.0);
    say!(run, "backward  dy = y − t    {dy:>10.6}");
    say!(run, "          dv = dy h     {:>10.6} {:>10.6}", dy * h[0], dy * h[1]);
    say!(run, "          dh = dy v     {:>10.6} {:>10.6}", dh[0], dh[1]);
    say!(run, "          da = dh h(1−h){:>10.6} {:>10.6}", da[0], da[1]);
    say!(run, "          dW = da xᵀ\n");
    [da[0] * X[0], da[0] * X[1], da[1] * X[0], da[1] * X[1], dy * h[0], dy * h[1]]
}

/// By the tape: record forward, run the rules backward. All six in one pass.
fn by_tape() -> [f64; 6] {
    let tape = Tape::new();
    let w = tape.leaf(Tensor::from_vec(PARAMETERS[..4].to_vec(), [2, 2]));
    let v = tape.leaf(Tensor::from_vec(PARAMETERS[4..].to_vec(), [2]));
    let x = Var::constant(Tensor::from_vec(X.to_vec(), [2]));
    let y = w.matmul(&x).sigmoid().dot(&v);
    let error = y - TARGET;
    let gradients = (&error * &error * 0.5).backward();
    let (dw, dv) = (gradients.wrt(&w).to_vec(), gradients.wrt(&v).to_vec());
    [dw[0], dw[1], dw[2], dw[3], dv[0], dv[1]]
}

/// By dual numbers: p + ε in one place, forward only. One pass per parameter.
fn by_duals() -> [f64; 6] {
    std::array::from_fn(|i| {
        let duals = std::array::from_fn(|j| Dual::new(PARAMETERS[j], f64::from(u8::from(i == j))));
        loss(&duals).tangent
    })
}

/// By central differences: (L(p + h) − L(p − h)) / 2h. Two passes per parameter, and an error.
fn by_differences(h: f64) -> [f64; 6] {
    std::array::from_fn(|i| {
        let at = |by: f64| loss(&std::array::from_fn(|j| PARAMETERS[j] + if i == j { by } else { 0.0 }));
        (at(h) - at(-h)) / (2.0 * h)
    })
}

fn largest_difference(a: &[f64; 6], b: &[f64; 6]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let hand = by_hand(run);
    let (tape, duals, differences) = (by_tape(), by_duals(), by_differences(1e-5));
    say!(run, "{:<10}{:>14}{:>14}{:>14}{:>14}", "", "on paper", "tape", "dual numbers", "differences");
    for (i, name) in NAMES.iter().enumerate() {
        say!(run, "{name:<10}{:>14.9}{:>14.9}{:>14.9}{:>14.9}", hand[i], tape[i], duals[i], differences[i]);
    }
    assert!(largest_difference(&hand, &tape) < 1e-15 && largest_difference(&hand, &duals) < 1e-15);
    say!(run, "\npaper, tape and dual numbers agree to 15 digits;");
    assert!(largest_difference(&hand, &differences) < 1e-10);
    say!(run, "differences with h = 1e-5 agree to 10 digits.");
    say!(run, "passes for 6 gradients: tape 1 forward and 1 backward, dual numbers 6, differences 12.\n");

    let steps: Vec<f64> = (0..=24).map(|i| 10_f64.powf(-f64::from(i) / 2.0)).collect();
    let error = |&h: &f64| largest_difference(&hand, &by_differences(h));
    let points: Vec<(f64, f64)> = steps.iter().map(|h| (*h, error(h))).collect();
    let best = points.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("there are steps");
    say!(run, "the error of differences is smallest near h = {:.0e}:", best.0);
    say!(run, "a large h bends the line, a small h loses digits.");
    let chart = LineChart {
        title: "error of a difference quotient by its step".into(),
        x_label: "step h".into(),
        y_label: "largest error of six gradients".into(),
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        series: vec![Series { name: "central differences".into(), points }],
    };
    run.picture(&chart.to_svg())?;
    run.remember("backpropagation is the chain rule from the loss backwards: all gradients in one pass.");
    Ok(())
}
