//! Two saved runs, compared.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::table::table;

/// What makes rows of two runs comparable.
const KEY: [&str; 9] = [
    "number",
    "direction",
    "kernel",
    "level",
    "threads",
    "cache",
    "scratch",
    "name",
    "geometry",
];

/// A benchmark of both runs.
struct Pair {
    name: String,
    threads: String,
    /// Nanoseconds in the old run and in the new one.
    median: [f64; 2],
    best: [f64; 2],
}

/// Two runs.
pub(crate) struct Comparison {
    machines: [String; 2],
    pairs: Vec<Pair>,
    /// Benchmarks of the old run alone and of the new one alone.
    unmatched: [usize; 2],
}

/// A saved run.
struct Saved {
    machine: String,
    rows: Vec<(Vec<String>, [f64; 2])>,
}

impl Comparison {
    /// # Errors
    /// If a file is not what `--json` writes, or no benchmark is in both.
    pub(crate) fn read(old: &Path, new: &Path) -> Result<Self, String> {
        let (old_run, new_run) = (Saved::read(old)?, Saved::read(new)?);
        let known: HashMap<_, _> = old_run
            .rows
            .iter()
            .map(|(key, times)| (key, times))
            .collect();
        let pair = |(key, new): &(Vec<String>, [f64; 2])| {
            let old = known.get(key)?;
            let [number, direction, kernel, level, threads, cache, _, name, _] = &key[..] else {
                return None;
            };
            let kernel = match level.as_str() {
                "own" => kernel.clone(),
                level => format!("{kernel}@{level}"),
            };
            let cache = match cache.as_str() {
                "warm" => String::new(),
                cache => format!(", {cache}"),
            };
            Some(Pair {
                name: format!("{number}/{direction}/{kernel}/{name}{cache}"),
                threads: threads.clone(),
                median: [old[0], new[0]],
                best: [old[1], new[1]],
            })
        };
        let pairs: Vec<Pair> = new_run.rows.iter().filter_map(pair).collect();
        if pairs.is_empty() {
            return Err(format!(
                "{} and {} have no benchmark in common; give both runs the same sets, kernels and options",
                old.display(),
                new.display()
            ));
        }
        Ok(Self {
            unmatched: [&old_run, &new_run].map(|run| run.rows.len() - pairs.len()),
            machines: [old_run.machine, new_run.machine],
            pairs,
        })
    }

    /// The benchmarks whose time changed by more than a limit in percent, most first, and their counts.
    pub(crate) fn text(&self, limit: f64) -> String {
        let mut changed: Vec<_> = self
            .pairs
            .iter()
            .filter(|pair| pair.is_slower(limit) || pair.is_faster(limit))
            .collect();
        changed.sort_by(|a, b| a.speedup().total_cmp(&b.speedup()));
        let line = |pair: &&Pair| {
            let verdict = if pair.is_slower(limit) {
                "slower"
            } else {
                "faster"
            };
            vec![
                pair.name.clone(),
                pair.threads.clone(),
                format!("{:.1} µs", pair.median[0] / 1e3),
                format!("{:.1} µs", pair.median[1] / 1e3),
                format!("{:.2}", pair.median[0] / pair.median[1]),
                format!("{:.2}", pair.best[0] / pair.best[1]),
                verdict.to_string(),
            ]
        };
        let header = [
            "benchmark",
            "threads",
            "old",
            "new",
            "old / new, median",
            "old / new, minimum",
            "",
        ];
        let mut text = table(&header, changed.iter().map(line));
        let [slower, faster] = [Pair::is_slower, Pair::is_faster]
            .map(|is| self.pairs.iter().filter(|pair| is(pair, limit)).count());
        let logs = self.pairs.iter().map(|pair| pair.speedup().ln());
        let mean = (logs.sum::<f64>() / self.pairs.len() as f64).exp();
        let _ = writeln!(
            text,
            "\n{} benchmarks in both runs: {slower} slower and {faster} faster by more than {limit} %, by median and by \
             minimum; geometric mean of old / new {mean:.3}.",
            self.pairs.len()
        );
        let [old, new] = self.unmatched;
        if old + new > 0 {
            let _ = writeln!(
                text,
                "{old} are only in the old run, {new} only in the new one."
            );
        }
        let [old, new] = &self.machines;
        if old != new {
            let _ = writeln!(text, "The runs are of different machines, {old} and {new}.");
        }
        text
    }

    /// # Errors
    /// If a benchmark became slower by more than a limit in percent.
    pub(crate) fn check(&self, limit: f64) -> Result<(), String> {
        let slower = self.pairs.iter().filter(|pair| pair.is_slower(limit));
        let worst = slower
            .clone()
            .min_by(|a, b| a.speedup().total_cmp(&b.speedup()));
        match worst {
            None => Ok(()),
            Some(worst) => Err(format!(
                "{} of {} benchmarks became slower by more than {limit} %; the worst is {}, which takes {:.2} × the time",
                slower.count(),
                self.pairs.len(),
                worst.name,
                1.0 / worst.speedup()
            )),
        }
    }
}

impl Pair {
    fn speedup(&self) -> f64 {
        self.median[0] / self.median[1]
    }

    /// Median and minimum agree on it.
    fn is_slower(&self, limit: f64) -> bool {
        [self.median, self.best]
            .iter()
            .all(|[old, new]| *new > old * (1.0 + limit / 100.0))
    }

    fn is_faster(&self, limit: f64) -> bool {
        [self.median, self.best]
            .iter()
            .all(|[old, new]| *old > new * (1.0 + limit / 100.0))
    }
}

impl Saved {
    fn read(path: &Path) -> Result<Self, String> {
        let failed = |message: String| format!("{}: {message}", path.display());
        let text = std::fs::read_to_string(path)
            .map_err(|error| failed(format!("{error}; give a file that --json wrote")))?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| failed(format!("{error}; give a file that --json wrote")))?;
        let Some(rows) = value["rows"].as_array() else {
            return Err(failed(
                "it has no rows; give a file that --json wrote".into(),
            ));
        };
        let row = |(index, row)| {
            read_row(row).map_err(|name| {
                failed(format!(
                    "row {index} has no valid {name}; save the run again with this version of the lab"
                ))
            })
        };
        Ok(Self {
            machine: text_of(&value["machine"]["processor"]),
            rows: rows
                .iter()
                .enumerate()
                .map(row)
                .collect::<Result<_, String>>()?,
        })
    }
}

/// The key and the times of a row, or the name of what is wrong.
fn read_row(row: &Value) -> Result<(Vec<String>, [f64; 2]), &'static str> {
    let key = KEY.map(|name| match &row[name] {
        Value::Null | Value::Array(_) | Value::Object(_) => Err(name),
        value => Ok(text_of(value)),
    });
    let times = ["median_ns", "best_ns"].map(|name| {
        let time = row[name].as_f64();
        time.filter(|ns| *ns > 0.0).ok_or(name)
    });
    let [median, best] = times;
    Ok((key.into_iter().collect::<Result<_, _>>()?, [median?, best?]))
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToString::to_string)
}
