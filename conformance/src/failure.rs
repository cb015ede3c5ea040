//! Why a case does not pass.

/// Why a case does not pass.
#[derive(Clone, Debug)]
pub enum Failure {
    /// There is no handler for the op.
    NotImplemented,
    /// Anything else, in words.
    Wrong(String),
}

/// A failure in words.
pub fn wrong<X>(message: impl Into<String>) -> Result<X, Failure> {
    Err(Failure::Wrong(message.into()))
}

/// What must be there, or a failure that says what is missing.
pub fn needed<X>(value: Option<X>, what: impl AsRef<str>) -> Result<X, Failure> {
    match value {
        Some(value) => Ok(value),
        None => wrong(format!("there is no {}", what.as_ref())),
    }
}
