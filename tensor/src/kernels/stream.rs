//! Results too large for any cache, written past them.
//!
//! An ordinary store to a line that is in no cache fetches the line first: of three arrays that an
//! addition goes through, memory would see four.

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
/// `to` begins at a multiple of [`BYTES`], and a [`Fence`] is dropped before another thread may read it.
#[inline(always)]
unsafe fn store<const N: usize, V: Copy + 'static>(to: &mut [V; N], block: [V; N]) {
    #[cfg(target_arch = "x86_64")]
    if size_of::<[V; N]>() == BYTES && (is::<V, f32>() || is::<V, f64>()) {
        use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
        debug_assert!(to.as_ptr().addr().is_multiple_of(BYTES));
        let (from, to) = (
            block.as_ptr().cast::<__m128i>(),
            to.as_mut_ptr().cast::<__m128i>(),
        );
        // SAFETY: both have 32 bytes, all of which belong to numbers; `to` is borrowed mutably and
        // begins at a multiple of 16 bytes, which `blocks` has asked; every x86-64 has SSE2.
        unsafe {
            _mm_stream_si128(to, _mm_loadu_si128(from));
            _mm_stream_si128(to.add(1), _mm_loadu_si128(from.add(1)));
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
}
