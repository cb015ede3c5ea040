//! Memory statistics and the bound of what is kept. The only test of its program, since they count all memory
//! of a process.

use wengert_tensor::{Tensor, memory};

#[test]
fn memory_of_tensors_and_free_buffers_is_counted() {
    const BYTES: usize = 4 << 20;
    let start = memory::usage();
    let x: Tensor = Tensor::zeros([1 << 20]);
    let view = x.reshape([1 << 10, 1 << 10]).t();
    let small: Tensor = Tensor::zeros([511]);
    let now = memory::usage();
    assert_eq!(
        now.tensors.now - start.tensors.now,
        BYTES,
        "views and small buffers are not counted"
    );
    assert!(now.tensors.peak >= now.tensors.now);
    drop((x, view, small));
    let after = memory::usage();
    assert_eq!(after.tensors.now, start.tensors.now);
    assert_eq!(after.idle.now - start.idle.now, BYTES, "kept for recycling");
    let again: Tensor = Tensor::zeros([1 << 20]);
    assert_eq!(memory::usage().idle.now, start.idle.now, "and recycled");
    drop(again);
    assert!(memory::usage().tensors.peak >= BYTES);
    memory::reset_peaks();
    assert_eq!(memory::usage().tensors.peak, start.tensors.now);

    batches_of_growing_size_do_not_pile_up();
}

/// Buffers of lengths that are no longer used go back to the allocator.
fn batches_of_growing_size_do_not_pile_up() {
    memory::trim();
    assert_eq!(memory::usage().idle.now, 0);
    let mut used = 0;
    for batch in 0..200 {
        let x: Tensor = Tensor::zeros([(1 << 19) + (batch << 14)]);
        used = used.max(4 * x.len());
        let y = &x + &x;
        drop((x, y));
    }
    let idle = memory::usage().idle.now;
    assert!(
        idle <= 5 * used,
        "{idle} bytes are kept, {used} were used by one tensor"
    );
}
