//! The same elements in another shape, order or extent.

use super::support::Entry;

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

pub(super) const ENTRIES: &[&[Entry]] = &[
    broadcast::ENTRIES,
    concat_stack_chunk::ENTRIES,
    flip_roll_repeat::ENTRIES,
    pad::ENTRIES,
    permute_transpose::ENTRIES,
    pixel_shuffle::ENTRIES,
    reshape::ENTRIES,
    slice::ENTRIES,
];
