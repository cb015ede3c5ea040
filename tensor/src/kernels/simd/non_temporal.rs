//! Stores past the caches: for results too large for any of them, and for what other threads read.
//!
//! An ordinary store to a line that is in no cache fetches the line first: of three arrays that an
//! addition goes through, memory would see four.
//!
//! An ordinary store to a line that another processor has read waits until that one gives it up. Where
//! two processors share no cache, as those of a virtual machine may, such stores were measured at
//! 2.4 GB/s, stores past the caches at 28: so a workspace that one thread fills for all, call after call, is
//! copied there past them.

use std::marker::PhantomData;

use super::Float;
use crate::Element;
use crate::memory::scratch;

/// Results of so many bytes do not stay in a cache until they are read.
const FAR: usize = 1 << 25;

/// Bytes that are written at once.
const BYTES: usize = 32;

/// Whether a result of so many numbers is better written past the caches, and [`zip`] can.
pub(crate) fn pays<V: 'static>(count: usize) -> bool {
    let known = is::<V, f32>() || is::<V, f64>();
    cfg!(target_arch = "x86_64") && known && count.saturating_mul(size_of::<V>()) >= FAR
}

fn is<V: 'static, U: 'static>() -> bool {
    std::any::TypeId::of::<V>() == std::any::TypeId::of::<U>()
}

/// `out[i] = f(x[i], y[i])`, for slices of one length.
#[inline(always)]
pub(crate) fn zip<T: Copy, U: Copy, V: Copy + 'static>(
    out: &mut [V],
    x: &[T],
    y: &[U],
    f: impl Fn(T, U) -> V,
) {
    if is::<V, f32>() {
        blocks::<8, _, _, _>(out, x, y, f);
    } else if is::<V, f64>() {
        blocks::<4, _, _, _>(out, x, y, f);
    } else {
        plain(out, x, y, f);
    }
}

#[inline(always)]
fn plain<T: Copy, U: Copy, V: Copy>(out: &mut [V], x: &[T], y: &[U], f: impl Fn(T, U) -> V) {
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = f(x, y);
    }
}

/// In blocks of `N` numbers, [`BYTES`] together.
#[inline(always)]
fn blocks<const N: usize, T: Copy, U: Copy, V: Copy + 'static>(
    out: &mut [V],
    x: &[T],
    y: &[U],
    f: impl Fn(T, U) -> V,
) {
    if !out.as_ptr().cast::<u8>().addr().is_multiple_of(BYTES) {
        return plain(out, x, y, f);
    }
    let (out, out_rest) = out.as_chunks_mut::<N>();
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<N>(), y.as_chunks::<N>());
    let fence = Fence;
    for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
        let mut block = [f(x[0], y[0]); N];
        for i in 1..N {
            block[i] = f(x[i], y[i]);
        }
        // SAFETY: the first block begins at a multiple of `BYTES` and each has so many, for the callers
        // have asked for the type that `N` goes with; the fence is dropped after the last of them.
        unsafe { store(out, block) };
    }
    drop(fence);
    plain(out_rest, x_rest, y_rest, f);
}

/// Numbers that are made in the first cache before they go past the others.
const BLOCK: usize = 2048;

/// Fills a result past the caches, block by block: `make(first, block)` the numbers from `first` on.
pub(crate) fn fill<V: Element>(out: &mut [V], mut make: impl FnMut(usize, &mut [V])) {
    let mut buffer = scratch::stale(BLOCK.min(out.len()));
    past_caches(|past| {
        for (index, out) in out.chunks_mut(BLOCK).enumerate() {
            let block = &mut buffer[..out.len()];
            make(index * BLOCK, block);
            past.copy(block, out);
        }
    });
    scratch::recycle(buffer);
}

/// Leave to write past the caches, on the thread that has been given it.
pub(crate) struct Past(PhantomData<*const ()>);

/// Runs `f`, and makes what it has written past the caches visible to other threads before anything that
/// this one writes later.
pub(crate) fn past_caches<R>(f: impl FnOnce(&Past) -> R) -> R {
    let fence = Fence;
    let result = f(&Past(PhantomData));
    drop(fence);
    result
}

/// Numbers that are copied past the caches at once, in bytes: a line.
const LINE: usize = 64;

/// Numbers from the first on that begins a line.
pub(crate) fn from_line<T: Float>(buffer: &mut [T]) -> &mut [T] {
    let skipped = buffer.as_ptr().align_offset(LINE).min(buffer.len());
    &mut buffer[skipped..]
}

/// How many numbers a buffer must have so that as many lie [`from_line`] on.
pub(crate) fn with_line<T: Float>(length: usize) -> usize {
    length + LINE / size_of::<T>()
}

impl Past {
    /// Copies past the caches; whole lines if `to` begins one.
    #[expect(clippy::unused_self, reason = "to have it is the leave")]
    pub fn copy<T: Copy + 'static>(&self, from: &[T], to: &mut [T]) {
        assert_eq!(
            from.len(),
            to.len(),
            "as many numbers go as there is room for"
        );
        if size_of::<T>() == size_of::<f32>() {
            Self::lines::<T, 16>(from, to);
        } else {
            Self::lines::<T, 8>(from, to);
        }
    }

    fn lines<T: Copy + 'static, const N: usize>(from: &[T], to: &mut [T]) {
        let start = to.as_ptr().align_offset(LINE).min(to.len());
        let (from_start, from) = from.split_at(start);
        let (to_start, to) = to.split_at_mut(start);
        to_start.copy_from_slice(from_start);
        let (from, from_rest) = from.as_chunks::<N>();
        let (to, to_rest) = to.as_chunks_mut::<N>();
        for (to, &line) in to.iter_mut().zip(from) {
            // SAFETY: the lines begin where an address is a multiple of `LINE`, and have so many bytes;
            // `copy` alone calls this, on a `Past`, whose fence is dropped later.
            unsafe { store(to, line) };
        }
        to_rest.copy_from_slice(from_rest);
    }
}

/// Makes what has been written past the caches visible to other threads before anything that is
/// written later, also if a panic ends the loop.
struct Fence;

impl Drop for Fence {
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86-64 has SSE, and a fence touches no memory.
        unsafe {
            std::arch::x86_64::_mm_sfence();
        }
    }
}

/// Writes a block past the caches where the target can.
///
/// # Safety
/// `to` begins at a multiple of 16 bytes, and a [`Fence`] is dropped before another thread may read it.
#[inline(always)]
unsafe fn store<const N: usize, V: Copy + 'static>(to: &mut [V; N], block: [V; N]) {
    #[cfg(target_arch = "x86_64")]
    if size_of::<[V; N]>().is_multiple_of(16) && (is::<V, f32>() || is::<V, f64>()) {
        use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
        debug_assert!(to.as_ptr().addr().is_multiple_of(16));
        let (from, to) = (
            block.as_ptr().cast::<__m128i>(),
            to.as_mut_ptr().cast::<__m128i>(),
        );
        for i in 0..size_of::<[V; N]>() / 16 {
            // SAFETY: both have so many bytes, all of which belong to numbers; `to` is borrowed mutably
            // and begins at a multiple of 16 bytes, which the caller has seen to; every x86-64 has SSE2.
            unsafe { _mm_stream_si128(to.add(i), _mm_loadu_si128(from.add(i))) };
        }
        return;
    }
    *to = block;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_results_in_the_usual_precisions_are_written_past_the_caches() {
        assert_eq!(pays::<f32>(1 << 23), cfg!(target_arch = "x86_64"));
        assert!(!pays::<f32>((1 << 23) - 1));
        assert!(!pays::<i64>(1 << 30));
    }

    #[test]
    fn every_offset_and_length_is_copied_and_nothing_else_is_touched() {
        fn check<T: Float + PartialEq + std::fmt::Debug>() {
            let from: Vec<T> = (0..200).map(|i| T::of(f64::from(i))).collect();
            for first in 0..17 {
                for count in [0, 1, 7, 8, 16, 31, 64, 100] {
                    let mut to = [T::of(-1.0); 200];
                    past_caches(|past| {
                        past.copy(&from[3..][..count], &mut to[first..][..count]);
                    });
                    for (i, &value) in to.iter().enumerate() {
                        let inside = (first..first + count).contains(&i);
                        let copied = T::of(i as f64 - first as f64 + 3.0);
                        let expected = if inside { copied } else { T::of(-1.0) };
                        assert_eq!(value, expected, "element {i} of {count} from {first}");
                    }
                }
            }
        }
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn every_offset_and_length_gets_its_results_and_nothing_else_is_touched() {
        fn check<V: Copy + PartialEq + std::fmt::Debug + 'static>(of: fn(usize) -> V) {
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
        fn check<V: Element + PartialEq + std::fmt::Debug>(of: fn(usize) -> V) {
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
