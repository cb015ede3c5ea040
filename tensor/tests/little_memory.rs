//! Allocations that fail, in a child process whose memory is limited.

#![cfg(target_os = "linux")]

use std::panic::catch_unwind;
use std::process::Command;

use wengert_tensor::{ConvOptions, Tensor, memory};

/// 64 MB, the size from which requests are checked.
const CHECKED: usize = 1 << 24;

/// The message of a panic.
fn refusal<R>(f: impl FnOnce() -> R + std::panic::UnwindSafe) -> String {
    let payload = catch_unwind(f).err().expect("memory is limited");
    let message = payload.downcast_ref::<String>();
    message.expect("a message with the size").clone()
}

#[test]
fn a_request_that_does_not_fit_can_be_caught_and_free_buffers_are_returned_first() {
    let program = std::env::current_exe().unwrap();
    let child = Command::new("sh")
        .args([
            "-c",
            "ulimit -v 1000000; exec \"$0\" --exact --ignored child",
        ])
        .arg(program)
        // Each arena of glibc reserves 64 MB of addresses.
        .env("MALLOC_ARENA_MAX", "1")
        // With memory exhausted, the symbols of a backtrace cannot be loaded, and std waits for its own lock.
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

#[test]
#[ignore = "needs the limit that the test above sets"]
fn child() {
    for _ in 0..3 {
        let mut held = Vec::new();
        let message = refusal(std::panic::AssertUnwindSafe(|| {
            for _ in 0..100 {
                held.push(Tensor::full([CHECKED], 1.0_f32));
            }
        }));
        assert!(held.len() >= 4, "{} tensors of 64 MB", held.len());
        assert!(
            message.contains("full: [16777216]: 16777216 elements do not fit in memory"),
            "{message}"
        );
    }
    // What those tensors used is free, and serves another type.
    assert!(memory::usage().idle.now > 4 * CHECKED);
    let doubles = Tensor::full([5 * CHECKED], 1.0_f64);
    assert_eq!(doubles.get([7]), 1.0);
    drop(doubles);
    // The scratch memory of an operation: the product is small, its packed operand is not.
    let x = Tensor::full([1, 1, 1, 8 * CHECKED], 1.0_f32);
    let message = refusal(|| x.conv2d(&Tensor::ones([1, 1, 1, 3]), &ConvOptions::default()));
    assert!(message.contains("fit in memory"), "{message}");
}
