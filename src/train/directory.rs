//! [`Directory`]: the files of a run's checkpoints.

use std::path::{Path, PathBuf};
use std::{fs, io};

use wengert_nn::file;

use super::checkpoint::CheckpointError;
use super::error::TrainError;
use super::lock::DirectoryLock;
use super::options::CheckpointOptions;

const PREFIX: &str = "checkpoint-";
const SUFFIX: &str = ".safetensors";
const BEST: &str = "best.safetensors";

/// The directory of a run's checkpoints, locked.
pub(super) struct Directory {
    options: CheckpointOptions,
    /// Held until the end of the run; `None` on a process that leaves the files to another one.
    _lock: Option<DirectoryLock>,
}

/// The checkpoints in a directory by number, in ascending order.
pub(super) fn list(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            continue;
        }
        let path = entry.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let number = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_suffix(SUFFIX));
        if let Some(number) = number.and_then(|digits| digits.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

impl Directory {
    /// Locks the directory, and finds out whether files can be made in it.
    pub(super) fn open(options: &CheckpointOptions) -> Result<Self, TrainError> {
        let directory = &options.directory;
        let lock = DirectoryLock::acquire(directory)?;
        let unusable = |error| TrainError::Directory {
            directory: directory.clone(),
            error,
        };
        let trial = directory.join(".trial");
        file::write(&trial, b"").map_err(unusable)?;
        fs::remove_file(&trial).map_err(unusable)?;
        Ok(Self {
            options: options.clone(),
            _lock: Some(lock),
        })
    }

    /// The directory on a process that leaves the files to another one.
    pub(super) fn of_other_process(options: &CheckpointOptions) -> Self {
        Self {
            options: options.clone(),
            _lock: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.options.directory
    }

    /// Only the process that has the lock asks.
    pub(super) fn list(&self) -> Result<Vec<(u64, PathBuf)>, TrainError> {
        let directory = self.options.directory.clone();
        list(&directory).map_err(|error| TrainError::Directory { directory, error })
    }

    pub(super) fn is_due_at_step(&self, step: usize) -> bool {
        self.options
            .every_steps
            .is_some_and(|every| (step as u64).is_multiple_of(every))
    }

    pub(super) fn is_due_at_epoch(&self, epoch: u64) -> bool {
        epoch.is_multiple_of(self.options.every_epochs)
    }

    /// Writes a checkpoint, and then removes those that are too many.
    pub(super) fn write(
        &self,
        number: u64,
        bytes: &[u8],
        is_best: bool,
    ) -> Result<PathBuf, TrainError> {
        let directory = &self.options.directory;
        let save = |path: &Path| {
            file::write(path, bytes).map_err(|error| CheckpointError::Write {
                file: path.to_owned(),
                error,
            })
        };
        // The best one first: if the process ends in between, the same one is written again after a resume.
        if is_best && self.options.keep_best {
            save(&directory.join(BEST))?;
        }
        let path = directory.join(format!("{PREFIX}{number:010}{SUFFIX}"));
        save(&path)?;
        let files = self.list()?;
        let too_many = files.len().saturating_sub(self.options.keep_last);
        for (_, old) in &files[..too_many] {
            // The new one is on the disk: an old one that stays does no harm.
            let _ = fs::remove_file(old);
        }
        Ok(path)
    }
}
