//! The protocol between the benchmark driver and the programs that it runs: read cases, one JSON object
//! per line, and write a line of times for each. `../README.md` describes the lines.

pub mod gradients;

use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// One case: what to run, and on which sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Case(Value);

impl Case {
    /// A word of the case; empty if it has none of that name.
    #[must_use]
    pub fn word(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// A number of the case.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn number(&self, name: &str) -> usize {
        let number = self.0[name].as_u64();
        number.unwrap_or_else(|| panic!("the case has no number {name:?}")) as usize
    }

    /// The operands of a function.
    ///
    /// # Panics
    /// If the case lists none.
    #[must_use]
    pub fn operands(&self) -> Vec<Operand> {
        let listed = self.0["operands"].as_array();
        let operands = listed.expect("a function's case lists its operands");
        let number = |value: &Value| value.as_u64().expect("an extent is a number") as usize;
        let read = |operand: &Value| Operand {
            values: operand["values"].as_str().unwrap_or_default().to_string(),
            bound: number(&operand["bound"]),
            shape: operand["shape"]
                .as_array()
                .into_iter()
                .flatten()
                .map(number)
                .collect(),
        };
        operands.iter().map(read).collect()
    }

    /// The sizes of a square convolution.
    #[must_use]
    pub fn conv(&self) -> Conv {
        let [n, c, h, w] = ["N", "C", "H", "W"].map(|name| self.number(name));
        let [filters, kernel, stride, padding, groups] =
            ["O", "K", "S", "P", "G"].map(|name| self.number(name));
        let out = |extent: usize| (extent + 2 * padding - kernel) / stride + 1;
        Conv {
            x: [n, c, h, w],
            w: [filters, c / groups, kernel, kernel],
            y: [n, filters, out(h), out(w)],
            stride,
            padding,
            groups,
        }
    }
}

/// One operand of a function: what its values are, their bound if they are indices, and its shape.
#[derive(Clone, Debug)]
pub struct Operand {
    /// A word for the values.
    pub values: String,
    /// The number of different indices.
    pub bound: usize,
    /// The shape.
    pub shape: Vec<usize>,
}

/// Shapes and options of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    /// Images.
    pub x: [usize; 4],
    /// Filters.
    pub w: [usize; 4],
    /// Results.
    pub y: [usize; 4],
    /// Steps between windows.
    pub stride: usize,
    /// Zeros on every side.
    pub padding: usize,
    /// Groups of channels.
    pub groups: usize,
}

/// A prepared case: each call does the work once and tells how long the measured part of it took.
pub type Work = Box<dyn FnMut() -> Duration>;

/// Work that is measured whole.
pub fn whole<R>(mut work: impl FnMut() -> R + 'static) -> Work {
    Box::new(move || {
        let start = Instant::now();
        let result = work();
        let elapsed = start.elapsed();
        drop(std::hint::black_box(result));
        elapsed
    })
}

/// Answers cases until the input ends.
///
/// `prepare` makes the work of a case, or says why this program has none. It is kept while the same
/// case comes again, so that rounds do not pay for allocation and filling.
///
/// # Panics
/// If the driver hangs up in the middle of a line.
pub fn serve(mut prepare: impl FnMut(&Case) -> Result<Work, String>) {
    let mut current: Option<(Case, Work)> = None;
    let mut base = None;
    for line in io::stdin().lock().lines() {
        let line = line.expect("the driver writes lines of text");
        let mut case: Value = serde_json::from_str(&line).expect("the driver writes JSON");
        let seconds = case["seconds"].as_f64().unwrap_or(0.1);
        let fields = case.as_object_mut().expect("a case is an object");
        fields.remove("seconds");
        let case = Case(case);
        if current.as_ref().is_none_or(|(known, _)| *known != case) {
            drop(current.take());
            base = resident("VmRSS");
            match prepare(&case) {
                Ok(work) => current = Some((case.clone(), work)),
                Err(why) => answer(&json!({ "none": why })),
            }
        }
        let Some((_, work)) = &mut current else {
            continue;
        };
        if case.word("kind") == "memory" {
            answer(&memory(work, case.number("calls"), base));
        } else {
            answer(&measure(work, seconds));
        }
    }
}

fn answer(value: &Value) {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")
        .and_then(|()| out.flush())
        .expect("the driver reads every answer");
}

/// Median and least time in nanoseconds over about as many seconds as asked for, at least 3 calls.
fn measure(work: &mut Work, seconds: f64) -> Value {
    let warm = Instant::now();
    for _ in 0..3 {
        work();
        if warm.elapsed().as_secs_f64() > seconds {
            break;
        }
    }
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < 3 || start.elapsed().as_secs_f64() < seconds {
        times.push(work().as_nanos() as u64);
    }
    times.sort_unstable();
    json!({ "min": times[0], "median": times[times.len() / 2], "calls": times.len() })
}

/// Peak of the resident memory over that many calls, and what was resident before the case was
/// prepared; `null` where the system does not tell.
fn memory(work: &mut Work, calls: usize, base: Option<u64>) -> Value {
    for _ in 0..calls {
        work();
    }
    json!({ "base": base, "peak": resident("VmHWM"), "calls": calls })
}

/// A field of this process's memory in bytes: `VmRSS` now, `VmHWM` at its peak.
#[must_use]
pub fn resident(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Reproducible values in (low, high).
#[must_use]
pub fn values(length: usize, low: f64, high: f64) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        low + (high - low) * ((state >> 11) as f64 / (1_u64 << 53) as f64)
    };
    (0..length).map(|_| draw()).collect()
}

/// The same as `f32`.
#[must_use]
pub fn values32(length: usize, low: f64, high: f64) -> Vec<f32> {
    values(length, low, high)
        .iter()
        .map(|&v| v as f32)
        .collect()
}
