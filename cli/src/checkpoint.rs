//! The file that a training run leaves.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The path `directory/name`, after a check that a file can be created there.
///
/// Makes the directory if it is missing. Called before training, so that no training is lost to a wrong path.
pub fn prepare(directory: &Path, name: &str) -> Result<PathBuf, String> {
    let file = directory.join(name);
    let tried = fs::create_dir_all(directory).and_then(|()| try_to_write(&file));
    match tried {
        Ok(()) => Ok(file),
        Err(error) => Err(format!(
            "cannot write {}: {error}; choose another directory with --out",
            file.display()
        )),
    }
}

/// Creates a file beside the one that will be written, as saving does, and removes it.
fn try_to_write(file: &Path) -> io::Result<()> {
    if file.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "it is a directory",
        ));
    }
    let trial = file.with_extension(format!("{}.tmp", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&trial)?;
    fs::remove_file(&trial)
}
