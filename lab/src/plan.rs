//! The plan of benchmarks that a command line selects.

use std::path::Path;

use regex::Regex;
use wengert_tensor::kernels::conv::{ConvGeometry, Direction};
use wengert_tensor::kernels::simd::Level;
use wengert_tensor::parallel;
use wengert_tensor::testing::geometries::{self, NamedGeometry};
use wengert_tensor::testing::random::random;

use crate::cache::{CacheMode, Scratch};
use crate::candidate::{Label, level_by_name};
use crate::options::{ElementType, Options, benchmark_name};

/// The selected benchmarks; everything that it names exists.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    filter: Option<Regex>,
    kernels: Vec<String>,
    directions: Vec<Direction>,
    pub(crate) elements: Vec<ElementType>,
    pub(crate) geometries: Vec<(String, ConvGeometry)>,
    /// Numbers of threads, one after the other.
    pub(crate) threads: Vec<usize>,
    pub(crate) cache: CacheMode,
    pub(crate) scratch: Scratch,
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
    /// The plan of the options; `single` and `double` are the kernels of `f32` and `f64`.
    pub(crate) fn new(
        options: &Options,
        single: &[Label],
        double: &[Label],
    ) -> Result<Self, String> {
        let filter = options.filter.as_deref().map(Regex::new).transpose();
        let filter =
            filter.map_err(|error| format!("the filter is not a regular expression: {error}"))?;
        check_names(&options.kernel, single.iter().chain(double))?;
        options.cache.supported()?;
        let mut threads = options.threads.iter();
        if let Some(count) = threads.find(|count| repeats(&options.threads, count)) {
            return Err(format!("--threads has {count} twice; once is enough"));
        }
        let only_test = options.test || options.explain || !options.bench;
        if only_test && let Some(option) = option_of_times(options) {
            return Err(format!(
                "{option} needs times: add --bench, leave out --test and --explain"
            ));
        }
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
            threads: if options.threads.is_empty() {
                vec![parallel::threads()]
            } else {
                options.threads.clone()
            },
            cache: options.cache,
            scratch: options.scratch,
            only_test,
            include_slow: !options.kernel.is_empty(),
            seconds: options.seconds,
            samples: options.samples.into(),
            seed: options.seed,
            save_baseline: options.save_baseline.clone(),
            baseline: options.baseline.clone(),
        };
        let has_any = |element, labels: &[Label]| {
            let geometries = || plan.geometries.iter();
            let fits = |label: &Label| {
                geometries().any(|(name, _)| !plan.directions_of(element, *label, name).is_empty())
            };
            plan.elements.contains(&element) && labels.iter().any(fits)
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
        label: Label,
        geometry: &str,
    ) -> Vec<Direction> {
        if !self.kernels.is_empty() && !self.kernels.iter().any(|name| name == label.kernel) {
            return Vec::new();
        }
        let wanted = |direction: &Direction| {
            let name = benchmark_name(element, *direction, label, geometry);
            self.filter
                .as_ref()
                .is_none_or(|filter| filter.is_match(&name))
        };
        self.directions.iter().copied().filter(wanted).collect()
    }
}

/// The levels of the options, the default of which is that each kernel chooses.
///
/// # Errors
/// If one does not exist, or not on this processor.
pub(crate) fn levels(options: &Options) -> Result<Vec<Level>, String> {
    let mut levels = Vec::new();
    for name in &options.level {
        let level = level_by_name(name)?;
        if levels.contains(&level) {
            return Err(format!("--level has {name:?} twice; once is enough"));
        }
        levels.push(level);
    }
    Ok(levels)
}

/// An option that only makes sense with times.
fn option_of_times(options: &Options) -> Option<&'static str> {
    [
        (options.audit, "--audit"),
        (options.markdown.is_some(), "--markdown"),
        (options.roofline.is_some(), "--roofline"),
    ]
    .into_iter()
    .find_map(|(is_given, name)| is_given.then_some(name))
}

fn repeats(values: &[usize], value: &usize) -> bool {
    values.iter().filter(|other| *other == value).count() > 1
}

fn check_names<'a>(
    wanted: &[String],
    labels: impl Iterator<Item = &'a Label>,
) -> Result<(), String> {
    let mut known: Vec<&str> = Vec::new();
    for label in labels {
        if !known.contains(&label.kernel) {
            known.push(label.kernel);
        }
    }
    match wanted.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!(
            "there is no kernel {name:?}; the kernels are {}",
            known.join(", ")
        )),
        None => Ok(()),
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
    if let Some(count) = options.random {
        let named = |(index, geometry)| (format!("random/{}/{index}", options.seed), geometry);
        geometries.extend(
            random(count, options.seed)
                .into_iter()
                .enumerate()
                .map(named),
        );
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
