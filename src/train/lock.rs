//! [`DirectoryLock`]: a directory that one process writes to.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use super::error::TrainError;

/// Keeps other processes from writing to a directory, until it is dropped or the process ends.
///
/// A trainer locks the directory of its checkpoints; a program locks a run directory of its own with it. The
/// lock is that of a file `.lock`, which stays; the operating system releases it when the process ends,
/// however it ends. Where the file system has no locks, nothing is locked.
///
/// ```
/// use wengert::train::{DirectoryLock, TrainError};
///
/// let directory = std::env::temp_dir().join(format!("wengert-lock-{}", std::process::id()));
/// let lock = DirectoryLock::acquire(&directory)?;
/// assert!(matches!(DirectoryLock::acquire(&directory), Err(TrainError::Locked { .. })));
/// drop(lock);
/// assert!(DirectoryLock::acquire(&directory).is_ok());
/// # std::fs::remove_dir_all(&directory).ok();
/// # Ok::<(), TrainError>(())
/// ```
#[derive(Debug)]
pub struct DirectoryLock(File);

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing the file would not do: a child process between fork and exec has it open too.
        let _ = self.0.unlock();
    }
}

impl DirectoryLock {
    /// Locks a directory, which is made if it is missing.
    ///
    /// # Errors
    /// If another process, or another lock of this one, has it, or if the directory cannot be written to.
    pub fn acquire(directory: impl AsRef<Path>) -> Result<Self, TrainError> {
        let directory = directory.as_ref();
        let unusable = |error| TrainError::Directory {
            directory: directory.to_owned(),
            error,
        };
        fs::create_dir_all(directory).map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = options.open(directory.join(".lock")).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(TrainError::Locked {
                directory: directory.to_owned(),
            }),
        }
    }
}
