//! Elementwise operations: `zip` runs them all, `arithmetic` and `compare` are the methods, `elementary` and
//! `error_function` the vectorisable functions.

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
