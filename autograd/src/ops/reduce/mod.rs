//! Reductions over axes, and running sums and products.

use super::support::Entry;

mod logsumexp;
mod max_min;
mod mean_variance;
mod norm;
mod prod;
mod scan;
mod sum;

pub(super) use norm::is_moderate;

pub(super) const ENTRIES: &[&[Entry]] = &[
    logsumexp::ENTRIES,
    max_min::ENTRIES,
    mean_variance::ENTRIES,
    norm::ENTRIES,
    prod::ENTRIES,
    scan::ENTRIES,
    sum::ENTRIES,
];
