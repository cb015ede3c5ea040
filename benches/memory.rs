//! Memory of training: the peak growth of a fresh process over 20 steps.
//!
//!     cargo bench --bench memory
//!     cargo bench --bench memory -- resnet20
//!
//! It includes model, gradients and optimizer; a second line gives the parts. Without `--bench` a model
//! makes 2 steps of one image. The figures come from Linux's `/proc`; other systems print none.

mod workloads;

use std::env;
use std::fmt::Write;
use std::process::{Command, ExitCode};

use wengert::tensor::memory;
use workloads::steps::{BATCHES, training};

/// The environment variable that names the model in the measured process.
const MODEL: &str = "WENGERT_MEMORY_OF";

const STEPS: usize = 20;

fn main() -> ExitCode {
    if let Ok(model) = env::var(MODEL) {
        println!("{}", measured(&model));
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<String> = env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let known = BATCHES.map(|(model, _)| model);
    if let Some(name) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        eprintln!(
            "error: no model is named {name:?}; there are {}",
            known.join(", ")
        );
        return ExitCode::from(2);
    }
    for (model, batch) in BATCHES {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == model) {
            continue;
        }
        let itself = env::current_exe().expect("a process knows its program");
        let output = Command::new(itself)
            .args(env::args().skip(1))
            .env(MODEL, model)
            .output()
            .expect("the program starts again");
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            eprintln!("error: {model}: {why}");
            return ExitCode::FAILURE;
        }
        let text = String::from_utf8_lossy(&output.stdout);
        println!("{model}, batch {}: {}", sized(batch).0, text.trim());
    }
    ExitCode::SUCCESS
}

/// Batch and steps; small without `--bench`.
fn sized(batch: usize) -> (usize, usize) {
    let measures = env::args().any(|argument| argument == "--bench");
    if measures { (batch, STEPS) } else { (1, 2) }
}

/// Growth of the resident memory up to the peak, in bytes, and its parts.
fn measured(model: &str) -> String {
    let known = BATCHES.into_iter().find(|(known, _)| *known == model);
    let (_, batch) = known.expect("the parent asks for models of the list");
    let (batch, steps) = sized(batch);
    let before = resident("VmRSS");
    let mut training = training(model, batch).expect("the model is in the list");
    memory::reset_peaks();
    for _ in 0..steps {
        training.step();
    }
    let grown = resident("VmHWM").zip(before).map(|(peak, b)| peak - b);
    let used = memory::usage();
    let parts = training.parts();
    let mut text = grown.map_or_else(|| "unknown".to_owned(), megabytes);
    text.push_str("\n ");
    for (name, bytes) in [
        ("parameters", parts.parameters),
        ("gradients", parts.gradients),
        ("optimizer", parts.optimizer_state),
        ("kept for the backward pass", parts.activations),
        ("all tensors at the peak", used.tensors.peak),
        ("buffers kept for later at most", used.idle.peak),
    ] {
        let _ = write!(text, " {name} {};", megabytes(bytes as u64));
    }
    text
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A field of this process's memory: `VmRSS` now, `VmHWM` at its peak.
fn resident(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kilobytes)
}
