//! `wengert inspect`: the tensors of a file, with their statistics.

use std::path::{Path, PathBuf};

use clap::Args;
use wengert::nn::{StateDict, Values, path_matches};

use crate::outcome::{CommandResult, Ending};
use crate::output::print_line;
use crate::run::WEIGHTS;

/// Which file.
#[derive(Args)]
pub struct Options {
    /// A safetensors file or a checkpoint
    file: PathBuf,
    /// Only tensors that this pattern matches, such as conv1 or *.weight
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Print the values of the tensors too
    #[arg(long)]
    values: bool,
}

/// The bins of a histogram.
const BINS: usize = 16;

/// What the values of a tensor are like; those that are not finite are only counted.
struct Statistics {
    mean: f64,
    deviation: f64,
    least: f64,
    most: f64,
    zeros: usize,
    not_finite: usize,
    histogram: [usize; BINS],
}

impl Statistics {
    fn of(values: &[f64]) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        let count = finite.len() as f64;
        let mean = finite.iter().sum::<f64>() / count;
        let variance = finite.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        let least = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let most = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut histogram = [0; BINS];
        for x in &finite {
            // Equal values are all in the middle.
            let part = if most > least {
                (x - least) / (most - least)
            } else {
                0.5
            };
            histogram[((part * BINS as f64) as usize).min(BINS - 1)] += 1;
        }
        Self {
            mean,
            deviation: variance.sqrt(),
            least,
            most,
            zeros: finite.iter().filter(|&&x| x == 0.0).count(),
            not_finite: values.len() - finite.len(),
            histogram,
        }
    }

    /// The histogram as bars of text; an empty bin is a blank.
    fn bars(&self) -> String {
        const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let most = self.histogram.iter().copied().max().unwrap_or(0).max(1);
        self.histogram
            .iter()
            .map(|&count| BARS[(count * 8).div_ceil(most)])
            .collect()
    }
}

/// Runs `wengert inspect`.
pub fn run(options: &Options) -> CommandResult {
    check_is_file(&options.file)?;
    let state = StateDict::load(&options.file)?;
    let name = options.file.display();
    let only = options.only.as_deref();
    let chosen: Vec<_> = state
        .iter()
        .filter(|(path, _)| only.is_none_or(|pattern| path_matches(pattern, path)))
        .collect();
    if chosen.is_empty() {
        if let Some(pattern) = only {
            let paths = state.iter().map(|(path, _)| path);
            let similar = crate::suggest::nearest(pattern, paths);
            return Err(format!("{name}: no tensor matches {pattern:?}{similar}").into());
        }
        print_line(format_args!("{name}: no tensors"))?;
    }
    for (key, text) in &state.metadata {
        print_line(format_args!("{key}: {}", shortened(text)))?;
    }
    let (mut numbers, mut not_finite) = (0, 0);
    for (path, values) in &chosen {
        let Some(elements) = elements(values) else {
            let (kind, shape) = (values.type_name().to_lowercase(), values.shape());
            print_line(format_args!("{path}  {kind} {shape:?}"))?;
            print_line(format_args!(
                "  cannot be read: no model has numbers of this type"
            ))?;
            continue;
        };
        let kind = values.type_name().to_lowercase();
        let statistics = Statistics::of(&elements);
        numbers += elements.len();
        not_finite += statistics.not_finite;
        print_tensor(path, &kind, values.shape(), &elements, &statistics)?;
        if options.values {
            print_line(format_args!("  {elements:?}"))?;
        }
    }
    let count = chosen.len();
    print_line(format_args!("{count} tensors, {numbers} numbers"))?;
    if not_finite > 0 {
        print_line(format_args!("{not_finite} numbers are NaN or infinite"))?;
    }
    Ok(Ending::Done)
}

/// An error with a remedy if there is no file of this name, or a directory.
fn check_is_file(path: &Path) -> Result<(), String> {
    let name = path.display();
    if path.is_dir() {
        return Err(format!(
            "{name}: is a directory; the weights of a run are in its file {WEIGHTS}"
        ));
    }
    if path.exists() {
        return Ok(());
    }
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let files: Vec<_> = files
        .filter_map(|file| file.file_name().into_string().ok())
        .collect();
    let file = path.file_name().map_or_else(String::new, |file| {
        crate::suggest::nearest(&file.to_string_lossy(), files.iter().map(String::as_str))
    });
    Err(format!(
        "{name}: there is no such file{file}; the weights of a run are in runs/NAME/{WEIGHTS}"
    ))
}

fn print_tensor(
    path: &str,
    kind: &str,
    shape: &[usize],
    elements: &[f64],
    statistics: &Statistics,
) -> std::io::Result<()> {
    print_line(format_args!("{path}  {kind} {shape:?}"))?;
    let zeros = match statistics.zeros {
        0 => String::new(),
        zeros => format!("  {zeros} zeros"),
    };
    let not_finite = match statistics.not_finite {
        0 => String::new(),
        count => format!("  {count} NaN or infinite"),
    };
    match elements {
        [] => print_line(format_args!("  empty")),
        [single] => print_line(format_args!("  {single}")),
        _ if statistics.not_finite == elements.len() => print_line(format_args!("{not_finite}")),
        _ => {
            let Statistics {
                mean,
                deviation,
                least,
                most,
                ..
            } = statistics;
            let bars = statistics.bars();
            print_line(format_args!(
                "  mean {mean:>10.3e}  deviation {deviation:>9.3e}  {least:>10.3e} │{bars}│ {most:.3e}{zeros}{not_finite}"
            ))
        }
    }
}

/// The values; `None` for a type that no tensor can have.
fn elements(values: &Values) -> Option<Vec<f64>> {
    match values {
        Values::F32(tensor) => Some(tensor.iter().map(f64::from).collect()),
        Values::F64(tensor) => Some(tensor.to_vec()),
        Values::I64(tensor) => Some(tensor.iter().map(|n| n as f64).collect()),
        Values::U8(tensor) => Some(tensor.iter().map(f64::from).collect()),
        Values::Raw(_) => None,
    }
}

/// The first part of a long text, in one line.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST {
        return line;
    }
    let start: String = line.chars().take(MOST).collect();
    format!("{start}… ({} bytes)", text.len())
}
