//! The command as a user runs it. One program, so that it is linked once.

mod command;
mod compare;
mod config;
mod data;
#[cfg(feature = "onnx")]
mod export;
#[cfg(unix)]
mod full_disk;
mod inspect;
mod models;
mod mpi;
mod predict;
mod report;
mod resume;
mod train;
