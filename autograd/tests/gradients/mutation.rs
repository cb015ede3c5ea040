//! The checks are tested with rules made wrong on purpose: every one must be refused by the cases of a default run.
//!
//! A default run makes every rule wrong in one or two of the eleven ways; `WENGERT_FULL=1` in all of them, which takes four
//! minutes.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use wengert_autograd::check::{
    CheckOptions, Fault, Mutated, Mutator, Situation, check_dyn, recorded,
};
use wengert_autograd::ops::{Case, OpInfo, table};
use wengert_autograd::{Differentiable, Draw, Graph, LARGEST, Tape, Var, grad};
use wengert_tensor::Tensor;

use crate::cases::walk;
use wengert_autograd::check::Arranged;

/// First and second derivatives with random cotangents and directions, the inputs used elsewhere too.
fn derivatives(f: &dyn Differentiable, inputs: &[Tensor<f64>]) -> Vec<Vec<f64>> {
    let mut draw = Draw::new(7, LARGEST);
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let all: Vec<_> = x.iter().collect();
    let mut y = f.f64(&x);
    y.extend(x.iter().map(|x| x * 1.5));
    let mut roots: Vec<_> = y
        .iter()
        .map(|y| (y, Var::constant(draw.normal(y.shape()))))
        .collect();
    let mut found = Vec::new();
    for graph in [Graph::Create, Graph::Skip] {
        let gradients = grad(&roots, &all, graph);
        y = gradients
            .into_iter()
            .zip(&x)
            .map(|(g, x)| g.unwrap_or_else(|| Var::full(x.shape(), 0.0)))
            .collect();
        found.extend(y.iter().map(|g| g.value().to_vec()));
        roots = y
            .iter()
            .map(|y| (y, Var::constant(draw.normal(y.shape()))))
            .collect();
    }
    found
}

/// Whether numbers differ by more than rounding.
fn differ(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    let size = b.iter().flatten().fold(0.0_f64, |m, x| m.max(x.abs()));
    let apart =
        |(a, b): (&f64, &f64)| !((a - b).abs() <= 1e-13 * size || a.to_bits() == b.to_bits());
    a.len() != b.len() || a.iter().zip(b).any(|(a, b)| a.iter().zip(b).any(apart))
}

/// A case of the default run, and its right derivatives.
struct Sound {
    case: Case,
    arranged: Arranged,
    options: CheckOptions,
    /// The derivatives of the right rules, computed when a wrong one is compared: most fail in the first cases.
    right: OnceCell<Vec<Vec<f64>>>,
    recorded: Vec<(&'static str, usize)>,
}

/// The cases that a default run draws for a function.
fn default_run(entry: &OpInfo) -> Vec<Sound> {
    let mut cases = Vec::new();
    for situation in Situation::ALL {
        let outcome = walk(entry, situation, |line| {
            let (case, arranged) = line.case(entry)?;
            let inputs = &arranged.inputs;
            let recorded = arranged.with(&*case.function, |f| recorded(f, inputs));
            let options = CheckOptions {
                entries: 8,
                ..line.options(entry)
            };
            cases.push(Sound {
                case,
                arranged,
                options,
                right: OnceCell::new(),
                recorded,
            });
            Some(Ok(()))
        });
        outcome.expect("nothing is judged here");
    }
    // Those of few numbers first: most wrong rules fail at once.
    cases.sort_by_key(|sound| {
        let count: usize = sound.arranged.inputs.iter().map(Tensor::len).sum();
        (count < 2, count)
    });
    cases
}

enum Verdict {
    Killed,
    Survived,
    /// It changes no derivative in any case, as when equal cotangents are swapped.
    Same,
}

fn judge(fault: Fault, cases: &[Sound]) -> Verdict {
    let mut changed = false;
    for sound in cases
        .iter()
        .filter(|sound| sound.recorded.iter().any(|(op, _)| *op == fault.op))
    {
        let inputs = &sound.arranged.inputs;
        let (differs, refused) = sound.arranged.with(&*sound.case.function, |f| {
            let right = sound.right.get_or_init(|| derivatives(f, inputs));
            let wrong = Mutated::new(f, fault);
            let differs = differ(&derivatives(&wrong, inputs), right);
            (
                differs,
                differs && check_dyn(&wrong, inputs, &sound.options).failed(),
            )
        });
        if refused {
            return Verdict::Killed;
        }
        changed |= differs;
    }
    if changed {
        Verdict::Survived
    } else {
        Verdict::Same
    }
}

#[derive(Default)]
struct Score {
    killed: usize,
    same: usize,
    survivors: Vec<String>,
}

#[test]
fn every_rule_made_wrong_is_refused_by_the_cases_of_a_default_run() {
    let only = std::env::var("WENGERT_ONLY").unwrap_or_default();
    // Eight and the number of ways have no common divisor, so every way is tried on an eighth of all rules.
    let every = if std::env::var_os("WENGERT_FULL").is_some() || !only.is_empty() {
        1
    } else {
        8
    };
    let mut faults = (0..every).cycle();
    let mut scores: BTreeMap<Mutator, Score> = BTreeMap::new();
    for entry in table().filter(|e| e.name().contains(&only)) {
        let cases = default_run(entry);
        let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
        for &(op, inputs) in cases.iter().flat_map(|sound| &sound.recorded) {
            let most = rules.entry(op).or_default();
            *most = inputs.max(*most);
        }
        for (op, inputs) in rules {
            for input in 0..inputs {
                for mutator in Mutator::ALL {
                    if faults.next() != Some(0) {
                        continue;
                    }
                    let fault = Fault { mutator, op, input };
                    let score = scores.entry(mutator).or_default();
                    match judge(fault, &cases) {
                        Verdict::Killed => score.killed += 1,
                        Verdict::Same => score.same += 1,
                        Verdict::Survived => {
                            score.survivors.push(format!("{}: {fault}", entry.name()));
                        }
                    }
                }
            }
        }
    }
    println!(
        "{:<20}{:>8}{:>10}{:>12}",
        "wrong rule", "killed", "survived", "no effect"
    );
    for (
        mutator,
        Score {
            killed,
            same,
            survivors,
        },
    ) in &scores
    {
        println!("{mutator:<20}{killed:>8}{:>10}{same:>12}", survivors.len());
    }
    let killed: usize = scores.values().map(|score| score.killed).sum();
    let survivors: Vec<_> = scores
        .into_values()
        .flat_map(|score| score.survivors)
        .collect();
    let score = 100.0 * killed as f64 / (killed + survivors.len()) as f64;
    println!(
        "mutation score {score:.2} % of {}",
        killed + survivors.len()
    );
    assert!(survivors.is_empty(), "survivors:\n{}", survivors.join("\n"));
}
