//! The laboratory of convolution kernels: correct, then timed, then compared.
//!
//! A kernel of your own joins the project's in every list, filter, test, report and table:
//!
//! ```no_run
//! # use wengert_tensor::kernels::conv::Direct;
//! # static MINE: Direct = Direct;
//! wengert_lab::Lab::new().kernel(&MINE).run();
//! ```
//!
//! For each geometry, number type, direction and kernel: [`conformance`] first, and no figure for a
//! kernel that fails it. Then criterion measures, with its own reports, and the laboratory prints
//! GFLOP/s (operations counted by the definition of the convolution, whatever the algorithm does),
//! the share of the machine's peak, effective GB/s (operands and result once, over the time) and the
//! bytes of scratch memory. At the end come a table of which kernel wins where, and CSV and JSON.

mod candidates;
mod flops;
mod machine;
mod options;
mod report;
mod trial;

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use clap::Parser;
use wengert_tensor::kernels::conv::{ConvKernel, builtin_f32, builtin_f64, explain};
use wengert_tensor::testing::conformance::conformance;
use wengert_tensor::{Real, parallel};

use candidates::Candidates;
pub use flops::Flops;
use machine::Machine;
use options::{Number, Options, Plan};
pub use report::{Report, Row};

/// Why nothing, or not everything, came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 1 if a kernel is wrong or a report cannot be written, 2 if the command line names what does not
    /// exist.
    pub status: u8,
    /// One message.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Refusal {}

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
    /// The project's own kernels.
    #[must_use]
    pub fn new() -> Self {
        Self {
            single: builtin_f32().to_vec(),
            double: builtin_f64().to_vec(),
        }
    }

    /// With another kernel, in `f32` and `f64`.
    #[must_use]
    pub fn kernel(self, kernel: &'static (impl ConvKernel<f32> + ConvKernel<f64>)) -> Self {
        self.kernel_f32(kernel).kernel_f64(kernel)
    }

    /// With another kernel, in `f32`.
    #[must_use]
    pub fn kernel_f32(mut self, kernel: &'static dyn ConvKernel<f32>) -> Self {
        self.single.push(kernel);
        self
    }

    /// With another kernel, in `f64`.
    #[must_use]
    pub fn kernel_f64(mut self, kernel: &'static dyn ConvKernel<f64>) -> Self {
        self.double.push(kernel);
        self
    }

    /// Does what the command line asks for: `--help` tells what it can ask for.
    ///
    /// The status is that of [`Refusal`], and its message is printed; 0 if all went well.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.carry_out(&Options::parse()) {
            Ok(_) => ExitCode::SUCCESS,
            Err(refusal) => {
                eprintln!("error: {refusal}");
                ExitCode::from(refusal.status)
            }
        }
    }

    /// Does what these arguments ask for; the first is the program's name.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn run_with<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Report, Refusal> {
        let options = Options::try_parse_from(arguments);
        self.carry_out(&options.map_err(|error| Refusal {
            status: 2,
            message: error.to_string(),
        })?)
    }

    fn carry_out(&self, options: &Options) -> Result<Report, Refusal> {
        let refused = |status| move |message| Refusal { status, message };
        let plan = self.plan(options).map_err(refused(2))?;
        let threads = options.threads.unwrap_or_else(parallel::threads);
        let work = || {
            if options.explain {
                explained(&plan)
            } else {
                self.measure(&plan)
            }
        };
        let report = parallel::with_threads(threads, work);
        report.finish(options).map_err(refused(1))?;
        Ok(report)
    }

    /// What the options select, if all that they name exists.
    fn plan(&self, options: &Options) -> Result<Plan, String> {
        let names = |kernels: Vec<&'static str>| -> Result<Vec<&'static str>, String> {
            let mut seen = HashSet::new();
            match kernels.iter().find(|name| !seen.insert(**name)) {
                Some(name) => Err(format!("two kernels are named {name:?}")),
                None => Ok(kernels),
            }
        };
        let single = names(self.single.iter().map(|kernel| kernel.name()).collect())?;
        let double = names(self.double.iter().map(|kernel| kernel.name()).collect())?;
        Plan::new(options, &single, &double)
    }

    fn measure(&self, plan: &Plan) -> Report {
        let machine = Machine::measured(plan);
        println!("{machine}");
        let mut report = Report::new(machine, plan);
        let mut candidates = Candidates::new(plan);
        for &number in &plan.numbers {
            match number {
                Number::F32 => each::<f32>(&self.single, number, &mut candidates, &mut report),
                Number::F64 => each::<f64>(&self.double, number, &mut candidates, &mut report),
            }
        }
        candidates.finish();
        report
    }
}

/// Prints what automatic choice does with the geometries; nothing runs.
fn explained(plan: &Plan) -> Report {
    for number in &plan.numbers {
        for (name, geometry) in &plan.geometries {
            let text = match number {
                Number::F32 => explain::<f32>(geometry),
                Number::F64 => explain::<f64>(geometry),
            };
            println!("{} {name}: {text}", number.name());
        }
    }
    Report::new(Machine::measured(plan), plan)
}

/// Every selected kernel on every selected geometry in one number type.
fn each<T: Real>(
    kernels: &[&'static dyn ConvKernel<T>],
    number: Number,
    candidates: &mut Candidates<'_>,
    report: &mut Report,
) {
    let plan = candidates.plan;
    for (name, geometry) in &plan.geometries {
        let mut operands = None;
        for kernel in kernels {
            let directions = plan.directions_of(number, kernel.name(), name);
            if directions.is_empty() || !candidates.worth_while(*kernel, geometry) {
                continue;
            }
            if let Err(error) = conformance::<T>(*kernel, geometry) {
                report.wrong(number, name, &error);
                continue;
            }
            if plan.only_test {
                for direction in directions {
                    println!(
                        "{}: right",
                        options::id(number, direction, kernel.name(), name)
                    );
                }
                continue;
            }
            let operands =
                operands.get_or_insert_with(|| trial::Operands::new(geometry, plan.seed));
            for direction in directions {
                let time = candidates.time(*kernel, number, direction, name, geometry, operands);
                report.right(*kernel, number, direction, name, geometry, time);
            }
        }
    }
}
