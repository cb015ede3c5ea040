//! Finding the wrong op of a failing function: the rule of every recorded call is checked alone, on the inputs that
//! were recorded.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use wengert_tensor::{Dual, Real, Tensor};

use super::hypothesis::{Suspect, explain};
use super::local::{LocalOp, Replayed, Shared};
use super::quiet::quietly;
use super::subject::{Recorded, Subject};
use super::witness::{check, dual_inputs};
use super::{CheckOptions, Record, Report, TapeEntry};
use crate::function::Differentiable;
use crate::rule::TapeRule;
use crate::sample::{Draw, LARGEST};
use crate::tape::{Entries, Entry, Tape};

/// A recorded call whose rule is wrong, or at which a path ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// The name of the op.
    pub op: &'static str,
    /// Its place on the tape, leaves included.
    pub entry: usize,
    /// Where it was called.
    pub location: &'static Location<'static>,
    /// The layer that called it, if it is known.
    pub layer: Option<String>,
    /// Which input of the op has the wrong cotangent.
    pub input: usize,
    /// What may be wrong.
    pub hypothesis: String,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            op,
            location,
            layer,
            input,
            hypothesis,
            ..
        } = self;
        write_call(f, op, location, layer.as_deref())?;
        write!(f, ", input {input}: {hypothesis}")
    }
}

/// Writes which op was called where.
pub(super) fn write_call(
    f: &mut fmt::Formatter<'_>,
    op: &str,
    location: &Location<'_>,
    layer: Option<&str>,
) -> fmt::Result {
    write!(f, "{op} at {location}")?;
    match layer {
        Some(layer) => write!(f, " in {layer}"),
        None => Ok(()),
    }
}

/// The most calls that are reported.
const MOST: usize = 8;

/// The wrong calls of a function, in the order in which they were recorded.
pub(super) fn locate(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    seed: u64,
    second_order: bool,
) -> (Vec<Located>, Vec<TapeEntry>) {
    let tape = Tape::keeping_all();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let outputs = f.f64(&x);
    let mut draw = Draw::new(seed ^ 0x10ca, LARGEST);
    let tangents: Vec<_> = inputs.iter().map(|x| draw.normal(x.shape())).collect();
    let dual_tape = Tape::keeping_all();
    let lifted: Vec<_> = dual_inputs(inputs, &tangents)
        .into_iter()
        .map(|x| dual_tape.leaf(x))
        .collect();
    let duals = quietly(|| f.dual(&lifted)).ok().flatten();
    let mut found = Vec::new();
    dual_tape.with_entries(|dual_entries| {
        tape.with_entries(|entries| {
            let same = duals.is_some() && same_ops(entries, dual_entries);
            if same {
                found.extend(severed(dual_entries));
            }
            for index in 0..entries.len() {
                if found.len() == MOST {
                    break;
                }
                let dual = same
                    .then(|| dual_entries.get(index).and_then(Option::as_ref))
                    .flatten();
                let dual = dual.and_then(|entry| entry.rule.as_deref());
                found.extend(judge(entries, index, dual, seed));
            }
            // Rules that are right may have wrong derivatives.
            if found.is_empty() && second_order {
                for index in 0..entries.len() {
                    if found.len() == MOST {
                        break;
                    }
                    let dual = if same {
                        dual_entries[index].as_mut()
                    } else {
                        None
                    };
                    found.extend(judge_second(&mut entries[index], dual, index, seed));
                }
            }
        });
    });
    for located in &mut found {
        located.layer = tape.layer(located.entry).map(|path| path.to_string());
    }
    let mut listed = tape.with_entries(|entries| list(entries));
    for (index, entry) in listed.iter_mut().enumerate() {
        entry.layer = tape.layer(index).map(|path| path.to_string());
        entry.wrong = found.iter().any(|located| located.entry == index);
    }
    // Only now, because dropping them visits the tapes.
    drop((outputs, duals));
    (found, listed)
}

/// The entries of a tape.
fn list(entries: &Entries<f64>) -> Vec<TapeEntry> {
    let of_one = |entry: &Entry<f64>| TapeEntry {
        op: entry.rule.as_ref().map_or("leaf", |rule| rule.name()),
        location: entry.location,
        layer: None,
        operands: entry
            .inputs
            .iter()
            .map(|x| x.source().map(|(entry, _)| entry))
            .collect(),
        shapes: entry
            .outputs
            .iter()
            .map(|y| y.tensor().shape().to_vec())
            .collect(),
        wrong: false,
    };
    entries.iter().flatten().map(of_one).collect()
}

/// Whether both tapes hold the same ops in the same order.
fn same_ops(entries: &Entries<f64>, duals: &Entries<Dual>) -> bool {
    let names = |rule: Option<&'static str>| rule.unwrap_or("");
    entries.len() == duals.len()
        && entries.iter().zip(duals).all(|(a, b)| {
            let a = a.as_ref().and_then(|e| e.rule.as_ref()).map(|r| r.name());
            let b = b.as_ref().and_then(|e| e.rule.as_ref()).map(|r| r.name());
            names(a) == names(b)
        })
}

/// Operands that depend on the inputs, by their tangents, but have no path on the tape.
fn severed(entries: &Entries<Dual>) -> Vec<Located> {
    let mut found = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let rule = entry.as_ref().and_then(|entry| entry.rule.as_ref());
        let (Some(entry), Some(rule)) = (entry, rule) else {
            continue;
        };
        for (i, input) in entry.inputs.iter().enumerate() {
            let depends = input.value.tensor().iter().any(|x| x.tangent != 0.0);
            if input.source.is_none() && depends {
                found.push(Located {
                    op: rule.name(),
                    entry: index,
                    location: entry.location,
                    layer: None,
                    input: i,
                    hypothesis: "the operand depends on the inputs, but is not tracked: its path was cut by detach(), \
                                 value() or a new constant"
                        .to_owned(),
                });
            }
        }
    }
    found
}

/// Checks the rule of one entry alone.
fn judge(
    entries: &Entries<f64>,
    index: usize,
    dual: Option<&dyn crate::rule::TapeRule<Dual>>,
    seed: u64,
) -> Option<Located> {
    let entry = entries[index].as_ref()?;
    let rule = entry.rule.as_deref()?;
    let recorded: Vec<_> = entry.inputs.iter().map(|x| x.value.tensor()).collect();
    let numbered = entry.inputs.iter().enumerate();
    let tracked: Vec<_> = numbered
        .filter(|(_, x)| x.source.is_some())
        .map(|(i, _)| i)
        .collect();
    let op = LocalOp {
        rule,
        dual,
        recorded,
        tracked,
    };
    let inputs: Vec<_> = op.tracked.iter().map(|&i| op.recorded[i].clone()).collect();
    let options = CheckOptions {
        seed,
        entries: 24,
        second_order: false,
        localise: false,
        ..CheckOptions::default()
    };
    let report = check(&op, &inputs, &options);
    let located = |slot: usize, hypothesis: String| Located {
        op: rule.name(),
        entry: index,
        location: entry.location,
        layer: None,
        input: op.tracked.get(slot).copied().unwrap_or(slot),
        hypothesis,
    };
    if !report.failed() {
        return overwrites(&op, &inputs, seed).map(|slot| {
            located(
                slot,
                "the cotangent overwrites that of other uses of the input instead of being added"
                    .to_owned(),
            )
        });
    }
    let slot = slot(&report);
    let reads = rule.declared_reads();
    let suspect = Suspect {
        subject: &op,
        operands: &op.recorded,
        tracked: &op.tracked,
        hides: (0..op.recorded.len()).any(|i| !reads.reads_input(i)),
        exact: op.dual.is_some(),
    };
    let text = explain(&suspect, &inputs, slot, &report, seed);
    Some(located(slot, text))
}

/// Checks the derivative of the rule of one entry.
fn judge_second(
    entry: &mut Option<Entry<f64>>,
    dual: Option<&mut Entry<Dual>>,
    index: usize,
    seed: u64,
) -> Option<Located> {
    let entry = entry.as_mut()?;
    let rule = share(&mut entry.rule)?;
    let inputs = entry.inputs.iter().enumerate();
    let replayed = Replayed {
        dual: dual.and_then(|entry| share(&mut entry.rule)),
        recorded: entry.inputs.iter().map(|x| x.value.tensor()).collect(),
        tracked: inputs
            .filter(|(_, x)| x.source.is_some())
            .map(|(i, _)| i)
            .collect(),
        rule,
    };
    let tracked = replayed.tracked.iter();
    let inputs: Vec<_> = tracked.map(|&i| replayed.recorded[i].clone()).collect();
    let options = CheckOptions {
        seed,
        entries: 4,
        structure: false,
        localise: false,
        ..CheckOptions::default()
    };
    let report = check(&Recorded(&replayed), &inputs, &options);
    if !report.failed() {
        return None;
    }
    let hypothesis = match report.failures().first() {
        Some(record) => format!(
            "the gradient is right, its derivative is not: a constant where a derivative belongs, such as a detached or \
             new variable; {:.6e} in place of {:.6e} ({})",
            record.analytic,
            record.forward.or(record.numeric).unwrap_or(f64::NAN),
            record.derivative
        ),
        None => format!(
            "its rule cannot be differentiated: {}",
            report.faults.join("; ")
        ),
    };
    Some(Located {
        op: replayed.rule.name(),
        entry: index,
        location: entry.location,
        layer: None,
        input: replayed.tracked.get(slot(&report)).copied().unwrap_or(0),
        hypothesis,
    })
}

/// The rule of an entry, which keeps it too.
fn share<T: Real>(rule: &mut Option<Box<dyn TapeRule<T>>>) -> Option<Rc<dyn TapeRule<T>>> {
    let shared: Rc<dyn TapeRule<T>> = Rc::from(rule.take()?);
    *rule = Some(Box::new(Shared(shared.clone())));
    Some(shared)
}

/// The input whose gradient is wrong.
fn slot(report: &Report) -> usize {
    let failures = report.failures();
    let known = failures.iter().find_map(|r: &&Record| r.input);
    known.unwrap_or_else(|| slot_of(&report.faults))
}

/// What may be wrong with a function that records no ops.
pub(super) fn suspect(
    subject: &dyn Subject,
    inputs: &[Tensor<f64>],
    report: &Report,
    seed: u64,
) -> String {
    let slot = slot(report);
    let tracked: Vec<_> = (0..inputs.len()).collect();
    let suspect = Suspect {
        subject,
        operands: inputs,
        tracked: &tracked,
        hides: false,
        exact: false,
    };
    let text = explain(&suspect, inputs, slot, report, seed);
    format!("what may be wrong with the gradient of input {slot}: {text}")
}

/// The number of the input that a fault is about.
fn slot_of(faults: &[String]) -> usize {
    let number = |fault: &String| {
        let rest = fault.strip_prefix("input ")?;
        rest.split(':').next()?.split(' ').next()?.parse().ok()
    };
    faults.iter().find_map(number).unwrap_or(0)
}

/// The first input whose slot loses what it held before.
fn overwrites(op: &LocalOp<'_>, inputs: &[Tensor<f64>], seed: u64) -> Option<usize> {
    let mut draw = Draw::new(seed ^ 0x0e4, LARGEST);
    let outputs = op.outputs(inputs);
    let cotangents: Vec<_> = outputs.iter().map(|y| draw.normal(y.shape())).collect();
    let before: Vec<_> = inputs.iter().map(|x| draw.normal(x.shape())).collect();
    let alone = quietly(|| op.vjp(inputs, &cotangents, None)).ok()?;
    let added = quietly(|| op.vjp(inputs, &cotangents, Some(&before))).ok()?;
    (0..inputs.len()).find(|&slot| {
        let zeros = Tensor::zeros(inputs[slot].shape());
        let sum = added[slot].as_ref().unwrap_or(&zeros);
        let alone = alone[slot].as_ref().unwrap_or(&zeros);
        let expected = alone.zip(&before[slot], |a, b| a + b);
        let size = alone.iter().chain(before[slot].iter());
        let size = size.fold(0.0_f64, |m, x| m.max(x.abs()));
        sum.iter()
            .zip(expected.iter())
            .any(|(a, b)| (a - b).abs() > 1e-9 * size)
    })
}
