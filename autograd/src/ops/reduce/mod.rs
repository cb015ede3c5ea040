//! Reductions over axes, and running sums and products.

use super::support::OpInfo;

mod logsumexp;
mod max_min;
mod mean_variance;
mod norm;
mod prod;
mod scan;
mod sum;

pub(super) use norm::is_moderate;

pub(super) const OPS: &[&[OpInfo]] = include!(concat!(env!("OUT_DIR"), "/reduce.rs"));
