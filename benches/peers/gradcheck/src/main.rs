//! Checks every function of another framework and prints those with a wrong gradient, each at the smallest input found.
//! `functions.json` lists the functions for all of them. From `benches/peers`, after `setup`:
//!
//!     target/release/peer-gradcheck .venv/bin/python gradcheck/torch_functions.py
//!     target/release/peer-gradcheck target/release/candle-gradients f64
//!     target/release/peer-gradcheck target/release/burn-gradients f64
//!     target/release/peer-gradcheck --only celu --seeds 10 .venv/bin/python gradcheck/torch_functions.py
//!     target/release/peer-gradcheck --compare .venv/bin/python gradcheck/catalogue.py
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
    let mut tally = Tally::default();
    for (number, case) in peer.cases.iter().enumerate() {
        // Of a wrong function, the first and smallest geometry is enough.
        if case.name.contains(&options.only) && !tally.wrong.contains(&case.function) {
            tally.judge(&peer, number, case, options.seeds);
        }
    }
    for case in &tally.refused {
        println!("refused: {case}");
    }
    for case in &tally.unjudged {
        println!("not judged: {case}");
    }
    println!(
        "{} checks of {} cases in {:.1} s: {} functions are wrong, {} cases were not judged, {} were refused by the peer",
        tally.checks,
        tally.cases,
        start.elapsed().as_secs_f64(),
        tally.wrong.len(),
        tally.unjudged.len(),
        tally.refused.len()
    );
    Ok(tally.wrong.is_empty() && tally.unjudged.is_empty())
}

#[derive(Default)]
struct Tally {
    cases: usize,
    checks: usize,
    wrong: Vec<String>,
    unjudged: Vec<String>,
    refused: Vec<String>,
}

impl Tally {
    fn judge(&mut self, peer: &Peer, number: usize, case: &Case, seeds: u64) {
        self.cases += 1;
        for seed in 0..seeds {
            let places = (0..).zip(&case.inputs);
            let inputs: Vec<_> = places.map(|(i, x)| draw(x, seed, i)).collect();
            if let Err(error) = gradients(peer, number, &inputs) {
                self.refused.push(format!("{}: {error}", case.name));
                return;
            }
            let report = check(peer, number, &inputs, seed);
            self.checks += 1;
            if report.failed() {
                self.wrong.push(case.function.clone());
                explain(peer, number, case, inputs, seed);
                return;
            }
            if !report.judged() {
                self.unjudged.push(format!("{}\n{report}", case.name));
                return;
            }
        }
    }
}

/// Values and gradients once: whether the peer supports the case.
fn gradients(
    peer: &Peer,
    case: usize,
    inputs: &[Vec<f64>],
) -> Result<(), Box<dyn std::error::Error>> {
    let slices = slices(inputs);
    let outputs = peer.ask(case, &slices, None)?.concat().len();
    peer.ask(case, &slices, Some(&vec![1.0; outputs]))?;
    Ok(())
}

/// Random numbers of the input's domain.
fn draw(input: &Input, seed: u64, place: u64) -> Vec<f64> {
    let mut draw = Draw::new(1000 * seed + place, wengert_autograd::LARGEST);
    let shape = &input.shape[..];
    let x = match input.domain.as_str() {
        "positive" => draw.uniform(shape, 0.2, 3.0),
        "unit" => draw.uniform(shape, 0.05, 0.95),
        "inside" => draw.uniform(shape, -0.9, 0.9),
        "above_one" => draw.uniform(shape, 1.1, 4.0),
        "wide" => draw.uniform(shape, -5.0, 5.0),
        "huge" => draw.uniform(shape, -1000.0, 1000.0),
        "off_zero" => draw.off_zero(shape),
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
    if peer.single {
        return check_black_box_with(
            |x: &[&[f32]]| narrow(&[ask(peer, case, &slices(&wide(x)), None).concat()]).concat(),
            |x: &[&[f32]], c: &[f32]| {
                narrow(&ask(peer, case, &slices(&wide(x)), Some(&wide(&[c])[0])))
            },
            &narrow(inputs),
            &options,
        );
    }
    check_black_box_with(
        |x: &[&[f64]]| ask(peer, case, x, None).concat(),
        |x: &[&[f64]], c: &[f64]| ask(peer, case, x, Some(c)),
        inputs,
        &options,
    )
}

fn slices(x: &[Vec<f64>]) -> Vec<&[f64]> {
    x.iter().map(Vec::as_slice).collect()
}

fn wide(x: &[&[f32]]) -> Vec<Vec<f64>> {
    let wide = |x: &&[f32]| x.iter().map(|&x| f64::from(x)).collect();
    x.iter().map(wide).collect()
}

fn narrow(x: &[Vec<f64>]) -> Vec<Vec<f32>> {
    let narrow = |x: &Vec<f64>| x.iter().map(|&x| x as f32).collect();
    x.iter().map(narrow).collect()
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
