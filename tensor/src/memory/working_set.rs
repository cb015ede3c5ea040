//! How much memory was in use at one time lately, which bounds what the free lists keep.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::memory::statistics::{SCRATCH, TENSORS};

/// The free lists of small programs keep this many bytes: they recycle whatever the program does.
const SMALLEST: usize = 8 << 20;

/// A window ends when so many times its peak has been freed. A training step frees a few times its peak, so
/// a window holds several steps.
const WINDOW: usize = 16;

/// The peak of the memory in use in this window and in the one before.
///
/// A race between threads can end a window early or move a peak into the next one: then free buffers are
/// returned to the allocator too early or too late. No result depends on it, so relaxed ordering is enough.
struct Peaks {
    this_window: AtomicUsize,
    last_window: AtomicUsize,
    /// Bytes freed in this window.
    freed: AtomicUsize,
}

static PEAKS: Peaks = Peaks {
    this_window: AtomicUsize::new(0),
    last_window: AtomicUsize::new(0),
    freed: AtomicUsize::new(0),
};

/// Notes the memory in use; called when a buffer is requested.
pub(super) fn note_request() {
    PEAKS.this_window.fetch_max(in_use(), Ordering::Relaxed);
}

/// Notes that a buffer was freed, and returns the most bytes that one free list may keep: twice the peak of
/// the memory in use.
///
/// A list needs more than the peak, since it keeps buffers of every length that a step uses.
pub(super) fn note_freed(bytes: usize) -> usize {
    let this_window = PEAKS.this_window.load(Ordering::Relaxed);
    let last_window = PEAKS.last_window.load(Ordering::Relaxed);
    let peak = this_window.max(last_window);
    let freed = PEAKS.freed.fetch_add(bytes, Ordering::Relaxed) + bytes;
    if freed / WINDOW > peak.max(SMALLEST) {
        PEAKS.freed.store(0, Ordering::Relaxed);
        PEAKS.last_window.store(this_window, Ordering::Relaxed);
        PEAKS.this_window.store(in_use(), Ordering::Relaxed);
    }
    peak.saturating_mul(2).max(SMALLEST)
}

fn in_use() -> usize {
    TENSORS.now().saturating_add(SCRATCH.now())
}
