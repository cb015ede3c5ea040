//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use wengert_tensor::kernels::conv::Direction;

use crate::cache::{CacheMode, Scratch};
use crate::candidate::Label;

const HOW: &str = "How it is timed";
const RESULTS: &str = "Results";
const SAVED: &str = "Saved runs";

/// Tests convolution kernels, times them, and shows which is fastest for each geometry.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "conv2d",
    max_term_width = 100,
    after_help = wengert_tensor::kernels::conv::GRAMMAR
)]
#[allow(clippy::struct_excessive_bools)] // switches of a command line
pub(crate) struct Options {
    /// Only benchmarks whose name, `f32/forward/tiled/resnet18/layer1`, matches this regular expression
    pub(crate) filter: Option<String>,
    /// Geometries of well-known networks: lenet, fashion, vgg16, resnet18, resnet50, resnet20, mobilenet,
    /// unet, peers, corners, or all [default: peers and corners]
    #[arg(long, value_name = "NAME")]
    pub(crate) set: Vec<String>,
    /// A geometry, as one line
    #[arg(long, value_name = "LINE")]
    pub(crate) shape: Vec<String>,
    /// A file with such lines; a word before a line is its name, `#` begins a comment
    #[arg(long, value_name = "FILE")]
    pub(crate) shapes: Vec<PathBuf>,
    /// This number of random geometries of at least 10⁶ operations, the same for the same --seed
    #[arg(long, value_name = "N", value_parser = count::<10_000>)]
    pub(crate) random: Option<usize>,
    /// Only these kernels
    #[arg(long, value_name = "NAME")]
    pub(crate) kernel: Vec<String>,
    /// Kernels at these levels of instructions side by side: portable, avx2, avx512; kernels that have no
    /// level of their own run once
    #[arg(long, value_name = "LEVEL,…", value_delimiter = ',')]
    pub(crate) level: Vec<String>,
    /// Only this element type
    #[arg(long)]
    pub(crate) number: Option<ElementType>,
    /// Only this direction
    #[arg(long)]
    pub(crate) direction: Option<DirectionArgument>,
    /// Only test the kernels
    #[arg(long, conflicts_with_all = ["explain", "compare"])]
    pub(crate) test: bool,
    /// Only show which kernel automatic choice uses for each geometry, and why not the others
    #[arg(long, conflicts_with = "compare")]
    pub(crate) explain: bool,
    /// Time the kernels; without it they are only tested, large geometries on smaller ones of the same kind.
    /// `cargo bench` adds it; --test, --explain and --compare override it
    #[arg(long)]
    pub(crate) bench: bool,

    /// Threads; several numbers one after the other [default: one per core]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = count::<1024>, help_heading = HOW)]
    pub(crate) threads: Vec<usize>,
    /// What is in the caches when a timed call begins
    #[arg(long, value_name = "MODE", value_enum, default_value_t, help_heading = HOW)]
    pub(crate) cache: CacheMode,
    /// Whether bytes include scratch memory, and the cold modes evict it
    #[arg(long, value_name = "WHETHER", value_enum, default_value_t, help_heading = HOW)]
    pub(crate) scratch: Scratch,
    /// Seconds of measurement per benchmark
    #[arg(long, default_value_t = 0.8, value_parser = seconds, help_heading = HOW)]
    pub(crate) seconds: f64,
    /// Samples per benchmark, at least 10
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(10..), help_heading = HOW)]
    pub(crate) samples: u16,
    /// The seed of random geometries and of the operands that are timed
    #[arg(long, default_value_t = 0, help_heading = HOW)]
    pub(crate) seed: u64,

    /// Compare the kernel of automatic choice with the fastest that was timed
    #[arg(long, conflicts_with_all = ["test", "explain", "compare", "level"], help_heading = RESULTS)]
    pub(crate) audit: bool,
    /// With --audit: end with status 1 if a chosen kernel takes so much longer than the fastest
    #[arg(long, value_name = "PERCENT", value_parser = percent, requires = "audit", help_heading = RESULTS)]
    pub(crate) regret_limit: Option<f64>,
    /// Write the results as Markdown tables
    #[arg(long, value_name = "FILE", help_heading = RESULTS)]
    pub(crate) markdown: Option<PathBuf>,
    /// Write a roofline chart as SVG
    #[arg(long, value_name = "FILE", conflicts_with = "compare", help_heading = RESULTS)]
    pub(crate) roofline: Option<PathBuf>,
    /// Write one row per benchmark as comma-separated values
    #[arg(long, value_name = "FILE", default_value = "target/lab/conv2d.csv", help_heading = RESULTS)]
    pub(crate) csv: PathBuf,
    /// Write the rows, machine, compiler and seed as JSON
    #[arg(long, value_name = "FILE", default_value = "target/lab/conv2d.json", help_heading = RESULTS)]
    pub(crate) json: PathBuf,

    /// Time nothing, compare two files that --json wrote; status 1 if a benchmark became slower by median and
    /// by minimum
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], help_heading = SAVED)]
    pub(crate) compare: Vec<PathBuf>,
    /// With --compare: how much slower is a regression
    #[arg(
        long,
        value_name = "PERCENT",
        value_parser = percent,
        default_value_t = 5.0,
        requires = "compare",
        help_heading = SAVED
    )]
    pub(crate) regression_limit: f64,
    /// Save criterion's results under this name
    #[arg(long, value_name = "NAME", help_heading = SAVED)]
    pub(crate) save_baseline: Option<String>,
    /// Compare with criterion's results saved under this name
    #[arg(long, value_name = "NAME", conflicts_with = "save_baseline", help_heading = SAVED)]
    pub(crate) baseline: Option<String>,
}

fn count<const MOST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("must be an integer from 1 to {MOST}"))
}

fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|s: &f64| *s > 0.0 && *s < 1e6);
    number.ok_or_else(|| "must be a number of seconds above 0 and below 10⁶".to_string())
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').parse().ok();
    let number = number.filter(|percent: &f64| (0.0..=1e6).contains(percent));
    number.ok_or_else(|| "must be a percentage from 0 to 10⁶".to_string())
}

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum ElementType {
    F32,
    F64,
}

impl ElementType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// A direction, as an argument of the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DirectionArgument {
    Forward,
    Input,
    Weight,
}

impl From<DirectionArgument> for Direction {
    fn from(argument: DirectionArgument) -> Self {
        match argument {
            DirectionArgument::Forward => Self::Forward,
            DirectionArgument::Input => Self::InputGradient,
            DirectionArgument::Weight => Self::WeightGradient,
        }
    }
}

/// The name of a direction.
pub(crate) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "forward",
        Direction::InputGradient => "input_gradient",
        Direction::WeightGradient => "weight_gradient",
    }
}

/// The name of a benchmark, such as `f32/forward/tiled/lenet/conv1`.
pub(crate) fn benchmark_name(
    element: ElementType,
    direction: Direction,
    label: Label,
    geometry: &str,
) -> String {
    format!(
        "{}/{}/{label}/{geometry}",
        element.name(),
        direction_name(direction)
    )
}
