//! Functions of each element, of one operand or of several that broadcast.

use wengert::autograd::Var;
use wengert::tensor::{Real, Tensor};

use crate::call::{Call, Outputs, Slot, y};
use crate::failure::{Failure, wrong};

pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let args = call.args;
    macro_rules! plain {
        ($($name:ident)*) => {
            match call.op {
                $(stringify!($name) => return y(call.x()?.$name()),)*
                _ => {}
            }
        };
    }
    plain! {
        neg abs exp sqrt rsqrt sin cos tan tanh sigmoid relu silu mish erf square reciprocal
        hardswish sign floor ceil round relu6 selu softsign logsigmoid trunc atan asin acos sinh cosh
        erfc log2 log10 exp2 tanhshrink
    }
    macro_rules! binary {
        ($($name:literal $method:ident)*) => {
            match call.op {
                $($name => return y(call.var("a")?.$method(call.var("b")?)),)*
                _ => {}
            }
        };
    }
    binary! {
        "maximum" maximum "minimum" minimum "pow" pow_tensor "div" div "add" add "sub" sub "mul" mul
        "atan2" atan2
    }
    macro_rules! comparison {
        ($($name:ident)*) => {
            match call.op {
                $(stringify!($name) => return y(match (&call.inputs["a"], &call.inputs["b"]) {
                    (Slot::Var(a), Slot::Var(b)) => Slot::Truth(a.$name(b)),
                    (Slot::Whole(a), Slot::Whole(b)) => Slot::Truth(a.$name(b)),
                    (Slot::Truth(a), Slot::Truth(b)) => Slot::Truth(a.map(i64::from).$name(&b.map(i64::from))),
                    _ => return wrong("operands of two types"),
                }),)*
                _ => {}
            }
        };
    }
    if call.has("a") && call.has("b") {
        comparison! { eq ne lt le gt ge }
    }
    match call.op {
        "log" => y(call.x()?.ln()),
        "log1p" => y(call.x()?.ln_1p()),
        "expm1" => y(call.x()?.exp_m1()),
        "softplus" => {
            let (beta, threshold) = (args.f64_or("beta", 1.0)?, args.f64_or("threshold", 20.0)?);
            y(call.x()?.softplus(beta, threshold))
        }
        "leaky_relu" => y(call.x()?.leaky_relu(args.f64_or("negative_slope", 0.01)?)),
        "elu" => y(call.x()?.elu(args.f64_or("alpha", 1.0)?)),
        "celu" => y(celu(call.x()?, args.f64_or("alpha", 1.0)?)),
        "hardsigmoid" => y(hardsigmoid(call.x()?)),
        "gelu" => match args.str("approximate")? {
            None | Some("none") => y(call.x()?.gelu()),
            Some("tanh") => y(call.x()?.gelu_tanh()),
            Some(other) => wrong(format!("approximate {other:?}")),
        },
        "clamp" => {
            let low = args.f64_or("min", f64::NEG_INFINITY)?;
            y(call.x()?.clamp(low, args.f64_or("max", f64::INFINITY)?))
        }
        "hardtanh" => {
            let low = either(args.f64("min")?, args.f64("min_val")?, -1.0);
            let high = either(args.f64("max")?, args.f64("max_val")?, 1.0);
            y(call.x()?.hardtanh(low, high))
        }
        "hardshrink" => y(call.x()?.hardshrink(args.f64_or("lambd", 0.5)?)),
        "softshrink" => y(call.x()?.softshrink(args.f64_or("lambd", 0.5)?)),
        "pow_scalar" => y(call.x()?.pow(args.f64_or("exponent", 1.0)?)),
        "add_scalar" => y(call.x()?.add_scalar(args.f64_or("value", 0.0)?)),
        "sub_scalar" => y(call.x()?.sub_scalar(args.f64_or("value", 0.0)?)),
        "rsub_scalar" => y(call.x()?.rsub_scalar(args.f64_or("value", 0.0)?)),
        "mul_scalar" => y(call.x()?.mul_scalar(args.f64_or("value", 1.0)?)),
        "div_scalar" => y(call.x()?.div_scalar(args.f64_or("value", 1.0)?)),
        "prelu" => y(call.x()?.prelu(call.var("weight")?)),
        "glu" => y(call.x()?.glu(args.isize_or("dim", -1)?)),
        "where" => {
            let cond = broadcast_mask(call.truth("cond")?, call.var("a")?, call.var("b")?);
            let [a, b] = [call.var("a")?, call.var("b")?].map(|x| x.broadcast_to(cond.shape()));
            y(Var::where_(&cond, &a, &b))
        }
        "masked_fill" => {
            let (x, mask) = (call.x()?, call.truth("mask")?);
            let mask = broadcast_mask(mask, x, x);
            y(x.broadcast_to(mask.shape())
                .masked_fill(&mask, args.f64_or("value", 0.0)?))
        }
        "lerp" => y(call.var("a")?.lerp(call.var("b")?, call.var("weight")?)),
        "addcmul" => {
            let value = args.f64_or("value", 1.0)?;
            y(call.x()?.addcmul(call.var("a")?, call.var("b")?, value))
        }
        "shared" => shared(call),
        _ => Err(Failure::NotImplemented),
    }
}

fn either(a: Option<f64>, b: Option<f64>, default: f64) -> f64 {
    a.or(b).unwrap_or(default)
}

/// A mask of the shape that it and the operands broadcast to.
fn broadcast_mask<T: Real>(mask: &Tensor<bool>, a: &Var<T>, b: &Var<T>) -> Tensor<bool> {
    let shape = wengert::tensor::broadcast_shapes("where", a.shape(), b.shape());
    let shape = wengert::tensor::broadcast_shapes("where", &shape, mask.shape());
    mask.broadcast_to(&shape)
}

/// The value of one function with the derivatives of another.
fn with_slope_of<T: Real>(value: &Var<T>, slope: &Var<T>) -> Var<T> {
    let difference = value.value().zip(slope.value(), |v, s| (v - s).primal());
    slope + Var::constant(difference)
}

/// `celu` whose rule takes the reciprocal of `alpha` in single precision, as PyTorch's does for every
/// type (derivatives.yaml: `1.0/alpha.toFloat()`). Ours is the exact one; the fixtures' bound is finer
/// than the difference.
fn celu<T: Real>(x: &Var<T>, alpha: f64) -> Var<T> {
    let reciprocal = 1.0 / f64::from(alpha as f32);
    let above = x.value().map(|x| x > T::zero());
    let slope = Var::where_(&above, x, &(x * reciprocal).elu(alpha));
    with_slope_of(&x.celu(alpha), &slope)
}

/// `hardsigmoid` whose slope is a sixth in single precision, as in PyTorch (Activation.cpp:
/// `one_sixth(1.0f / 6.0f)`); see [`celu`].
fn hardsigmoid<T: Real>(x: &Var<T>) -> Var<T> {
    let slope = (x + 3.0).clamp(0.0, 6.0) * f64::from(1.0_f32 / 6.0);
    with_slope_of(&x.hardsigmoid(), &slope)
}

/// Expressions that use their input several times.
fn shared<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let x = call.x()?;
    match call.args.str("expr")? {
        Some("x*x+x") => y(x * x + x),
        Some("x/sum(x)") => y(x / x.sum(..)),
        Some("concat(x,2x,x)") => y(Var::concat(&[x, &(x * 2.0), x], 0)),
        Some("sigmoid(x)*tanh(x)*x") => y(x.sigmoid() * x.tanh() * x),
        other => wrong(format!("expression {other:?}")),
    }
}
