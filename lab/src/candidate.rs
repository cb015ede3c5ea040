//! Kernels and the levels of instructions at which they run.

use std::fmt;

use wengert_tensor::Real;
use wengert_tensor::kernels::conv::ConvKernel;
use wengert_tensor::kernels::simd::Level;
use wengert_tensor::testing::variants::{Variant, at_level};

/// The name of a level on the command line and in results.
pub(crate) fn level_name(level: Level) -> &'static str {
    level.name().trim_end_matches("+fma")
}

/// The level of this name.
///
/// # Errors
/// If there is none, or if the processor does not have it.
pub(crate) fn level_by_name(name: &str) -> Result<Level, String> {
    let levels = Level::all();
    if let Some(level) = levels.iter().find(|level| level_name(**level) == name) {
        return Ok(*level);
    }
    let names: Vec<_> = levels.iter().map(|level| level_name(*level)).collect();
    let names = names.join(", ");
    Err(if ["avx2", "avx512"].contains(&name) {
        format!("this processor does not have the level {name:?}; it has {names}")
    } else {
        format!("there is no level {name:?}; this processor has {names}")
    })
}

/// A kernel's name, and the level if one was asked for: `tiled@avx2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) kernel: &'static str,
    pub(crate) level: Option<Level>,
}

impl Label {
    /// The level's name, `own` if the kernel chooses it.
    pub(crate) fn level(self) -> &'static str {
        self.level.map_or("own", level_name)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kernel)?;
        match self.level {
            Some(level) => write!(f, "@{}", level_name(level)),
            None => Ok(()),
        }
    }
}

/// A kernel that is tested and timed.
pub(crate) struct Candidate<T: 'static> {
    pub(crate) kernel: &'static dyn ConvKernel<T>,
    pub(crate) label: Label,
}

/// The kernels at each of the levels; kernels that have no level of their own once, and all of them once if no
/// level is given.
pub(crate) fn candidates<T: Real>(
    kernels: &[&'static dyn ConvKernel<T>],
    levels: &[Level],
    of_variant: fn(Variant) -> Box<dyn ConvKernel<T>>,
) -> Vec<Candidate<T>> {
    let mut candidates = Vec::new();
    for &kernel in kernels {
        let name = kernel.name();
        let found: Vec<_> = levels
            .iter()
            .filter_map(|&level| Some((level, at_level(name, level)?)))
            .collect();
        if found.is_empty() {
            let label = Label {
                kernel: name,
                level: None,
            };
            candidates.push(Candidate { kernel, label });
        }
        for (level, variant) in found {
            let label = Label {
                kernel: name,
                level: Some(level),
            };
            // A few bytes per kernel and level, once in a run.
            let kernel = Box::leak(of_variant(variant));
            candidates.push(Candidate { kernel, label });
        }
    }
    candidates
}
