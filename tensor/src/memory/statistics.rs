//! How much memory tensors use, and the peak.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes now, and the most since the start of the process or since [`reset_peaks`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Bytes in use now.
    pub now: usize,
    /// The most bytes in use at one time since the last reset.
    pub peak: usize,
}

/// The memory of all tensors of the process.
///
/// Buffers of fewer than 512 elements are not counted: they are left to the allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Buffers of tensors.
    pub tensors: Bytes,
    /// Scratch buffers of running operations.
    pub scratch: Bytes,
    /// Free buffers that are kept for recycling.
    pub idle: Bytes,
}

/// How much memory all tensors of the process use.
///
/// ```
/// use wengert_tensor::{Tensor, memory};
///
/// let before = memory::usage().tensors.now;
/// let x: Tensor = Tensor::zeros([64, 64]);
/// assert_eq!(memory::usage().tensors.now - before, 4 * x.len());
/// ```
#[must_use]
pub fn usage() -> Usage {
    Usage {
        tensors: TENSORS.bytes(),
        scratch: SCRATCH.bytes(),
        idle: IDLE.bytes(),
    }
}

/// Resets the peaks to the present values.
pub fn reset_peaks() {
    for meter in [&TENSORS, &SCRATCH, &IDLE] {
        meter.peak.store(meter.bytes().now, Ordering::Relaxed);
    }
}

pub(crate) static TENSORS: Meter = Meter::new();
pub(crate) static SCRATCH: Meter = Meter::new();
pub(crate) static IDLE: Meter = Meter::new();

/// A sum that any thread may add to. No result depends on it, so relaxed ordering is enough.
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

    pub(crate) fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    fn bytes(&self) -> Bytes {
        Bytes {
            now: self.now(),
            peak: self.peak.load(Ordering::Relaxed),
        }
    }
}
