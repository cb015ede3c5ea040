//! The checker is tested with rules made wrong on purpose: every one must be refused.

use std::collections::BTreeMap;

use wengert_autograd::check::{CheckOptions, Mutator, check_dyn};
use wengert_autograd::ops::{Case, table};
use wengert_autograd::{Differentiable, Draw, Graph, LARGEST, Tape, Var, grad};
use wengert_tensor::{Dual, Real};

/// Samples after which a wrong rule that changed nothing is taken to be right, and one that changed
/// something without being refused to have survived.
const SAMPLES: u64 = 40;

/// The strict primitives that the others are differentiated into.
const PRIMITIVES: [&str; 12] = [
    "add",
    "affine",
    "broadcast_to",
    "div",
    "div_scalar",
    "matmul",
    "mul",
    "permute",
    "reshape",
    "slice",
    "sum",
    "unslice",
];

/// A function whose inputs are used elsewhere too, so that a cotangent is added to another.
struct FanOut<'a>(&'a dyn Differentiable);

fn with_uses<T: Real>(mut outputs: Vec<Var<T>>, x: &[Var<T>]) -> Vec<Var<T>> {
    outputs.extend(x.iter().map(|x| x * 1.5));
    outputs
}

impl Differentiable for FanOut<'_> {
    fn f64(&self, x: &[Var<f64>]) -> Vec<Var<f64>> {
        with_uses(self.0.f64(x), x)
    }
    fn dual(&self, x: &[Var<Dual>]) -> Option<Vec<Var<Dual>>> {
        Some(with_uses(self.0.dual(x)?, x))
    }
}

/// First and second derivatives, with random cotangents and directions.
fn derivatives(case: &Case, seed: u64) -> Vec<Vec<f64>> {
    let mut draw = Draw::new(seed, LARGEST);
    let f = FanOut(&*case.function);
    let tape = Tape::new();
    let x: Vec<_> = case.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let all: Vec<_> = x.iter().collect();
    let y = f.f64(&x);
    let roots: Vec<_> = y
        .iter()
        .map(|y| (y, Var::constant(draw.normal(y.shape()))))
        .collect();
    let first = grad(&roots, &all, Graph::Create);
    let roots: Vec<_> = first
        .iter()
        .flatten()
        .map(|g| (g, Var::constant(draw.normal(g.shape()))))
        .collect();
    let second = grad(&roots, &all, Graph::Skip);
    let values = |g: Vec<Option<Var<f64>>>| {
        g.into_iter()
            .flatten()
            .map(|g| g.value().to_vec())
            .collect::<Vec<_>>()
    };
    [values(first), values(second)].concat()
}

fn differ(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    let largest = b.iter().flatten().fold(1e-3_f64, |m, x| m.max(x.abs()));
    a.len() != b.len()
        || a.iter().zip(b).any(|(a, b)| {
            a.iter()
                .zip(b)
                .any(|(a, b)| !((a - b).abs() <= 1e-10 * largest))
        })
}

#[derive(Default)]
struct Score {
    killed: usize,
    equivalent: usize,
    survivors: Vec<String>,
}

#[test]
fn every_primitive_rule_made_wrong_is_refused() {
    let mut scores: BTreeMap<Mutator, Score> = BTreeMap::new();
    for entry in table().filter(|entry| PRIMITIVES.contains(&entry.name())) {
        let Some(sample) = entry.draw_mutant(&mut Draw::new(0, LARGEST), Mutator::Sign, 0) else {
            continue; // composed: the rules of its parts are made wrong
        };
        let inputs = sample.inputs.len();
        for mutator in Mutator::ALL {
            for input in 0..inputs {
                let score = scores.entry(mutator).or_default();
                let mut changed = false;
                let killed = (0..SAMPLES).any(|seed| {
                    let size = LARGEST.min(seed as usize % 4);
                    let Some(wrong) = entry.draw_mutant(&mut Draw::new(seed, size), mutator, input)
                    else {
                        return false;
                    };
                    let right = entry.draw(&mut Draw::new(seed, size));
                    let differs = differ(&derivatives(&wrong, seed), &derivatives(&right, seed));
                    changed |= differs;
                    let options = CheckOptions {
                        seed,
                        entries: 8,
                        ..CheckOptions::default()
                    };
                    differs
                        && !check_dyn(&FanOut(&*wrong.function), &wrong.inputs, &options).is_ok()
                });
                match (killed, changed) {
                    (true, _) => score.killed += 1,
                    (false, false) => score.equivalent += 1,
                    (false, true) => score
                        .survivors
                        .push(format!("{} input {input}", entry.name())),
                }
            }
        }
    }
    println!(
        "{:<20}{:>8}{:>10}{:>12}",
        "wrong rule", "killed", "survived", "no effect"
    );
    let mut survivors = Vec::new();
    let (mut killed, mut survived) = (0, 0);
    for (mutator, score) in &scores {
        println!(
            "{mutator:<20}{:>8}{:>10}{:>12}",
            score.killed,
            score.survivors.len(),
            score.equivalent
        );
        killed += score.killed;
        survived += score.survivors.len();
        survivors.extend(score.survivors.iter().map(|s| format!("{mutator}: {s}")));
    }
    println!(
        "mutation score {:.1} %",
        100.0 * killed as f64 / (killed + survived) as f64
    );
    assert!(survivors.is_empty(), "survivors:\n{}", survivors.join("\n"));
}

/// The control: what the mutants are made from passes.
#[test]
fn the_same_samples_with_the_right_rules_pass() {
    for entry in table().filter(|entry| PRIMITIVES.contains(&entry.name())) {
        for seed in 0..4 {
            let case = entry.draw(&mut Draw::new(seed, seed as usize));
            let options = CheckOptions {
                seed,
                entries: 8,
                ..CheckOptions::default()
            };
            check_dyn(&FanOut(&*case.function), &case.inputs, &options).assert();
        }
    }
}
