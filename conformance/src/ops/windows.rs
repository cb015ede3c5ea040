//! Convolution, pooling, resizing.

use wengert::autograd::Var;
use wengert::autograd::ops::{InterpolateOptions, Interpolation};
use wengert::tensor::{ConvOptions, ConvTransposeOptions, Divisor, PoolOptions, Real, Tensor};

use crate::args::number;
use crate::call::{Call, Outputs, Slot, named, y};
use crate::failure::{Failure, needed, wrong};

pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let args = call.args;
    match call.op {
        "conv1d" => conv(call, 1, Var::conv1d),
        "conv2d" => conv(call, 2, Var::conv2d),
        "conv3d" => conv(call, 3, Var::conv3d),
        "conv_transpose1d" => conv_transpose(call, 1, Var::conv_transpose1d),
        "conv_transpose2d" => conv_transpose(call, 2, Var::conv_transpose2d),
        "conv_transpose3d" => conv_transpose(call, 3, Var::conv_transpose3d),
        "max_pool1d" => max_pool(call, 1, |x, options| x.max_pool1d_with_indices(options)),
        "max_pool2d" => max_pool(call, 2, |x, options| x.max_pool2d_with_indices(options)),
        "max_pool3d" => max_pool(call, 3, |x, options| x.max_pool3d_with_indices(options)),
        "avg_pool1d" => pool(call, 1, |x, options| x.avg_pool1d(options)),
        "avg_pool2d" => pool(call, 2, |x, options| x.avg_pool2d(options)),
        "avg_pool3d" => pool(call, 3, |x, options| x.avg_pool3d(options)),
        "lp_pool1d" => lp_pool(call, 1, |x, p, options| x.lp_pool1d(p, options)),
        "lp_pool2d" => lp_pool(call, 2, |x, p, options| x.lp_pool2d(p, options)),
        "lp_pool3d" => lp_pool(call, 3, |x, p, options| x.lp_pool3d(p, options)),
        "adaptive_avg_pool1d" => adaptive(call, 1, |x, size| y(x.adaptive_avg_pool1d(size))),
        "adaptive_avg_pool2d" => adaptive(call, 2, |x, size| y(x.adaptive_avg_pool2d(size))),
        "adaptive_avg_pool3d" => adaptive(call, 3, |x, size| y(x.adaptive_avg_pool3d(size))),
        "adaptive_max_pool1d" => adaptive(call, 1, |x, size| {
            with_places(x.adaptive_max_pool1d_with_indices(size))
        }),
        "adaptive_max_pool2d" => adaptive(call, 2, |x, size| {
            with_places(x.adaptive_max_pool2d_with_indices(size))
        }),
        "adaptive_max_pool3d" => adaptive(call, 3, |x, size| {
            with_places(x.adaptive_max_pool3d_with_indices(size))
        }),
        "global_avg_pool" | "global_max_pool" => {
            let x = call.x()?;
            let pooled = if call.op == "global_avg_pool" {
                x.global_avg_pool()
            } else {
                x.global_max_pool()
            };
            // Our op keeps the reduced axes; PyTorch's does not.
            let kept = args.bool_or("keepdim", false)?;
            y(if kept {
                pooled
            } else {
                pooled.reshape(&x.shape()[..2])
            })
        }
        "interpolate" => interpolate(call),
        _ => Err(Failure::NotImplemented),
    }
}

/// Adds the missing batch axis, calls the op, and removes the axis from the result.
fn batched<T: Real>(
    x: &Var<T>,
    axes: usize,
    f: impl FnOnce(&Var<T>) -> Result<Outputs<T>, Failure>,
) -> Result<Outputs<T>, Failure> {
    if x.rank() != axes + 1 {
        return f(x);
    }
    let squeeze = |(name, slot): (String, Slot<T>)| {
        let slot = match slot {
            Slot::Var(x) => Slot::Var(x.squeeze(0)),
            Slot::Whole(x) => Slot::Whole(x.squeeze(0)),
            Slot::Truth(x) => Slot::Truth(x.squeeze(0)),
        };
        (name, slot)
    };
    Ok(f(&x.unsqueeze(0))?.into_iter().map(squeeze).collect())
}

fn with_bias<T: Real>(call: &Call<'_, T>, out: Var<T>) -> Result<Outputs<T>, Failure> {
    let Some(bias) = call.try_var("bias")? else {
        return y(out);
    };
    let mut along = vec![1; out.rank()];
    along[1] = bias.len();
    y(out + bias.reshape(along))
}

fn conv<T: Real>(
    call: &Call<'_, T>,
    axes: usize,
    f: impl FnOnce(&Var<T>, &Var<T>, &ConvOptions) -> Var<T>,
) -> Result<Outputs<T>, Failure> {
    let args = call.args;
    let mut options = ConvOptions::default().groups(args.usize_or("groups", 1)?);
    options = windowed!(options, args);
    let weight = call.var("weight")?;
    batched(call.x()?, axes, |x| with_bias(call, f(x, weight, &options)))
}

fn conv_transpose<T: Real>(
    call: &Call<'_, T>,
    axes: usize,
    f: impl FnOnce(&Var<T>, &Var<T>, &ConvTransposeOptions) -> Var<T>,
) -> Result<Outputs<T>, Failure> {
    let args = call.args;
    let mut options = ConvTransposeOptions::default().groups(args.usize_or("groups", 1)?);
    options = windowed!(options, args);
    if let Some(more) = args.extents("output_padding")? {
        options = options.output_padding(more);
    }
    let weight = call.var("weight")?;
    batched(call.x()?, axes, |x| with_bias(call, f(x, weight, &options)))
}

fn pool_options<T: Real>(call: &Call<'_, T>) -> Result<PoolOptions, Failure> {
    let args = call.args;
    let mut options = PoolOptions::new(needed(args.extents("kernel")?, "argument kernel")?);
    options = windowed!(options, args);
    if args.bool_or("ceil_mode", false)? {
        options = options.ceil();
    }
    if !args.bool_or("count_include_pad", true)? {
        options = options.divisor(Divisor::Image);
    }
    if let Some(divisor) = args.usize("divisor_override")? {
        options = options.divisor(Divisor::Fixed(divisor));
    }
    Ok(options)
}

fn with_places<T: Real>((values, places): (Var<T>, Tensor<i64>)) -> Result<Outputs<T>, Failure> {
    named([("y", values.into()), ("indices", Slot::Whole(places))])
}

fn max_pool<T: Real>(
    call: &Call<'_, T>,
    axes: usize,
    f: impl FnOnce(&Var<T>, PoolOptions) -> (Var<T>, Tensor<i64>),
) -> Result<Outputs<T>, Failure> {
    let options = pool_options(call)?;
    batched(call.x()?, axes, |x| with_places(f(x, options)))
}

fn pool<T: Real>(
    call: &Call<'_, T>,
    axes: usize,
    f: impl FnOnce(&Var<T>, PoolOptions) -> Var<T>,
) -> Result<Outputs<T>, Failure> {
    let options = pool_options(call)?;
    batched(call.x()?, axes, |x| y(f(x, options)))
}

fn lp_pool<T: Real>(
    call: &Call<'_, T>,
    axes: usize,
    f: impl FnOnce(&Var<T>, f64, PoolOptions) -> Var<T>,
) -> Result<Outputs<T>, Failure> {
    let (options, p) = (pool_options(call)?, call.args.f64_or("p", 2.0)?);
    batched(call.x()?, axes, |x| y(f(x, p, options)))
}

fn adaptive<T: Real>(
    call: &Call<'_, T>,
    axes: usize,
    f: impl FnOnce(&Var<T>, wengert::tensor::Extents) -> Result<Outputs<T>, Failure>,
) -> Result<Outputs<T>, Failure> {
    let size = needed(call.args.get("output_size"), "argument output_size")?;
    batched(call.x()?, axes, |x| {
        // Null keeps the extent of an axis.
        let extent = |i: usize, value: &serde_json::Value| {
            if value.is_null() {
                return Some(x.shape()[2 + i]);
            }
            crate::args::count(value)
        };
        let sizes: Option<Vec<_>> = match size.as_array() {
            Some(sizes) => sizes
                .iter()
                .enumerate()
                .map(|(i, n)| extent(i, n))
                .collect(),
            None => (0..axes).map(|i| extent(i, size)).collect(),
        };
        f(x, needed(sizes, "size")?.as_slice().into())
    })
}

fn interpolate<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let (x, args) = (call.x()?, call.args);
    let axes = x.rank().saturating_sub(2);
    let mut options = match (args.extents("size")?, args.list("scale_factor", number)?) {
        (Some(size), None) => InterpolateOptions::to(size),
        (None, Some(scale)) if scale.len() == 1 => InterpolateOptions::by(vec![scale[0]; axes]),
        (None, Some(scale)) => InterpolateOptions::by(scale),
        _ => return wrong("either a size or a scale_factor is needed"),
    };
    options = options.mode(match args.str("mode")? {
        None | Some("nearest") => Interpolation::Nearest,
        Some("nearest-exact") => Interpolation::NearestExact,
        Some("linear" | "bilinear" | "trilinear") => Interpolation::Linear,
        Some("bicubic") => Interpolation::Cubic,
        Some(other) => return wrong(format!("mode {other:?}")),
    });
    if args.bool_or("align_corners", false)? {
        options = options.align_corners();
    }
    if args.bool_or("recompute_scale_factor", false)? {
        options = options.recompute_scale();
    }
    y(x.interpolate(&options))
}
