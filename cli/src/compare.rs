//! `wengert compare`: runs side by side.

use std::path::PathBuf;

use clap::Args;
use toml::{Table, Value};
use wengert::report::{LineChart, Scale, Series};

use crate::outcome::{CommandResult, Ending, UsageError};
use crate::output::print_line;
use crate::run::{self, Row, Run};

/// Which runs.
#[derive(Args)]
pub struct Options {
    /// Directories of runs, at least two
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Write the loss curves to this SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

struct Compared {
    name: String,
    settings: Table,
    rows: Vec<Row>,
}

/// Runs `wengert compare`.
pub fn run(options: &Options) -> CommandResult {
    if options.runs.len() < 2 {
        return Err(UsageError("name at least two runs".to_owned()).into());
    }
    let runs = options
        .runs
        .iter()
        .map(|directory| {
            let run = Run::open(directory)?;
            Ok(Compared {
                name: directory.display().to_string(),
                settings: run.settings().to_table()?,
                rows: run::read_rows(directory)?,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let mut table = vec![headings(&runs)];
    table.extend(runs.iter().map(|run| cells(run, &runs)));
    print_table(&table)?;
    if let Some(file) = &options.svg {
        let svg = chart(&runs).to_svg();
        wengert::nn::file::write(file, svg.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        print_line(format_args!("curves {}", file.display()))?;
    }
    Ok(Ending::Done)
}

/// The settings that are not the same in all runs.
fn differing(runs: &[Compared]) -> Vec<&str> {
    let mut keys: Vec<&str> = runs
        .iter()
        .flat_map(|run| run.settings.keys().map(String::as_str))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| {
        runs.iter()
            .any(|run| run.settings.get(*key) != runs[0].settings.get(*key))
    });
    keys
}

const NUMBERS: [&str; 6] = [
    "epochs",
    "loss",
    "accuracy",
    "validation",
    "seconds",
    "images/s",
];

fn headings(runs: &[Compared]) -> Vec<String> {
    let settings = differing(runs).into_iter();
    ["run"]
        .into_iter()
        .chain(NUMBERS)
        .chain(settings)
        .map(str::to_owned)
        .collect()
}

fn cells(run: &Compared, runs: &[Compared]) -> Vec<String> {
    let mut cells = vec![run.name.clone()];
    match run.rows.last() {
        None => cells.extend(NUMBERS.map(|_| "–".to_owned())),
        Some(last) => {
            let speed: f64 = run
                .rows
                .iter()
                .map(|row| row.images_per_second)
                .sum::<f64>()
                / run.rows.len() as f64;
            cells.extend([
                last.epoch.to_string(),
                format!("{:.4}", last.loss),
                format!("{:.2} %", 100.0 * last.accuracy),
                last.validation_accuracy
                    .map_or_else(|| "–".to_owned(), |x| format!("{:.2} %", 100.0 * x)),
                format!("{:.1}", last.seconds),
                format!("{speed:.0}"),
            ]);
        }
    }
    for key in differing(runs) {
        cells.push(match run.settings.get(key) {
            None => "–".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        });
    }
    cells
}

/// Prints rows of cells in columns; the first column is on the left, the others on the right.
fn print_table(rows: &[Vec<String>]) -> std::io::Result<()> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                if column == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
        print_line(format_args!(
            "{}",
            cells.collect::<Vec<_>>().join("  ").trim_end()
        ))?;
    }
    Ok(())
}

fn chart(runs: &[Compared]) -> LineChart {
    let series = runs.iter().map(|run| Series {
        name: run.name.clone(),
        points: run
            .rows
            .iter()
            .map(|row| (row.epoch as f64, row.validation_loss.unwrap_or(row.loss)))
            .collect(),
    });
    LineChart {
        title: "loss".into(),
        x_label: "epoch".into(),
        y_label: "mean cross entropy (validation images if there are some)".into(),
        y_scale: Scale::Log,
        series: series.collect(),
        ..LineChart::default()
    }
}
