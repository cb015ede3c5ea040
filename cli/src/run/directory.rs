//! Choosing, making and locking the directory of a run, before anything is trained.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{CONFIG, REPORT};

const LOCK: &str = ".lock";

/// Where a run is to be written.
#[derive(Clone, Debug)]
pub enum Destination {
    /// `runs/NAME`, or the first free one of `runs/NAME-2`, `runs/NAME-3`, …
    New(String),
    /// A directory that the user names; `overwrite` permits to replace a run in it.
    Named { directory: PathBuf, overwrite: bool },
    /// The directory of a run that is continued.
    Resumed(PathBuf),
}

/// A directory that this process alone writes to, until it is dropped.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    // The operating system releases the lock when the process ends, however it ends.
    _lock: File,
}

impl RunDirectory {
    /// Makes and locks the directory.
    ///
    /// The error is a sentence with the remedy: the directory cannot be written, is in use by another process, or
    /// holds a run that must not be replaced.
    pub fn claim(place: &Destination) -> Result<Self, String> {
        match place {
            Destination::New(name) => Self::first_free(name),
            Destination::Named {
                directory,
                overwrite,
            } => {
                let holds_run = directory.join(CONFIG).exists();
                let name = directory.display();
                if holds_run && !overwrite {
                    return Err(format!(
                        "{name} holds a run already; continue it with --resume {name}, replace it with \
                         --overwrite, or choose another directory with --out"
                    ));
                }
                if !holds_run && !is_free(directory) {
                    return Err(format!(
                        "{name} holds other files; choose a new or empty directory with --out"
                    ));
                }
                let claimed = Self::lock(directory)?;
                claimed
                    .clear()
                    .map_err(|error| cannot_write(directory, &error))?;
                Ok(claimed)
            }
            Destination::Resumed(directory) => Self::lock(directory),
        }
    }

    fn first_free(name: &str) -> Result<Self, String> {
        let runs = Path::new("runs");
        let mut number = 1;
        loop {
            let directory = match number {
                1 => runs.join(name),
                n => runs.join(format!("{name}-{n}")),
            };
            if is_free(&directory) {
                let claimed = Self::lock(&directory)?;
                // Another process may have taken it between the two lines, and finished.
                if !directory.join(CONFIG).exists() {
                    return Ok(claimed);
                }
            }
            number += 1;
        }
    }

    fn lock(directory: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| cannot_write(directory, &error);
        fs::create_dir_all(directory).map_err(failed)?;
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(directory.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let known = lock.read_to_string(&mut owner).is_ok() && !owner.trim().is_empty();
                let owner = if known {
                    format!(" (process {})", owner.trim())
                } else {
                    String::new()
                };
                return Err(format!(
                    "{} is in use by another process{owner}; wait for its end or choose another directory with \
                     --out",
                    directory.display()
                ));
            }
            // A file system without locks: the run can be trained, only two at once are not noticed.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        lock.set_len(0).map_err(failed)?;
        write!(lock, "{}", std::process::id()).map_err(failed)?;
        Ok(Self {
            path: directory.to_owned(),
            _lock: lock,
        })
    }

    /// Removes the run that the directory holds; files that no run writes stay.
    fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours = [
                CONFIG,
                super::DATA,
                super::MODEL,
                super::WEIGHTS,
                super::RESUME,
                REPORT,
            ]
            .contains(&&*name)
                || name.starts_with("metrics.")
                || name.starts_with("events.out.tfevents.");
            if name == super::CHECKPOINTS {
                fs::remove_dir_all(entry.path())?;
            } else if ours {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file as a whole; the error has the remedy.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), String> {
        let file = self.file(name);
        wengert::nn::file::write(&file, content).map_err(|error| cannot_write(&file, &error))
    }
}

/// Whether a directory does not exist, or holds nothing but the lock of a run that ended before it wrote anything.
fn is_free(directory: &Path) -> bool {
    match fs::read_dir(directory) {
        Ok(entries) => entries
            .filter_map(Result::ok)
            .all(|entry| entry.file_name() == LOCK),
        // What else it may be (a file, not readable) is found when it is locked.
        Err(_) => true,
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot write {}: {error}; choose another directory with --out",
        path.display()
    )
}
