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
//! convolution, whatever the algorithm does), the percentage of the machine's peak, effective GB/s (operands
//! and result once, divided by the time) and the bytes of scratch memory. At the end it prints a table of
//! the fastest kernels, and writes CSV and JSON.

mod flops_measurement;
mod machine;
mod operands;
mod options;
mod report;
mod timing;

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use clap::Parser;
use wengert_tensor::kernels::conv::{ConvKernel, explain, kernels};
use wengert_tensor::testing::conformance::conformance;
use wengert_tensor::{Real, parallel};

pub use flops_measurement::Flops;
use machine::Machine;
use options::{ElementType, Options, Plan};
pub use report::{Report, Row};
use timing::Timer;

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
        let plan = self.plan(options).map_err(failed(2))?;
        let threads = options.threads.unwrap_or_else(parallel::threads);
        let work = || {
            if options.explain {
                explain_choices(&plan)
            } else {
                self.measure(&plan)
            }
        };
        let report = parallel::with_threads(threads, work).map_err(failed(1))?;
        report.finish(options).map_err(failed(1))?;
        Ok(report)
    }

    /// The plan of the options; an error if a name in them does not exist.
    fn plan(&self, options: &Options) -> Result<Plan, String> {
        let names = |kernels: Vec<&'static str>| -> Result<Vec<&'static str>, String> {
            let mut seen = HashSet::new();
            match kernels.iter().find(|name| !seen.insert(**name)) {
                Some(name) => Err(format!("two kernels have the name {name:?}")),
                None => Ok(kernels),
            }
        };
        let single = names(self.single.iter().map(|kernel| kernel.name()).collect())?;
        let double = names(self.double.iter().map(|kernel| kernel.name()).collect())?;
        Plan::new(options, &single, &double)
    }

    fn measure(&self, plan: &Plan) -> Result<Report, String> {
        let machine = Machine::measured(plan)?;
        println!("{machine}");
        let mut report = Report::new(machine, plan);
        let mut timer = Timer::new(plan);
        for &element in &plan.elements {
            match element {
                ElementType::F32 => {
                    measure_kernels::<f32>(&self.single, element, &mut timer, &mut report);
                }
                ElementType::F64 => {
                    measure_kernels::<f64>(&self.double, element, &mut timer, &mut report);
                }
            }
        }
        timer.finish();
        Ok(report)
    }
}

/// Prints which kernels automatic choice uses; no kernel runs.
fn explain_choices(plan: &Plan) -> Result<Report, String> {
    for element in &plan.elements {
        for (name, geometry) in &plan.geometries {
            let text = match element {
                ElementType::F32 => explain::<f32>(geometry),
                ElementType::F64 => explain::<f64>(geometry),
            };
            println!("{} {name}: {text}", element.name());
        }
    }
    Ok(Report::new(Machine::measured(plan)?, plan))
}

/// Tests and times every selected kernel on every selected geometry, for one element type.
fn measure_kernels<T: Real>(
    kernels: &[&'static dyn ConvKernel<T>],
    element: ElementType,
    timer: &mut Timer<'_>,
    report: &mut Report,
) {
    let plan = timer.plan;
    for (name, geometry) in &plan.geometries {
        let mut operands = None;
        for kernel in kernels {
            let directions = plan.directions_of(element, kernel.name(), name);
            if directions.is_empty() || !timer.is_timed(*kernel, geometry) {
                continue;
            }
            if let Err(error) = conformance::<T>(*kernel, geometry) {
                report.add_failure(element, name, &error);
                continue;
            }
            if plan.only_test {
                for direction in directions {
                    println!(
                        "{}: passed",
                        options::benchmark_name(element, direction, kernel.name(), name)
                    );
                }
                continue;
            }
            let operands =
                operands.get_or_insert_with(|| operands::Operands::new(geometry, plan.seed));
            for direction in directions {
                let time = timer.time(*kernel, element, direction, name, geometry, operands);
                report.add_time(*kernel, element, direction, name, geometry, time);
            }
        }
    }
}
