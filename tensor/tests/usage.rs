//! The meters of memory. Alone in their program, for they count all of it.

use wengert_tensor::{Tensor, memory::statistics as usage};

#[test]
fn what_tensors_take_and_what_lies_idle_is_counted() {
    const BYTES: usize = 4 << 20;
    let start = usage::usage();
    let x: Tensor = Tensor::zeros([1 << 20]);
    let view = x.reshape([1 << 10, 1 << 10]).t();
    let small: Tensor = Tensor::zeros([511]);
    let now = usage::usage();
    assert_eq!(
        now.tensors.now - start.tensors.now,
        BYTES,
        "views and small buffers are none"
    );
    assert!(now.tensors.peak >= now.tensors.now);
    drop((x, view, small));
    let after = usage::usage();
    assert_eq!(after.tensors.now, start.tensors.now);
    assert_eq!(after.idle.now - start.idle.now, BYTES, "kept for the next");
    let again: Tensor = Tensor::zeros([1 << 20]);
    assert_eq!(usage::usage().idle.now, start.idle.now, "and used again");
    drop(again);
    assert!(usage::usage().tensors.peak >= BYTES);
    usage::forget_peaks();
    assert_eq!(usage::usage().tensors.peak, start.tensors.now);
}
