//! One benchmark's results, as columns of CSV and fields of JSON.

use serde_json::{Value, json};

use crate::counters::Counts;

/// The time of one kernel on one geometry in one direction.
#[derive(Clone, Debug)]
pub struct Row {
    /// `f32` or `f64`.
    pub number: &'static str,
    /// `forward`, `input_gradient` or `weight_gradient`.
    pub direction: &'static str,
    /// The kernel's name.
    pub kernel: &'static str,
    /// The level of instructions, `own` if the kernel chose it.
    pub level: &'static str,
    /// The number of threads.
    pub threads: usize,
    /// What was in the caches before a call: `warm`, `weights-cold`, `cold` or `tlb`.
    pub cache: &'static str,
    /// Whether bytes include those of scratch memory, which then was as cold as the operands: `excluded` or
    /// `counted`.
    pub scratch: &'static str,
    /// The geometry's name.
    pub name: String,
    /// The geometry as one line.
    pub geometry: String,
    /// Whether automatic choice uses this kernel for this geometry and direction.
    pub chosen: bool,
    /// Whether the rounding error of the kernel is that of a plain sum.
    pub accurate: bool,
    /// Nanoseconds of the best sample.
    pub best_ns: f64,
    /// Nanoseconds of the median sample.
    pub median_ns: f64,
    /// Operations of the definition of a convolution divided by the median, in 10⁹ per second.
    pub gflops: f64,
    /// The same as a percentage of the peak of the machine at its best level.
    pub percent_of_peak: f64,
    /// Operations per byte: those of the definition, and bytes as in `gbps`.
    pub intensity: f64,
    /// The roofline at this intensity, in 10⁹ operations per second: the peak, or the bandwidth of memory times the
    /// intensity if that is less.
    pub attainable: f64,
    /// `gflops` as a percentage of `attainable`. Operands in a cache arrive faster than from memory, and
    /// some algorithms do fewer operations than the definition: then it may exceed 100.
    pub percent_of_attainable: f64,
    /// What limits `attainable`: `compute` or `bandwidth`.
    pub bound: &'static str,
    /// Bytes of operands and result (and of scratch memory twice, if it counts) divided by the median, in 10⁹
    /// per second.
    pub gbps: f64,
    /// Bytes of scratch memory.
    pub workspace: usize,
    /// Hardware events of one call by name; empty where they are not counted.
    pub counters: Counts,
}

/// The built-in kernels that do every multiply-add of the definition.
const FULL_WORK: [&str; 3] = ["tiled", "im2col", "pointwise"];

/// Noise of the measured peak and of a kernel's time.
const NOISE_PERCENT: f64 = 10.0;

impl Row {
    /// The name of the kernel, with its level if one was asked for.
    pub(crate) fn label(&self) -> String {
        match self.level {
            "own" => self.kernel.to_string(),
            level => format!("{}@{level}", self.kernel),
        }
    }

    /// # Errors
    /// If the kernel would have done more operations than the processor can.
    pub(crate) fn check(&self) -> Result<(), String> {
        // An unoptimised build does not reach the peak, and does not measure it.
        if cfg!(debug_assertions)
            || !FULL_WORK.contains(&self.kernel)
            || self.percent_of_peak <= 100.0 + NOISE_PERCENT
        {
            return Ok(());
        }
        Err(format!(
            "{} on {} {}: {:.0} % of the measured peak, and it does every multiply-add: the peak is wrong; \
             measure again on a quiet machine",
            self.kernel, self.name, self.direction, self.percent_of_peak
        ))
    }

    /// Names and values; those of counters have other names in other rows.
    pub(crate) fn columns(&self) -> Vec<(&'static str, Value)> {
        let rounded = |value: f64, digits: i32| {
            let scale = 10_f64.powi(digits);
            json!((value * scale).round() / scale)
        };
        let mut columns = vec![
            ("number", json!(self.number)),
            ("direction", json!(self.direction)),
            ("kernel", json!(self.kernel)),
            ("level", json!(self.level)),
            ("threads", json!(self.threads)),
            ("cache", json!(self.cache)),
            ("scratch", json!(self.scratch)),
            ("name", json!(self.name)),
            ("geometry", json!(self.geometry)),
            ("chosen", json!(self.chosen)),
            ("accurate", json!(self.accurate)),
            ("best_ns", rounded(self.best_ns, 1)),
            ("median_ns", rounded(self.median_ns, 1)),
            ("gflops", rounded(self.gflops, 3)),
            ("percent_of_peak", rounded(self.percent_of_peak, 2)),
            ("intensity", rounded(self.intensity, 3)),
            ("attainable", rounded(self.attainable, 3)),
            (
                "percent_of_attainable",
                rounded(self.percent_of_attainable, 2),
            ),
            ("bound", json!(self.bound)),
            ("gbps", rounded(self.gbps, 3)),
            ("workspace", json!(self.workspace)),
        ];
        let counters = self.counters.iter();
        columns.extend(counters.map(|(name, value)| (*name, rounded(*value, 1))));
        columns
    }

    pub(crate) fn json(&self) -> Value {
        let columns = self.columns().into_iter();
        Value::Object(
            columns
                .map(|(name, value)| (name.to_string(), value))
                .collect(),
        )
    }
}

/// The names of counters that any of the rows has.
pub(crate) fn counter_names(rows: &[Row]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.counters) {
        if !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

/// One line per row below the names of the columns.
pub(crate) fn csv(rows: &[Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let fixed = first.columns().len() - first.counters.len();
    let names = first.columns().into_iter().take(fixed);
    let mut names: Vec<_> = names.map(|(name, _)| name).collect();
    names.extend(counter_names(rows));
    let mut lines = vec![names.join(",")];
    for row in rows {
        let columns = row.columns();
        let value = |name: &&str| {
            let column = columns.iter().find(|(known, _)| known == name);
            column.map_or_else(String::new, |(_, value)| cell(value))
        };
        let cells: Vec<_> = names.iter().map(value).collect();
        lines.push(cells.join(","));
    }
    lines.join("\n") + "\n"
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.contains([',', '"', '\n']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
