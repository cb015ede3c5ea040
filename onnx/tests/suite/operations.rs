//! Every public function of the table of operations: exported at many drawn operands, or not at all for a stated reason.
//!
//! The outcome is the table in `docs/onnx.md`; `WENGERT_BLESS=1` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use wengert::autograd::ops::{Case, table};
use wengert::autograd::{Draw, LARGEST, Var};
use wengert::nn::fields;
use wengert::tensor::Tensor;
use wengert_onnx::{BatchExtent, Export, ExportError};

use super::{ROUNDING, difference, run};

/// A model without parameters.
struct Nothing;
fields!(Nothing);

/// Samples of each function.
const DRAWS: u64 = 24;

#[derive(Default)]
struct Row {
    exported: usize,
    reasons: BTreeMap<String, usize>,
}

/// Whether a file can have these inputs: it needs a batch.
fn has_batch(case: &Case) -> bool {
    case.inputs.iter().all(|x| x.rank() > 0 && !x.is_empty())
}

fn values(case: &Case) -> Vec<Tensor<f64>> {
    let inputs: Vec<_> = case.inputs.iter().cloned().map(Var::constant).collect();
    let outputs = case.function.f64(&inputs);
    outputs.into_iter().map(Var::into_value).collect()
}

/// The reason without what belongs to one draw.
fn reason(error: &ExportError) -> String {
    match error {
        ExportError::NoTranslation { place } => format!("`{}` has no translation", place.op),
        ExportError::Unsupported { reason, .. } => {
            let digits = |c: char| c.is_ascii_digit();
            reason
                .split(", from ")
                .next()
                .unwrap_or(reason)
                .replace(digits, "n")
        }
        ExportError::NotRecorded { place, .. } => {
            format!("`{}` selects by values of the input", place.op)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn every_operation_computes_the_same_in_a_file_or_is_listed_with_the_reason() {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for entry in table() {
        // What only rules call.
        let is_of_a_rule = ["slope of", "cotangent of", "gate"]
            .iter()
            .any(|of| entry.name().starts_with(of));
        if is_of_a_rule {
            continue;
        }
        let row = rows.entry(entry.name()).or_default();
        for seed in 0..DRAWS {
            let case = entry.draw(&mut Draw::new(seed, seed as usize % (LARGEST + 1)));
            if !has_batch(&case) {
                continue;
            }
            let expected = values(&case);
            let export = Export::<f64>::new().batch(BatchExtent::Fixed);
            let exported = export.function(&Nothing, &case.inputs, |x, _| case.function.f64(x));
            let file = match exported {
                Ok(file) => file,
                Err(error) => {
                    *row.reasons.entry(reason(&error)).or_default() += 1;
                    continue;
                }
            };
            row.exported += 1;
            let results = run(&file, &case.inputs);
            assert_eq!(results.len(), expected.len());
            for (result, expected) in results.iter().zip(&expected) {
                let apart = difference(result, expected);
                assert!(
                    apart <= ROUNDING,
                    "{} seed {seed}: {case:?}: {apart:e}: {result:?}, {expected:?}",
                    entry.name()
                );
            }
        }
    }
    let page = written(&rows);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/onnx.md");
    let text = fs::read_to_string(&path).expect("docs/onnx.md can be read");
    let (front, rest) = text.split_once("<!-- operations -->\n").expect("a mark");
    let (_, behind) = rest
        .split_once("<!-- /operations -->")
        .expect("an end mark");
    let new = format!("{front}<!-- operations -->\n{page}<!-- /operations -->{behind}");
    if std::env::var_os("WENGERT_BLESS").is_some() {
        fs::write(&path, new).expect("docs/onnx.md can be written");
    } else {
        assert!(
            new == text,
            "docs/onnx.md is not what was found; WENGERT_BLESS=1 writes it"
        );
    }
}

/// The functions that can be exported, and those that cannot or not always.
fn written(rows: &BTreeMap<&str, Row>) -> String {
    let names = |wanted: fn(&Row) -> bool| {
        let names: Vec<_> = rows
            .iter()
            .filter(|(_, row)| wanted(row))
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        names.join(", ")
    };
    let whole = names(|row| row.exported > 0 && row.reasons.is_empty());
    let mut page =
        format!("**Exported**: {whole}.\n\n| not, or not always | reason |\n|---|---|\n");
    for (name, row) in rows {
        if row.reasons.is_empty() {
            continue;
        }
        let reasons: Vec<_> = row.reasons.keys().cloned().collect();
        let word = if row.exported > 0 { " (in part)" } else { "" };
        let _ = writeln!(page, "| `{name}`{word} | {} |", reasons.join("; "));
    }
    page
}
