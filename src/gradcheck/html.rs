//! One page without other files: verdicts, error maps, differences by step, and the tape.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::{group_name, groups, records_of, title, verdict, worst};
use crate::autograd::check::{Record, Report, Verdict};

mod charts;

/// The reports as one HTML page, which needs no other file.
///
/// It shows the wrong ops, an error map of each tensor (the last two axes of a larger one as tiles, so that filters look
/// like filters), the differences by step, and the tape.
#[must_use]
pub fn html(name: &str, reports: &[Report]) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Gradient check: " (name) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                h1 { "Gradient check: " (name) }
                @for report in reports { (section(report)) }
            }
        }
    };
    page.into_string()
}

fn section(report: &Report) -> Markup {
    let word = verdict(report);
    markup! {
        section {
            h2 { (title(report)) " " span class={ "verdict " (word.replace(' ', "-")) } { (word) } }
            dl class="numbers" {
                @for v in Verdict::ALL {
                    @if report.count(v) > 0 { div { dt { (v) } dd { (report.count(v)) } } }
                }
                div { dt { "seed" } dd { (report.seed) } }
                div { dt { "evaluations" } dd { (report.cost.values) } }
                div { dt { "gradients" } dd { (report.cost.gradients) } }
            }
            (findings(report))
            h3 { "Tensors" }
            (tensors(report))
            (maps(report))
            (steps(report))
            @if !report.tape.is_empty() {
                h3 { "Tape" }
                (tape(report))
            }
        }
    }
}

fn findings(report: &Report) -> Markup {
    markup! {
        @if !report.located.is_empty() {
            h3 { "What is wrong" }
            ol class="located" {
                @for located in &report.located {
                    li {
                        strong { (located.op) } " at " code { (located.location.to_string()) }
                        @if let Some(layer) = &located.layer { " in " code { (layer) } }
                        ", input " (located.input) ": " (located.hypothesis)
                    }
                }
            }
        }
        @for fault in &report.faults { p class="fault" { (fault) } }
        @for note in &report.notes { p class="note" { (note) } }
        @for power in &report.power { p class="note" { (power) "." } }
    }
}

fn tensors(report: &Report) -> Markup {
    markup! {
        div class="scroll" { table {
            thead { tr {
                th class="text" { "tensor" } th class="text" { "shape" } th { "numbers" } th { "wrong" }
                th class="text" { "worst at" } th { "reverse mode" } th { "forward mode" } th { "differences" }
                th { "error ÷ bar" }
            } }
            tbody {
                @for group in groups(report) { (tensor(report, group)) }
            }
        } }
    }
}

fn tensor(report: &Report, group: Option<usize>) -> Markup {
    let records = records_of(report, group);
    let wrong = records.iter().filter(|r| !r.is_ok()).count();
    let shape = group.and_then(|i| report.shapes.get(i));
    markup! {
        tr class=[(wrong > 0).then_some("wrong")] {
            td class="text" { (group_name(report, group)) }
            td class="text" { @if let Some(shape) = shape { (format!("{shape:?}")) } }
            td { (records.len()) }
            td { (wrong) }
            @if let Some(record) = worst(&records) {
                td class="text" { (place(record)) }
                td { (number(Some(record.analytic))) }
                td { (number(record.forward)) }
                td { (number(record.numeric)) }
                td { (format!("{:.1e}", record.error)) }
            }
        }
        @if let Some(reason) = worst(&records).map(|r| &r.reason).filter(|r| !r.is_empty()) {
            tr class=[(wrong > 0).then_some("wrong")] {
                td {}
                td class="text reason" colspan="8" { (reason) }
            }
        }
    }
}

fn place(record: &Record) -> String {
    let index = record.input.map(|_| format!(" {:?}", record.index));
    let output = record
        .output
        .map(|output| format!(", output {output} {:?}", record.output_index));
    format!(
        "{}{}{}",
        record.derivative,
        index.unwrap_or_default(),
        output.unwrap_or_default()
    )
}

fn number(x: Option<f64>) -> String {
    x.map_or_else(|| "–".to_owned(), |x| format!("{x:.8e}"))
}

fn maps(report: &Report) -> Markup {
    let inputs = 0..report.shapes.len();
    let maps: Vec<_> = inputs
        .filter_map(|i| {
            Some((
                i,
                charts::error_map(&report.shapes[i], &records_of(report, Some(i)))?,
            ))
        })
        .collect();
    markup! {
        @if !maps.is_empty() {
            h3 { "Error maps" }
            p class="note" {
                "A cell is an element; a tile holds the last two axes. Green: the error is below its bar. From yellow to \
                 red: the verdict is a failure. Blue: kink. Grey: limited by noise or not taken. Empty: the \
                 element was judged only along directions."
            }
            div class="maps" {
                @for (i, map) in maps {
                    figure { (map) figcaption { (report.name(i)) " " (format!("{:?}", report.shapes[i])) } }
                }
            }
        }
    }
}

fn steps(report: &Report) -> Markup {
    let charts: Vec<_> = groups(report)
        .into_iter()
        .filter_map(|group| {
            let records = records_of(report, group);
            let records: Vec<_> = records.into_iter().filter(|r| r.steps.len() > 1).collect();
            let record = worst(&records)?;
            Some((group_name(report, group), record, charts::steps(record)?))
        })
        .take(12)
        .collect();
    markup! {
        @if !charts.is_empty() {
            h3 { "Differences by step" }
            p class="note" {
                "Distance of the difference quotient from reverse mode, for the worst number of each tensor. Dashed: the \
                 measured noise divided by the step. Vertical: the smallest step that was used."
            }
            div class="charts" {
                @for (name, record, chart) in charts {
                    figure { (chart) figcaption { (name) ", " (place(record)) } }
                }
            }
        }
    }
}

fn tape(report: &Report) -> Markup {
    markup! {
        div class="scroll tape" { table {
            thead { tr {
                th { "entry" } th class="text" { "op" } th class="text" { "operands" } th class="text" { "results" }
                th class="text" { "layer" } th class="text" { "called at" }
            } }
            tbody {
                @for (i, entry) in report.tape.iter().enumerate() {
                    tr class=[entry.wrong.then_some("wrong")] {
                        td { (i) }
                        td class="text" { (entry.op) @if entry.wrong { " ✗" } }
                        td class="text" { (operands(&entry.operands)) }
                        td class="text" { (entry.shapes.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(" ")) }
                        td class="text" { (entry.layer.as_deref().unwrap_or_default()) }
                        td class="text" { code { (entry.location.to_string()) } }
                    }
                }
            }
        } }
    }
}

fn operands(operands: &[Option<usize>]) -> String {
    let name =
        |entry: &Option<usize>| entry.map_or_else(|| "constant".to_owned(), |i| i.to_string());
    operands.iter().map(name).collect::<Vec<_>>().join(", ")
}
