//! Convolution, pooling and resizing.

use super::support::OpInfo;

mod convolution;
mod global_pool;
mod interpolate;
mod lp_pool;
mod max_avg_pool;
mod unfold_fold;

pub use interpolate::{InterpolateOptions, Interpolation, Resize};

pub(super) const OPS: &[&[OpInfo]] = &[
    convolution::OPS,
    global_pool::OPS,
    interpolate::OPS,
    lp_pool::OPS,
    max_avg_pool::OPS,
    unfold_fold::OPS,
];
