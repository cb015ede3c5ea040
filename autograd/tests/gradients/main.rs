//! Every function of the table against every witness, at random samples and layouts.
//!
//! `WENGERT_CHECKS=10` draws ten times as many cases, `WENGERT_ONLY=conv` only for functions whose
//! name contains that. A failure prints the line to rerun just it: `WENGERT_CASE='tanh 123 2 [0, 4]'`
//! (function, seed, size, layout of each input).

// One binary for all: the table compiles every op for every number type.
mod complete;
mod kinks;
mod mutation;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use wengert_autograd::check::{CheckOptions, Report, check_dyn};
use wengert_autograd::ops::{Case, Entry, table};
use wengert_autograd::{Differentiable, Draw, LARGEST, Tape, Var, grad};
use wengert_tensor::{Dual, Tensor, twins::twins};

/// Cases per function in a default run.
const CASES: u32 = 24;

/// One function with one of its operands used in two places.
struct Twice<'a> {
    f: &'a dyn Differentiable,
    first: usize,
    second: usize,
}

impl Twice<'_> {
    fn expand<X: Clone>(&self, x: &[X]) -> Vec<X> {
        let mut all = x.to_vec();
        all.insert(self.second, x[self.first].clone());
        all
    }
}

impl Differentiable for Twice<'_> {
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        self.f.f64(&self.expand(x))
    }
    fn dual(&self, x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        self.f.dual(&self.expand(x))
    }
    fn f32(&self, x: &[Var<f32>]) -> Option<Vec<Var<f32>>> {
        self.f.f32(&self.expand(x))
    }
}

/// Inputs in other layouts: `layouts[i]` picks among the twins of input `i`.
fn laid_out(case: &Case, layouts: &[usize]) -> Vec<Tensor<f64>> {
    case.inputs
        .iter()
        .zip(layouts.iter().chain(std::iter::repeat(&0)))
        .map(|(x, &layout)| {
            let mut twins = twins(x);
            let n = twins.len();
            twins.swap_remove(layout % n).1
        })
        .collect()
}

/// Values and gradients of a function, for comparison between layouts.
fn run(f: &dyn Differentiable, inputs: &[Tensor<f64>]) -> Vec<Vec<f64>> {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = f.f64(&x);
    let roots: Vec<_> = y.iter().map(|y| (y, Var::full(y.shape(), 0.75))).collect();
    let gradients = grad(
        &roots,
        &x.iter().collect::<Vec<_>>(),
        wengert_autograd::Graph::Skip,
    );
    let values = y.iter().map(|y| y.value().to_vec());
    values
        .chain(gradients.into_iter().flatten().map(|g| g.value().to_vec()))
        .collect()
}

fn check(entry: &Entry, seed: u64, size: usize, layouts: &[usize]) -> Result<usize, String> {
    let case = entry.draw(&mut Draw::new(seed, size));
    let options = CheckOptions {
        seed,
        entries: 24,
        ..CheckOptions::default()
    };
    let line = format!("WENGERT_CASE='{} {seed} {size} {layouts:?}'", entry.name());
    let verdict = |what: &str, report: &Report| {
        let compared = report.records.len();
        if report.is_ok() {
            Ok(compared)
        } else {
            Err(format!("{line}\n{case:?}{what}\n{report}"))
        }
    };
    let inputs = laid_out(&case, layouts);
    let mut compared = verdict("", &check_dyn(&*case.function, &inputs, &options))?;
    // Layouts change neither values nor gradients by more than the order of a sum.
    let (here, there) = (
        run(&*case.function, &inputs),
        run(&*case.function, &case.inputs),
    );
    for (a, b) in here.iter().zip(&there) {
        let size = b.iter().fold(1e-300_f64, |m, b| m.max(b.abs()));
        if a.len() != b.len()
            || a.iter()
                .zip(b)
                .any(|(a, b)| !((a - b).abs() <= 1e-13 * size))
        {
            return Err(format!(
                "{line}\n{case:?}: differs from the contiguous twin: {a:?} and {b:?}"
            ));
        }
    }
    for second in 1..inputs.len() {
        for first in 0..second {
            if inputs[first].shape() == inputs[second].shape() {
                let twice = Twice {
                    f: &*case.function,
                    first,
                    second,
                };
                let mut fewer = inputs.clone();
                // Keep the operand that the op is pickier about: samples put it last.
                fewer[first] = fewer.remove(second);
                let what = format!(": inputs {first} and {second} are one variable");
                compared += verdict(&what, &check_dyn(&twice, &fewer, &options))?;
            }
        }
    }
    Ok(compared)
}

#[test]
fn every_gradient_agrees_with_every_witness() {
    if let Ok(line) = std::env::var("WENGERT_CASE") {
        return rerun(&line);
    }
    let intensity: f64 = std::env::var("WENGERT_CHECKS")
        .ok()
        .and_then(|x| x.parse().ok())
        .unwrap_or(1.0);
    let cases = (f64::from(CASES) * intensity).ceil() as u32;
    let compared = AtomicUsize::new(0);
    let mut failures = BTreeMap::new();
    let mut functions = 0;
    let only = std::env::var("WENGERT_ONLY").unwrap_or_default();
    let chosen = table()
        .enumerate()
        .filter(|(_, entry)| entry.name().contains(&only));
    for (number, entry) in chosen {
        functions += 1;
        let config = Config {
            cases,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(number as u64),
            max_shrink_iters: 200,
            ..Config::default()
        };
        let strategy = (
            any::<u32>().no_shrink(),
            0..=LARGEST,
            proptest::collection::vec(0..7_usize, 0..5),
        );
        let outcome = TestRunner::new(config).run(&strategy, |(seed, size, layouts)| {
            let count =
                check(entry, u64::from(seed), size, &layouts).map_err(TestCaseError::fail)?;
            compared.fetch_add(count, Ordering::Relaxed);
            Ok(())
        });
        if let Err(error) = outcome {
            failures.insert(entry.name(), error.to_string());
        }
    }
    println!(
        "{functions} functions, {cases} cases each, {} derivatives compared",
        compared.into_inner()
    );
    let text: Vec<_> = failures.values().cloned().collect();
    assert!(
        failures.is_empty(),
        "{} functions fail:\n{}",
        failures.len(),
        text.join("\n")
    );
}

/// Runs the one case of a failure's line.
fn rerun(line: &str) {
    let mut words = line.splitn(4, ' ');
    let name = words.next().expect("the name of a function");
    let mut number = || {
        words
            .next()
            .and_then(|w| w.parse::<u64>().ok())
            .expect("seed and size")
    };
    let (seed, size) = (number(), number() as usize);
    let layouts: Vec<usize> = words
        .next()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .split(", ")
        .filter_map(|w| w.parse().ok())
        .collect();
    let mut found = false;
    for entry in table().filter(|entry| entry.name() == name) {
        found = true;
        if let Err(message) = check(entry, seed, size, &layouts) {
            panic!("{message}");
        }
    }
    assert!(found, "no function is called {name}");
}
