//! The machine: processor, compiler, and for each number of threads peak performance and memory bandwidth.

use std::fmt;
use std::process::Command;

use serde_json::{Value, json};
use wengert_tensor::kernels::simd::Level;
use wengert_tensor::parallel;
use wengert_tensor::testing::machine::{self, Peak};

use crate::candidate::level_name;
use crate::options::ElementType;
use crate::plan::Plan;

/// The machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    processor: String,
    instructions: &'static str,
    rustc: String,
    /// For each number of threads; without peaks and bandwidth if nothing is timed.
    pub(crate) limits: Vec<Limits>,
}

/// Limits per second.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) threads: usize,
    /// Of every level of the processor, best first.
    pub(crate) peaks: Vec<Peak>,
    /// Bytes from and to memory.
    pub(crate) triad: f64,
}

/// What limits a computation of a given arithmetic intensity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attainable {
    /// Operations per second.
    pub(crate) flops: f64,
    /// `compute` or `bandwidth`.
    pub(crate) bound: &'static str,
}

impl Machine {
    /// # Errors
    /// If a measured limit is impossible.
    pub(crate) fn measured(plan: &Plan) -> Result<Self, String> {
        let limits = plan.threads.iter().map(|&threads| {
            if plan.only_test {
                return Ok(Limits {
                    threads,
                    peaks: Vec::new(),
                    triad: 0.0,
                });
            }
            Limits::measured(threads)
        });
        Ok(Self {
            processor: processor(),
            instructions: Level::best().name(),
            rustc: rustc(),
            limits: limits.collect::<Result<_, String>>()?,
        })
    }

    /// The limits of a number of threads of the plan.
    pub(crate) fn limits(&self, threads: usize) -> &Limits {
        let limits = self.limits.iter().find(|limits| limits.threads == threads);
        limits.expect("the limits of every number of threads are measured first")
    }

    pub(crate) fn json(&self) -> Value {
        let limits: Vec<Value> = self.limits.iter().map(Limits::json).collect();
        json!({
            "processor": self.processor,
            "instructions": self.instructions,
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "rustc": self.rustc,
            "limits": limits,
        })
    }
}

impl Limits {
    fn measured(threads: usize) -> Result<Self, String> {
        // More threads than processors do not make the machine faster.
        let processors = std::thread::available_parallelism().map_or(threads, usize::from);
        parallel::with_threads(threads.min(processors), || {
            Ok(Self {
                threads,
                peaks: machine::peaks()?,
                triad: machine::triad(),
            })
        })
    }

    /// Peak operations per second at the best level.
    pub(crate) fn peak(&self, element: ElementType) -> f64 {
        self.peaks.first().map_or(0.0, |peak| of(peak, element))
    }

    /// The roofline (Williams, Waterman, Patterson 2009): the peak, or what memory delivers if that is less.
    ///
    /// * `intensity`: operations per byte
    pub(crate) fn attainable(&self, element: ElementType, intensity: f64) -> Attainable {
        let (peak, fed) = (self.peak(element), intensity * self.triad);
        let bound = if fed < peak { "bandwidth" } else { "compute" };
        Attainable {
            flops: peak.min(fed),
            bound,
        }
    }

    fn json(&self) -> Value {
        let level = |peak: &Peak| {
            json!({
                "level": level_name(peak.level),
                "f32_gflops": peak.f32 / 1e9,
                "f64_gflops": peak.f64 / 1e9,
            })
        };
        let peaks: Vec<Value> = self.peaks.iter().map(level).collect();
        json!({
            "threads": self.threads,
            "peaks": peaks,
            "triad_gbps": self.triad / 1e9,
        })
    }
}

/// The peak of an element type, in operations per second.
pub(crate) fn of(peak: &Peak, element: ElementType) -> f64 {
    match element {
        ElementType::F32 => peak.f32,
        ElementType::F64 => peak.f64,
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            processor,
            instructions,
            rustc,
            ..
        } = self;
        write!(f, "{processor}, {instructions}, {rustc}")?;
        for limits in &self.limits {
            write!(f, "\nthreads: {}", limits.threads)?;
            for peak in &limits.peaks {
                let [single, double] = [peak.f32, peak.f64].map(|flops| flops / 1e9);
                let level = level_name(peak.level);
                write!(
                    f,
                    "; peak at {level} {single:.1} GFLOP/s in f32, {double:.1} in f64"
                )?;
            }
            if limits.triad > 0.0 {
                write!(f, "; triad {:.1} GB/s", limits.triad / 1e9)?;
            }
        }
        Ok(())
    }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = name.map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_string());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_string())
}

/// The version of `rustc` on the path, which is the one that cargo uses.
fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(
        || "rustc unknown".to_string(),
        |text| text.trim().to_string(),
    )
}
