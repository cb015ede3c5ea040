//! Optimizers, schedules and clipping.

pub mod build;
mod problem;
mod schedules;

use serde_json::Value;
use wengert::nn::ParametersExt;
use wengert::optim::{Norm, clip_grad_norm, clip_grad_value};
use wengert::tensor::{Real, Tensor};

use crate::args::{Args, number};
use crate::compare;
use crate::failure::{Failure, needed, wrong};
use crate::manifest::{Case, Stored};
use build::{Stepper, optimizer};
use problem::{Problem, Weights, given};
use schedules::Timetable;

/// The names and values that a case computes.
type Computed<T> = Vec<(String, Tensor<T>)>;

pub fn run(case: &Case, stored: &Stored<'_>) -> Result<(), Failure> {
    match case.dtype.as_deref() {
        Some("f32") => typed::<f32>(case, stored),
        Some("f64") => typed::<f64>(case, stored),
        other => wrong(format!("dtype {other:?}")),
    }
}

fn typed<T: Real>(case: &Case, stored: &Stored<'_>) -> Result<(), Failure> {
    let args = Args::new(&case.args);
    let computed = match case.op.as_str() {
        "optimizer" => train::<T>(case, &args, stored)?,
        "lr_schedule" => schedule::<T>(&args, stored)?,
        "clip_grad_norm" | "clip_grad_value" => clip::<T>(case, &args, stored)?,
        _ => return Err(Failure::NotImplemented),
    };
    args.all_read()?;
    let tolerance = case.tolerance();
    for name in &case.outputs {
        let found = computed.iter().find(|(known, _)| known == name);
        let (_, found) = needed(found, format!("computed {name}"))?;
        compare::real(name, found, stored.get("out", name)?, tolerance)?;
    }
    Ok(())
}

fn train<T: Real>(
    case: &Case,
    args: &Args<'_>,
    stored: &Stored<'_>,
) -> Result<Computed<T>, Failure> {
    let names: Vec<&str> = case
        .inputs
        .iter()
        .filter_map(|n| n.strip_prefix("p_"))
        .collect();
    let starts: Result<Vec<Tensor<T>>, _> = names
        .iter()
        .map(|name| stored.real("in", &format!("p_{name}")))
        .collect();
    let mut model = Weights::new(&names, starts?);
    let steps = needed(args.usize("steps")?, "argument steps")?;
    let problem = Problem::new(
        needed(args.str("problem")?, "argument problem")?,
        &names,
        stored,
    )?;
    let mut optimizer = optimizer::<T>(args, &names)?;
    let mut timetable = match args.object("schedule")? {
        Some(object) => Some(Timetable::new(object, &mut optimizer)?),
        None => None,
    };

    let values = |model: &Weights<T>| -> Vec<Tensor<T>> {
        model
            .parameters()
            .into_iter()
            .map(|(_, p)| p.value().clone())
            .collect()
    };
    let mut path = vec![values(&model)];
    let mut losses = Vec::new();
    for step in 0..steps {
        let evaluate = |model: &mut Weights<T>| problem.evaluate(model, step);
        let loss = match &mut optimizer {
            Stepper::Rule(optimizer) => {
                let (loss, gradients) = evaluate(&mut model);
                optimizer.update(&mut model, &gradients);
                loss
            }
            Stepper::Lbfgs(optimizer, clip) => optimizer.step(&mut model, |model| {
                let (loss, mut gradients) = evaluate(model);
                if let Some(max) = *clip {
                    clip_grad_norm(&mut gradients, max, Norm::P(2.0));
                }
                (loss, gradients)
            }),
        };
        losses.push(loss);
        if let Some(timetable) = &mut timetable {
            timetable.step(&mut optimizer, Some(loss.to_f64()))?;
        }
        path.push(values(&model));
    }
    let mut computed = vec![("loss".to_owned(), Tensor::from_slice(&losses, [steps]))];
    for (k, name) in names.iter().enumerate() {
        let all: Vec<T> = path.iter().flat_map(|values| values[k].to_vec()).collect();
        let shape: Vec<usize> = [steps + 1]
            .into_iter()
            .chain(path[0][k].shape().iter().copied())
            .collect();
        computed.push((format!("traj_{name}"), Tensor::from_slice(&all, shape)));
    }
    Ok(computed)
}

fn schedule<T: Real>(args: &Args<'_>, stored: &Stored<'_>) -> Result<Computed<T>, Failure> {
    let base = needed(args.list("base_lrs", number)?, "argument base_lrs")?;
    let steps = needed(args.usize("steps")?, "argument steps")?;
    let object = needed(args.object("schedule")?, "argument schedule")?;
    let mut optimizer = build::groups::<T>(args, &base)?;
    let mut timetable = Timetable::new(object, &mut optimizer)?;
    let metric = match stored.find("in", "metric") {
        Some(_) => Some(stored.real::<f64>("in", "metric")?.to_vec()),
        None => None,
    };
    let mut rates = vec![optimizer.rates_now()];
    for step in 0..steps {
        let metric = metric.as_ref().map(|values| values[step]);
        timetable.step(&mut optimizer, metric)?;
        rates.push(optimizer.rates_now());
    }
    let lr: Vec<T> = (0..base.len())
        .flat_map(|group| rates.iter().map(move |now| T::of(now[group].0)))
        .collect();
    // The fixtures have the momentum of the first group only.
    let momentum: Vec<T> = rates.iter().map(|now| T::of(now[0].1)).collect();
    Ok(vec![
        (
            "lr".to_owned(),
            Tensor::from_slice(&lr, [base.len(), steps + 1]),
        ),
        (
            "momentum".to_owned(),
            Tensor::from_slice(&momentum, [steps + 1]),
        ),
    ])
}

fn clip<T: Real>(
    case: &Case,
    args: &Args<'_>,
    stored: &Stored<'_>,
) -> Result<Computed<T>, Failure> {
    let names: Vec<&str> = case.inputs.iter().map(String::as_str).collect();
    let values: Result<Vec<Tensor<T>>, _> = names.iter().map(|n| stored.real("in", n)).collect();
    let values = values?;
    let zeros = values.iter().map(|g| Tensor::zeros(g.shape())).collect();
    let model = Weights::new(&names, zeros);
    let (_, mut gradients) = given(&model, &values);
    let mut computed = Vec::new();
    if case.op == "clip_grad_norm" {
        let max = needed(args.f64("max_norm")?, "argument max_norm")?;
        let norm = match args.get("norm_type") {
            None => Norm::P(2.0),
            Some(value) => match number(value) {
                Some(f64::INFINITY) => Norm::Max,
                Some(p) => Norm::P(p),
                None => return wrong(format!("norm_type {value}")),
            },
        };
        let refuses = args.bool_or("error_if_nonfinite", false)?;
        let total = clip_grad_norm(&mut gradients, max, norm);
        if refuses && !total.to_f64().is_finite() {
            return wrong("the norm is not finite");
        }
        computed.push(("total_norm".to_owned(), Tensor::scalar(total)));
    } else {
        let max = needed(args.f64("clip_value")?, "argument clip_value")?;
        clip_grad_value(&mut gradients, max);
    }
    computed.extend(
        gradients
            .iter()
            .map(|(name, g)| (name.to_owned(), g.clone())),
    );
    Ok(computed)
}

/// A JSON value that must be a list of objects.
fn objects(value: &Value) -> Option<Vec<&serde_json::Map<String, Value>>> {
    value.as_array()?.iter().map(Value::as_object).collect()
}
