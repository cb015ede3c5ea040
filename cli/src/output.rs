//! Writing to the standard output.

use std::fmt;
use std::io::{self, ErrorKind, Write, stdout};

/// Writes a line to the standard output.
///
/// A reader that has closed its end, as `head` does, is no reason to stop: the training goes on and its
/// weights are saved.
pub fn print_line(text: fmt::Arguments<'_>) -> io::Result<()> {
    write(format!("{text}\n").as_bytes())
}

/// As [`print_line`], for bytes.
pub fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// The standard output, on which a closed reader is an error: what is written may end early.
#[cfg(feature = "lessons")]
pub struct Pipe;

#[cfg(feature = "lessons")]
impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        stdout().flush()
    }
}
