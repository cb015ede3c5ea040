//! The machine: processor, threads, compiler, peak performance and memory bandwidth.

use std::fmt;
use std::process::Command;

use serde_json::{Value, json};
use wengert_tensor::kernels::simd::Level;
use wengert_tensor::parallel;
use wengert_tensor::testing::machine;

use crate::options::{ElementType, Plan};

/// The machine; limits are per second, and 0 if nothing is timed.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    processor: String,
    threads: usize,
    instructions: &'static str,
    rustc: String,
    peak: [f64; 2],
    triad: f64,
}

impl Machine {
    pub(crate) fn measured(plan: &Plan) -> Self {
        let limits = || ([machine::peak_f32(), machine::peak_f64()], machine::triad());
        let (peak, triad) = if plan.only_test {
            ([0.0; 2], 0.0)
        } else {
            limits()
        };
        Self {
            processor: processor(),
            threads: parallel::threads(),
            instructions: Level::best().name(),
            rustc: rustc(),
            peak,
            triad,
        }
    }

    /// Peak operations per second.
    pub(crate) fn peak(&self, element: ElementType) -> f64 {
        self.peak[usize::from(element == ElementType::F64)]
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "threads": self.threads,
            "instructions": self.instructions,
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "rustc": self.rustc,
            "peak_f32_gflops": self.peak[0] / 1e9,
            "peak_f64_gflops": self.peak[1] / 1e9,
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
        if self.triad > 0.0 {
            let [single, double, triad] = [self.peak[0], self.peak[1], self.triad].map(|v| v / 1e9);
            write!(
                f,
                "; peak {single:.1} GFLOP/s in f32, {double:.1} in f64, triad {triad:.1} GB/s"
            )?;
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
