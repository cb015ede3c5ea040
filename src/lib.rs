//! Reverse-mode autodiff on CPUs.
#![forbid(unsafe_code)]

pub mod data;
pub mod report;
