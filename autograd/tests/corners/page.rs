//! The table of corner values, `docs/corner-values.md`: what functions and their gradients are where
//! numbers end. `WENGERT_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use wengert_autograd::Var;
use wengert_autograd::ops::{CrossEntropyOptions, KlDivOptions, Reduction};
use wengert_tensor::Tensor;

use crate::value_and_gradient;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

type Function = (&'static str, fn(&Var<f64>) -> Var<f64>);

/// Functions of each element by their expressions.
macro_rules! functions {
    ($($name:literal => $f:expr;)*) => {
        &[$(($name, $f)),*]
    };
}

const ELEMENTWISE: &[Function] = functions! {
    "`abs`" => |x| x.abs();
    "`sign`" => |x| x.sign();
    "`floor`, `ceil`, `round`, `trunc`" => |x| x.floor();
    "`relu`" => |x| x.relu();
    "`relu6`" => |x| x.relu6();
    "`leaky_relu(0.1)`" => |x| x.leaky_relu(0.1);
    "`elu(1)`" => |x| x.elu(1.0);
    "`selu`" => |x| x.selu();
    "`gelu`" => |x| x.gelu();
    "`gelu_tanh`" => |x| x.gelu_tanh();
    "`silu`" => |x| x.silu();
    "`mish`" => |x| x.mish();
    "`sigmoid`" => |x| x.sigmoid();
    "`logsigmoid`" => |x| x.logsigmoid();
    "`softplus(1, 20)`" => |x| x.softplus(1.0, 20.0);
    "`softsign`" => |x| x.softsign();
    "`tanh`" => |x| x.tanh();
    "`tanhshrink`" => |x| x.tanhshrink();
    "`hardsigmoid`" => |x| x.hardsigmoid();
    "`hardswish`" => |x| x.hardswish();
    "`hardshrink(0.5)`" => |x| x.hardshrink(0.5);
    "`softshrink(0.5)`" => |x| x.softshrink(0.5);
    "`hardtanh(-1, 1)`" => |x| x.hardtanh(-1.0, 1.0);
    "`clamp(-1, 1)`" => |x| x.clamp(-1.0, 1.0);
    "`exp`" => |x| x.exp();
    "`exp2`" => |x| x.exp2();
    "`exp_m1`" => |x| x.exp_m1();
    "`ln`" => |x| x.ln();
    "`ln_1p`" => |x| x.ln_1p();
    "`log2`" => |x| x.log2();
    "`log10`" => |x| x.log10();
    "`sqrt`" => |x| x.sqrt();
    "`square`" => |x| x.square();
    "`reciprocal`" => |x| x.reciprocal();
    "`erf`" => |x| x.erf();
    "`erfc`" => |x| x.erfc();
    "`sinc`" => |x| x.sinc();
    "`asin`" => |x| x.asin();
    "`acos`" => |x| x.acos();
    "`atan`" => |x| x.atan();
    "`sinh`" => |x| x.sinh();
    "`cosh`" => |x| x.cosh();
    "`asinh`" => |x| x.asinh();
    "`acosh`" => |x| x.acosh();
    "`atanh`" => |x| x.atanh();
};

const NUMBERS: [f64; 7] = [0.0, INF, -INF, NAN, 1e300, -1e300, 1e-300];

const REDUCTIONS: &[Function] = functions! {
    "`sum`" => |x| x.sum(..);
    "`mean`" => |x| x.mean(..);
    "`prod`" => |x| x.prod(..);
    "`amax`" => |x| x.amax(..);
    "`amin`" => |x| x.amin(..);
    "`logsumexp`" => |x| x.logsumexp(..);
    "`softmax`, first element" => |x| x.softmax(0).slice(0, ..1);
    "`softmax_or_zero`, first element" => |x| x.softmax_or_zero(0).slice(0, ..1);
    "`log_softmax`, first element" => |x| x.log_softmax(0).slice(0, ..1);
    "`cumsum`" => |x| x.cumsum(0);
    "`cumprod`" => |x| x.cumprod(0);
    "`logcumsumexp`" => |x| x.logcumsumexp(0);
};

const VECTORS: [&[f64]; 9] = [
    &[1.0, 1.0],
    &[],
    &[0.0, 0.0],
    &[INF, 1.0],
    &[-INF, 1.0],
    &[-INF, -INF],
    &[NAN, 1.0],
    &[1e308, 1e308],
    &[1e-308, 1e-308],
];

fn constant(x: &[f64], shape: &[usize]) -> Var<f64> {
    Var::constant(Tensor::from_slice(x, shape))
}

fn first() -> Tensor<i64> {
    Tensor::from_vec(vec![0], [1])
}

/// Losses of the scores of two classes, the first of them right.
const SCORES: &[Function] = functions! {
    "`cross_entropy`" => |x| x.unsqueeze(0).cross_entropy(&first());
    "`cross_entropy`, smoothing 0.1" => |x| {
        let options = CrossEntropyOptions { label_smoothing: 0.1, ..CrossEntropyOptions::default() };
        x.unsqueeze(0).cross_entropy_with(&first(), &options)
    };
    "`cross_entropy_soft`, target [1, 0]" => |x| {
        x.cross_entropy_soft(&constant(&[1.0, 0.0], &[2]))
    };
    "`nll_loss`" => |x| x.unsqueeze(0).nll_loss(&first());
    "`kl_div`, target [1, 0]" => |x| {
        let options = KlDivOptions { reduction: Reduction::Sum, ..KlDivOptions::default() };
        x.kl_div_with(&constant(&[1.0, 0.0], &[2]), &options)
    };
};

const PAIRS: [&[f64]; 7] = [
    &[1.0, 1.0],
    &[0.0, -INF],
    &[-INF, 0.0],
    &[-INF, -INF],
    &[INF, 0.0],
    &[NAN, 0.0],
    &[1e308, -1e308],
];

/// Losses of one number.
const SINGLE: &[Function] = functions! {
    "`binary_cross_entropy_with_logits`, target 0" => |x| {
        x.binary_cross_entropy_with_logits(&constant(&[0.0], &[1]))
    };
    "`binary_cross_entropy_with_logits`, target 1" => |x| {
        x.binary_cross_entropy_with_logits(&constant(&[1.0], &[1]))
    };
    "`binary_cross_entropy`, target 0" => |x| {
        x.binary_cross_entropy(&constant(&[0.0], &[1]))
    };
    "`binary_cross_entropy`, target 1" => |x| {
        x.binary_cross_entropy(&constant(&[1.0], &[1]))
    };
    "`mse_loss`, target 0" => |x| x.mse_loss(&constant(&[0.0], &[1]));
    "`l1_loss`, target 0" => |x| x.l1_loss(&constant(&[0.0], &[1]));
    "`huber_loss(1)`, target 0" => |x| x.huber_loss(&constant(&[0.0], &[1]));
    "`soft_margin_loss`, target 1" => |x| x.soft_margin_loss(&constant(&[1.0], &[1]));
    "`poisson_nll_loss`, target 0" => |x| {
        x.poisson_nll_loss(&constant(&[0.0], &[1]))
    };
};

/// A number with few digits, so that the last places of a platform do not show.
fn short(x: f64) -> String {
    if x.is_nan() {
        "NaN".into()
    } else if x.is_infinite() {
        if x > 0.0 { "∞" } else { "−∞" }.into()
    } else if x == 0.0 {
        "0".into()
    } else if (1e-3..1e4).contains(&x.abs()) {
        let text = format!("{x:.4}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.replace('-', "−")
    } else {
        let text = format!("{x:.3e}");
        let (digits, exponent) = text.split_once('e').expect("an exponent is written");
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        format!("{digits}e{exponent}").replace('-', "−")
    }
}

fn list(x: &[f64]) -> String {
    match x {
        [x] => short(*x),
        _ => format!(
            "[{}]",
            x.iter().copied().map(short).collect::<Vec<_>>().join(", ")
        ),
    }
}

fn table(page: &mut String, title: &str, functions: &[Function], inputs: &[&[f64]]) {
    let _ = write!(page, "\n## {title}\n\n| function |");
    for input in inputs {
        let _ = write!(page, " {} |", list(input));
    }
    page.push_str("\n|---|");
    page.push_str(&"---|".repeat(inputs.len()));
    page.push('\n');
    for (name, f) in functions {
        let _ = write!(page, "| {name} |");
        for input in inputs {
            let run = || value_and_gradient(input, &[input.len()], f);
            let cell = match std::panic::catch_unwind(run) {
                Ok((value, gradient)) => format!("{}; {}", list(&value), list(&gradient)),
                Err(_) => "panics".into(),
            };
            let _ = write!(page, " {cell} |");
        }
        page.push('\n');
    }
}

#[test]
fn corner_values_are_those_of_the_page() {
    let mut page = String::from(
        "# Corner values\n\n\
         Written by `autograd/tests/corners/page.rs`, which fails if this page says anything else. \
         `WENGERT_BLESS=1` writes it anew.\n\n\
         A cell is the value; the gradient for a cotangent of ones. Numbers are `f64`, with four digits. \
         Conventions at kinks are those of PyTorch. By the convention 0 · ln 0 = 0, a class with target 0 \
         counts for nothing, even if its probability is 0. The gradient of `logsumexp` is 0 where all \
         elements are −∞. `sign` of NaN is 0. A function of several names has the same corners.\n",
    );
    let numbers: Vec<_> = NUMBERS.iter().map(std::slice::from_ref).collect();
    table(&mut page, "Elementwise", ELEMENTWISE, &numbers);
    table(
        &mut page,
        "Reductions and running ones",
        REDUCTIONS,
        &VECTORS,
    );
    table(
        &mut page,
        "Losses of the scores of two classes, the first one right",
        SCORES,
        &PAIRS,
    );
    table(&mut page, "Losses of one number", SINGLE, &numbers);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/corner-values.md");
    if std::env::var_os("WENGERT_BLESS").is_some() {
        fs::write(&path, &page).expect("docs can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/corner-values.md is not what was computed; WENGERT_BLESS=1 writes it"
    );
}
