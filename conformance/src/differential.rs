//! A case of a differentiable op: its outputs, gradients and second-order products.

use std::collections::BTreeMap;

use wengert::autograd::{Graph, Program, Tape, Var, grad};
use wengert::nn::Values;
use wengert::tensor::{Dual, Real, Slice, Tensor};

use crate::args::{Args, count, number, whole};
use crate::call::{Call, Outputs, Slot};
use crate::compare;
use crate::failure::{Failure, needed, wrong};
use crate::manifest::{Case, Stored};
use crate::ops;

/// Compares the stored gradients with those of a program that was recorded from the op, if it looks at no value.
fn replayed<T: Real>(
    case: &Case,
    stored: &Stored<'_>,
    args: &Args<'_>,
    names: &[&String],
) -> Result<(), Failure> {
    let tape = Tape::for_replay();
    let (mut leaves, mut arguments) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let outputs = run::<T>(case, stored, args, |name, value| {
        let is_data = !case.differentiable.iter().any(|d| d == name);
        let leaf = tape.leaf(value.clone());
        arguments[usize::from(is_data)].push(value);
        leaves[usize::from(is_data)].push(leaf.clone());
        leaf
    })?;
    let mut sum = Var::scalar(0.0);
    for name in &case.cotangents {
        let cotangent = Var::constant(stored.real::<T>("cot", name)?);
        if let Slot::Var(y) = find(&outputs, name)? {
            sum = sum + (y * cotangent).sum(..);
        }
    }
    if !sum.is_tracked() {
        return Ok(());
    }
    let Ok(mut program) = Program::new(&sum, &leaves[0], &leaves[1]) else {
        return Ok(());
    };
    let [parameters, data] = arguments
        .each_ref()
        .map(|all| all.iter().collect::<Vec<_>>());
    for run in ["first", "second"] {
        let (_, gradients) = program.run(&parameters, &data);
        for ((name, gradient), x) in names.iter().zip(gradients).zip(&parameters) {
            let gradient = gradient.unwrap_or_else(|| Tensor::zeros(x.shape()));
            let what = format!("grad/{name}, {run} replay");
            compare::real(
                &what,
                &gradient,
                stored.get("grad", name)?,
                case.tolerance(),
            )?;
        }
    }
    Ok(())
}

/// Compares everything stored for a case with the results in the number type `T`.
pub fn check<T: Real>(case: &Case, stored: &Stored<'_>) -> Result<(), Failure> {
    let args = Args::new(&case.args);
    let tolerance = case.tolerance();
    let tape = Tape::new();
    let mut leaves = Vec::new();
    let outputs = run::<T>(case, stored, &args, |name, value| {
        if case.differentiable.iter().any(|d| d == name) {
            let leaf = tape.leaf(value);
            leaves.push(leaf.clone());
            leaf
        } else {
            Var::constant(value)
        }
    })?;
    args.all_read()?;
    values(case, stored, &outputs)?;
    if case.differentiable.is_empty() {
        return Ok(());
    }

    // Leaves are in the order of the inputs.
    let names: Vec<_> = case
        .inputs
        .iter()
        .filter(|name| case.differentiable.contains(name))
        .collect();
    let inputs: Vec<_> = leaves.iter().collect();
    let mut roots = Vec::new();
    let mut cotangents = Vec::new();
    for name in &case.cotangents {
        let cotangent = tape.leaf(stored.real::<T>("cot", name)?);
        let Slot::Var(y) = find(&outputs, name)? else {
            return wrong(format!("output {name} has a cotangent and no real numbers"));
        };
        roots.push((y, cotangent.clone()));
        cotangents.push(cotangent);
    }
    let graph = if case.second_order.is_some() {
        Graph::Create
    } else {
        Graph::Skip
    };
    let gradients = grad(&roots, &inputs, graph);
    let gradients: Vec<_> = gradients
        .into_iter()
        .zip(&inputs)
        .map(|(gradient, x)| gradient.unwrap_or_else(|| Var::full(x.shape(), 0.0)))
        .collect();
    for (name, gradient) in names.iter().zip(&gradients) {
        let expected = stored.get("grad", name)?;
        compare::real(
            &format!("grad/{name}"),
            gradient.value(),
            expected,
            tolerance,
        )?;
    }

    replayed::<T>(case, stored, &args, &names)?;
    let Some(order) = &case.second_order else {
        return Ok(());
    };
    if order != "full" && order != "jvp" {
        return wrong(format!("second_order {order:?}"));
    }
    let mut directions = Vec::new();
    for name in &names {
        directions.push(Var::constant(stored.real::<T>("dir", name)?));
    }
    let seconds: Vec<_> = gradients.iter().zip(directions.iter().cloned()).collect();
    let wanted: Vec<_> = cotangents.iter().chain(inputs.iter().copied()).collect();
    let products = grad(&seconds, &wanted, Graph::Skip);
    let (forward, second) = products.split_at(cotangents.len());
    for ((name, product), y) in case.cotangents.iter().zip(forward).zip(&cotangents) {
        let product = product.clone().unwrap_or_else(|| Var::full(y.shape(), 0.0));
        let what = format!("jvp/{name} by two reverse passes");
        compare::real(&what, product.value(), stored.get("jvp", name)?, tolerance)?;
    }
    if order == "full" {
        for ((name, product), x) in names.iter().zip(second).zip(&inputs) {
            let product = product.clone().unwrap_or_else(|| Var::full(x.shape(), 0.0));
            let expected = stored.get("gradgrad", name)?;
            compare::real(
                &format!("gradgrad/{name}"),
                product.value(),
                expected,
                tolerance,
            )?;
        }
    }
    if case.at_kink {
        return Ok(());
    }
    forward_mode(case, stored, &args, &names, &directions)
}

/// Compares the outputs themselves.
fn values<T: Real>(case: &Case, stored: &Stored<'_>, outputs: &Outputs<T>) -> Result<(), Failure> {
    let tolerance = case.tolerance();
    for name in &case.outputs {
        let what = format!("out/{name}");
        let expected = stored.get("out", name)?;
        match find(outputs, name)? {
            Slot::Var(y) => compare::real(&what, y.value(), expected, tolerance)?,
            Slot::Whole(y) => compare::whole(&what, y, expected)?,
            Slot::Truth(y) => compare::whole(&what, &y.map(i64::from), expected)?,
        }
    }
    Ok(())
}

/// The Jacobian times the directions by exact forward mode.
///
/// In double precision for both types, as the stored numbers were.
fn forward_mode<T: Real>(
    case: &Case,
    stored: &Stored<'_>,
    args: &Args<'_>,
    names: &[&String],
    directions: &[Var<T>],
) -> Result<(), Failure> {
    let mut strange = None;
    let outputs = run::<Dual<f64>>(case, stored, args, |name, value| {
        let Some(place) = names.iter().position(|known| *known == name) else {
            return Var::constant(value);
        };
        let direction: Tensor<f64> = directions[place].value().cast();
        if direction.shape() != value.shape() {
            strange = Some(name.to_owned());
            return Var::constant(value);
        }
        Var::constant(value.zip(&direction, |x, d| Dual::new(x.value, d)))
    })?;
    if let Some(name) = strange {
        return wrong(format!("dir/{name} has another shape than the input"));
    }
    for name in &case.cotangents {
        let Slot::Var(y) = find(&outputs, name)? else {
            return wrong(format!("output {name} has no real numbers"));
        };
        let what = format!("jvp/{name} by dual numbers");
        let tangents = y.value().map(|y| y.tangent);
        compare::real(&what, &tangents, stored.get("jvp", name)?, case.tolerance())?;
    }
    Ok(())
}

fn find<'a, T: Real>(outputs: &'a Outputs<T>, name: &str) -> Result<&'a Slot<T>, Failure> {
    let found = outputs.iter().find(|(known, _)| known == name);
    needed(found.map(|(_, slot)| slot), format!("output {name}"))
}

/// Reads the inputs, turns real ones into variables, applies their views and calls the op.
fn run<'a, T: Real>(
    case: &'a Case,
    stored: &Stored<'_>,
    args: &'a Args<'a>,
    mut variable: impl FnMut(&str, Tensor<T>) -> Var<T>,
) -> Result<Outputs<T>, Failure> {
    let views = args.object("views")?;
    if let Some(stranger) = views.and_then(|views| {
        views
            .keys()
            .find(|name| !case.inputs.contains(name))
            .cloned()
    }) {
        return wrong(format!("a view of {stranger}, which is no input"));
    }
    let mut call = Call {
        op: &case.op,
        args,
        order: &case.inputs,
        inputs: BTreeMap::new(),
    };
    for name in &case.inputs {
        let kind = needed(case.types.get(name), format!("type of {name}"))?;
        let values = stored.get("in", name)?;
        let slot = match (kind.as_str(), values) {
            ("f32", Values::F32(_)) | ("f64", Values::F64(_)) => {
                let value = needed(values.real(), name)?;
                Slot::Var(variable(name, value))
            }
            ("i64", Values::I64(x)) => Slot::Whole(x.clone()),
            ("bool", Values::U8(x)) => Slot::Truth(x.map(|x| x != 0)),
            ("u8", Values::U8(x)) => Slot::Whole(x.cast()),
            (kind, _) => return wrong(format!("input {name} is not stored as {kind}")),
        };
        let steps = views.and_then(|views| views.get(name));
        let slot = match steps {
            None => slot,
            Some(steps) => {
                let steps = needed(steps.as_array(), format!("list of views of {name}"))?;
                steps.iter().try_fold(slot, |slot, step| view(slot, step))?
            }
        };
        call.inputs.insert(name, slot);
    }
    ops::run(&call)
}

/// One step of a view; nothing is copied.
fn view<T: Real>(slot: Slot<T>, step: &serde_json::Value) -> Result<Slot<T>, Failure> {
    macro_rules! on {
        ($x:ident => $view:expr) => {
            match &slot {
                Slot::Var($x) => Slot::Var($view),
                Slot::Whole($x) => Slot::Whole($view),
                Slot::Truth($x) => Slot::Truth($view),
            }
        };
    }
    let misread = || Failure::Wrong(format!("a view {step} is not understood"));
    let parts = step.as_array().ok_or_else(misread)?;
    let end = |value: &serde_json::Value| match value {
        serde_json::Value::Null => Some(None),
        value => whole(value).map(Some),
    };
    let known = match parts.as_slice() {
        [name, dims] if name == "permute" => {
            let dims: Option<Vec<_>> = dims.as_array().and_then(|d| d.iter().map(whole).collect());
            dims.map(|dims| on!(x => x.permute(&dims)))
        }
        [name, axis, start, stop, step] if name == "slice" => {
            match (whole(axis), end(start), end(stop), number(step)) {
                (Some(axis), Some(start), Some(stop), Some(step)) if step != 0.0 => {
                    let range = Slice::new(start, stop, step as isize);
                    Some(on!(x => x.slice(axis, range)))
                }
                _ => None,
            }
        }
        [name, axis, index] if name == "select" => match (whole(axis), whole(index)) {
            (Some(axis), Some(index)) => Some(on!(x => x.select(axis, index))),
            _ => None,
        },
        [name, shape] if name == "expand" => {
            let shape: Option<Vec<_>> =
                shape.as_array().and_then(|s| s.iter().map(count).collect());
            shape.map(|shape| on!(x => x.broadcast_to(&shape)))
        }
        [name, axis] if name == "unsqueeze" => whole(axis).map(|axis| on!(x => x.unsqueeze(axis))),
        _ => None,
    };
    known.ok_or_else(misread)
}
