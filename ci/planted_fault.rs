//! A program with the fault that its argument names, compiled by `ci/sanitize`, which must notice each.

use std::hint::black_box;
use std::thread;

static mut SHARED: u64 = 0;

fn main() {
    let fault = std::env::args().nth(1).unwrap_or_default();
    match fault.as_str() {
        "overrun" => {
            let values = black_box(vec![1.0_f32; 16]);
            // SAFETY: none; this is the fault.
            black_box(unsafe { *values.as_ptr().add(values.len()) });
        }
        "leak" => {
            std::mem::forget(black_box(vec![1_u8; 1000]));
        }
        "race" => {
            let write = || {
                for _ in 0..1000 {
                    // SAFETY: none; this is the fault.
                    unsafe { SHARED = black_box(SHARED) + 1 };
                }
            };
            let other = thread::spawn(write);
            write();
            other.join().expect("no panic");
        }
        "assertion" => {
            let length = black_box(4);
            debug_assert!(length > 4, "a planted assertion");
        }
        "overflow" => {
            let largest = black_box(u8::MAX);
            black_box(largest + 1);
        }
        "none" => {}
        other => {
            eprintln!("there is no fault {other:?}");
            std::process::exit(3);
        }
    }
}
