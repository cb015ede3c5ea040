//! How much memory training takes: the growth of a fresh process over 20 steps, at its peak.
//!
//!     cargo bench --bench memory
//!     cargo bench --bench memory -- resnet20
//!
//! Model, gradients and optimizer are in it. Without `--bench` a model makes 2 steps of one image. The
//! figures come from Linux's `/proc`; elsewhere there are none.

mod workloads;

use std::env;
use std::process::{Command, ExitCode};

use workloads::steps::{BATCHES, by_name};

/// The process that is measured is told its model through this.
const MODEL: &str = "WENGERT_MEMORY_OF";

const STEPS: usize = 20;

fn main() -> ExitCode {
    if let Ok(model) = env::var(MODEL) {
        println!(
            "{}",
            grown_by(&model).map_or_else(|| "unknown".into(), |b| b.to_string())
        );
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
        let text = String::from_utf8_lossy(&output.stdout);
        match text.trim().parse::<u64>() {
            Ok(bytes) if output.status.success() => {
                println!(
                    "{model}, batch {}: {:.1} MB",
                    sized(batch).0,
                    bytes as f64 / 1e6
                );
            }
            _ if output.status.success() => println!("{model}: {}", text.trim()),
            _ => {
                eprintln!(
                    "error: {model}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Batch and steps: few where nothing is measured in earnest.
fn sized(batch: usize) -> (usize, usize) {
    let measures = env::args().any(|argument| argument == "--bench");
    if measures { (batch, STEPS) } else { (1, 2) }
}

/// Bytes that became resident from here to the peak.
fn grown_by(model: &str) -> Option<u64> {
    let (_, batch) = BATCHES.into_iter().find(|(known, _)| *known == model)?;
    let (batch, steps) = sized(batch);
    let before = resident("VmRSS")?;
    let mut work = by_name(model, batch)?;
    for _ in 0..steps {
        work();
    }
    resident("VmHWM")?.checked_sub(before)
}

/// A field of this process's memory: `VmRSS` now, `VmHWM` at its peak.
fn resident(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kilobytes)
}
