//! How a subcommand ends.

use std::fmt;

/// What a subcommand returns.
pub type CommandResult = Result<Ending, Box<dyn std::error::Error + Send + Sync>>;

/// An end without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Stopped by Ctrl-C or a request to terminate; what was done so far is saved.
    Interrupted,
}

/// A command line that is wrong: exit status 2.
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}
