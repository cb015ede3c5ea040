//! Normalisation and dropout.

use wengert::autograd::ops::{NormOptions, ResponseOptions};
use wengert::tensor::Real;

use super::reductions::dim;
use crate::call::{Call, Outputs, named, y};
use crate::failure::{Failure, needed};

pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let args = call.args;
    let norm = || -> Result<_, Failure> {
        Ok(NormOptions {
            weight: call.try_var("weight")?,
            bias: call.try_var("bias")?,
            eps: args.f64_or("eps", 1e-5)?,
        })
    };
    match call.op {
        "batch_norm" => batch_norm(call, &norm()?),
        "layer_norm" => {
            let shape = needed(
                args.usizes("normalized_shape")?,
                "argument normalized_shape",
            )?;
            y(call.x()?.layer_norm(shape, &norm()?))
        }
        "rms_norm" => {
            let shape = needed(
                args.usizes("normalized_shape")?,
                "argument normalized_shape",
            )?;
            // PyTorch's default is the machine epsilon of the type.
            let eps = if T::of(1.0 + f64::EPSILON) == T::one() {
                f64::from(f32::EPSILON)
            } else {
                f64::EPSILON
            };
            let options = NormOptions {
                eps: args.f64_or("eps", eps)?,
                ..norm()?
            };
            y(call.x()?.rms_norm(shape, &options))
        }
        "group_norm" => {
            let groups = needed(args.usize("num_groups")?, "argument num_groups")?;
            y(call.x()?.group_norm(groups, &norm()?))
        }
        "instance_norm" => y(call.x()?.instance_norm(&norm()?)),
        "local_response_norm" => y(call.x()?.local_response_norm(&ResponseOptions {
            size: needed(args.usize("size")?, "argument size")?,
            alpha: args.f64_or("alpha", 1e-4)?,
            beta: args.f64_or("beta", 0.75)?,
            k: args.f64_or("k", 1.0)?,
        })),
        "normalize" => {
            let (p, eps) = (args.f64_or("p", 2.0)?, args.f64_or("eps", 1e-12)?);
            let axis = if args.get("dim").is_some() {
                dim(call)?
            } else {
                1
            };
            y(call.x()?.normalize(p, axis, eps))
        }
        "dropout" => y(call
            .x()?
            .dropout(call.truth("mask")?, args.f64_or("p", 0.5)?)),
        _ => Err(Failure::NotImplemented),
    }
}

fn batch_norm<T: Real>(
    call: &Call<'_, T>,
    options: &NormOptions<'_, T>,
) -> Result<Outputs<T>, Failure> {
    let (x, args) = (call.x()?, call.args);
    let momentum = T::of(args.f64_or("momentum", 0.1)?);
    let running = (call.try_var("running_mean")?, call.try_var("running_var")?);
    let training = args.bool_or("training", false)?;
    if let (false, (Some(mean), Some(var))) = (training, running) {
        return named([
            ("y", x.batch_norm_with(mean, var, options).into()),
            ("running_mean", mean.clone().into()),
            ("running_var", var.clone().into()),
        ]);
    }
    let normed = x.batch_norm(options);
    let mut outputs = vec![("y".to_owned(), normed.y.clone().into())];
    if let (Some(mean), Some(var)) = running {
        let count = (x.len() / x.size(1).max(1)) as f64;
        let unbiased = T::of(count / (count - 1.0));
        let keep = T::one() - momentum;
        let blend = |old: T, new: T| keep * old + momentum * new;
        let mean = mean.value().zip(normed.mean.value(), blend);
        let var = var
            .value()
            .zip(normed.var.value(), |old, new| blend(old, new * unbiased));
        outputs.push(("running_mean".to_owned(), mean.into()));
        outputs.push(("running_var".to_owned(), var.into()));
    }
    Ok(outputs)
}
