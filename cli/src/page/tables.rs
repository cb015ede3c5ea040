//! The tables of a run: key numbers, confusion matrix, layers, settings.

use maud::{Markup, html};
use wengert::nn::Summary;
use wengert::report::HeatMap;

use super::{Content, chart, percent};

/// The most classes whose confusion matrix is a table with numbers.
const TABLE: usize = 20;

/// The numbers that a reader looks for first.
pub fn key_numbers(content: &Content<'_>) -> Markup {
    let confusion = &content.examination.confusion;
    let mut numbers = vec![
        (
            format!("{} accuracy", content.set_name),
            percent(confusion.accuracy()),
        ),
        (
            format!("{} loss", content.set_name),
            format!("{:.4}", content.examination.loss),
        ),
    ];
    if let Some(top5) = content.examination.top5 {
        numbers.push(("among the best 5".into(), percent(top5)));
    }
    if let Some(last) = content.rows.last() {
        numbers.push(("training loss".into(), format!("{:.4}", last.loss)));
        numbers.push(("epochs".into(), last.epoch.to_string()));
        numbers.push(("seconds".into(), format!("{:.1}", last.seconds)));
    }
    numbers.push((
        "parameters".into(),
        grouped(content.summary.parameters as u64),
    ));
    numbers.push((
        "seed".into(),
        content.settings.seed.unwrap_or(0).to_string(),
    ));
    html! {
        dl class="numbers" {
            @for (name, value) in &numbers {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// Images by class and predicted class.
pub fn confusion(content: &Content<'_>) -> Markup {
    let confusion = &content.examination.confusion;
    let classes = content.set.classes();
    let count = classes.len();
    let total = |class: usize| {
        (0..count)
            .map(|other| confusion.count(class, other))
            .sum::<usize>()
    };
    html! {
        p class="note" {
            "Rows: what the " (content.set_name) " images are. Columns: what they are taken for. "
            (confusion.correct()) " of " (confusion.total()) " are right."
        }
        @if count <= TABLE {
            div class="scroll" {
                table class="confusion" id="confusion" {
                    thead { tr {
                        th {}
                        @for name in classes { th scope="col" { (name) } }
                        th { "recall" } th { "precision" }
                    } }
                    tbody {
                        @for class in 0..count {
                            tr {
                                th scope="row" { (classes[class]) }
                                @for predicted in 0..count {
                                    (cell(confusion.count(class, predicted), total(class)))
                                }
                                td { (share(confusion.recall(class))) }
                                td { (share(confusion.precision(class))) }
                            }
                        }
                    }
                }
            }
        } @else {
            (chart(&heat(content)))
            div class="scroll" {
                table id="classes" {
                    thead { tr { th class="text" { "class" } th { "images" } th { "recall" } th { "precision" } } }
                    tbody {
                        @for class in 0..count {
                            tr {
                                td class="text" { (classes[class]) }
                                td { (total(class)) }
                                td { (share(confusion.recall(class))) }
                                td { (share(confusion.precision(class))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A count, the darker the larger its share of the row.
fn cell(count: usize, total: usize) -> Markup {
    let shade = if total == 0 {
        0.0
    } else {
        count as f64 / total as f64
    };
    // A single mistake among hundreds must be seen too.
    let shade = if count > 0 { 0.08 + 0.6 * shade } else { 0.0 };
    html! { td.zero[count == 0] style={ "background: rgba(var(--accent), " (format!("{shade:.3}")) ")" } { (count) } }
}

fn heat(content: &Content<'_>) -> String {
    let confusion = &content.examination.confusion;
    let count = content.set.classes().len();
    let values = (0..count * count).map(|i| confusion.count(i / count, i % count) as f64);
    HeatMap {
        title: "images by class (row) and predicted class (column)".into(),
        columns: count,
        values: values.collect(),
        ..HeatMap::default()
    }
    .to_svg()
}

fn share(part: f64) -> String {
    if part.is_nan() {
        "–".to_owned()
    } else {
        format!("{:.1} %", 100.0 * part)
    }
}

/// The layers with shapes, parameters and costs.
pub fn network(summary: &Summary) -> Markup {
    html! {
        p class="note" {
            (grouped(summary.parameters as u64)) " parameters, " (grouped(summary.multiply_adds))
            " multiply-adds for a batch of " (summary.input_shape[0]) "."
        }
        div class="scroll" {
            table id="network" {
                thead { tr {
                    th class="text" { "layer" } th class="text" { "type" } th class="text" { "output" }
                    th { "parameters" } th { "multiply-adds" }
                } }
                tbody {
                    @for layer in &summary.layers {
                        tr {
                            td class="text" { (layer.path) }
                            td class="text" { (layer.kind) }
                            td class="text" { (format!("{:?}", layer.output_shape)) }
                            td { (grouped(layer.parameters as u64)) }
                            td { (grouped(layer.multiply_adds)) }
                        }
                    }
                }
            }
        }
    }
}

/// The command, the machine and the settings.
pub fn reproduction(content: &Content<'_>) -> Markup {
    let settings = content.settings.to_table().unwrap_or_default();
    html! {
        pre id="command" { (content.command) }
        p class="note" {
            "The same seed gives the same weights, bit for bit, for any number of threads. Machine: "
            (content.machine) "."
        }
        div class="scroll" {
            table id="settings" {
                tbody {
                    @for (key, value) in &settings {
                        tr { td class="text" { (key) } td class="text" { (plain(value)) } }
                    }
                }
            }
        }
    }
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
