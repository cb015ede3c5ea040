//! Elementwise operations: `zip` and `zip3_zip4` compile the loop over a function (`pointwise`), `outer_loops` runs it;
//! `update` is for the elements that a view selects; `arithmetic`, `power`, `glu`, `lstm_gates` and `compare` are the
//! methods, `elementary`, `error_function` and `trigonometric` the vectorisable functions.

mod arithmetic;
mod compare;
pub(crate) mod elementary;
pub(crate) mod error_function;
mod glu;
pub(crate) mod inner_loops;
pub(crate) mod loop_nest;
pub(crate) mod lstm_gates;
pub(crate) mod outer_loops;
pub(crate) mod pointwise;
mod power;
pub(crate) mod tiling;
pub(crate) mod trigonometric;
mod update;
mod zip;
mod zip3_zip4;

pub(crate) use outer_loops::memory_bound_work;
pub use pointwise::ElementFunction;
pub(crate) use update::update;
