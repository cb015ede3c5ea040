//! Panics for a caller's mistake: one form of message, located at the caller's line.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

thread_local! {
    /// The layers whose code is running on this thread, outermost first. Read only for panic messages.
    static SCOPES: RefCell<Vec<Arc<str>>> = const { RefCell::new(Vec::new()) };
}

/// The end of a message about an input whose last extent is not the number of inputs of a linear map: what to do if one
/// example has as many numbers in all.
#[must_use]
pub fn flatten_hint(input: &[usize], inputs: usize) -> &'static str {
    let [_batch, example @ ..] = input else {
        return "";
    };
    if example.len() > 1 && example.iter().product::<usize>() == inputs {
        "; flatten each example first, with `flatten(1, -1)` or the layer `Flatten`"
    } else {
        ""
    }
}

/// Prefixes the messages of [`fail`] on this thread with the path of a layer, until it is dropped.
#[must_use = "the scope ends when this is dropped"]
#[derive(Debug)]
pub struct Scope(());

impl Scope {
    /// Starts a scope with a path such as `layer1.0.conv2`. Of nested scopes messages name the innermost.
    pub fn enter(path: Arc<str>) -> Self {
        // In the destructor of a thread-local the list may be destroyed already: messages then have no path.
        let _ = SCOPES.try_with(|scopes| scopes.borrow_mut().push(path));
        Self(())
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // Binding the path drops it after the borrow has ended.
        let _path = SCOPES.try_with(|scopes| scopes.borrow_mut().pop());
    }
}

/// The path of the innermost [`Scope`] of this thread.
#[must_use]
pub fn scope() -> Option<Arc<str>> {
    let path = SCOPES.try_with(|scopes| scopes.borrow().last().cloned());
    path.ok().flatten()
}

/// Panics with `{path}: {message}`, where `path` is that of the innermost [`Scope`], or with the message
/// alone outside of every scope.
///
/// # Panics
/// Always.
#[cold]
#[track_caller]
pub fn fail(message: fmt::Arguments<'_>) -> ! {
    match scope() {
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
