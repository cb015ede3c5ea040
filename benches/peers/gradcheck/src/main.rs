//! Checks every function of another framework and prints those with a wrong gradient, each at the smallest input found.
//!
//!     cargo run --release -- ../.venv/bin/python torch_functions.py
//!     cargo run --release -- --only celu --seeds 10 ../.venv/bin/python torch_functions.py
//!     cargo run --release -- --compare ../.venv/bin/python catalogue.py
//!
//! The last form judges pairs of which it is known whether they are right, by our checker and by the crate `gradcheck`.

mod compare;
mod peer;

use std::process::ExitCode;
use std::time::Instant;

use peer::{Case, Input, Peer};
use wengert_autograd::Draw;
use wengert_autograd::check::{CheckOptions, Derivative, Report, check_black_box_with};

struct Options {
    only: String,
    seeds: u64,
    compare: bool,
    program: Vec<String>,
}

fn main() -> ExitCode {
    let outcome = options().and_then(|options| run(&options));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("gradcheck: {error}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let mut options = Options {
        only: String::new(),
        seeds: 2,
        compare: false,
        program: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument}: a value is missing"))
        };
        match argument.as_str() {
            "--only" => options.only = value()?,
            "--seeds" => options.seeds = value()?.parse()?,
            "--compare" => options.compare = true,
            _ => {
                options.program = std::iter::once(argument).chain(arguments).collect();
                break;
            }
        }
    }
    if options.program.is_empty() {
        return Err(
            "usage: peer-gradcheck [--only TEXT] [--seeds N] [--compare] PROGRAM [ARGUMENTS]"
                .into(),
        );
    }
    Ok(options)
}

/// Whether every checked function has the right gradient.
fn run(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let peer = Peer::start(&options.program)?;
    if options.compare {
        return compare::compare(&peer);
    }
    let start = Instant::now();
    let (mut checked, mut wrong, mut unjudged) = (0, Vec::new(), Vec::new());
    for (number, case) in peer.cases.iter().enumerate() {
        if !case.name.contains(&options.only) {
            continue;
        }
        let family = case.name.split(' ').next().unwrap_or_default();
        if wrong.contains(&family) {
            continue; // A smaller geometry of the same function has failed already.
        }
        for seed in 0..options.seeds {
            let inputs: Vec<_> = case
                .inputs
                .iter()
                .enumerate()
                .map(|(i, x)| draw(x, seed, i as u64))
                .collect();
            let report = check(&peer, number, &inputs, seed);
            checked += 1;
            if report.failed() {
                wrong.push(family);
                explain(&peer, number, case, inputs, seed);
                break;
            }
            if !report.judged() {
                unjudged.push(format!("{}\n{report}", case.name));
                break;
            }
        }
    }
    for case in &unjudged {
        println!("not judged: {case}");
    }
    println!(
        "{checked} checks of {} cases in {:.1} s: {} functions are wrong, {} were not judged",
        peer.cases.len(),
        start.elapsed().as_secs_f64(),
        wrong.len(),
        unjudged.len()
    );
    Ok(wrong.is_empty() && unjudged.is_empty())
}

/// Random numbers of the input's domain.
fn draw(input: &Input, seed: u64, place: u64) -> Vec<f64> {
    let mut draw = Draw::new(1000 * seed + place, wengert_autograd::LARGEST);
    let shape = &input.shape[..];
    let x = match input.domain.as_str() {
        "positive" => draw.uniform(shape, 0.2, 3.0),
        "unit" => draw.uniform(shape, 0.05, 0.95),
        "inside" => draw.uniform(shape, -0.9, 0.9),
        "above one" => draw.uniform(shape, 1.1, 4.0),
        "wide" => draw.uniform(shape, -5.0, 5.0),
        "off zero" => draw.off_zero(shape),
        _ => draw.normal(shape),
    };
    x.to_vec()
}

fn check(peer: &Peer, case: usize, inputs: &[Vec<f64>], seed: u64) -> Report {
    let options = CheckOptions {
        seed,
        entries: 24,
        ..CheckOptions::default()
    };
    check_black_box_with(
        |x: &[&[f64]]| ask(peer, case, x, None).concat(),
        |x: &[&[f64]], c: &[f64]| ask(peer, case, x, Some(c)),
        inputs,
        &options,
    )
}

/// The arrays that the peer answers with.
///
/// # Panics
/// If it answers with an error.
fn ask(peer: &Peer, case: usize, x: &[&[f64]], c: Option<&[f64]>) -> Vec<Vec<f64>> {
    match peer.ask(case, x, c) {
        Ok(arrays) => arrays,
        Err(error) => panic!("{error}"),
    }
}

/// Prints a failing case, with numbers of as few digits as still fail.
fn explain(peer: &Peer, number: usize, case: &Case, mut inputs: Vec<Vec<f64>>, seed: u64) {
    for input in 0..inputs.len() {
        for scale in [1.0, 2.0, 10.0, 100.0] {
            let mut rounded = inputs.clone();
            for x in &mut rounded[input] {
                *x = (*x * scale).round() / scale;
            }
            if check(peer, number, &rounded, seed).failed() {
                inputs = rounded;
                break;
            }
        }
    }
    let report = check(peer, number, &inputs, seed);
    println!("WRONG: {}", case.name);
    for fault in report.faults.iter().take(3) {
        println!("    {fault}");
    }
    let entries = [Derivative::First, Derivative::Jacobian];
    let failures = report.failures();
    let worst = failures
        .iter()
        .find(|record| entries.contains(&record.derivative))
        .or(failures.first());
    if let Some(record) = worst {
        let right = record.numeric.unwrap_or(f64::NAN);
        println!(
            "    input {:?} {:?}: gradient {:e}, right {right:e} ± {:.0e}: {:.2e} relative; {} of {} numbers disagree",
            record.input,
            record.index,
            record.analytic,
            record.bar,
            (record.analytic - right).abs() / right.abs(),
            failures.len(),
            report.records.len()
        );
    }
    for (input, x) in case.inputs.iter().zip(&inputs) {
        let shown = &x[..x.len().min(12)];
        let more = if x.len() > 12 { ", …" } else { "" };
        let numbers: Vec<_> = shown.iter().map(|x| format!("{x:?}")).collect();
        println!("    at {:?}: [{}{more}]", input.shape, numbers.join(", "));
    }
}
