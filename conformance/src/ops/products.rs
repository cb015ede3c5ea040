//! Products of vectors and matrices.

use wengert::autograd::Var;
use wengert::tensor::Real;

use crate::call::{Call, Outputs, y};
use crate::failure::{Failure, needed};

pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    match call.op {
        "matmul" => y(call.var("a")?.matmul(call.var("b")?)),
        "outer" => y(call.var("a")?.outer(call.var("b")?)),
        "einsum" => {
            let equation = needed(call.args.str("equation")?, "argument equation")?;
            y(Var::einsum(equation, &call.vars()?))
        }
        "linear" => y(call.x()?.linear(call.var("weight")?, call.try_var("bias")?)),
        "bilinear" => {
            let (x1, x2, weight) = (call.var("x1")?, call.var("x2")?, call.var("weight")?);
            y(x1.bilinear(x2, weight, call.try_var("bias")?))
        }
        _ => Err(Failure::NotImplemented),
    }
}
