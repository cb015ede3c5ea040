//! A mistake of the caller panics at the caller's line: each function that documents a panic is called
//! with a wrong argument, on tensors and on variables.

mod examples;
mod families;
mod functions;
mod listed;
mod observed;
mod tensors;
mod texts;
mod variables;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether this thread runs a call that should panic.
    static TRYING: Cell<bool> = const { Cell::new(false) };
    /// File and message of the last such panic.
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// The file and the message of the panic of `call`; `None` if it returns.
fn panic_of(call: impl FnOnce()) -> Option<(String, String)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let other = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !TRYING.get() {
                return other(info);
            }
            let file = info
                .location()
                .map_or_else(String::new, |l| l.file().to_owned());
            let message = info.payload_as_str().unwrap_or_default().to_owned();
            LAST.set(Some((file, message)));
        }));
    });
    LAST.set(None);
    TRYING.set(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    TRYING.set(false);
    result.err().and_then(|_| LAST.take())
}

/// What is wrong with the panic of a call in the file `here`, if anything.
fn fault(name: &str, here: &str, call: impl FnOnce()) -> Option<String> {
    match panic_of(call) {
        None => Some(format!("{name}: no panic")),
        Some((file, message)) if !file.ends_with(here) => {
            Some(format!("{name}: the panic points to {file}: {message}"))
        }
        // Messages of the standard library, which name neither op nor shape.
        Some((_, message)) if !message.contains(": ") => Some(format!(
            "{name}: the message does not name the op: {message}"
        )),
        Some(_) => None,
    }
}

/// Declares the wrong calls of one type, `name: call;`, the names in any order.
macro_rules! wrong_calls {
    ($here:literal; $($name:ident: $call:expr;)*) => {
        /// The functions that are called.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        #[test]
        fn every_wrong_call_panics_at_its_line() {
            let faults: Vec<String> = [
                $($crate::fault(stringify!($name), $here, || {
                    let _ = $call;
                })),*
            ]
            .into_iter()
            .flatten()
            .collect();
            assert!(faults.is_empty(), "{}", faults.join("\n"));
        }
    };
}
use wrong_calls;
