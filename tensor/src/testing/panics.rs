//! Messages of mistakes.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message of the panic in which a call ends.
///
/// ```
/// use wengert_tensor::testing::panics::message_of;
///
/// assert!(message_of(|| [1, 2][..].split_at(3)).contains("mid"));
/// ```
///
/// # Panics
/// If the call returns, or its panic has no text.
#[track_caller]
pub fn message_of<R>(call: impl FnOnce() -> R) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(call)) else {
        panic!("the call was not refused");
    };
    let text = panic.downcast::<String>().map(|text| *text);
    text.or_else(|panic| panic.downcast::<&str>().map(|text| (*text).to_owned()))
        .expect("the panic has a text")
}

/// Asserts that a call panics with a message that contains `expected`.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn assert_refused<R>(expected: &str, call: impl FnOnce() -> R) {
    let found = message_of(call);
    assert!(
        found.contains(expected),
        "{found:?} does not contain {expected:?}"
    );
}
