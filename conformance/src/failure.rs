//! Why a case does not pass.

/// Why a case does not pass.
#[derive(Clone, Debug)]
pub enum Failure {
    /// There is no handler for the op.
    NotImplemented,
    /// Any other reason, as a message.
    Wrong(String),
}

/// A failure with a message.
pub fn wrong<X>(message: impl Into<String>) -> Result<X, Failure> {
    Err(Failure::Wrong(message.into()))
}

/// The value, or a failure that names what is missing.
pub fn needed<X>(value: Option<X>, what: impl AsRef<str>) -> Result<X, Failure> {
    match value {
        Some(value) => Ok(value),
        None => wrong(format!("there is no {}", what.as_ref())),
    }
}
