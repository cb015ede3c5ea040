//! Sums and other reductions over axes, and running sums.

use super::elementwise::with;
use crate::call::{Call, Translated};
use crate::graph::{integer, integers};
use crate::number::FileNumber;
use crate::program::Extent;

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let operator = match call.op() {
        "sum" => return Some(sum(call)),
        "centred" => return Some(centred(call)),
        "var" => return Some(variance(call)),
        "cumsum" => return Some(cumsum(call)),
        "amax" => "ReduceMax",
        "amin" => "ReduceMin",
        "prod" => "ReduceProd",
        "logsumexp" => "ReduceLogSumExp",
        "norm" => "ReduceL2",
        _ => return None,
    };
    Some(reduction(call, operator))
}

fn reduction<T: FileNumber>(call: &mut Call<'_, '_, T>, operator: &str) -> Translated {
    let (x, (axes, kept)) = (call.input(0), call.axes()?);
    if axes.is_empty() {
        // Without axes an operator of ONNX reduces all.
        let none = if matches!(operator, "ReduceL2") {
            "Abs"
        } else {
            "Identity"
        };
        let y = call.node(none, &[&x], []);
        return call.done(y);
    }
    let options = [
        integers("axes", &axes),
        integer("keepdims", i64::from(kept)),
    ];
    let y = call.node(operator, &[&x], options);
    call.done(y)
}

fn sum<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, (axes, kept)) = (call.input(0), call.axes()?);
    let axes = call.vector(&axes);
    let options = [
        integer("keepdims", i64::from(kept)),
        integer("noop_with_empty_axes", 1),
    ];
    let y = call.node("ReduceSum", &[&x, &axes], options);
    call.done(y)
}

/// `x` without its mean over some axes.
fn deviation<T: FileNumber>(call: &mut Call<'_, '_, T>, axes: &[i64]) -> String {
    let x = call.input(0);
    if axes.is_empty() {
        return call.node("Sub", &[&x, &x], []);
    }
    let options = [integers("axes", axes), integer("keepdims", 1)];
    let mean = call.node("ReduceMean", &[&x], options);
    call.node("Sub", &[&x, &mean], [])
}

fn centred<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (axes, _) = call.axes()?;
    let y = deviation(call, &axes);
    call.done(y)
}

fn variance<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let ((axes, kept), correction) = (call.axes()?, call.integer("correction")?);
    let mut count = 1;
    for &axis in &axes {
        match call.shape(0)[axis as usize] {
            Extent::Fixed(n) => count *= n as i64,
            Extent::Batch(_) => return Err(format!("axis {axis} grows with the batch")),
        }
    }
    let deviation = deviation(call, &axes);
    let square = call.node("Mul", &[&deviation, &deviation], []);
    let vector = call.vector(&axes);
    let options = [
        integer("keepdims", i64::from(kept)),
        integer("noop_with_empty_axes", 1),
    ];
    let sum = call.node("ReduceSum", &[&square, &vector], options);
    let y = with(call, "Div", &sum, (count - correction).max(0) as f64);
    call.done(y)
}

fn cumsum<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, axis) = (call.input(0), call.axis()? as i64);
    let axis = call.graph.indices(&wengert_tensor::Tensor::scalar(axis));
    let y = call.node("CumSum", &[&x, &axis], []);
    call.done(y)
}
