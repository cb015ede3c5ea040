//! Reading bytes from a file or from memory, plain or gzip-compressed, with bounded memory.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::{DataError, Problem};

/// The largest expansion of deflate: two bits for a match of 258 bytes.
const DEFLATE_LIMIT: u64 = 1032;

/// The first read from a stream of unknown length, in bytes.
const FIRST_BYTES: usize = 4096;

/// A stream and the name of its file, for messages.
///
/// Several gzip members in one file are one stream (RFC 1952).
pub(crate) struct Source<'a> {
    name: PathBuf,
    stream: Stream<'a>,
    length: u64,
}

enum Stream<'a> {
    Plain(Box<dyn BufRead + 'a>),
    Gzip(MultiGzDecoder<Box<dyn BufRead + 'a>>),
}

impl<'a> Source<'a> {
    /// Opens a regular file, plain or gzip-compressed.
    pub(crate) fn open(path: &Path) -> Result<Source<'static>, DataError> {
        let (file, length) = open_regular(path)?;
        Source::new(path, file, length)
    }

    /// Opens a regular file without decompression.
    pub(crate) fn open_plain(path: &Path) -> Result<Source<'static>, DataError> {
        let (file, length) = open_regular(path)?;
        Ok(Source {
            name: path.to_owned(),
            stream: Stream::Plain(file),
            length,
        })
    }

    /// Reads from memory; messages use `name` as the file.
    pub(crate) fn memory(name: &str, bytes: &'a [u8]) -> Result<Self, DataError> {
        Source::new(Path::new(name), Box::new(bytes), bytes.len() as u64)
    }

    fn new(name: &Path, mut reader: Box<dyn BufRead + 'a>, length: u64) -> Result<Self, DataError> {
        let start = reader
            .fill_buf()
            .map_err(|error| Problem::Io(error).of(name))?;
        let stream = if start.starts_with(&[0x1f, 0x8b]) {
            Stream::Gzip(MultiGzDecoder::new(reader))
        } else {
            Stream::Plain(reader)
        };
        Ok(Self {
            name: name.to_owned(),
            stream,
            length,
        })
    }

    /// The length of the file, compressed if it is.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// An error about this file.
    pub(crate) fn error(&self, problem: Problem) -> DataError {
        problem.of(&self.name)
    }

    /// The next bytes, at most `count`; fewer only at the end.
    pub(crate) fn take(&mut self, count: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        // The buffer doubles with the bytes read, so a damaged header cannot allocate more than the file has.
        while bytes.len() < count {
            let room = bytes.len().max(FIRST_BYTES).min(count - bytes.len());
            bytes.reserve_exact(room);
            let got = self.append(room as u64, &mut bytes)?;
            if got < room {
                break;
            }
        }
        Ok(bytes)
    }

    fn append(&mut self, room: u64, bytes: &mut Vec<u8>) -> Result<usize, DataError> {
        let result = match &mut self.stream {
            Stream::Plain(reader) => reader.take(room).read_to_end(bytes),
            Stream::Gzip(decoder) => decoder.take(room).read_to_end(bytes),
        };
        result.map_err(|error| self.error(self.problem(error)))
    }

    fn problem(&self, error: io::Error) -> Problem {
        let damaged = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        );
        match self.stream {
            Stream::Gzip(_) if damaged => Problem::Gzip(error),
            _ => Problem::Io(error),
        }
    }

    /// The rest of the stream, which must be exactly `count` bytes after the `start` bytes already read.
    pub(crate) fn rest(&mut self, start: u64, count: usize) -> Result<Vec<u8>, DataError> {
        let needed = start.saturating_add(count as u64);
        match self.stream {
            Stream::Plain(_) if self.length < needed => {
                let found = self.length;
                return Err(self.error(Problem::Truncated { needed, found }));
            }
            Stream::Plain(_) if self.length > needed => {
                return Err(self.error(Problem::Trailing { needed }));
            }
            Stream::Plain(_) => {}
            Stream::Gzip(_) => self.check_expansion(needed)?,
        }
        let bytes = self.take(count)?;
        if bytes.len() < count {
            let found = start + bytes.len() as u64;
            return Err(self.error(Problem::Truncated { needed, found }));
        }
        // Reading one more byte reaches the end of a gzip stream, where its checksum is compared.
        if !self.take(1)?.is_empty() {
            return Err(self.error(Problem::Trailing { needed }));
        }
        Ok(bytes)
    }

    fn check_expansion(&self, needed: u64) -> Result<(), DataError> {
        let (compressed, limit) = (self.length, self.length.saturating_mul(DEFLATE_LIMIT));
        if needed > limit {
            return Err(self.error(Problem::Inflated {
                needed,
                compressed,
                limit,
            }));
        }
        Ok(())
    }
}

fn open_regular(path: &Path) -> Result<(Box<dyn BufRead>, u64), DataError> {
    // Checked before opening: opening a FIFO would wait for a writer.
    let metadata = fs::metadata(path).map_err(|error| Problem::Io(error).of(path))?;
    if !metadata.is_file() {
        return Err(Problem::NotAFile.of(path));
    }
    let file = File::open(path).map_err(|error| Problem::Io(error).of(path))?;
    Ok((Box::new(BufReader::new(file)), metadata.len()))
}
