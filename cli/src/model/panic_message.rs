//! A panic of the library as an error of the command.

use std::panic::{self, AssertUnwindSafe};

/// Runs `f`; if it panics, the error is the first line of the panic's message.
///
/// The library panics where a shape does not fit: a mistake of the program that calls it. Here the shapes come
/// from files that a user wrote, so the same sentence is the text of an error. The panic's report on the
/// standard error is switched off meanwhile; no other thread of the command is running then.
pub fn panic_message<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    panic::set_hook(hook);
    result.map_err(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("an unknown error");
        text.lines().next().unwrap_or_default().to_owned()
    })
}
