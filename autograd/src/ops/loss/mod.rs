//! Losses.

use super::support::OpInfo;

mod absolute_error;
mod binary_cross_entropy;
mod class_targets;
mod cross_entropy;
mod kl_div_poisson;
mod margin;
mod mse;
mod nll;
mod reduction;
mod similarity;

pub use binary_cross_entropy::BinaryCrossEntropyOptions;
pub use cross_entropy::CrossEntropyOptions;
pub use kl_div_poisson::{KlDivOptions, PoissonOptions};
pub use margin::MultiMarginOptions;
pub use nll::NllOptions;
pub use reduction::Reduction;
pub use similarity::TripletOptions;

pub(super) const OPS: &[&[OpInfo]] = &[
    absolute_error::OPS,
    binary_cross_entropy::OPS,
    cross_entropy::OPS,
    kl_div_poisson::OPS,
    margin::OPS,
    mse::OPS,
    nll::OPS,
    similarity::OPS,
];
