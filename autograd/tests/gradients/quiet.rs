//! Calls that may panic, without a message.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread is trying what may be refused.
    static TRYING: Cell<bool> = const { Cell::new(false) };
}

/// What a call gives, or its panic, of which nothing is printed.
pub fn quietly<R>(f: impl FnOnce() -> R) -> std::thread::Result<R> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |info| {
            if !TRYING.get() {
                loud(info);
            }
        }));
    });
    TRYING.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    TRYING.set(false);
    outcome
}
