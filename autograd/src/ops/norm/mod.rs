//! Normalization, softmax included.

use super::support::Entry;

mod local_response_norm;
mod normalization;
mod softmax;
mod standardize;

pub use local_response_norm::ResponseOptions;
pub use normalization::{BatchNormed, NormOptions};
pub(super) use softmax::{LogSoftmaxCotangent, softmax_cotangent};

pub(super) const ENTRIES: &[&[Entry]] = &[
    local_response_norm::ENTRIES,
    normalization::ENTRIES,
    softmax::ENTRIES,
    standardize::ENTRIES,
];
