//! Initialisers: gains, standard deviations and bounds.

use wengert::nn::init::{self, Fan, Nonlinearity};
use wengert::nn::rng;
use wengert::tensor::Tensor;

use crate::args::Args;
use crate::compare;
use crate::failure::{Failure, needed, wrong};
use crate::manifest::{Case, Stored};

pub fn run(case: &Case, stored: &Stored<'_>) -> Result<(), Failure> {
    let args = Args::new(&case.args);
    if case.op == "init_stats" {
        return init_stats(case, stored, &args);
    }
    let gain = gain(&args, args.f64("param")?)?;
    args.all_read()?;
    check(case, stored, &[("gain", gain)])
}

/// Compares named numbers with the outputs of a case.
fn check(case: &Case, stored: &Stored<'_>, numbers: &[(&str, f64)]) -> Result<(), Failure> {
    for name in &case.outputs {
        let found = numbers.iter().find(|(known, _)| known == name);
        let (_, number) = needed(found, format!("output {name}"))?;
        let what = format!("out/{name}");
        compare::real(
            &what,
            &Tensor::scalar(*number),
            stored.get("out", name)?,
            case.tolerance(),
        )?;
    }
    Ok(())
}

/// The gain of `nonlinearity`, with a parameter if it takes one.
fn gain(args: &Args<'_>, param: Option<f64>) -> Result<f64, Failure> {
    let name = needed(args.str("nonlinearity")?, "argument nonlinearity")?;
    init::calculate_gain(name, param).map_err(|error| Failure::Wrong(error.to_string()))
}

fn init_stats(case: &Case, stored: &Stored<'_>, args: &Args<'_>) -> Result<(), Failure> {
    let shape = needed(args.usizes("shape")?, "argument shape")?;
    let [fan_in, fan_out] = init::fans(&shape);
    let mut numbers = vec![("fan_in", fan_in as f64), ("fan_out", fan_out as f64)];
    let std = match needed(args.str("scheme")?, "argument scheme")? {
        "kaiming_uniform" | "kaiming_normal" => {
            let fan = match args.str("mode")? {
                None | Some("fan_in") => Fan::In,
                Some("fan_out") => Fan::Out,
                Some(other) => return wrong(format!("mode {other:?}")),
            };
            // `kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu")`
            let slope = args.f64_or("a", args.f64_or("param", 0.0)?)?;
            let gain = match args.get("nonlinearity") {
                None => Nonlinearity::LeakyRelu(slope).gain(),
                Some(_) => gain(args, Some(slope))?,
            };
            numbers.push(("gain", gain));
            init::kaiming_std(&shape, fan, gain)
        }
        "xavier_uniform" | "xavier_normal" => {
            let gain = args.f64_or("gain", 1.0)?;
            numbers.push(("gain", gain));
            init::xavier_std(&shape, gain)
        }
        "default" => {
            // The weights of a new layer lie within this bound and nearly reach it.
            let bound = init::default_bound(fan_in);
            numbers.push(("bias_bound", bound));
            bound / 3.0_f64.sqrt()
        }
        other => return wrong(format!("scheme {other:?}")),
    };
    numbers.extend([("std", std), ("bound", init::uniform_bound(std))]);
    args.all_read()?;
    drawn(args, &shape, std)?;
    check(case, stored, &numbers)
}

/// Draws a tensor and compares its standard deviation with that of the scheme.
fn drawn(args: &Args<'_>, shape: &[usize], std: f64) -> Result<(), Failure> {
    let rng = &mut rng(7);
    let gain = |fan: Fan| {
        let fans = init::fans(shape);
        std * (match fan {
            Fan::In => fans[0] as f64,
            Fan::Out => fans[1] as f64,
        })
        .sqrt()
    };
    let xavier = || std / init::xavier_std(shape, 1.0);
    let x: Tensor<f64> = match args.str("scheme")? {
        Some("kaiming_uniform") => init::kaiming_uniform(shape, Fan::In, gain(Fan::In), rng),
        Some("kaiming_normal") => init::kaiming_normal(shape, Fan::Out, gain(Fan::Out), rng),
        Some("xavier_uniform") => init::xavier_uniform(shape, xavier(), rng),
        Some("xavier_normal") => init::xavier_normal(shape, xavier(), rng),
        _ => {
            let bound = init::default_bound(init::fans(shape)[0]);
            Tensor::uniform(shape, -bound..bound, rng)
        }
    };
    let found = x.map(|x| x * x).mean(..).item().sqrt();
    // Six standard deviations of the estimate, which is wider for a normal distribution.
    let allowed = 6.0 * std / (2.0 * x.len() as f64).sqrt();
    if (found - std).abs() <= allowed {
        Ok(())
    } else {
        wrong(format!(
            "a tensor was drawn with deviation {found}, {std} is meant"
        ))
    }
}
