//! The same elements in another shape, order or extent.

use crate::call::{Call, Translated};
use crate::graph::{integer, integers, word};
use crate::number::FileNumber;

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let family = match call.op() {
        // Written down by the first call that needs it, and by none if all of them broadcast by themselves.
        "broadcast_to" => return Some(Ok(())),
        "reshape" => reshape,
        "permute" => permute,
        "concat" => concat,
        "slice" => slice,
        "flip" => flip,
        "roll" => roll,
        "pad" => pad,
        "unfold_axis" => unfold,
        _ => return None,
    };
    Some(family(call))
}

fn reshape<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let x = call.input(0);
    let shape = call.result_shape(0);
    let y = call.graph.reshape(&x, shape);
    call.done(y)
}

fn permute<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, rank) = (call.input(0), call.rank(0) as i64);
    let order: Vec<_> = call
        .integers("axes")?
        .iter()
        .map(|axis| axis.rem_euclid(rank))
        .collect();
    let y = call.node("Transpose", &[&x], [integers("perm", &order)]);
    call.done(y)
}

fn concat<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let parts: Vec<_> = (0..call.operands()).map(|i| call.input(i)).collect();
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    let axis = call.axis()?;
    let y = call.node("Concat", &parts, [integer("axis", axis as i64)]);
    call.done(y)
}

/// From the first index to the one behind the last, in steps; along these axes.
fn sliced<T: FileNumber>(
    call: &mut Call<'_, '_, T>,
    x: &str,
    ranges: &[(usize, [i64; 3])],
) -> String {
    let column = |k: usize| ranges.iter().map(|(_, range)| range[k]).collect::<Vec<_>>();
    let axes: Vec<_> = ranges.iter().map(|(axis, _)| *axis as i64).collect();
    let [starts, ends, steps] = [0, 1, 2].map(|k| call.vector(&column(k)));
    let axes = call.vector(&axes);
    call.node("Slice", &[x, &starts, &ends, &axes, &steps], [])
}

fn slice<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    use crate::program::Extent;
    let x = call.input(0);
    let mut ranges = Vec::new();
    for (axis, (slice, extent)) in call.slices("region")?.iter().zip(call.shape(0)).enumerate() {
        let step = slice.stride() as i64;
        let extent = match *extent {
            Extent::Fixed(extent) => extent,
            // Bounds that count from the end of an axis that grows would have to be computed.
            Extent::Batch(_) if *slice == wengert_tensor::Slice::from(..) => continue,
            Extent::Batch(_) => {
                return Err(format!(
                    "axis {axis} grows with the batch, and a part of it is selected"
                ));
            }
        };
        let (start, count) = slice.resolve(extent);
        if (start, count, step) == (0, extent, 1) {
            continue;
        }
        let end = if count == 0 {
            start as i64
        } else {
            start as i64 + count as i64 * step
        };
        // Below 0 an end would count from the back.
        let end = if end < 0 { i64::MIN } else { end };
        ranges.push((axis, [start as i64, end, step]));
    }
    let y = if ranges.is_empty() {
        x
    } else {
        sliced(call, &x, &ranges)
    };
    call.done(y)
}

fn flip<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, (axes, _)) = (call.input(0), call.axes()?);
    let ranges: Vec<_> = axes
        .iter()
        .map(|&axis| (axis as usize, [-1, i64::MIN, -1]))
        .collect();
    let y = if ranges.is_empty() {
        x
    } else {
        sliced(call, &x, &ranges)
    };
    call.done(y)
}

fn roll<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    use crate::program::Extent;
    let (x, axis) = (call.input(0), call.axis()?);
    let Extent::Fixed(extent) = call.shape(0)[axis] else {
        return Err(format!("axis {axis} grows with the batch"));
    };
    let shift = call.integer("shift")?.rem_euclid(extent.max(1) as i64);
    if shift == 0 {
        return call.done(x);
    }
    let cut = extent as i64 - shift;
    let behind = sliced(call, &x, &[(axis, [cut, extent as i64, 1])]);
    let front = sliced(call, &x, &[(axis, [0, cut, 1])]);
    let y = call.node("Concat", &[&behind, &front], [integer("axis", axis as i64)]);
    call.done(y)
}

fn pad<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, value) = (call.input(0), call.number("value")?);
    let widths = call.integers("widths")?;
    let sides: Vec<_> = [0, 1]
        .into_iter()
        .flat_map(|side| widths.iter().skip(side).step_by(2).copied())
        .collect();
    let (sides, value) = (call.vector(&sides), call.scalar(value));
    let y = call.node("Pad", &[&x, &sides, &value], [word("mode", "constant")]);
    call.done(y)
}

fn unfold<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    use crate::program::Extent;
    let (x, axis, rank) = (call.input(0), call.axis()?, call.rank(0));
    let (size, step, dilation) = (
        call.integer("size")?,
        call.integer("step")?,
        call.integer("dilation")?,
    );
    let Extent::Fixed(windows) = call.result_shape(0)[axis] else {
        return Err(format!("axis {axis} grows with the batch"));
    };
    let places = wengert_tensor::Tensor::from_fn([windows, size as usize], |at| {
        at[0] as i64 * step + at[1] as i64 * dilation
    });
    let places = call.graph.indices(&places);
    let gathered = call.node("Gather", &[&x, &places], [integer("axis", axis as i64)]);
    // The taps come behind all other axes.
    let order: Vec<_> = (0..=rank as i64)
        .filter(|&from| from != axis as i64 + 1)
        .chain([axis as i64 + 1])
        .collect();
    let y = call.node("Transpose", &[&gathered], [integers("perm", &order)]);
    call.done(y)
}
