//! Normalization, softmax included.

use super::support::OpInfo;

mod local_response_norm;
mod normalization;
mod softmax;
mod standardize;

pub use local_response_norm::ResponseOptions;
pub use normalization::{BatchNormed, NormOptions};
pub(super) use softmax::{LogSoftmaxCotangent, softmax_cotangent};

pub(super) const OPS: &[&[OpInfo]] = include!(concat!(env!("OUT_DIR"), "/norm.rs"));
