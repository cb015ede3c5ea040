//! Every function of the table against every witness, in every situation.
//!
//! `WENGERT_CHECKS=10` runs ten times as many checks, `WENGERT_ONLY=conv` only functions whose name
//! contains that. A failure prints the line that reruns just it:
//! `WENGERT_CASE='tanh: 123 2 stride 0'` (function, seed, size, situation).

// One binary for all: the table compiles every op for every number type.
mod cases;
mod chains;
mod complete;
mod coverage;
mod inexact;
mod kinks;
mod magnitudes;
mod mutation;
mod programs;
mod quiet;
mod replay;
mod scales;

use cases::Line;
use wengert_autograd::ops::table;

/// Lines that once failed.
const REGRESSIONS: &[&str] = &[
    // On dual numbers the mean of three equal elements was off by a digit, and nothing attained it.
    "amax: 1633921954 1 stride 0",
    // Gradients that cancel altogether, judged by their own size.
    "cross_entropy: 1710825232 0 offset",
    "softmax: 4152397249 1 offset",
    "cosine_similarity: 1714058951 0 same variable twice",
    // The variance is 0, and finite differences reach only as far as ε lets them.
    "layer_norm: 876013854 0 stride 0",
];

fn rerun(line: &str) -> Result<(), String> {
    let line: Line = line.parse()?;
    let mut found = false;
    for info in table().filter(|info| info.name() == line.name) {
        if let Some(outcome) = line.check(info) {
            found = true;
            outcome?;
        }
    }
    if found {
        Ok(())
    } else {
        Err(format!("{line}: the function does not meet this situation"))
    }
}

#[test]
fn what_once_failed_passes() {
    for line in REGRESSIONS {
        rerun(line).unwrap_or_else(|message| panic!("{message}"));
    }
}

#[test]
fn a_line_names_one_case() {
    let line = "matmul: 123 2 same variable twice";
    let parsed: Line = line.parse().expect("a line as failures print it");
    assert_eq!(parsed.to_string(), line);
    assert!("matmul: 123".parse::<Line>().is_err());
    assert!("no such function: 1 2 offset".parse::<Line>().is_err());
}
