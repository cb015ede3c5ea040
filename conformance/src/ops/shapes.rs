//! Views, joins, indices.

use wengert::autograd::Var;
use wengert::autograd::ops::Border;
use wengert::tensor::{ConvOptions, Real, Slice};

use super::reductions::dim;
use crate::args::{count, whole};
use crate::call::{Call, Outputs, Slot, y};
use crate::failure::{Failure, needed, wrong};

#[expect(clippy::too_many_lines, reason = "one arm an op")]
pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let args = call.args;
    match call.op {
        "reshape" => {
            let x = call.x()?;
            let shape = needed(args.isizes("shape")?, "argument shape")?;
            let known: usize = shape
                .iter()
                .filter(|&&n| n >= 0)
                .map(|&n| n as usize)
                .product();
            let open = shape.iter().filter(|&&n| n < 0).count();
            if open > 1 || (open == 1 && (known == 0 || x.len() % known != 0)) {
                return wrong(format!("{shape:?} cannot be completed"));
            }
            let extent = |&n: &isize| if n < 0 { x.len() / known } else { n as usize };
            let shape: Vec<_> = shape.iter().map(extent).collect();
            y(x.reshape(shape))
        }
        "flatten" => {
            let (start, end) = (
                args.isize_or("start_dim", 0)?,
                args.isize_or("end_dim", -1)?,
            );
            y(call.x()?.flatten(start, end))
        }
        "squeeze" => {
            let x = call.x()?;
            let rank = x.rank() as isize;
            let mut axes: Vec<_> = match args.isizes("dim")? {
                Some(axes) => axes.iter().map(|a| a.rem_euclid(rank.max(1))).collect(),
                None => (0..rank).collect(),
            };
            // PyTorch ignores an axis whose extent is not 1.
            axes.retain(|&axis| rank > 0 && x.size(axis) == 1);
            axes.sort_unstable_by_key(|&axis| -axis);
            y(axes.iter().fold(x.clone(), |x, &axis| x.squeeze(axis)))
        }
        "unsqueeze" => y(call.x()?.unsqueeze(dim(call)?)),
        "permute" => y(call
            .x()?
            .permute(needed(args.isizes("dims")?, "argument dims")?)),
        "transpose" => match needed(args.isizes("dims")?, "argument dims")?[..] {
            [a, b] => y(call.x()?.transpose(a, b)),
            _ => wrong("a transposition takes two axes"),
        },
        "expand" => {
            let x = call.x()?;
            y(x.broadcast_to(expanded(
                x.shape(),
                &needed(args.isizes("shape")?, "argument shape")?,
            )?))
        }
        "repeat" => y(call
            .x()?
            .repeat(needed(args.usizes("repeats")?, "argument repeats")?)),
        "slice" => {
            let slices = needed(args.get("slices"), "argument slices")?;
            let slices = needed(slices.as_array(), "list of slices")?;
            slices
                .iter()
                .try_fold(call.x()?.clone(), one_slice)
                .and_then(y)
        }
        "select" => {
            let index = needed(args.isize("index")?, "argument index")?;
            y(call.x()?.select(dim(call)?, index))
        }
        "flip" => y(call
            .x()?
            .flip(needed(args.isizes("dims")?, "argument dims")?)),
        "roll" => roll(call),
        "concat" => y(Var::concat(&call.vars()?, args.isize_or("dim", 0)?)),
        "stack" => y(Var::stack(&call.vars()?, args.isize_or("dim", 0)?)),
        "split" => {
            let x = call.x()?;
            let axis = args.isize_or("dim", 0)?;
            let sizes = needed(args.get("sizes"), "argument sizes")?;
            let sizes = if let Some(size) = count(sizes) {
                let extent = x.size(axis);
                (0..extent)
                    .step_by(size.max(1))
                    .map(|at| size.min(extent - at))
                    .collect()
            } else {
                needed(args.usizes("sizes")?, "argument sizes")?
            };
            Ok(numbered(x.split(axis, &sizes)))
        }
        "chunk" => {
            let chunks = needed(args.usize("chunks")?, "argument chunks")?;
            Ok(numbered(call.x()?.chunk(args.isize_or("dim", 0)?, chunks)))
        }
        "pad" => pad(call),
        "gather" => y(call.x()?.gather(dim(call)?, call.whole("index")?)),
        "scatter_add" => {
            y(call
                .x()?
                .scatter_add(dim(call)?, call.whole("index")?, call.var("src")?))
        }
        "scatter" => y(call
            .x()?
            .scatter(dim(call)?, call.whole("index")?, call.var("src")?)),
        "index_select" => y(call.x()?.index_select(dim(call)?, call.whole("index")?)),
        "index_add" => {
            let source = call.var("src")? * args.f64_or("alpha", 1.0)?;
            y(call
                .x()?
                .index_add(dim(call)?, call.whole("index")?, &source))
        }
        "embedding" => {
            let weight = call.var("weight")?;
            let rows = weight.size(0) as isize;
            let padding = args
                .isize("padding_idx")?
                .map(|i| i.rem_euclid(rows.max(1)) as usize);
            y(weight.embedding(call.whole("index")?, padding))
        }
        "one_hot" => {
            let index = call.whole("index")?;
            let classes = args.isize_or("num_classes", -1)?;
            let largest = index.iter().max().unwrap_or(-1);
            let classes = usize::try_from(classes).unwrap_or((largest + 1) as usize);
            y(Slot::Whole(index.one_hot(classes)))
        }
        "tril" => y(call.x()?.tril(args.isize_or("diagonal", 0)?)),
        "triu" => y(call.x()?.triu(args.isize_or("diagonal", 0)?)),
        "diagonal" => {
            let (a, b) = (args.isize_or("dim1", 0)?, args.isize_or("dim2", 1)?);
            y(call.x()?.diagonal(args.isize_or("offset", 0)?, a, b))
        }
        "unfold" => {
            let kernel = two(args.usizes("kernel")?, "kernel")?;
            y(call.x()?.unfold(kernel, &windows(call)?))
        }
        "fold" => {
            let kernel = two(args.usizes("kernel")?, "kernel")?;
            let output = two(args.usizes("output_size")?, "output_size")?;
            y(call.x()?.fold(output, kernel, &windows(call)?))
        }
        "pixel_shuffle" => y(call
            .x()?
            .pixel_shuffle(needed(args.usize("factor")?, "factor")?)),
        "pixel_unshuffle" => y(call
            .x()?
            .pixel_unshuffle(needed(args.usize("factor")?, "factor")?)),
        _ => Err(Failure::NotImplemented),
    }
}

/// PyTorch's shapes to expand to: −1 keeps an extent.
pub fn expanded(from: &[usize], to: &[isize]) -> Result<Vec<usize>, Failure> {
    let new = to.len().saturating_sub(from.len());
    let extent = |(place, &n): (usize, &isize)| match n {
        -1 if place >= new => Ok(from[place - new]),
        n if n >= 0 => Ok(n as usize),
        _ => wrong(format!("{to:?} is no shape")),
    };
    to.iter().enumerate().map(extent).collect()
}

fn one_slice<T: Real>(x: Var<T>, slice: &serde_json::Value) -> Result<Var<T>, Failure> {
    let parts = slice.as_array().map(Vec::as_slice);
    let end = |value: &serde_json::Value| {
        if value.is_null() {
            Some(None)
        } else {
            whole(value).map(Some)
        }
    };
    let Some([axis, start, stop, step]) = parts else {
        return wrong(format!("{slice} is no slice"));
    };
    let step = if step.is_null() { Some(1) } else { whole(step) };
    match (whole(axis), end(start), end(stop), step) {
        (Some(axis), Some(start), Some(stop), Some(step)) if step != 0 => {
            Ok(x.slice(axis, Slice::new(start, stop, step)))
        }
        _ => wrong(format!("{slice} is no slice")),
    }
}

fn roll<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let x = call.x()?;
    let shifts = needed(call.args.isizes("shifts")?, "argument shifts")?;
    let Some(dims) = call.args.isizes("dims")?.filter(|dims| !dims.is_empty()) else {
        // Without axes the elements are rolled in row-major order.
        let [shift] = shifts[..] else {
            return wrong("several shifts and no axes");
        };
        return y(x.reshape([x.len()]).roll(shift, 0).reshape(x.shape()));
    };
    if shifts.len() != dims.len() {
        return wrong("as many shifts as axes are needed");
    }
    let turns = shifts.iter().zip(&dims);
    y(turns.fold(x.clone(), |x, (&shift, &axis)| x.roll(shift, axis)))
}

fn pad<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let (x, args) = (call.x()?, call.args);
    let border = match args.str("mode")? {
        None | Some("constant") => {
            let widths = needed(args.pairs("pad", whole)?, "argument pad")?;
            return y(x.pad(&widths, args.f64_or("value", 0.0)?));
        }
        Some("reflect") => Border::Reflect,
        Some("replicate") => Border::Replicate,
        Some("circular") => Border::Circular,
        Some(other) => return wrong(format!("mode {other:?}")),
    };
    if args.f64_or("value", 0.0)? != 0.0 {
        return wrong("a value has a meaning for constant padding only");
    }
    y(x.pad_border(&needed(args.pairs("pad", count)?, "argument pad")?, border))
}

fn two(extents: Option<Vec<usize>>, name: &str) -> Result<[usize; 2], Failure> {
    match needed(extents, format!("argument {name}"))?[..] {
        [side] => Ok([side, side]),
        [height, width] => Ok([height, width]),
        _ => wrong(format!("{name}: one or two extents are needed")),
    }
}

fn windows<T: Real>(call: &Call<'_, T>) -> Result<ConvOptions, Failure> {
    Ok(windowed!(ConvOptions::default(), call.args))
}

fn numbered<T: Real>(parts: Vec<Var<T>>) -> Outputs<T> {
    let parts = parts.into_iter().enumerate();
    parts
        .map(|(i, part)| (format!("y{i}"), part.into()))
        .collect()
}
