//! Reports of gradient checks as files: JSON, `JUnit` XML and one HTML page. Needs the feature `gradcheck-reports`.
//!
//! ```
//! use wengert::gradcheck;
//! use wengert::prelude::*;
//!
//! let x = Tensor::from_vec(vec![0.5, -1.0, 2.0], [3]);
//! let report = check_gradients(generic!(|x| x.tanh()), &[x]);
//! let json: serde_json::Value = serde_json::from_str(&gradcheck::json(&[report.clone()]))?;
//! assert_eq!(json["reports"][0]["verdict"], "ok");
//! assert!(gradcheck::junit(&[report.clone()]).starts_with("<?xml"));
//! assert!(gradcheck::html("tanh", &[report]).starts_with("<!DOCTYPE html>"));
//! # Ok::<_, serde_json::Error>(())
//! ```

mod html;
mod json;
mod junit;

pub use html::html;
pub use json::json;
pub use junit::junit;

use crate::autograd::check::{Record, Report, Verdict};

/// `ok`, `wrong`, or `not judged`.
fn verdict(report: &Report) -> &'static str {
    if report.failed() {
        "wrong"
    } else if report.judged() {
        "ok"
    } else {
        "not judged"
    }
}

fn title(report: &Report) -> &str {
    if report.title.is_empty() {
        "gradient check"
    } else {
        &report.title
    }
}

/// The records about one input; `None` is those about no single input.
fn records_of(report: &Report, input: Option<usize>) -> Vec<&Record> {
    report.records.iter().filter(|r| r.input == input).collect()
}

/// The inputs by number, and `None` if there are records about no single input.
fn groups(report: &Report) -> Vec<Option<usize>> {
    let named = report.names.len().max(report.shapes.len());
    let used = report.records.iter().filter_map(|r| r.input).max();
    let count = named.max(used.map_or(0, |i| i + 1));
    let mut groups: Vec<_> = (0..count).map(Some).collect();
    if report.records.iter().any(|r| r.input.is_none()) {
        groups.push(None);
    }
    groups
}

fn group_name(report: &Report, input: Option<usize>) -> String {
    input.map_or_else(|| "all inputs together".to_owned(), |i| report.name(i))
}

/// The record to look at first: failures before kinks and what was not judged, then the largest error for its bar.
fn worst<'a>(records: &[&'a Record]) -> Option<&'a Record> {
    records.iter().copied().max_by(|a, b| compare(a, b))
}

fn compare(a: &Record, b: &Record) -> std::cmp::Ordering {
    let error = |r: &Record| {
        if r.error.is_nan() {
            f64::INFINITY
        } else {
            r.error
        }
    };
    let verdict = |r: &Record| (!r.is_ok(), r.verdict != Verdict::Pass);
    let by_verdict = verdict(a).cmp(&verdict(b));
    by_verdict.then(error(a).total_cmp(&error(b)))
}
