//! Reverse-mode autodiff on CPUs: strided tensors, a Wengert tape, layers, optimizers, and a checker
//! that proves every gradient.
//!
//! This crate is the façade over four: [`tensor`], [`autograd`], [`nn`] and [`optim`]; it adds data
//! sets, loaders and reports. `use wengert::prelude::*` brings in what a training program needs.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod data;
pub mod evaluate;
pub mod prelude;
pub mod report;

pub use wengert_autograd as autograd;
pub use wengert_nn as nn;
pub use wengert_optim as optim;
pub use wengert_tensor as tensor;
