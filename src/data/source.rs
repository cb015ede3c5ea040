//! Reading bytes from a file or from memory, plain or gzip-compressed, with bounded memory.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::{DataError, Problem};
use super::row_file::open_regular;

/// The largest expansion of deflate: two bits for a match of 258 bytes.
const DEFLATE_LIMIT: u64 = 1032;

/// The first read from a stream of unknown length, in bytes.
const FIRST_BYTES: usize = 4096;

/// The bytes that are unpacked at a time.
const PIECE: usize = 1 << 16;

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
        Source::new(path, Box::new(BufReader::new(file)), length)
    }

    /// Opens a regular file without decompression.
    pub(crate) fn open_plain(path: &Path) -> Result<Source<'static>, DataError> {
        let (file, length) = open_regular(path)?;
        Ok(Source {
            name: path.to_owned(),
            stream: Stream::Plain(Box::new(BufReader::new(file))),
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
        self.check_length(start, count)?;
        let bytes = self.take(count)?;
        self.check_end(start, bytes.len(), count)?;
        Ok(bytes)
    }

    /// Writes what [`rest`](Self::rest) would return to a file, piece by piece.
    pub(crate) fn unpack(
        &mut self,
        start: u64,
        count: usize,
        file: &mut impl Write,
    ) -> Result<(), DataError> {
        self.check_length(start, count)?;
        let mut written = 0;
        while written < count {
            let bytes = self.take(PIECE.min(count - written))?;
            if bytes.is_empty() {
                break;
            }
            file.write_all(&bytes)
                .map_err(|error| self.error(Problem::Unpack(error)))?;
            written += bytes.len();
        }
        self.check_end(start, written, count)
    }

    /// Whether the bytes are those of the file, without compression.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.stream, Stream::Plain(_))
    }

    /// An error if the length of the file shows that the rest cannot be `count` bytes.
    fn check_length(&self, start: u64, count: usize) -> Result<(), DataError> {
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
        Ok(())
    }

    /// An error unless all `count` bytes were read, and nothing follows them.
    fn check_end(&mut self, start: u64, read: usize, count: usize) -> Result<(), DataError> {
        let needed = start.saturating_add(count as u64);
        if read < count {
            let found = start + read as u64;
            return Err(self.error(Problem::Truncated { needed, found }));
        }
        // Reading one more byte reaches the end of a gzip stream, where its checksum is compared.
        if !self.take(1)?.is_empty() {
            return Err(self.error(Problem::Trailing { needed }));
        }
        Ok(())
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
