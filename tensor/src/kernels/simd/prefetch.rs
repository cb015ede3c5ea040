//! Prefetches: they start loading cache lines ahead of their use and do not wait for them.

/// Loads the cache line at the head of a slice into the first-level cache.
#[inline(always)]
pub(crate) fn line<T>(slice: &[T]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults and changes no value, whatever the address; every x86-64 processor
    // has SSE.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(slice.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}

/// Loads all cache lines of a slice into the second-level cache.
#[inline]
pub(crate) fn lines<T>(slice: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for first in slice.iter().step_by((64 / size_of::<T>()).max(1)) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(first).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}
