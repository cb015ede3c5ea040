//! How much memory tensors take, and took at most.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes at this moment, and the most since the start or since [`forget_peaks`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// At this moment.
    pub now: usize,
    /// At most.
    pub peak: usize,
}

/// The memory of all tensors of the process.
///
/// Buffers of fewer than 512 elements are not counted: they are the allocator's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Buffers that tensors live on.
    pub tensors: Bytes,
    /// Buffers that nobody uses, kept so that the next one need not be asked from the system.
    pub idle: Bytes,
}

/// How much memory all tensors of the process take.
///
/// ```
/// use wengert_tensor::{Tensor, usage};
///
/// let before = statistics::usage().tensors.now;
/// let x: Tensor = Tensor::zeros([64, 64]);
/// assert_eq!(statistics::usage().tensors.now - before, 4 * x.len());
/// ```
#[must_use]
pub fn usage() -> Usage {
    Usage {
        tensors: TENSORS.bytes(),
        idle: IDLE.bytes(),
    }
}

/// Lets the most start again from what there is at this moment.
pub fn forget_peaks() {
    for meter in [&TENSORS, &IDLE] {
        meter.peak.store(meter.bytes().now, Ordering::Relaxed);
    }
}

pub(crate) static TENSORS: Meter = Meter::new();
pub(crate) static IDLE: Meter = Meter::new();

/// A sum that any thread may add to. Nothing is decided by it, so no order among threads is needed.
#[derive(Debug)]
pub(crate) struct Meter {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Meter {
    const fn new() -> Self {
        Self {
            now: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        }
    }

    pub(crate) fn add(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, bytes: usize) {
        self.now.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn bytes(&self) -> Bytes {
        Bytes {
            now: self.now.load(Ordering::Relaxed),
            peak: self.peak.load(Ordering::Relaxed),
        }
    }
}
