//! The results: rows, files and tables.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};
use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{KernelChoice, dispatch};
use wengert_tensor::kernels::simd::Level;
use wengert_tensor::testing::conformance::ConformanceError;

use crate::audit::Audit;
use crate::cache::Scratch;
use crate::machine::Machine;
use crate::options::{ElementType, Options, benchmark_name, direction_name};
use crate::plan::Plan;
use crate::roofline;
use crate::row::{self, Row};
use crate::table;
use crate::timing::{Subject, Time};

/// All rows, and the machine on which they were measured.
#[derive(Debug)]
pub struct Report {
    machine: Option<Machine>,
    seed: u64,
    rows: Vec<Row>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(machine: Option<Machine>, seed: u64) -> Self {
        Self {
            machine,
            seed,
            rows: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// One row per benchmark.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A table: the fastest kernel per geometry, number type, direction and number of threads, the second, and the
    /// one of automatic choice.
    #[must_use]
    pub fn fastest(&self) -> String {
        table::fastest(&self.rows)
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

    /// # Errors
    /// If the time is impossible.
    pub(crate) fn add_time<T: Real>(
        &mut self,
        plan: &Plan,
        subject: &Subject<'_, T>,
        time: Time,
    ) -> Result<(), String> {
        let limits = self.machine.as_ref().map(|it| it.limits(subject.threads));
        let limits = limits.expect("what is timed is timed on a measured machine");
        let (g, element, label) = (subject.geometry, subject.element, subject.candidate.label);
        let workspace = subject.candidate.kernel.workspace(g);
        let operands = element.bytes() * (g.x_len() + g.w_len() + g.y_len());
        let bytes = match plan.scratch {
            Scratch::Excluded => operands as f64,
            Scratch::Counted => operands as f64 + 2.0 * workspace as f64,
        };
        let flops = g.flops() as f64 / time.median;
        let intensity = g.flops() as f64 / bytes;
        let attainable = limits.attainable(element, intensity);
        let chosen = dispatch::<T>(g, subject.direction, &KernelChoice::Auto);
        let is_best_level = label.level.is_none_or(|level| level == Level::best());
        let row = Row {
            number: element.name(),
            direction: direction_name(subject.direction),
            kernel: label.kernel,
            level: label.level(),
            threads: subject.threads,
            cache: plan.cache.name(),
            scratch: plan.scratch.name(),
            name: subject.name.to_string(),
            geometry: g.to_string(),
            chosen: is_best_level && chosen.is_ok_and(|chosen| chosen.name() == label.kernel),
            accurate: subject.candidate.kernel.is_accurate(),
            best_ns: time.best * 1e9,
            median_ns: time.median * 1e9,
            gflops: flops / 1e9,
            percent_of_peak: 100.0 * flops / limits.peak(element),
            intensity,
            attainable: attainable.flops / 1e9,
            percent_of_attainable: 100.0 * flops / attainable.flops,
            bound: attainable.bound,
            gbps: bytes / time.median / 1e9,
            workspace,
            counters: time.counters,
        };
        println!(
            "{}: {:.1} GFLOP/s, {:.0} % of the peak, {:.1} flop/byte, {:.0} % of the attainable ({}), {:.1} GB/s, \
             {} bytes of scratch",
            benchmark_name(element, subject.direction, label, subject.name),
            row.gflops,
            row.percent_of_peak,
            row.intensity,
            row.percent_of_attainable,
            row.bound,
            row.gbps,
            row.workspace,
        );
        row.check()?;
        self.rows.push(row);
        Ok(())
    }

    /// Prints the tables and writes the files.
    ///
    /// # Errors
    /// If a kernel failed the conformance test, a file cannot be written, or a regret is above its limit.
    pub(crate) fn finish(&self, options: &Options) -> Result<(), String> {
        let mut limit = Ok(());
        if let Some(machine) = self.machine.as_ref().filter(|_| !self.rows.is_empty()) {
            println!("\n{machine}\n\n{}", self.fastest());
            write(&options.csv, &row::csv(&self.rows))?;
            write(&options.json, &format!("{:#}\n", self.json(machine)))?;
            println!("{} and {}", options.csv.display(), options.json.display());
            if let Some(path) = &options.roofline {
                write(path, &roofline::svg(machine, &self.rows)?)?;
            }
            let audit = options.audit.then(|| Audit::new(&self.rows)).transpose()?;
            if let Some(audit) = &audit {
                println!("\n{}", audit.text());
                limit = audit.check(options.regret_limit.unwrap_or(f64::INFINITY));
            }
            if let Some(path) = &options.markdown {
                write(path, &self.markdown(machine, audit.as_ref()))?;
            }
        }
        match self.failures.len() {
            0 => limit,
            count => Err(format!(
                "{count} kernels failed the conformance test:\n{}",
                self.failures.join("\n")
            )),
        }
    }

    fn markdown(&self, machine: &Machine, audit: Option<&Audit<'_>>) -> String {
        let machine = machine.to_string().replace('\n', "\n\n");
        let first = self.rows.first();
        let state = first.map_or_else(String::new, |row| {
            format!("caches {}, scratch {}", row.cache, row.scratch)
        });
        let mut text = format!(
            "{machine}\n\n{state}, seed {}\n\n### Fastest kernels\n\n{}\n### All kernels\n\n{}",
            self.seed,
            self.fastest(),
            table::every_row(&self.rows)
        );
        if let Some(audit) = audit {
            let _ = write!(text, "\n### Automatic choice\n\n{}", audit.text());
        }
        for failure in &self.failures {
            let _ = writeln!(text, "\n{failure}");
        }
        text
    }

    fn json(&self, machine: &Machine) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({
            "machine": machine.json(),
            "seed": self.seed,
            "rows": rows,
            "failures": self.failures,
        })
    }
}

/// Writes a file, and the directories above it.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", path.display());
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}
