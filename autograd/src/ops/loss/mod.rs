//! Losses.

use super::support::OpInfo;

mod absolute_error;
mod binary_cross_entropy;
mod cross_entropy;
mod kl_div_poisson;
mod margin;
mod mse;
mod nll;
mod similarity;

pub use binary_cross_entropy::BinaryCrossEntropyOptions;
pub use cross_entropy::CrossEntropyOptions;
pub use kl_div_poisson::{KlDivOptions, PoissonOptions};
pub use margin::MultiMarginOptions;
pub use nll::NllOptions;
pub use similarity::TripletOptions;

pub(super) const OPS: &[&[OpInfo]] = include!(concat!(env!("OUT_DIR"), "/loss.rs"));
