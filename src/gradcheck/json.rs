//! JSON, for programs. `docs/gradcheck-schema.json` describes it.

use serde_json::{Value, json};

use super::{title, verdict};
use crate::autograd::check::{Located, Power, Record, Report, TapeEntry, Verdict};

/// The reports as JSON, described by the schema `docs/gradcheck-schema.json`.
///
/// Numbers that are not finite are the strings `"nan"`, `"inf"` and `"-inf"`.
#[must_use]
pub fn json(reports: &[Report]) -> String {
    let reports: Vec<_> = reports.iter().map(of_report).collect();
    format!("{:#}\n", json!({"version": 1, "reports": reports}))
}

fn of_report(report: &Report) -> Value {
    let counts = Verdict::ALL.map(|v| (v.to_string(), Value::from(report.count(v))));
    json!({
        "title": title(report),
        "verdict": verdict(report),
        "seed": report.seed,
        "inputs": report.shapes.iter().enumerate().map(|(i, shape)| json!({
            "name": report.name(i),
            "shape": shape,
        })).collect::<Vec<_>>(),
        "output_shapes": report.output_shapes,
        "counts": counts.into_iter().collect::<serde_json::Map<_, _>>(),
        "witnesses": report.compared.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "faults": report.faults,
        "notes": report.notes,
        "located": report.located.iter().map(of_located).collect::<Vec<_>>(),
        "power": report.power.iter().map(of_power).collect::<Vec<_>>(),
        "cost": {
            "values": report.cost.values,
            "gradients": report.cost.gradients,
            "duals": report.cost.duals,
        },
        "records": report.records.iter().map(of_record).collect::<Vec<_>>(),
        "tape": report.tape.iter().map(of_entry).collect::<Vec<_>>(),
    })
}

fn of_record(record: &Record) -> Value {
    json!({
        "derivative": record.derivative.to_string(),
        "input": record.input,
        "index": record.index,
        "output": record.output,
        "output_index": record.output_index,
        "analytic": number(record.analytic),
        "differences": record.numeric.map(number),
        "forward_mode": record.forward.map(number),
        "verdict": record.verdict.to_string(),
        "reason": record.reason,
        "witness": record.witness.map(|w| w.to_string()),
        "bar": number(record.bar),
        "error": number(record.error),
        "step": record.step.map(number),
        "noise": record.noise.map(number),
        "steps": record.steps.iter().map(|s| json!({
            "step": number(s.step),
            "value": number(s.value),
        })).collect::<Vec<_>>(),
        "seed": record.seed,
        "beside_a_kink": record.beside_a_kink,
    })
}

fn of_located(located: &Located) -> Value {
    json!({
        "op": located.op,
        "entry": located.entry,
        "location": located.location.to_string(),
        "layer": located.layer,
        "input": located.input,
        "hypothesis": located.hypothesis,
    })
}

fn of_power(power: &Power) -> Value {
    json!({
        "witness": power.witness.to_string(),
        "relative": number(power.relative),
        "probability": power.probability,
        "directions": power.directions,
    })
}

fn of_entry(entry: &TapeEntry) -> Value {
    json!({
        "op": entry.op,
        "location": entry.location.to_string(),
        "layer": entry.layer,
        "operands": entry.operands,
        "shapes": entry.shapes,
        "wrong": entry.wrong,
    })
}

/// JSON has no number that is not finite.
fn number(x: f64) -> Value {
    if x.is_finite() {
        x.into()
    } else if x.is_nan() {
        "nan".into()
    } else if x > 0.0 {
        "inf".into()
    } else {
        "-inf".into()
    }
}
