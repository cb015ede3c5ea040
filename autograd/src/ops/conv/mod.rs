//! Convolution, pooling and resizing.

use super::support::OpInfo;

mod convolution;
mod global_pool;
mod interpolate;
mod lp_pool;
mod max_avg_pool;
mod unfold_fold;

pub use interpolate::{InterpolateOptions, Interpolation, Resize};

pub(super) const OPS: &[&[OpInfo]] = include!(concat!(env!("OUT_DIR"), "/conv.rs"));
