//! [`LessonError`]: why a lesson cannot run.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use wengert::data::DataError;

use crate::LESSONS;

/// Why a lesson cannot run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LessonError {
    /// There is no lesson of this name.
    #[error(
        "there is no lesson {name:?}; there are {}",
        LESSONS.iter().map(|lesson| lesson.name).collect::<Vec<_>>().join(", ")
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// The text cannot be written.
    #[error("the lesson's text cannot be written: {0}")]
    Output(io::Error),
    /// The picture cannot be written.
    #[error("{}: the picture cannot be written: {source}; name another directory", file.display())]
    Picture {
        /// The file of the picture.
        file: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// A data set that was given cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
}
