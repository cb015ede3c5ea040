//! The curves of a run.

use maud::{Markup, html};
use wengert::report::{LineChart, Scale, Series};

use super::chart;
use crate::run::{LayerRow, Row};

/// Loss, accuracy and learning rate by epoch.
pub fn curves(rows: &[Row]) -> Markup {
    if rows.is_empty() {
        return html! { p class="note" { "No epoch is finished yet." } };
    }
    let line = |name: &str, value: &dyn Fn(&Row) -> Option<f64>| Series {
        name: name.into(),
        points: rows
            .iter()
            .filter_map(|row| Some((row.epoch as f64, value(row)?)))
            .collect(),
    };
    let has_validation = rows.iter().any(|row| row.validation_loss.is_some());
    let pair = |training: Series, validation: Series| {
        if has_validation {
            vec![training, validation]
        } else {
            vec![training]
        }
    };
    let loss = LineChart {
        title: "loss".into(),
        x_label: "epoch".into(),
        y_label: "mean cross entropy".into(),
        y_scale: Scale::Log,
        series: pair(
            line("training", &|row| Some(row.loss)),
            line("validation", &|row| row.validation_loss),
        ),
        ..LineChart::default()
    };
    let accuracy = LineChart {
        title: "accuracy".into(),
        x_label: "epoch".into(),
        y_label: "% of the images".into(),
        series: pair(
            line("training", &|row| Some(100.0 * row.accuracy)),
            line("validation", &|row| {
                row.validation_accuracy.map(|x| 100.0 * x)
            }),
        ),
        ..LineChart::default()
    };
    let rate = LineChart {
        title: "learning rate".into(),
        x_label: "epoch".into(),
        y_label: "learning rate".into(),
        series: vec![line("", &|row| Some(row.lr))],
        ..LineChart::default()
    };
    let speed = LineChart {
        title: "speed".into(),
        x_label: "epoch".into(),
        y_label: "training images per second".into(),
        series: vec![line("", &|row| Some(row.images_per_second))],
        ..LineChart::default()
    };
    html! {
        div class="charts" {
            @for picture in [&loss, &accuracy, &rate, &speed] { (chart(&picture.to_svg())) }
        }
    }
}

/// The norm of the gradient and the dead units of each layer, by epoch, and a table of the last epoch.
pub fn gradient_flow(rows: &[Row]) -> Markup {
    let Some(last) = rows.last().filter(|row| !row.layers.is_empty()) else {
        return html! { p class="note" { "No epoch is finished yet." } };
    };
    let lines = |value: &dyn Fn(&LayerRow) -> Option<f64>| -> Vec<Series> {
        let of = |path: &str| {
            let find = |row: &Row| {
                row.layers
                    .iter()
                    .find(|layer| layer.path == path)
                    .and_then(value)
            };
            let points = rows
                .iter()
                .filter_map(|row| Some((row.epoch as f64, find(row)?)));
            points.collect::<Vec<_>>()
        };
        last.layers
            .iter()
            .map(|layer| Series {
                name: layer.path.clone(),
                points: of(&layer.path),
            })
            .filter(|series| !series.points.is_empty())
            .collect()
    };
    let gradients = LineChart {
        title: "norm of the gradient of each layer".into(),
        x_label: "epoch".into(),
        y_label: "norm".into(),
        y_scale: Scale::Log,
        series: lines(&|layer| Some(layer.gradient)),
        ..LineChart::default()
    };
    let dead = LineChart {
        title: "units that are above 0 for no image".into(),
        x_label: "epoch".into(),
        y_label: "% of the layer".into(),
        series: lines(&|layer| layer.dead.map(|share| 100.0 * share)),
        ..LineChart::default()
    };
    html! {
        p class="note" {
            "Measured after each epoch on the first training images. If the gradient shrinks by orders of magnitude \
             from the last layer to the first, the first layers do not learn. A unit that is above 0 for no image is \
             dead once a relu follows."
        }
        div class="charts" {
            (chart(&gradients.to_svg()))
            @if !dead.series.is_empty() { (chart(&dead.to_svg())) }
        }
        div class="scroll" {
            table id="gradients" {
                thead { tr {
                    th class="text" { "layer" } th { "gradient" } th { "weights" } th { "gradient / weights" } th { "dead" }
                } }
                tbody {
                    @for layer in &last.layers {
                        tr {
                            td class="text" { (layer.path) }
                            td { (format!("{:.3e}", layer.gradient)) }
                            td { (format!("{:.3e}", layer.weight)) }
                            td { (format!("{:.3e}", layer.gradient / layer.weight)) }
                            td { (layer.dead.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))) }
                        }
                    }
                }
            }
        }
    }
}
