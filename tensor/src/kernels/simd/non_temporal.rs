//! Non-temporal stores, which bypass the caches: for results larger than any cache, and for what other
//! threads read.
//!
//! An ordinary store to a line that is in no cache loads the line first: an addition of two arrays moves
//! four arrays through memory instead of three.
//!
//! An ordinary store to a line that another processor has read waits until that processor has invalidated
//! it, which takes long where the two [share no cache](crate::parallel::prefers_non_temporal_stores). So each thread
//! prepares what it reads itself as far as the shape allows, and there a workspace that one thread fills for all
//! others, call after call, is copied by non-temporal stores.
//!
//! Source: Intel 64 and IA-32 Architectures Optimization Reference Manual, "Non-temporal stores". They are
//! weakly ordered: a fence must separate them from the later store that publishes the data to other threads.
//! [`write`] borrows the target until the fence is executed, so that no safe code can read it before.

use std::marker::PhantomData;

use crate::Element;
use crate::kernels::Private;
use crate::memory::Scratch;

/// Results of at least this many bytes do not stay in a cache until they are read.
const MIN_BYTES: usize = 1 << 25;

/// Whether a result of `count` numbers is large enough for non-temporal stores, and its type has them.
pub(crate) fn is_profitable<V: Element>(count: usize) -> bool {
    V::has_non_temporal_stores(Private) && count.saturating_mul(size_of::<V>()) >= MIN_BYTES
}

/// `out[i] = f(x[i], y[i])`, for slices of one length, with non-temporal stores if the type has them.
#[inline(always)]
pub(crate) fn zip<T: Copy, U: Copy, V: Element>(
    out: &mut [V],
    x: &[T],
    y: &[U],
    f: impl Fn(T, U) -> V,
) {
    V::zip_non_temporal(Private, out, x, y, f);
}

/// [`zip`] with ordinary stores.
#[inline(always)]
pub(crate) fn zip_temporal<T: Copy, U: Copy, V: Copy>(
    out: &mut [V],
    x: &[T],
    y: &[U],
    f: impl Fn(T, U) -> V,
) {
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = f(x, y);
    }
}

/// Bytes that [`zip_blocks`] computes and stores together.
const BLOCK_BYTES: usize = 32;

/// [`zip`] in blocks of `N` numbers, [`BLOCK_BYTES`] together.
#[inline(always)]
pub(crate) fn zip_blocks<const N: usize, T: Copy, U: Copy, V: Plain>(
    out: &mut [V],
    x: &[T],
    y: &[U],
    f: impl Fn(T, U) -> V,
) {
    const { assert!(N * size_of::<V>() == BLOCK_BYTES) };
    if !out.as_ptr().addr().is_multiple_of(BLOCK_BYTES) {
        return zip_temporal(out, x, y, f);
    }
    let (out, out_rest) = out.as_chunks_mut::<N>();
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<N>(), y.as_chunks::<N>());
    let fence = Fence(());
    for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
        let mut block = [f(x[0], y[0]); N];
        for i in 1..N {
            block[i] = f(x[i], y[i]);
        }
        // SAFETY: the first block begins at a multiple of `BLOCK_BYTES`, and every block has that many;
        // `out` is borrowed until the fence is dropped.
        unsafe { store(out, block) };
    }
    drop(fence);
    zip_temporal(out_rest, x_rest, y_rest, f);
}

/// Numbers that are computed in the first-level cache before they are copied to memory: few, so that the processor still
/// loads the operands of one block while it stores another. With 2048 a `relu` of 16 million takes 1.3 times as long.
const BLOCK: usize = 256;

/// Fills a result with non-temporal stores, block by block: `compute(first, block)` computes the numbers
/// from `first` on.
pub(crate) fn fill<V: Element>(out: &mut [V], mut compute: impl FnMut(usize, &mut [V])) {
    let length = out.len();
    let mut buffer = Scratch::new(BLOCK.min(length));
    write(out, |writer| {
        for first in (0..length).step_by(BLOCK) {
            let block = &mut buffer[..BLOCK.min(length - first)];
            compute(first, block);
            writer.copy(first, block);
        }
    });
}

/// Calls `f` with a writer of non-temporal stores to `target`.
///
/// When this returns or panics, everything that the writer has stored becomes visible to other threads before
/// anything that this thread stores later.
pub(crate) fn write<V: Element, R>(target: &mut [V], f: impl FnOnce(&mut Writer<'_, V>) -> R) -> R {
    let fence = Fence(());
    let result = f(&mut Writer {
        target,
        fence: &fence,
        of_this_thread: PhantomData,
    });
    drop(fence);
    result
}

/// Writes to a slice that is borrowed until the fence is executed; see [`write`].
///
/// It is not `Send`: the fence does not order stores of another thread.
pub(crate) struct Writer<'a, V> {
    target: &'a mut [V],
    fence: &'a Fence,
    of_this_thread: PhantomData<*const ()>,
}

impl<V: Element> Writer<'_, V> {
    /// Copies to the elements from `first` on; whole cache lines where the target has whole lines.
    pub fn copy(&mut self, first: usize, from: &[V]) {
        let to = &mut self.target[first..][..from.len()];
        V::copy_non_temporal(self.fence, to, from);
    }
}

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

/// [`Writer::copy`] in cache lines of `N` numbers. The fence is that of [`write`], which borrows the target
/// until the fence is dropped.
pub(crate) fn copy_lines<const N: usize, V: Plain>(_: &Fence, to: &mut [V], from: &[V]) {
    const { assert!(N * size_of::<V>() == LINE_BYTES) };
    let start = to.as_ptr().align_offset(LINE_BYTES).min(to.len());
    let (from_start, from) = from.split_at(start);
    let (to_start, to) = to.split_at_mut(start);
    to_start.copy_from_slice(from_start);
    let (from, from_rest) = from.as_chunks::<N>();
    let (to, to_rest) = to.as_chunks_mut::<N>();
    for (to, &line) in to.iter_mut().zip(from) {
        // SAFETY: the lines begin at multiples of `LINE_BYTES`; the fence is that of `write`, which borrows the
        // target until it is dropped.
        unsafe { store(to, line) };
    }
    to_rest.copy_from_slice(from_rest);
}

/// The part of a buffer from the first element on that begins a cache line.
pub(crate) fn from_line<T: Element>(buffer: &mut [T]) -> &mut [T] {
    let skipped = buffer.as_ptr().align_offset(LINE_BYTES).min(buffer.len());
    &mut buffer[skipped..]
}

/// How many numbers a buffer needs to have `length` of them [`from_line`] on.
pub(crate) fn with_line<T: Element>(length: usize) -> usize {
    length + LINE_BYTES / size_of::<T>()
}

/// Makes the non-temporal stores of this thread visible to other threads before its later stores, when it
/// is dropped: also if a panic ends the loop.
#[derive(Debug)]
pub struct Fence(());

impl Drop for Fence {
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86-64 processor has SSE, and a fence accesses no memory.
        unsafe {
            std::arch::x86_64::_mm_sfence();
        }
    }
}

/// Numbers without padding: all their bytes are initialised.
///
/// # Safety
/// No value of the type may have an uninitialised byte.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: floats have no padding.
unsafe impl Plain for f32 {}
// SAFETY: floats have no padding.
unsafe impl Plain for f64 {}

/// Stores a block; on x86-64 with non-temporal stores.
///
/// # Safety
/// `to` begins at a multiple of 16 bytes and has a multiple of 16 bytes; a [`Fence`] is dropped before
/// another thread may read it.
#[inline(always)]
unsafe fn store<const N: usize, V: Plain>(to: &mut [V; N], block: [V; N]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
        debug_assert!(to.as_ptr().addr().is_multiple_of(16));
        let (from, to) = (
            block.as_ptr().cast::<__m128i>(),
            to.as_mut_ptr().cast::<__m128i>(),
        );
        for i in 0..size_of::<[V; N]>() / 16 {
            // SAFETY: both have at least `16 · (i + 1)` bytes, all of them initialised; `to` is borrowed
            // mutably and aligned, as the caller has ensured; every x86-64 processor has SSE2.
            unsafe { _mm_stream_si128(to.add(i), _mm_loadu_si128(from.add(i))) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        *to = block;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_results_in_the_usual_precisions_use_non_temporal_stores() {
        assert_eq!(is_profitable::<f32>(1 << 23), cfg!(target_arch = "x86_64"));
        assert!(!is_profitable::<f32>((1 << 23) - 1));
        assert!(!is_profitable::<i64>(1 << 30));
    }

    #[test]
    fn every_offset_and_length_is_copied_and_nothing_else_is_written() {
        fn check<T: Element>(of: fn(f64) -> T) {
            let from: Vec<T> = (0..200).map(|i| of(f64::from(i))).collect();
            for first in 0..17 {
                for count in [0, 1, 7, 8, 16, 31, 64, 100] {
                    let mut to = [of(-1.0); 200];
                    write(&mut to, |writer| writer.copy(first, &from[3..][..count]));
                    for (i, &value) in to.iter().enumerate() {
                        let inside = (first..first + count).contains(&i);
                        let copied = of(i as f64 - first as f64 + 3.0);
                        let expected = if inside { copied } else { of(-1.0) };
                        assert_eq!(value, expected, "element {i} of {count} from {first}");
                    }
                }
            }
        }
        check::<f32>(|x| x as f32);
        check::<f64>(|x| x);
        check::<i16>(|x| x as i16);
    }

    #[test]
    fn every_offset_and_length_has_its_results_and_nothing_else_is_written() {
        fn check<V: Element>(of: fn(usize) -> V) {
            let x: Vec<usize> = (0..80).collect();
            for from in 0..9 {
                for count in 0..60 {
                    let mut out: Vec<V> = (0..80).map(|_| of(1000)).collect();
                    let y = &x[7..];
                    zip(
                        &mut out[from..][..count],
                        &x[..count],
                        &y[..count],
                        |x, y| of(x * y),
                    );
                    for (i, &value) in out.iter().enumerate() {
                        let inside = (from..from + count).contains(&i);
                        let k = i.wrapping_sub(from);
                        let expected = if inside { of(k * (k + 7)) } else { of(1000) };
                        assert_eq!(value, expected, "element {i} of {count} from {from}");
                    }
                }
            }
        }
        check::<f32>(|i| i as f32);
        check::<f64>(|i| i as f64);
        check::<u16>(|i| i as u16);
    }

    #[test]
    fn every_block_of_a_result_is_filled_whatever_its_type() {
        fn check<V: Element>(of: fn(usize) -> V) {
            for count in [0, 1, 511, BLOCK - 1, BLOCK, 3 * BLOCK + 7] {
                let mut out = vec![of(1); count + 2];
                fill(&mut out[1..=count], |first, block| {
                    for (i, value) in block.iter_mut().enumerate() {
                        *value = of(first + i + 2);
                    }
                });
                let expected = (0..count).map(|i| of(i + 2));
                let expected = std::iter::once(of(1)).chain(expected).chain([of(1)]);
                assert!(out.into_iter().eq(expected), "{count} numbers");
            }
        }
        check::<f32>(|i| i as f32);
        check::<f64>(|i| i as f64);
        check::<i64>(|i| i as i64);
    }
}
