//! Tables in Markdown.

use std::fmt::Write;

use crate::row::{Row, counter_names};

/// A table; a `|` in a cell is escaped.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(header.iter().map(ToString::to_string).collect());
    let _ = writeln!(text, "|{}", "---|".repeat(header.len()));
    for cells in rows {
        let cells = cells.into_iter().map(|cell| cell.replace('|', "\\|"));
        text += &line(cells.collect());
    }
    text
}

/// Rows that competed: of one geometry, number type, direction and number of threads.
pub(crate) fn groups(rows: &[Row]) -> Vec<Vec<&Row>> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for row in rows {
        let key = (&row.name, row.number, row.direction, row.threads);
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(row);
    }
    groups
}

/// The fastest kernel of each group, the second, and the one of automatic choice.
pub(crate) fn fastest(rows: &[Row]) -> String {
    let header = [
        "geometry",
        "number",
        "direction",
        "threads",
        "fastest",
        "GFLOP/s",
        "% of peak",
        "flop/byte",
        "% of attainable",
        "bound",
        "second",
        "chosen",
    ];
    let line = |mut group: Vec<&Row>| {
        group.sort_by(|a, b| a.median_ns.total_cmp(&b.median_ns));
        let first = group[0];
        let times = |row: &Row| row.median_ns / first.median_ns;
        let second = group.get(1).map_or_else(String::new, |row| {
            format!("{}, {:.2} × the time", row.label(), times(row))
        });
        let chosen = match group.iter().find(|row| row.chosen) {
            Some(row) if row.label() == first.label() => "fastest".to_string(),
            Some(row) => format!("{}, {:.2} ×", row.label(), times(row)),
            None => "not run".to_string(),
        };
        vec![
            first.name.clone(),
            first.number.to_string(),
            first.direction.to_string(),
            first.threads.to_string(),
            first.label(),
            format!("{:.1}", first.gflops),
            format!("{:.0}", first.percent_of_peak),
            format!("{:.1}", first.intensity),
            format!("{:.0}", first.percent_of_attainable),
            first.bound.to_string(),
            second,
            chosen,
        ]
    };
    table(&header, groups(rows).into_iter().map(line))
}

/// All rows, without the columns that are the same in all of them.
pub(crate) fn every_row(rows: &[Row]) -> String {
    let names = counter_names(rows);
    let mut columns: Vec<(&str, Box<dyn Fn(&Row) -> String>)> = vec![
        ("geometry", Box::new(|row| row.name.clone())),
        ("number", Box::new(|row| row.number.to_string())),
        ("direction", Box::new(|row| row.direction.to_string())),
        ("kernel", Box::new(Row::label)),
        ("threads", Box::new(|row| row.threads.to_string())),
        (
            "median",
            Box::new(|row| format!("{:.1} µs", row.median_ns / 1e3)),
        ),
        (
            "minimum",
            Box::new(|row| format!("{:.1} µs", row.best_ns / 1e3)),
        ),
        ("GFLOP/s", Box::new(|row| format!("{:.1}", row.gflops))),
        (
            "% of peak",
            Box::new(|row| format!("{:.0}", row.percent_of_peak)),
        ),
        ("flop/byte", Box::new(|row| format!("{:.1}", row.intensity))),
        (
            "attainable",
            Box::new(|row| format!("{:.1}", row.attainable)),
        ),
        (
            "% of it",
            Box::new(|row| format!("{:.0}", row.percent_of_attainable)),
        ),
        ("bound", Box::new(|row| row.bound.to_string())),
        ("scratch, bytes", Box::new(|row| row.workspace.to_string())),
        (
            "chosen",
            Box::new(|row| if row.chosen { "yes" } else { "" }.to_string()),
        ),
    ];
    for name in names {
        let value = move |row: &Row| {
            let found = row.counters.iter().find(|(known, _)| *known == name);
            found.map_or_else(String::new, |(_, value)| format!("{value:.0}"))
        };
        columns.push((name, Box::new(value)));
    }
    for name in ["number", "direction", "threads"] {
        let same = |cell: &dyn Fn(&Row) -> String| {
            rows.iter()
                .all(|row| rows.first().is_some_and(|first| cell(row) == cell(first)))
        };
        columns.retain(|(known, cell)| *known != name || !same(cell));
    }
    let header: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let line = |row: &Row| columns.iter().map(|(_, cell)| cell(row)).collect();
    table(&header, rows.iter().map(line))
}
