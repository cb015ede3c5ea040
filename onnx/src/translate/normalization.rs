//! Normalization and softmax.

use wengert_autograd::Attribute;
use wengert_tensor::Tensor;

use super::elementwise::with;
use crate::call::{Call, Translated, attribute};
use crate::graph::{integer, integers, number};
use crate::number::FileNumber;
use crate::program::{Extent, Operand};

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let family = match call.op() {
        "standardize" => standardize,
        "normalized" => normalized,
        "softmax" | "log_softmax" => softmax,
        _ => return None,
    };
    Some(family(call))
}

fn softmax<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, axis) = (call.input(0), call.axis()? as i64);
    let operator = if call.op() == "softmax" {
        "Softmax"
    } else {
        "LogSoftmax"
    };
    let y = if call.flag("zero_if_nothing")? {
        softmax_or_zero(call, &x, axis)
    } else {
        call.node(operator, &[&x], [integer("axis", axis)])
    };
    call.done(y)
}

/// The softmax along an axis that is not negative; 0, not NaN, where all elements are −∞.
pub(super) fn softmax_or_zero<T: FileNumber>(
    call: &mut Call<'_, '_, T>,
    x: &str,
    axis: i64,
) -> String {
    let y = call.node("Softmax", &[x], [integer("axis", axis)]);
    let options = [integers("axes", &[axis]), integer("keepdims", 1)];
    let largest = call.node("ReduceMax", &[x], options);
    let (nothing, zero) = (call.scalar(f64::NEG_INFINITY), call.scalar(0.0));
    let is_nothing = call.node("Equal", &[&largest, &nothing], []);
    call.node("Where", &[&is_nothing, &zero, &y], [])
}

/// `y`, mean, variance and reciprocal deviation over some axes; the weight and the bias broadcast.
fn standardize<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let rank = call.rank(0) as i64;
    let mut axes: Vec<_> = call
        .integers("axes")?
        .iter()
        .map(|axis| axis.rem_euclid(rank))
        .collect();
    axes.sort_unstable();
    let (eps, centred) = (call.number("eps")?, call.flag("centred")?);
    let only_value = !(1..4).any(|k| call.is_used(k));
    let are_last = axes
        .iter()
        .rev()
        .zip((0..rank).rev())
        .all(|(&axis, last)| axis == last);
    if centred && only_value && are_last {
        return layer_normalization(call, axes.len(), eps);
    }
    let [x, weight, bias] = [0, 1, 2].map(|i| call.input(i));
    let mean_of = |call: &mut Call<'_, '_, T>, x: &str| {
        call.node(
            "ReduceMean",
            &[x],
            [integers("axes", &axes), integer("keepdims", 1)],
        )
    };
    let mut deviation = x.clone();
    if centred {
        let mean = mean_of(call, &x);
        deviation = call.node("Sub", &[&x, &mean], []);
        call.set(1, mean);
    } else if call.is_used(1) {
        return Err("the mean of a normalization that takes none is used".to_owned());
    }
    let square = call.node("Mul", &[&deviation, &deviation], []);
    let variance = mean_of(call, &square);
    let sum = with(call, "Add", &variance, eps);
    let root = call.node("Sqrt", &[&sum], []);
    let rstd = call.node("Reciprocal", &[&root], []);
    let standard = call.node("Mul", &[&deviation, &rstd], []);
    let scaled = call.node("Mul", &[&standard, &weight], []);
    let y = call.node("Add", &[&scaled, &bias], []);
    call.set(2, variance);
    call.set(3, rstd);
    call.done(y)
}

/// The operator for the last axes. It takes parameters of their shape; others are multiplied and added behind it.
fn layer_normalization<T: FileNumber>(
    call: &mut Call<'_, '_, T>,
    axes: usize,
    eps: f64,
) -> Translated {
    let [x, weight, bias] = [0, 1, 2].map(|i| call.input(i));
    let first = call.rank(0) - axes;
    let own = &call.shape(0)[first..];
    let options = [integer("axis", first as i64), number("epsilon", eps)];
    if call.shape(1) == own && call.shape(2) == own {
        let y = call.node("LayerNormalization", &[&x, &weight, &bias], options);
        return call.done(y);
    }
    let fixed = own.iter().map(|extent| match extent {
        Extent::Fixed(n) => Ok(*n),
        Extent::Batch(_) => Err("an axis to normalize grows with the batch".to_owned()),
    });
    let ones = Tensor::full(fixed.collect::<Result<Vec<_>, _>>()?, T::one());
    let ones = call.tensor(&ones);
    let y = call.node("LayerNormalization", &[&x, &ones], options);
    let y = call.node("Mul", &[&y, &weight], []);
    let y = call.node("Add", &[&y, &bias], []);
    call.done(y)
}

/// `(x − mean) · scale + shift`: batch normalization in evaluation.
fn normalized<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    if let Some(y) = batch_normalization(call) {
        return call.done(y);
    }
    let [x, mean, scale, shift] = [0, 1, 2, 3].map(|i| call.input(i));
    let deviation = call.node("Sub", &[&x, &mean], []);
    let scaled = call.node("Mul", &[&deviation, &scale], []);
    let y = call.node("Add", &[&scaled, &shift], []);
    call.done(y)
}

/// The operator, if the operands are vectors along the channels and the scale is `weight · rsqrt(variance + ε)`.
fn batch_normalization<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<String> {
    let [_, mean, scale, shift] = call.step.operands[..] else {
        return None;
    };
    let Operand::Value(scale) = scale else {
        return None;
    };
    let product = call.made_by(scale).filter(|step| step.place.op == "mul")?;
    let [weight, rstd] = [0, 1].map(|i| call.origin(product.operands[i]));
    let Operand::Value(rstd) = rstd else {
        return None;
    };
    let root = call.made_by(rstd).filter(|step| step.place.op == "rsqrt")?;
    let Operand::Value(sum) = root.operands[0] else {
        return None;
    };
    let sum = call.made_by(sum).filter(|step| step.place.op == "affine")?;
    let (Some(Attribute::Number(1.0)), Some(Attribute::Number(eps))) = (
        attribute(&sum.attributes, "scale"),
        attribute(&sum.attributes, "shift"),
    ) else {
        return None;
    };
    let channels = *call.shape(0).get(1)?;
    let origins = [
        weight,
        call.origin(shift),
        call.origin(mean),
        sum.operands[0],
    ];
    let mut inputs = vec![call.input(0)];
    for origin in origins {
        inputs.push(vector_of(call, origin, channels)?);
    }
    let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
    Some(call.node("BatchNormalization", &inputs, [number("epsilon", *eps)]))
}

/// The name of a stored or constant vector of this extent. Constants may have further axes of extent 1.
fn vector_of<T: FileNumber>(
    call: &mut Call<'_, '_, T>,
    operand: Operand,
    extent: Extent,
) -> Option<String> {
    let Extent::Fixed(extent) = extent else {
        return None;
    };
    if let Operand::Constant(number) = operand {
        let value = &call.graph.program.constants[number].value;
        let vector = (value.len() == extent).then(|| value.reshape([extent]))?;
        return Some(call.tensor(&vector));
    }
    call.leaf(operand)
}
