//! The memory of tensors: storage, recycled scratch buffers, statistics.

pub mod scratch;
pub mod statistics;
pub(crate) mod storage;
mod working_set;

pub use crate::kernels::trim;
pub use scratch::{Scratch, drain};
pub use statistics::{reset_peaks, usage};
