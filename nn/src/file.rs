//! Reading and writing whole files; a write is atomic.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Replaces the content of a file atomically: a reader, or a program started after a crash, finds the old
/// content or the new content, never a part.
///
/// The content goes to a temporary file in the same directory, which is renamed once it is on the disk.
/// * A symbolic link stays; the file that it points to is replaced.
/// * An existing file keeps its permissions, and on Unix its owner where the process may set it.
/// * Temporary files that a killed process left in the directory are removed.
/// * Any number of threads and processes may write to one directory.
///
/// # Errors
/// If the path is a directory or a special file (FIFO, socket, device), if the process may not write to
/// it, or if anything fails. The old file is then unchanged, unless the message says that the new content
/// is in place.
pub fn write(path: impl AsRef<Path>, content: &[u8]) -> io::Result<()> {
    let target = follow_links(path.as_ref())?;
    let existing = existing(&target)?;
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    remove_leftovers(directory);
    let mut temporary = Temporary::create(directory)?;
    temporary.file.write_all(content)?;
    if let Some(existing) = existing {
        copy_owner(&existing, &temporary.file);
        temporary.file.set_permissions(existing.permissions())?;
    }
    // Before the rename: otherwise the new name could survive a crash without its content.
    temporary.file.sync_all()?;
    temporary.rename(&target)?;
    sync_directory(directory).map_err(|error| {
        let message = format!(
            "the new content is in place, but may be lost in a power failure: the directory cannot be \
             synchronised: {error}"
        );
        io::Error::new(error.kind(), message)
    })
}

/// The content of a regular file.
///
/// # Errors
/// If it cannot be read, or is a directory or a special file.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    // Checked before opening: opening a FIFO would wait for a writer.
    require_regular(&fs::metadata(path)?)?;
    let mut content = Vec::new();
    File::open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, message)
}

fn require_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        Err(invalid("is a directory, not a regular file"))
    } else if !metadata.is_file() {
        Err(invalid(
            "is a FIFO, socket or device, not a regular file; use a path of a file",
        ))
    } else {
        Ok(())
    }
}

/// The path that a chain of symbolic links ends at; nothing needs to exist there.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            // A relative link starts from the directory that contains it.
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            // Not a link (EINVAL), or nothing there.
            Err(error)
                if [ErrorKind::InvalidInput, ErrorKind::NotFound].contains(&error.kind()) =>
            {
                return match path.file_name() {
                    Some(_) => Ok(path),
                    None => Err(invalid("does not end in a file name")),
                };
            }
            Err(error) => return Err(error),
        }
    }
    Err(invalid("too many symbolic links, perhaps a cycle"))
}

/// The metadata of the file to be replaced, `None` if there is none; an error if it must not be replaced.
fn existing(target: &Path) -> io::Result<Option<fs::Metadata>> {
    let metadata = match fs::metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    require_regular(&metadata)?;
    // A rename ignores the permissions of the file that it replaces. Opening it does not.
    OpenOptions::new().write(true).open(target)?;
    Ok(Some(metadata))
}

const PREFIX: &str = ".wengert-";
const SUFFIX: &str = ".tmp";

/// A new file that is removed when dropped, unless it was renamed.
///
/// It is locked while its writer lives. The operating system releases the lock of a killed process, so a
/// temporary file that can be locked belongs to nobody.
struct Temporary {
    file: File,
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    fn create(directory: &Path) -> io::Result<Self> {
        loop {
            // Random, not from the process id: ids are equal in different containers. Short: the name of
            // the target may already have the greatest length.
            let random = RandomState::new().hash_one(0);
            let path = directory.join(format!("{PREFIX}{random:016x}{SUFFIX}"));
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            let temporary = Self {
                file,
                path,
                renamed: false,
            };
            // Where locks are not supported, nobody can lock, so nobody removes the file either.
            let _ = temporary.file.lock();
            // Another writer may have removed the file as a left-over before it was locked.
            if temporary.path.exists() {
                return Ok(temporary);
            }
        }
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // The error that led here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes the temporary files of writers that no longer run. Failures are ignored: the next write tries
/// again.
fn remove_leftovers(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let is_temporary = name.starts_with(PREFIX.as_bytes())
            && name.ends_with(SUFFIX.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_temporary {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else {
            continue;
        };
        match file.try_lock() {
            Ok(()) => drop(fs::remove_file(entry.path())),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

/// Only a privileged process may give a file to another user; for others the file becomes theirs, as a
/// new file would.
#[cfg(unix)]
fn copy_owner(from: &fs::Metadata, to: &File) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let _ = fchown(to, Some(from.uid()), Some(from.gid()));
}

#[cfg(not(unix))]
fn copy_owner(_from: &fs::Metadata, _to: &File) {}

/// Makes a rename in a directory durable.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    // Directories cannot be opened there; the journal of the file system keeps the order.
    Ok(())
}
