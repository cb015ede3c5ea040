//! Functions of each element, and of the elements of several tensors at one place.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LN_10};

use crate::call::{Call, Translated};
use crate::graph::number;
use crate::number::FileNumber;

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let op = call.op();
    if let Some(operator) = same_operator(op, call.operands()) {
        let inputs = call.broadcasting_inputs();
        let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
        let y = call.node(operator, &inputs, []);
        return Some(call.done(y));
    }
    let composed = match (op, call.operands()) {
        ("affine", 1) => affine,
        ("div_scalar", 1) => div_scalar,
        ("addcmul", 3) => addcmul,
        ("clamp", 1) => clamp,
        ("elu", 1) => elu,
        ("leaky_relu", 1) => leaky_relu,
        ("hardsigmoid", 1) => hardsigmoid,
        ("hardshrink" | "softshrink", 1) => shrink,
        ("pow", 1) => pow,
        ("root", 1) => root,
        ("softplus", 1) => softplus,
        _ => return formula(call),
    };
    Some(composed(call))
}

/// The operator that does the same as an op without options.
fn same_operator(op: &str, operands: usize) -> Option<&'static str> {
    let operator = match (op, operands) {
        ("relu", 1) => "Relu",
        ("sigmoid", 1) => "Sigmoid",
        ("tanh", 1) => "Tanh",
        ("hardswish", 1) => "HardSwish",
        ("softsign", 1) => "Softsign",
        ("exp", 1) => "Exp",
        ("ln", 1) => "Log",
        ("sqrt", 1) => "Sqrt",
        ("reciprocal", 1) => "Reciprocal",
        ("abs", 1) => "Abs",
        ("sign", 1) => "Sign",
        ("floor", 1) => "Floor",
        ("ceil", 1) => "Ceil",
        ("round", 1) => "Round",
        ("sin", 1) => "Sin",
        ("cos", 1) => "Cos",
        ("tan", 1) => "Tan",
        ("asin", 1) => "Asin",
        ("acos", 1) => "Acos",
        ("atan", 1) => "Atan",
        ("sinh", 1) => "Sinh",
        ("cosh", 1) => "Cosh",
        ("asinh", 1) => "Asinh",
        ("acosh", 1) => "Acosh",
        ("atanh", 1) => "Atanh",
        ("erf", 1) => "Erf",
        ("add", 2) => "Add",
        ("sub", 2) => "Sub",
        ("mul", 2) => "Mul",
        ("div", 2) => "Div",
        ("maximum", 2) => "Max",
        ("minimum", 2) => "Min",
        ("pow_tensor", 2) => "Pow",
        ("prelu", 2) => "PRelu",
        _ => return None,
    };
    Some(operator)
}

/// Functions of one operand that are a formula of a few operators.
fn formula<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    if call.operands() != 1 {
        return None;
    }
    let op = call.op();
    let known = [
        "rsqrt",
        "square",
        "exp2",
        "exp_m1",
        "ln_1p",
        "log2",
        "log10",
        "erfc",
        "trunc",
        "silu",
        "logsigmoid",
        "mish",
        "gelu",
        "gelu_tanh",
        "tanhshrink",
    ];
    if !known.contains(&op) {
        return None;
    }
    let x = call.input(0);
    let y = match op {
        "rsqrt" => {
            let root = call.node("Sqrt", &[&x], []);
            call.node("Reciprocal", &[&root], [])
        }
        "square" => call.node("Mul", &[&x, &x], []),
        "exp2" => {
            let exponent = with(call, "Mul", &x, LN_2);
            call.node("Exp", &[&exponent], [])
        }
        "exp_m1" => {
            let e = call.node("Exp", &[&x], []);
            with(call, "Sub", &e, 1.0)
        }
        "ln_1p" => {
            let sum = with(call, "Add", &x, 1.0);
            call.node("Log", &[&sum], [])
        }
        "log2" | "log10" => {
            let log = call.node("Log", &[&x], []);
            with(call, "Div", &log, if op == "log2" { LN_2 } else { LN_10 })
        }
        "erfc" => {
            let (one, erf) = (call.scalar(1.0), call.node("Erf", &[&x], []));
            call.node("Sub", &[&one, &erf], [])
        }
        "trunc" => {
            let (size, sign) = (call.node("Abs", &[&x], []), call.node("Sign", &[&x], []));
            let whole = call.node("Floor", &[&size], []);
            call.node("Mul", &[&whole, &sign], [])
        }
        "silu" => {
            let gate = call.node("Sigmoid", &[&x], []);
            call.node("Mul", &[&x, &gate], [])
        }
        "logsigmoid" => {
            let opposite = call.node("Neg", &[&x], []);
            let tail = call.node("Softplus", &[&opposite], []);
            call.node("Neg", &[&tail], [])
        }
        "mish" => {
            let soft = call.node("Softplus", &[&x], []);
            let gate = call.node("Tanh", &[&soft], []);
            call.node("Mul", &[&x, &gate], [])
        }
        "gelu" => {
            let scaled = with(call, "Mul", &x, FRAC_1_SQRT_2);
            let erf = call.node("Erf", &[&scaled], []);
            half_gated(call, &x, &erf)
        }
        "gelu_tanh" => {
            let square = call.node("Mul", &[&x, &x], []);
            let cubic = with(call, "Mul", &square, 0.044_715);
            let factor = with(call, "Add", &cubic, 1.0);
            let sum = call.node("Mul", &[&x, &factor], []);
            let scaled = with(call, "Mul", &sum, FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
            let tanh = call.node("Tanh", &[&scaled], []);
            half_gated(call, &x, &tanh)
        }
        _ => {
            let tanh = call.node("Tanh", &[&x], []);
            call.node("Sub", &[&x, &tanh], [])
        }
    };
    Some(call.done(y))
}

/// `x · (1 + gate) / 2`.
fn half_gated<T: FileNumber>(call: &mut Call<'_, '_, T>, x: &str, gate: &str) -> String {
    let gate = with(call, "Add", gate, 1.0);
    let product = call.node("Mul", &[x, &gate], []);
    with(call, "Mul", &product, 0.5)
}

/// An operator with a number as its second operand.
pub(super) fn with<T: FileNumber>(
    call: &mut Call<'_, '_, T>,
    operator: &str,
    x: &str,
    value: f64,
) -> String {
    let value = call.scalar(value);
    call.node(operator, &[x, &value], [])
}

fn affine<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (scale, shift) = (call.number("scale")?, call.number("shift")?);
    let mut y = call.input(0);
    if scale == -1.0 {
        y = call.node("Neg", &[&y], []);
    } else if scale != 1.0 {
        y = with(call, "Mul", &y, scale);
    }
    if shift != 0.0 {
        y = with(call, "Add", &y, shift);
    }
    call.done(y)
}

fn div_scalar<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, value) = (call.input(0), call.number("value")?);
    let y = with(call, "Div", &x, value);
    call.done(y)
}

fn addcmul<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let value = call.number("value")?;
    let [x, a, b] = [0, 1, 2].map(|i| call.input(i));
    let mut product = call.node("Mul", &[&a, &b], []);
    if value != 1.0 {
        product = with(call, "Mul", &product, value);
    }
    let y = call.node("Add", &[&x, &product], []);
    call.done(y)
}

fn clamp<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, low, high) = (call.input(0), call.number("low")?, call.number("high")?);
    // An empty name leaves a bound out.
    let mut bound = |value: f64| {
        if value.is_finite() {
            call.scalar(value)
        } else {
            String::new()
        }
    };
    let (low, high) = (bound(low), bound(high));
    let y = call.node("Clip", &[&x, &low, &high], []);
    call.done(y)
}

fn elu<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let x = call.input(0);
    let (alpha, scale, rate) = (
        call.number("alpha")?,
        call.number("scale")?,
        call.number("rate")?,
    );
    let y = if rate == 1.0 && scale == 1.0 {
        call.node("Elu", &[&x], [number("alpha", alpha)])
    } else if rate == 1.0 {
        call.node(
            "Selu",
            &[&x],
            [number("alpha", alpha), number("gamma", scale)],
        )
    } else {
        // scale · (max(x, 0) + alpha · (e^min(rate x, 0) − 1))
        let zero = call.scalar(0.0);
        let positive = call.node("Max", &[&x, &zero], []);
        let scaled = with(call, "Mul", &x, rate);
        let negative = call.node("Min", &[&scaled, &zero], []);
        let e = call.node("Exp", &[&negative], []);
        let e = with(call, "Sub", &e, 1.0);
        let e = with(call, "Mul", &e, alpha);
        let sum = call.node("Add", &[&positive, &e], []);
        with(call, "Mul", &sum, scale)
    };
    call.done(y)
}

fn leaky_relu<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, slope) = (call.input(0), call.number("negative_slope")?);
    let y = call.node("LeakyRelu", &[&x], [number("alpha", slope)]);
    call.done(y)
}

fn hardsigmoid<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let x = call.input(0);
    let options = [number("alpha", 1.0 / 6.0), number("beta", 0.5)];
    let y = call.node("HardSigmoid", &[&x], options);
    call.done(y)
}

fn shrink<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, lambda) = (call.input(0), call.number("lambda")?);
    let bias = if call.op() == "softshrink" {
        lambda
    } else {
        0.0
    };
    let y = call.node(
        "Shrink",
        &[&x],
        [number("lambd", lambda), number("bias", bias)],
    );
    call.done(y)
}

fn pow<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, exponent) = (call.input(0), call.number("exponent")?);
    let y = with(call, "Pow", &x, exponent);
    call.done(y)
}

fn root<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, degree) = (call.input(0), call.number("degree")?);
    let y = if degree == 2.0 {
        call.node("Sqrt", &[&x], [])
    } else {
        with(call, "Pow", &x, 1.0 / degree)
    };
    call.done(y)
}

fn softplus<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, beta, threshold) = (
        call.input(0),
        call.number("beta")?,
        call.number("threshold")?,
    );
    let scaled = if beta == 1.0 {
        x.clone()
    } else {
        with(call, "Mul", &x, beta)
    };
    let mut y = call.node("Softplus", &[&scaled], []);
    if beta != 1.0 {
        y = with(call, "Div", &y, beta);
    }
    if threshold.is_finite() {
        let threshold = call.scalar(threshold);
        let is_linear = call.node("Greater", &[&scaled, &threshold], []);
        y = call.node("Where", &[&is_linear, &x, &y], []);
    }
    call.done(y)
}
