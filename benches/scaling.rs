//! Into how many tasks the layers of a network are cut, and what more threads than this machine has could gain.
//!
//!     cargo bench --bench scaling
//!     cargo bench --bench scaling -- resnet50 --batch 1
//!
//! Each layer of the lists (resnet50 and vgg16, at batch 1 and 32, unless the command line says otherwise) runs
//! forward and in both gradients on one thread, which records its tasks; see `wengert_tensor::parallel::trace`, also
//! for what the prediction leaves out. A line shows
//!
//! * the time on one thread, and how much of it no other thread can take;
//! * of the region that takes longest its innermost tasks, and their mean time;
//! * the largest task of a region in means of this region, of all regions that matter;
//! * the critical path: no number of threads takes less;
//! * how many times as fast 2, 4, 8, 16 and 64 threads could be;
//! * what is missing from four tasks for each of 16 threads, none larger than 1.5 means.
//!
//! Without `--bench` only the small layers run, once and at batch 1.

use std::env;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use wengert_tensor::Tensor;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel, Direction, KernelChoice, dispatch};
use wengert_tensor::parallel::trace::{self, Trace};
use wengert_tensor::testing::geometries::{self, NamedGeometry};

/// The threads that the cut of work is planned for.
const THREADS: usize = 16;

/// Tasks per thread: the last to finish is then late by a fifth at most.
const TASKS_PER_THREAD: usize = 4;

/// The largest task, in means.
const MAX_LARGEST: f64 = 1.5;

/// Passing a task to a thread that polls takes about this long, so that shorter tasks gain nothing.
const SHORT: Duration = Duration::from_micros(10);

/// Regions of less than this share of a call do not matter.
const MINOR: f64 = 0.1;

/// Recordings of each call, of which the shortest times count.
const RECORDINGS: usize = 5;

const USAGE: &str = "usage: cargo bench --bench scaling -- [SET …] [--batch NUMBER …]";

const HEADER: &str = "layer                direction       kernel                  ms  alone  tasks   mean µs largest   path µs      2      4      8     16     64";

/// Of each direction, the sum of the times on one thread and on [`THREADS`].
type Totals = [[Duration; 2]; 3];

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    for (set, list) in &options.sets {
        for &batch in &options.batches {
            table(set, list, batch, &options);
        }
    }
    ExitCode::SUCCESS
}

struct Options {
    sets: Vec<(String, Vec<NamedGeometry>)>,
    batches: Vec<usize>,
    /// Whether large layers run too, and several times.
    timing: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut sets, mut batches, mut timing) = (Vec::new(), Vec::new(), false);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => timing = true,
                "--batch" => {
                    let number = arguments.next().and_then(|text| text.parse().ok());
                    let number = number.filter(|&number: &usize| number > 0);
                    batches.push(number.ok_or("--batch needs a number of images, at least 1")?);
                }
                "--test" => {}
                option if option.starts_with('-') => {
                    return Err(format!("there is no option {option}; {USAGE}"));
                }
                name => sets.push(name.to_owned()),
            }
        }
        if sets.is_empty() {
            sets = ["resnet50", "vgg16"].map(str::to_owned).to_vec();
        }
        if !timing {
            batches = vec![1];
        } else if batches.is_empty() {
            batches = vec![1, 32];
        }
        let list = |name: String| {
            let known = || geometries::NAMES.join(", ");
            let list = geometries::by_name(&name)
                .ok_or_else(|| format!("there is no set {name:?}; the sets are {}", known()))?;
            Ok((name, list))
        };
        Ok(Self {
            sets: sets.into_iter().map(list).collect::<Result<_, String>>()?,
            batches,
            timing,
        })
    }
}

fn table(set: &str, list: &[NamedGeometry], batch: usize, options: &Options) {
    println!("\n{set}, batch {batch}, f32; predicted gains of 2, 4, 8, 16 and 64 threads");
    println!("{HEADER}");
    let mut totals = Totals::default();
    for NamedGeometry { name, geometry } in list {
        let geometry = geometry.clone().with_batch(batch);
        if !options.timing && geometry.multiply_adds() > 1 << 27 {
            continue;
        }
        for (direction, total) in Direction::ALL.into_iter().zip(&mut totals) {
            let kernel = dispatch::<f32>(&geometry, direction, &KernelChoice::Auto)
                .expect("automatic choice supports every geometry");
            let trace = recorded(kernel, direction, &geometry, options.timing);
            total[0] += trace.time();
            total[1] += trace.time_on(THREADS);
            println!(
                "{name:20} {direction:15} {:16} {}",
                kernel.name(),
                row(kernel.name(), direction, &trace)
            );
        }
    }
    for (direction, [one, many]) in Direction::ALL.into_iter().zip(totals) {
        let gain = one.as_secs_f64() / many.as_secs_f64();
        println!("all layers, {direction}: {THREADS} threads {gain:.1} times as fast as one");
    }
}

/// A recording of one call, with the shortest times of several.
fn recorded(
    kernel: &dyn ConvKernel<f32>,
    direction: Direction,
    geometry: &ConvGeometry,
    timing: bool,
) -> Trace {
    let ones = |length| Tensor::<f32>::ones([length]).to_vec();
    let (mut x, mut w, mut y) = (
        ones(geometry.x_len()),
        ones(geometry.w_len()),
        ones(geometry.y_len()),
    );
    let mut record = || {
        let call = || match direction {
            Direction::Forward => kernel.forward(geometry, &x, &w, &mut y),
            Direction::InputGradient => kernel.input_gradient(geometry, &w, &y, &mut x),
            Direction::WeightGradient => kernel.weight_gradient(geometry, &x, &y, &mut w),
        };
        trace::record(THREADS, call).1
    };
    let mut shortest = record();
    if timing {
        for _ in 0..RECORDINGS {
            shortest.keep_shorter(&record());
        }
    }
    shortest
}

/// Why a kernel has few tasks: what more would cost.
fn reason(kernel: &str, direction: Direction) -> &'static str {
    match (kernel, direction) {
        ("pointwise" | "im2col", Direction::WeightGradient) => "images are added one after another",
        ("pointwise" | "im2col", _) => {
            "smaller blocks of the product would read its operands more often"
        }
        ("tiled", _) => "smaller blocks of channels or rows would read the image more often",
        _ if kernel.starts_with("winograd") => "more blocks or strips would repeat transforms",
        _ => "few tasks",
    }
}

fn row(kernel: &str, direction: Direction, trace: &Trace) -> String {
    let time = trace.time();
    let alone: Duration = trace
        .parts
        .iter()
        .filter_map(|part| match part {
            trace::Part::Alone(time) => Some(*time),
            trace::Part::Region(_) => None,
        })
        .sum();
    let tasks = trace
        .longest_region()
        .map_or_else(|| vec![time], trace::Region::innermost);
    let mean = tasks.iter().sum::<Duration>() / tasks.len() as u32;
    let mut found = [1.0; 2];
    unevenness(trace, time.mul_f64(MINOR), &mut found);
    let [largest, without_first] = found;
    let mut row = format!(
        "{:9.3} {:5.1}% {:6} {:9.1} {:7.2} {:9.1}",
        time.as_secs_f64() * 1e3,
        100.0 * alone.as_secs_f64() / time.as_secs_f64(),
        tasks.len(),
        mean.as_secs_f64() * 1e6,
        largest,
        trace.critical_path().as_secs_f64() * 1e6,
    );
    for threads in [2, 4, 8, 16, 64] {
        let gain = time.as_secs_f64() / trace.time_on(threads).as_secs_f64();
        let _ = write!(row, " {gain:6.1}");
    }
    let least = TASKS_PER_THREAD * THREADS;
    if tasks.len() < least {
        let is_short = time / (least as u32) < SHORT;
        row += "  ";
        row += if is_short {
            "too short for more tasks"
        } else {
            reason(kernel, direction)
        };
    }
    if without_first > MAX_LARGEST {
        row += "  unequal tasks";
    } else if largest > MAX_LARGEST {
        // The recording has one thread; of many, each reads them.
        row += "  the first task reads shared operands into a cache";
    }
    row
}

/// The largest task of any region of at least `least` in means of the region; then the same without first tasks.
fn unevenness(trace: &Trace, least: Duration, found: &mut [f64; 2]) {
    for part in &trace.parts {
        let trace::Part::Region(region) = part else {
            continue;
        };
        if region.time() >= least {
            let times: Vec<f64> = region
                .tasks
                .iter()
                .map(|task| task.time().as_secs_f64())
                .collect();
            for (found, times) in found.iter_mut().zip([&times[..], &times[1..]]) {
                let mean = times.iter().sum::<f64>() / times.len() as f64;
                *found = times
                    .iter()
                    .fold(*found, |most, time| most.max(time / mean));
            }
        }
        for task in &region.tasks {
            unevenness(task, least, found);
        }
    }
}
