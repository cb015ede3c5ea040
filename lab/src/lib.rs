//! Tests, times and compares convolution kernels.
//!
//! A user's kernel is treated like the built-in ones in every filter, test, report and table:
//!
//! ```no_run
//! # use wengert_tensor::kernels::conv::Direct;
//! # static MINE: Direct = Direct;
//! wengert_lab::Lab::new().kernel(&MINE).run();
//! ```
//!
//! For each geometry, element type, direction and kernel: [`conformance`] first; a kernel that fails it is
//! not timed. Then criterion measures, and the lab prints GFLOP/s (operations by the definition of a
//! convolution, whatever the algorithm does), the shares of the machine's peak and of its roofline, effective
//! GB/s (operands and result once, divided by the time) and the bytes of scratch memory; [`Row`] defines each. At
//! the end it prints a table of the fastest kernels, and writes CSV, JSON, and on request Markdown and a chart.
//! Other options time with cold caches, side by side with other numbers of threads and levels of instructions, on random
//! geometries, audit the automatic choice and compare saved runs: `--help` lists them, the README explains them.

mod audit;
mod cache;
mod candidate;
mod compare;
mod counters;
mod flops_measurement;
mod machine;
mod operands;
mod options;
mod plan;
mod report;
mod roofline;
mod row;
mod table;
mod timing;

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use clap::Parser;
use wengert_tensor::kernels::conv::{ConvKernel, explain, kernels};
use wengert_tensor::testing::conformance::conformance;
use wengert_tensor::{Real, parallel};

use candidate::{Candidate, Label, candidates};
use compare::Comparison;
pub use counters::Counts;
pub use flops_measurement::Flops;
use machine::Machine;
use options::{ElementType, Options, benchmark_name};
use plan::Plan;
pub use report::Report;
pub use row::Row;
use timing::{Subject, TimedOperands, Timer};

/// Why a run failed, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabError {
    /// The exit status: 1 if a kernel failed, a measured limit is impossible or a report cannot be written, 2 if
    /// the command line is invalid.
    pub status: u8,
    /// The message.
    pub message: String,
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for LabError {}

/// The kernels that are compared.
pub struct Lab {
    single: Vec<&'static dyn ConvKernel<f32>>,
    double: Vec<&'static dyn ConvKernel<f64>>,
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// The built-in kernels.
    #[must_use]
    pub fn new() -> Self {
        Self {
            single: kernels::<f32>().to_vec(),
            double: kernels::<f64>().to_vec(),
        }
    }

    /// Adds a kernel, for `f32` and `f64`.
    #[must_use]
    pub fn kernel(self, kernel: &'static (impl ConvKernel<f32> + ConvKernel<f64>)) -> Self {
        self.kernel_f32(kernel).kernel_f64(kernel)
    }

    /// Adds a kernel for `f32`.
    #[must_use]
    pub fn kernel_f32(mut self, kernel: &'static dyn ConvKernel<f32>) -> Self {
        self.single.push(kernel);
        self
    }

    /// Adds a kernel for `f64`.
    #[must_use]
    pub fn kernel_f64(mut self, kernel: &'static dyn ConvKernel<f64>) -> Self {
        self.double.push(kernel);
        self
    }

    /// Runs with the arguments of the command line; `--help` lists them.
    ///
    /// On failure the message of the [`LabError`] is printed, and the exit status is its status.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.run_options(&Options::parse()) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(error.status)
            }
        }
    }

    /// Runs with these arguments; the first is the name of the program.
    ///
    /// # Errors
    /// See [`LabError`].
    pub fn run_with<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Report, LabError> {
        let options = Options::try_parse_from(arguments);
        self.run_options(&options.map_err(|error| LabError {
            status: 2,
            message: error.to_string(),
        })?)
    }

    fn run_options(&self, options: &Options) -> Result<Report, LabError> {
        let failed = |status| move |message| LabError { status, message };
        if let [old, new] = &options.compare[..] {
            let comparison = Comparison::read(old, new).map_err(failed(2))?;
            return compared(&comparison, options).map_err(failed(1));
        }
        let kernels = self.kernels(options).map_err(failed(2))?;
        let plan = kernels.plan(options).map_err(failed(2))?;
        let report = if options.explain {
            explain_choices(&plan);
            Report::new(None, plan.seed)
        } else {
            kernels.measure(&plan).map_err(failed(1))?
        };
        report.finish(options).map_err(failed(1))?;
        Ok(report)
    }

    /// The kernels at the levels of the options.
    fn kernels(&self, options: &Options) -> Result<Kernels, String> {
        let levels = plan::levels(options)?;
        unique(self.single.iter().map(|kernel| kernel.name()))?;
        unique(self.double.iter().map(|kernel| kernel.name()))?;
        Ok(Kernels {
            single: candidates(&self.single, &levels, |variant| variant.f32),
            double: candidates(&self.double, &levels, |variant| variant.f64),
        })
    }
}

fn unique(names: impl Iterator<Item = &'static str>) -> Result<(), String> {
    let mut seen = HashSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(format!("two kernels have the name {name:?}")),
        None => Ok(()),
    }
}

/// Prints and writes a comparison of saved runs; an error if one is slower beyond the limit.
fn compared(comparison: &Comparison, options: &Options) -> Result<Report, String> {
    let text = comparison.text(options.regression_limit);
    println!("{text}");
    if let Some(path) = &options.markdown {
        report::write(path, &text)?;
    }
    comparison.check(options.regression_limit)?;
    Ok(Report::new(None, options.seed))
}

/// Prints which kernels automatic choice uses; no kernel runs.
fn explain_choices(plan: &Plan) {
    for element in &plan.elements {
        for (name, geometry) in &plan.geometries {
            let text = match element {
                ElementType::F32 => explain::<f32>(geometry),
                ElementType::F64 => explain::<f64>(geometry),
            };
            println!("{} {name}: {text}", element.name());
        }
    }
}

/// The kernels of a run.
struct Kernels {
    single: Vec<Candidate<f32>>,
    double: Vec<Candidate<f64>>,
}

impl Kernels {
    /// The plan of the options; an error if a name in them does not exist.
    fn plan(&self, options: &Options) -> Result<Plan, String> {
        let single: Vec<Label> = self.single.iter().map(|it| it.label).collect();
        let double: Vec<Label> = self.double.iter().map(|it| it.label).collect();
        Plan::new(options, &single, &double)
    }

    fn measure(&self, plan: &Plan) -> Result<Report, String> {
        let machine = Machine::measured(plan)?;
        println!("{machine}");
        let mut report = Report::new(Some(machine), plan.seed);
        let mut timer = Timer::new(plan);
        for &threads in &plan.threads {
            parallel::with_threads(threads, || -> Result<(), String> {
                for &element in &plan.elements {
                    let mut run = Run {
                        element,
                        threads,
                        timer: &mut timer,
                        report: &mut report,
                    };
                    match element {
                        ElementType::F32 => run.every_geometry(&self.single)?,
                        ElementType::F64 => run.every_geometry(&self.double)?,
                    }
                }
                Ok(())
            })?;
        }
        timer.finish();
        Ok(report)
    }
}

/// The benchmarks of one element type with one number of threads.
struct Run<'a, 'p> {
    element: ElementType,
    threads: usize,
    timer: &'a mut Timer<'p>,
    report: &'a mut Report,
}

impl Run<'_, '_> {
    /// Tests and times every selected kernel on every selected geometry.
    fn every_geometry<T: Real>(&mut self, candidates: &[Candidate<T>]) -> Result<(), String> {
        let (plan, element) = (self.timer.plan, self.element);
        for (name, geometry) in &plan.geometries {
            let mut operands = None;
            for candidate in candidates {
                let directions = plan.directions_of(element, candidate.label, name);
                if directions.is_empty() || !self.timer.is_timed(candidate, geometry) {
                    continue;
                }
                if let Err(error) = conformance::<T>(candidate.kernel, geometry) {
                    self.report.add_failure(element, name, &error);
                    continue;
                }
                for direction in directions {
                    if plan.only_test {
                        let benchmark = benchmark_name(element, direction, candidate.label, name);
                        println!("{benchmark}: passed");
                        continue;
                    }
                    let subject = Subject {
                        candidate,
                        element,
                        direction,
                        name,
                        geometry,
                        threads: self.threads,
                    };
                    let operands =
                        operands.get_or_insert_with(|| TimedOperands::new(geometry, plan));
                    let time = self.timer.time(&subject, operands);
                    self.report.add_time(plan, &subject, time)?;
                }
            }
        }
        Ok(())
    }
}
