//! How a caller's mistake is reported: one form of message, at the caller's line.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

thread_local! {
    /// Where in a model this thread is. Only messages ever read it.
    static SCOPES: RefCell<Vec<Arc<str>>> = const { RefCell::new(Vec::new()) };
}

/// A place in a model, named in every failure until it is dropped.
#[must_use = "the scope ends when this is dropped"]
#[derive(Debug)]
pub struct Scope(());

impl Scope {
    /// Enters a place such as `layer1.0.conv2`; it replaces the enclosing one in messages.
    pub fn enter(path: Arc<str>) -> Self {
        // In the destructor of a thread-local the list may be gone: messages then name no place.
        let _ = SCOPES.try_with(|scopes| scopes.borrow_mut().push(path));
        Self(())
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // The path is dropped outside of the borrow.
        let _path = SCOPES.try_with(|scopes| scopes.borrow_mut().pop());
    }
}

/// Panics with `{path}: {message}`, the path being that of the innermost [`Scope`].
///
/// # Panics
/// Always; that is its purpose.
#[cold]
#[track_caller]
pub fn fail(message: fmt::Arguments<'_>) -> ! {
    let path = SCOPES.try_with(|scopes| scopes.borrow().last().cloned());
    let path = path.ok().flatten();
    match path {
        Some(path) => panic!("{path}: {message}"),
        None => panic!("{message}"),
    }
}

/// Panics as [`fail`](crate::fail::fail()) does if a condition does not hold.
#[macro_export]
macro_rules! require {
    ($condition:expr, $($message:tt)+) => {
        if $condition {
        } else {
            $crate::fail::fail(format_args!($($message)+));
        }
    };
}
