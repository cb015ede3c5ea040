//! The same elements in another shape, order or extent.

use super::support::OpInfo;

mod broadcast;
mod concat_stack_chunk;
mod flip_roll_repeat;
mod pad;
mod permute_transpose;
mod pixel_shuffle;
mod reshape;
mod slice;

pub(crate) use broadcast::{over_first, pair};
pub use pad::Border;

pub(super) const OPS: &[&[OpInfo]] = include!(concat!(env!("OUT_DIR"), "/shape.rs"));
