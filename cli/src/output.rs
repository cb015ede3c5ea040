//! Writing to the standard output.

use std::fmt;
use std::io::{self, ErrorKind, Write, stdout};

/// Writes a line to the standard output.
///
/// A reader that has closed its end, as `head` does, is no reason to stop: the training goes on and its
/// weights are saved.
pub fn print_line(text: fmt::Arguments<'_>) -> io::Result<()> {
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
