//! The machine: processor, threads, compiler, peak performance and memory bandwidth.

use std::fmt;
use std::process::Command;

use serde_json::{Value, json};
use wengert_tensor::kernels::simd::Level;
use wengert_tensor::parallel;
use wengert_tensor::testing::machine::{self, Peak};

use crate::options::{ElementType, Plan};

/// The machine; limits are per second, and 0 if nothing is timed.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    processor: String,
    threads: usize,
    instructions: &'static str,
    rustc: String,
    /// Of every level of the processor, best first; empty if nothing is timed.
    peaks: Vec<Peak>,
    triad: f64,
}

impl Machine {
    /// # Errors
    /// If a measured limit is impossible.
    pub(crate) fn measured(plan: &Plan) -> Result<Self, String> {
        let (peaks, triad) = if plan.only_test {
            (Vec::new(), 0.0)
        } else {
            (machine::peaks()?, machine::triad())
        };
        Ok(Self {
            processor: processor(),
            threads: parallel::threads(),
            instructions: Level::best().name(),
            rustc: rustc(),
            peaks,
            triad,
        })
    }

    /// Peak operations per second at the best level.
    pub(crate) fn peak(&self, element: ElementType) -> f64 {
        self.peaks.first().map_or(0.0, |peak| match element {
            ElementType::F32 => peak.f32,
            ElementType::F64 => peak.f64,
        })
    }

    pub(crate) fn json(&self) -> Value {
        let level = |peak: &Peak| {
            json!({
                "instructions": peak.level.name(),
                "f32_gflops": peak.f32 / 1e9,
                "f64_gflops": peak.f64 / 1e9,
            })
        };
        let levels: Vec<Value> = self.peaks.iter().map(level).collect();
        json!({
            "processor": self.processor,
            "threads": self.threads,
            "instructions": self.instructions,
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "rustc": self.rustc,
            "peak_f32_gflops": self.peak(ElementType::F32) / 1e9,
            "peak_f64_gflops": self.peak(ElementType::F64) / 1e9,
            "peaks": levels,
            "triad_gbps": self.triad / 1e9,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            processor,
            threads,
            instructions,
            rustc,
            ..
        } = self;
        write!(
            f,
            "{processor}, threads: {threads}, {instructions}, {rustc}"
        )?;
        for peak in &self.peaks {
            let [single, double] = [peak.f32, peak.f64].map(|flops| flops / 1e9);
            let level = peak.level.name();
            write!(
                f,
                "; peak at {level} {single:.1} GFLOP/s in f32, {double:.1} in f64"
            )?;
        }
        if self.triad > 0.0 {
            write!(f, "; triad {:.1} GB/s", self.triad / 1e9)?;
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
