//! The memory of tensors: storage, recycled scratch buffers, statistics.
//!
//! A tensor or scratch buffer of 64 MB or more that does not fit in memory is a panic, which can be caught and names
//! the operation; before, free buffers are returned to the allocator. A shorter allocation that fails aborts the
//! process, as every `Vec` of a Rust program does: stable Rust has no other way that does not cost time.

pub mod scratch;
pub mod statistics;
pub(crate) mod storage;
mod working_set;

pub use crate::kernels::trim;
pub use scratch::{Scratch, drain};
pub use statistics::{reset_peaks, usage};
