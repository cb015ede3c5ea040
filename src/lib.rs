//! Reverse-mode autodiff on CPUs: strided tensors, a Wengert tape, layers, optimizers, and a checker
//! that proves every gradient.
//!
//! This crate re-exports four others, [`tensor`], [`autograd`], [`nn`] and [`optim`], and adds data sets,
//! loaders and reports. `use wengert::prelude::*` imports the names that most programs need.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod data;
pub mod distributed;
pub mod evaluate;
#[cfg(feature = "gradcheck-reports")]
pub mod gradcheck;
pub mod prelude;
pub mod report;
pub mod train;

pub use num_traits;
pub use rand;
pub use wengert_autograd as autograd;
pub use wengert_nn as nn;
pub use wengert_optim as optim;
pub use wengert_tensor as tensor;

/// The recipes of the cookbook, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../docs/cookbook.md")]
mod cookbook {}
