//! The results: rows, files, and a table of the fastest kernels.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};
use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel, Direction, KernelChoice, dispatch};
use wengert_tensor::testing::conformance::ConformanceError;

use crate::machine::Machine;
use crate::options::{ElementType, Options, Plan, benchmark_name, direction_name};
use crate::timing::Time;

/// The time of one kernel on one geometry in one direction.
#[derive(Clone, Debug)]
pub struct Row {
    /// `f32` or `f64`.
    pub number: &'static str,
    /// `forward`, `input_gradient` or `weight_gradient`.
    pub direction: &'static str,
    /// The kernel's name.
    pub kernel: &'static str,
    /// The geometry's name.
    pub name: String,
    /// The geometry as one line.
    pub geometry: String,
    /// Whether automatic choice uses this kernel for this geometry and direction.
    pub chosen: bool,
    /// Nanoseconds of the best sample.
    pub best_ns: f64,
    /// Nanoseconds of the median sample.
    pub median_ns: f64,
    /// Operations of the definition of a convolution divided by the median, in 10⁹ per second.
    pub gflops: f64,
    /// The same as a percentage of the peak of the machine.
    pub percent_of_peak: f64,
    /// Bytes of operands and result divided by the median, in 10⁹ per second.
    pub gbps: f64,
    /// Bytes of scratch memory.
    pub workspace: usize,
}

/// All rows, and the machine on which they were measured.
#[derive(Debug)]
pub struct Report {
    machine: Machine,
    seed: u64,
    only_test: bool,
    rows: Vec<Row>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(machine: Machine, plan: &Plan) -> Self {
        Self {
            machine,
            seed: plan.seed,
            only_test: plan.only_test,
            rows: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// One row per benchmark.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn add_failure(
        &mut self,
        element: ElementType,
        name: &str,
        error: &ConformanceError,
    ) {
        let line = format!("{} {name}: FAILED, not timed: {error}", element.name());
        println!("{line}");
        self.failures.push(line);
    }

    pub(crate) fn add_time<T: Real>(
        &mut self,
        kernel: &dyn ConvKernel<T>,
        element: ElementType,
        direction: Direction,
        name: &str,
        g: &ConvGeometry,
        time: Time,
    ) {
        let chosen = dispatch::<T>(g, direction, &KernelChoice::Auto);
        let bytes = element.bytes() * (g.x_len() + g.w_len() + g.y_len());
        let flops = g.flops() as f64 / time.median;
        let row = Row {
            number: element.name(),
            direction: direction_name(direction),
            kernel: kernel.name(),
            name: name.to_string(),
            geometry: g.to_string(),
            chosen: chosen.is_ok_and(|chosen| chosen.name() == kernel.name()),
            best_ns: time.best * 1e9,
            median_ns: time.median * 1e9,
            gflops: flops / 1e9,
            percent_of_peak: 100.0 * flops / self.machine.peak(element),
            gbps: bytes as f64 / time.median / 1e9,
            workspace: kernel.workspace(g),
        };
        println!(
            "{}: {:.1} GFLOP/s, {:.0} % of the peak, {:.1} GB/s, {} bytes of scratch",
            benchmark_name(element, direction, kernel.name(), name),
            row.gflops,
            row.percent_of_peak,
            row.gbps,
            row.workspace,
        );
        self.rows.push(row);
    }

    /// Prints the table of the fastest kernels and writes the files.
    pub(crate) fn finish(&self, options: &Options) -> Result<(), String> {
        if !self.only_test && !self.rows.is_empty() {
            println!("\n{}", self.fastest());
            write(&options.csv, &self.csv())?;
            write(&options.json, &format!("{:#}\n", self.json()))?;
            println!("{} and {}", options.csv.display(), options.json.display());
        }
        if let Some(row) = self.rows.iter().find(|row| row.is_impossible()) {
            return Err(format!(
                "{} on {} {}: {:.0} % of the measured peak, and it does every multiply-add: the peak is wrong; \
                 measure again on a quiet machine",
                row.kernel, row.name, row.direction, row.percent_of_peak
            ));
        }
        match self.failures.len() {
            0 => Ok(()),
            count => Err(format!(
                "{count} kernels failed the conformance test:\n{}",
                self.failures.join("\n")
            )),
        }
    }

    /// A table: the fastest kernel per geometry and direction, the second, and the one of automatic choice.
    #[must_use]
    pub fn fastest(&self) -> String {
        let mut text = String::from(
            "| geometry | number | direction | fastest | GFLOP/s | % of peak | second | chosen |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        let key = |row: &Row| (row.name.clone(), row.number, row.direction);
        let mut keys: Vec<_> = self.rows.iter().map(key).collect();
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key| seen.insert(key.clone()));
        for key_of_group in keys {
            let mut rows: Vec<_> = self
                .rows
                .iter()
                .filter(|row| key(row) == key_of_group)
                .collect();
            rows.sort_by(|a, b| a.median_ns.total_cmp(&b.median_ns));
            let first = rows[0];
            let times = |row: &Row| row.median_ns / first.median_ns;
            let next = rows.get(1).map_or_else(String::new, |row| {
                format!("{}, {:.2} × the time", row.kernel, times(row))
            });
            let chosen = match rows.iter().find(|row| row.chosen) {
                Some(row) if row.kernel == first.kernel => "fastest".to_string(),
                Some(row) => format!("{}, {:.2} ×", row.kernel, times(row)),
                None => "not run".to_string(),
            };
            let (name, number, direction) = key_of_group;
            let _ = writeln!(
                text,
                "| {name} | {number} | {direction} | {} | {:.1} | {:.0} | {next} | {chosen} |",
                first.kernel, first.gflops, first.percent_of_peak,
            );
        }
        text
    }

    fn csv(&self) -> String {
        let mut text = String::from(
            "number,direction,kernel,name,geometry,chosen,best_ns,median_ns,gflops,percent_of_peak,gbps,\
             workspace\n",
        );
        for row in &self.rows {
            let quoted = row.name.replace('"', "\"\"");
            let _ = writeln!(
                text,
                "{},{},{},\"{quoted}\",{},{},{:.0},{:.0},{:.3},{:.2},{:.3},{}",
                row.number,
                row.direction,
                row.kernel,
                row.geometry,
                row.chosen,
                row.best_ns,
                row.median_ns,
                row.gflops,
                row.percent_of_peak,
                row.gbps,
                row.workspace,
            );
        }
        text
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({
            "machine": self.machine.json(),
            "seed": self.seed,
            "rows": rows,
            "failures": self.failures,
        })
    }
}

/// The built-in kernels that do every multiply-add of the definition.
const FULL_WORK: [&str; 3] = ["tiled", "im2col", "pointwise"];

/// Noise of the measured peak and of a kernel's time.
const NOISE_PERCENT: f64 = 10.0;

impl Row {
    /// Whether the kernel would have done more operations than the processor can.
    fn is_impossible(&self) -> bool {
        // An unoptimised build does not reach the peak, and does not measure it.
        !cfg!(debug_assertions)
            && FULL_WORK.contains(&self.kernel)
            && self.percent_of_peak > 100.0 + NOISE_PERCENT
    }

    fn json(&self) -> Value {
        json!({
            "number": self.number,
            "direction": self.direction,
            "kernel": self.kernel,
            "name": self.name,
            "geometry": self.geometry,
            "chosen": self.chosen,
            "best_ns": self.best_ns,
            "median_ns": self.median_ns,
            "gflops": self.gflops,
            "percent_of_peak": self.percent_of_peak,
            "gbps": self.gbps,
            "workspace": self.workspace,
        })
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", path.display());
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}
