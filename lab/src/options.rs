//! The command line, and the plan of benchmarks that it selects.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use regex::Regex;
use wengert_tensor::kernels::conv::{ConvGeometry, Direction};
use wengert_tensor::testing::geometries::{self, NamedGeometry};

/// Tests convolution kernels, times them, and shows which is fastest for each geometry.
#[derive(Clone, Debug, Parser)]
#[command(name = "conv2d", after_help = wengert_tensor::kernels::conv::GRAMMAR)]
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
    /// Only these kernels
    #[arg(long, value_name = "NAME")]
    pub(crate) kernel: Vec<String>,
    /// Only this element type
    #[arg(long)]
    pub(crate) number: Option<ElementType>,
    /// Only this direction
    #[arg(long)]
    pub(crate) direction: Option<DirectionArgument>,
    /// Threads [default: one per core]
    #[arg(long, value_parser = positive)]
    pub(crate) threads: Option<usize>,
    /// Seconds of measurement per benchmark
    #[arg(long, default_value_t = 0.8, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Samples per benchmark, at least 10
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(10..))]
    pub(crate) samples: u16,
    /// The seed of the operands that are timed
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Save criterion's results under this name
    #[arg(long, value_name = "NAME")]
    pub(crate) save_baseline: Option<String>,
    /// Compare with results saved under this name
    #[arg(long, value_name = "NAME", conflicts_with = "save_baseline")]
    pub(crate) baseline: Option<String>,
    /// Write one row per benchmark as comma-separated values
    #[arg(long, value_name = "FILE", default_value = "target/lab/conv2d.csv")]
    pub(crate) csv: PathBuf,
    /// Write the rows, machine, compiler and seed as JSON
    #[arg(long, value_name = "FILE", default_value = "target/lab/conv2d.json")]
    pub(crate) json: PathBuf,
    /// Time the kernels; without it they are only tested, large geometries on smaller ones of the same kind
    #[arg(long, conflicts_with = "test")]
    pub(crate) bench: bool,
    /// Only show which kernel automatic choice uses for each geometry, and why not the others
    #[arg(long, conflicts_with_all = ["bench", "test"])]
    pub(crate) explain: bool,
    /// Only test the kernels
    #[arg(long)]
    pub(crate) test: bool,
}

fn positive(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number: &usize| number > 0);
    number.ok_or_else(|| "must be an integer, at least 1".to_string())
}

fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|s: &f64| *s > 0.0 && *s < 1e6);
    number.ok_or_else(|| "must be a number of seconds above 0 and below 10⁶".to_string())
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
    kernel: &str,
    geometry: &str,
) -> String {
    format!(
        "{}/{}/{kernel}/{geometry}",
        element.name(),
        direction_name(direction)
    )
}

/// The selected benchmarks; everything that it names exists.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    filter: Option<Regex>,
    kernels: Vec<String>,
    directions: Vec<Direction>,
    pub(crate) elements: Vec<ElementType>,
    pub(crate) geometries: Vec<(String, ConvGeometry)>,
    pub(crate) only_test: bool,
    /// Whether slow kernels run on large geometries too.
    pub(crate) include_slow: bool,
    pub(crate) seconds: f64,
    pub(crate) samples: usize,
    pub(crate) seed: u64,
    pub(crate) save_baseline: Option<String>,
    pub(crate) baseline: Option<String>,
}

impl Plan {
    /// The plan of the options; `single` and `double` are the names of the `f32` and `f64` kernels.
    pub(crate) fn new(
        options: &Options,
        single: &[&'static str],
        double: &[&'static str],
    ) -> Result<Self, String> {
        let filter = options.filter.as_deref().map(Regex::new).transpose();
        let filter =
            filter.map_err(|error| format!("the filter is not a regular expression: {error}"))?;
        for name in &options.kernel {
            if !single.contains(&name.as_str()) && !double.contains(&name.as_str()) {
                let mut known = single.to_vec();
                known.extend(double.iter().filter(|name| !single.contains(name)));
                return Err(format!(
                    "there is no kernel {name:?}; the kernels are {}",
                    known.join(", ")
                ));
            }
        }
        let only_test = options.test || !options.bench;
        let mut geometries = selected(options)?;
        if only_test && !options.explain {
            for (_, geometry) in &mut geometries {
                *geometry = smaller(geometry);
            }
        }
        let is_selected =
            |element: &ElementType| options.number.is_none_or(|only| only == *element);
        let plan = Self {
            filter,
            kernels: options.kernel.clone(),
            directions: match options.direction {
                Some(argument) => vec![argument.into()],
                None => Direction::ALL.to_vec(),
            },
            elements: [ElementType::F32, ElementType::F64]
                .into_iter()
                .filter(is_selected)
                .collect(),
            geometries,
            only_test,
            include_slow: !options.kernel.is_empty(),
            seconds: options.seconds,
            samples: options.samples.into(),
            seed: options.seed,
            save_baseline: options.save_baseline.clone(),
            baseline: options.baseline.clone(),
        };
        let has_any = |element, kernels: &[&str]| {
            let geometries = || plan.geometries.iter();
            let fits = |kernel: &&str| {
                geometries().any(|(name, _)| !plan.directions_of(element, kernel, name).is_empty())
            };
            plan.elements.contains(&element) && kernels.iter().any(fits)
        };
        if has_any(ElementType::F32, single) || has_any(ElementType::F64, double) {
            return Ok(plan);
        }
        let filter = options.filter.as_deref().unwrap_or_default();
        Err(format!(
            "no benchmark matches {filter:?}; a name is like f32/forward/tiled/peers/lenet1"
        ))
    }

    /// The directions of the benchmarks of a kernel on a geometry.
    pub(crate) fn directions_of(
        &self,
        element: ElementType,
        kernel: &str,
        geometry: &str,
    ) -> Vec<Direction> {
        if !self.kernels.is_empty() && !self.kernels.iter().any(|name| name == kernel) {
            return Vec::new();
        }
        let wanted = |direction: &Direction| {
            let name = benchmark_name(element, *direction, kernel, geometry);
            self.filter
                .as_ref()
                .is_none_or(|filter| filter.is_match(&name))
        };
        self.directions.iter().copied().filter(wanted).collect()
    }
}

fn selected(options: &Options) -> Result<Vec<(String, ConvGeometry)>, String> {
    let mut geometries = Vec::new();
    for line in &options.shape {
        geometries.push((line.clone(), parsed(line)?));
    }
    for file in &options.shapes {
        geometries.extend(from_file(file)?);
    }
    let own = !geometries.is_empty();
    let mut sets: Vec<&str> = options.set.iter().map(String::as_str).collect();
    if sets.contains(&"all") {
        sets = geometries::NAMES.to_vec();
    } else if sets.is_empty() && !own {
        sets = vec!["peers", "corners"];
    }
    for set in sets {
        let list = geometries::by_name(set).ok_or_else(|| {
            let known = geometries::NAMES.join(", ");
            format!("there is no set {set:?}; the sets are {known}, and all")
        })?;
        let named = |NamedGeometry { name, geometry }| (format!("{set}/{name}"), geometry);
        geometries.extend(list.into_iter().map(named));
    }
    Ok(geometries)
}

fn parsed(line: &str) -> Result<ConvGeometry, String> {
    let geometry: Result<ConvGeometry, _> = line.parse();
    geometry.map_err(|error| format!("{line}: {error}"))
}

fn from_file(path: &Path) -> Result<Vec<(String, ConvGeometry)>, String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
    let mut geometries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let at = |message| format!("{}:{}: {message}", path.display(), number + 1);
        let (name, line) = line.split_once(char::is_whitespace).unwrap_or((line, line));
        geometries.push((name.to_string(), parsed(line.trim()).map_err(at)?));
    }
    if geometries.is_empty() {
        return Err(format!("{} has no geometries", path.display()));
    }
    Ok(geometries)
}

/// A geometry of the same kind that is tested quickly: at most 2 images, 40 channels and filters (24 if
/// depthwise) and 17 windows per axis; stride, padding, dilation and remainders stay.
fn smaller(geometry: &ConvGeometry) -> ConvGeometry {
    let mut small = geometry.clone().with_batch(geometry.batch.min(2));
    if small.groups == 1 {
        small.channels = small.channels.min(40);
        small.filters = small.filters.min(40);
    } else if small.groups == small.channels && small.groups > 24 {
        let each = small.filters / small.groups;
        (small.groups, small.channels, small.filters) = (24, 24, 24 * each);
    }
    for axis in 0..3 {
        let room = geometry.window(axis) + 16 * geometry.stride[axis];
        small.input[axis] = small.input[axis].min(room);
    }
    small.validated().unwrap_or_else(|_| geometry.clone())
}
