//! Compares wengert with stored values of PyTorch:
//! `cargo run --release -p wengert-conformance -- DIR`
//!
//! DIR holds a `manifest.json` and its safetensors files, in the format of
//! `tests/fixtures/pytorch/README.md`. Every case of the manifest runs through the public API; it
//! passes only if everything stored for it was compared.

mod args;
mod call;
mod compare;
mod differential;
mod failure;
mod initialisers;
mod manifest;
mod models;
mod ops;
mod optimizers;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;

use failure::{Failure, wrong};
use manifest::{Case, Fixtures};

/// Compares values, gradients, second-order products, training and models with stored ones.
#[derive(Parser)]
struct Flags {
    /// The directory of a manifest.json and its safetensors files
    directory: PathBuf,
    /// Only the cases of this op
    #[arg(long, value_name = "OP")]
    filter: Option<String>,
    /// Write the result of every case here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    missing: usize,
}

impl Tally {
    fn total(&self) -> usize {
        self.passed + self.failed + self.missing
    }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(&flags) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("conformance: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(flags: &Flags) -> Result<bool, String> {
    let fixtures = Fixtures::open(&flags.directory)?;
    let wanted = |case: &&Case| flags.filter.as_ref().is_none_or(|op| case.op == *op);
    let cases: Vec<_> = fixtures.cases.iter().filter(wanted).collect();
    if let (Some(op), true) = (&flags.filter, cases.is_empty()) {
        return Err(format!(
            "no case of an op {op}; leave --filter out to see the ops"
        ));
    }
    // A panic is reported as the result of its case.
    std::panic::set_hook(Box::new(|_| {}));
    let mut order = Vec::new();
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut results = Vec::new();
    let mut messages = Vec::new();
    for case in cases {
        let result = check(&fixtures, case);
        if !tallies.contains_key(case.op.as_str()) {
            order.push(case.op.as_str());
        }
        let tally = tallies.entry(&case.op).or_default();
        let (word, message) = match result {
            Ok(()) => {
                tally.passed += 1;
                ("passed", None)
            }
            Err(Failure::NotImplemented) => {
                tally.missing += 1;
                ("not implemented", None)
            }
            Err(Failure::Wrong(message)) => {
                tally.failed += 1;
                messages.push(format!("{}: {message}", case.name));
                ("failed", Some(message))
            }
        };
        results.push(json!({
            "case": case.name, "op": case.op, "result": word, "message": message,
        }));
    }
    let _ = std::panic::take_hook();

    let width = order.iter().map(|op| op.len()).max().unwrap_or(0);
    println!("{:width$}  passed  failed  not implemented", "op");
    for op in &order {
        let tally = &tallies[op];
        println!(
            "{op:width$}  {:6}  {:6}  {:15}",
            tally.passed, tally.failed, tally.missing
        );
    }
    for message in &messages {
        println!("{message}");
    }
    let mut sum = Tally::default();
    for tally in tallies.values() {
        sum.passed += tally.passed;
        sum.failed += tally.failed;
        sum.missing += tally.missing;
    }
    println!(
        "conformance: {} passed, {} failed, {} not implemented, of {} cases",
        sum.passed,
        sum.failed,
        sum.missing,
        sum.total()
    );
    if let Some(path) = &flags.json {
        let report = json!({
            "passed": sum.passed, "failed": sum.failed, "not_implemented": sum.missing,
            "total": sum.total(), "cases": results,
        });
        let text = format!("{report:#}\n");
        std::fs::write(path, text).map_err(|error| {
            format!(
                "the report cannot be written to {}: {error}",
                path.display()
            )
        })?;
    }
    Ok(sum.passed == sum.total())
}

/// Runs one case; a panic is its failure.
fn check(fixtures: &Fixtures, case: &Case) -> Result<(), Failure> {
    let checked = catch_unwind(AssertUnwindSafe(|| -> Result<(), Failure> {
        let stored = fixtures.stored(case)?;
        let stored = &stored;
        match case.op.as_str() {
            "optimizer" | "lr_schedule" | "clip_grad_norm" | "clip_grad_value" => {
                optimizers::run(case, stored)
            }
            "init_stats" | "calculate_gain" => initialisers::run(case, stored),
            "model_stats" | "model" | "digits_train" => models::run(case, stored),
            _ => match case.dtype.as_deref() {
                Some("f64") => differential::check::<f64>(case, stored),
                Some("f32") => differential::check::<f32>(case, stored),
                other => wrong(format!("dtype {other:?}")),
            },
        }?;
        stored.all_read()
    }));
    checked.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        wrong(format!("panicked: {}", text.unwrap_or("without a message")))
    })
}
