//! Elementwise operations: the engine, its loops, and the elementary functions.

mod arithmetic;
mod compare;
pub(crate) mod elementary;
pub(crate) mod error_function;
pub(crate) mod inner_loops;
pub(crate) mod loop_nest;
pub(crate) mod pointwise;
pub(crate) mod tiling;
pub(crate) mod zip;

pub use pointwise::Pointwise;
