//! Convolution, pooling and resizing.

use super::support::Entry;

mod convolution;
mod global_pool;
mod interpolate;
mod lp_pool;
mod max_avg_pool;
mod unfold_fold;

pub use interpolate::{InterpolateOptions, Interpolation, Resize};

pub(super) const ENTRIES: &[&[Entry]] = &[
    convolution::ENTRIES,
    global_pool::ENTRIES,
    interpolate::ENTRIES,
    lp_pool::ENTRIES,
    max_avg_pool::ENTRIES,
    unfold_fold::ENTRIES,
];
