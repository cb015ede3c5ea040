//! [`CheckpointError`]: why a checkpoint cannot be written, read or resumed from.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use wengert_nn::StateError;
use wengert_optim::LoadError;

use super::VERSION;

/// Why a checkpoint cannot be written, read or resumed from. In each case nothing was overwritten.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be written.
    #[error("checkpoint {}: cannot be written: {error}; make room, and continue from the one before", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file cannot be read.
    #[error("checkpoint {}: cannot be read: {error}", file.display())]
    Read {
        /// The file or directory.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A directory without checkpoints.
    #[error("{} has no checkpoint to resume from", directory.display())]
    None {
        /// The directory.
        directory: PathBuf,
    },
    /// A truncated or damaged file.
    #[error("checkpoint {}: is damaged ({problem}); resume from another one", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A safetensors file, but no checkpoint.
    #[error(
        "checkpoint {}: has tensors, but no state of training; load its weights with `StateDict::load`",
        file.display()
    )]
    NotACheckpoint {
        /// The file.
        file: PathBuf,
    },
    /// A checkpoint of another version of the library.
    #[error(
        "checkpoint {}: was written by version {found}, this is {}; resume with that version, or load its weights \
         with `Checkpoint::model`",
        file.display(), VERSION
    )]
    Version {
        /// The file.
        file: PathBuf,
        /// The version that wrote it.
        found: String,
    },
    /// A checkpoint of another model.
    #[error("checkpoint {}: is of another model: {error}", file.display())]
    Model {
        /// The file.
        file: PathBuf,
        /// How it differs.
        error: StateError,
    },
    /// A checkpoint of a run with another model, other data or other options.
    #[error(
        "checkpoint {}: was made with another {name} ({saved}, here {current}); resume with the same, or begin a new \
         run",
        file.display()
    )]
    Setting {
        /// The file.
        file: PathBuf,
        /// What differs.
        name: String,
        /// Its value in the checkpoint.
        saved: String,
        /// Its value here.
        current: String,
    },
    /// A checkpoint of another optimizer.
    #[error("checkpoint {}: {error}", file.display())]
    Optimizer {
        /// The file.
        file: PathBuf,
        /// How it differs.
        error: LoadError,
    },
}
