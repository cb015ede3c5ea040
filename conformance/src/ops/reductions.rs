//! Functions over axes.

use wengert::autograd::Var;
use wengert::tensor::{Real, Tensor};

use crate::call::{Call, Outputs, Slot, named, y};
use crate::failure::{Failure, needed};

pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let args = call.args;
    macro_rules! over_axes {
        ($($name:ident)*) => {
            match call.op {
                $(stringify!($name) => return y(call.x()?.$name(args.axes()?)),)*
                _ => {}
            }
        };
    }
    over_axes! { sum mean prod amax amin logsumexp }
    let pair = |(values, indices): (Var<T>, Tensor<i64>)| {
        named([("values", values.into()), ("indices", Slot::Whole(indices))])
    };
    match call.op {
        "max" => pair(call.x()?.max_with_indices(args.axes()?)),
        "min" => pair(call.x()?.min_with_indices(args.axes()?)),
        "argmax" => y(Slot::Whole(call.x()?.argmax(args.axes()?))),
        "argmin" => y(Slot::Whole(call.x()?.argmin(args.axes()?))),
        "var" => y(call.x()?.var(args.axes()?, args.usize_or("correction", 1)?)),
        "std" => y(call.x()?.std(args.axes()?, args.usize_or("correction", 1)?)),
        "norm" => y(call.x()?.norm(args.f64_or("ord", 2.0)?, args.axes()?)),
        "cumsum" => y(call.x()?.cumsum(dim(call)?)),
        "cumprod" => y(call.x()?.cumprod(dim(call)?)),
        "softmax" => y(call.x()?.softmax(dim(call)?)),
        "log_softmax" => y(call.x()?.log_softmax(dim(call)?)),
        "sort" => {
            args.bool_or("stable", true)?;
            let (x, axis) = (call.x()?, args.isize_or("dim", -1)?);
            let is_descending = args.bool_or("descending", false)?;
            pair(if is_descending {
                x.sort_descending(axis)
            } else {
                x.sort(axis)
            })
        }
        "topk" => {
            let k = needed(args.usize("k")?, "argument k")?;
            args.bool_or("sorted", true)?;
            let (x, axis) = (call.x()?, args.isize_or("dim", -1)?);
            let is_largest = args.bool_or("largest", true)?;
            pair(if is_largest {
                x.topk(axis, k)
            } else {
                x.bottomk(axis, k)
            })
        }
        _ => Err(Failure::NotImplemented),
    }
}

pub fn dim<T: Real>(call: &Call<'_, T>) -> Result<isize, Failure> {
    needed(call.args.isize("dim")?, "argument dim")
}
