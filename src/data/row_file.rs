//! [`RowFile`]: rows of one length in an open file, each read when it is asked for.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{DataError, Problem};

/// A file of `count` rows of `row` bytes after `start` bytes.
///
/// It stays open, so a file that is replaced by another one of its name does not change what is read.
#[derive(Debug)]
pub(crate) struct RowFile {
    /// For messages.
    name: PathBuf,
    file: File,
    start: u64,
    row: usize,
    count: usize,
}

impl RowFile {
    /// Opens a file, whose length must be that of its rows.
    pub(crate) fn open(
        path: &Path,
        start: u64,
        row: usize,
        count: usize,
    ) -> Result<Self, DataError> {
        let (file, found) = open_regular(path)?;
        let rows = Self::of(path, file, start, row, count);
        let needed = rows.length();
        if found < needed {
            return Err(Problem::Truncated { needed, found }.of(path));
        }
        if found > needed {
            return Err(Problem::Trailing { needed }.of(path));
        }
        Ok(rows)
    }

    /// An open file that has at least these rows.
    pub(crate) fn of(name: &Path, file: File, start: u64, row: usize, count: usize) -> Self {
        Self {
            name: name.to_owned(),
            file,
            start,
            row,
            count,
        }
    }

    /// The number of rows.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The bytes of the file.
    fn length(&self) -> u64 {
        self.start
            .saturating_add((self.row as u64).saturating_mul(self.count as u64))
    }

    /// Reads the bytes of a row from `offset` on.
    pub(crate) fn read(
        &self,
        row: usize,
        offset: usize,
        bytes: &mut [u8],
    ) -> Result<(), DataError> {
        let place = self.start + row as u64 * self.row as u64 + offset as u64;
        read_exact_at(&self.file, bytes, place).map_err(|error| self.problem(error).of(&self.name))
    }

    fn problem(&self, error: io::Error) -> Problem {
        match self.file.metadata() {
            Ok(now) if error.kind() == io::ErrorKind::UnexpectedEof => Problem::Shrunk {
                found: now.len(),
                opened: self.length(),
            },
            _ => Problem::Io(error),
        }
    }
}

/// Opens a regular file, and tells its length.
pub(crate) fn open_regular(path: &Path) -> Result<(File, u64), DataError> {
    let failed = |error| Problem::Io(error).of(path);
    // Checked before opening: opening a FIFO would wait for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Problem::NotAFile.of(path));
    }
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    Ok((file, length))
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, place)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut place: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;

    while !bytes.is_empty() {
        match file.seek_read(bytes, place) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                place += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
