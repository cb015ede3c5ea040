//! Whether two threads share a cache: how fast one overwrites what the other has read.
//!
//! An ordinary store to a line that another processor has read waits until that processor has invalidated it. Between
//! processors with a common cache that is quick, and what a thread stores is read from the cache. Without one (the
//! processors of a virtual machine may lie anywhere) such stores were measured at 2.4 GB/s, and non-temporal ones, which
//! go to memory, at 28 GB/s. The topology that a virtual machine reports need not be the real one, so it is measured.

use std::cell::Cell;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use super::GRAIN;
use super::workers::{Role, region, threads};

/// What is overwritten: more than a processor holds back in its store buffer.
const BYTES: usize = 1 << 16;

/// 8 GB/s: an estimate of where an ordinary store and a read from the other's cache take as long as a non-temporal store
/// and a read from memory. Processors that were measured are far from it on either side.
const LIMIT: Duration = Duration::from_micros(8);

/// Measurements, of which the fastest counts.
const ROUNDS: usize = 5;

/// A thread that waits this long for the other one gives up: the other one has no processor.
const PATIENCE: Duration = Duration::from_millis(1);

/// Measurements that may be given up.
const ATTEMPTS: usize = 10;

thread_local! {
    /// What the innermost [`with_non_temporal_stores`] says.
    static FORCED: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Runs `f`. Where this thread fills buffers for others, it does so by non-temporal stores, or by ordinary ones, even if
/// the other kind is faster. For tests of both.
#[doc(hidden)]
pub fn with_non_temporal_stores<R>(non_temporal: bool, f: impl FnOnce() -> R) -> R {
    /// Restores what was said before, panics included.
    struct Before(Option<bool>);
    impl Drop for Before {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _before = Before(FORCED.replace(Some(non_temporal)));
    f()
}

/// Whether non-temporal stores should fill a buffer that other threads read. Speed alone depends on it.
///
/// For two threads it is measured once, as soon as both are at work; until then, and for more threads, which
/// were never measured, the answer is yes.
pub(crate) fn prefers_non_temporal_stores() -> bool {
    static FAST: OnceLock<bool> = OnceLock::new();
    static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);
    if let Some(forced) = FORCED.get() {
        return forced;
    }
    match threads() {
        1 => return false,
        2 => {}
        _ => return true,
    }
    if let Some(fast) = FAST.get() {
        return !fast;
    }
    if GIVEN_UP.load(Ordering::Relaxed) >= ATTEMPTS {
        return true;
    }
    match measure() {
        Measured::Time(time) => !*FAST.get_or_init(|| time < LIMIT),
        Measured::Alone => true,
        Measured::GivenUp => {
            GIVEN_UP.fetch_add(1, Ordering::Relaxed);
            true
        }
    }
}

enum Measured {
    /// The time in which [`BYTES`] were overwritten.
    Time(Duration),
    /// The other thread was asleep or busy.
    Alone,
    GivenUp,
}

fn measure() -> Measured {
    // Allocated only if both threads are there.
    let words: LazyLock<Vec<AtomicU64>> =
        LazyLock::new(|| (0..BYTES / 8).map(|_| AtomicU64::new(0)).collect());
    let (turn, best) = (AtomicUsize::new(0), AtomicU64::new(u64::MAX));
    let together = AtomicUsize::new(0);
    // Little work, for which no thread is woken.
    region(2, GRAIN, &|role, workers| {
        together.fetch_max(workers, Ordering::Relaxed);
        if workers == 1 {
            return;
        }
        for round in 0..ROUNDS {
            let (read, written) = (2 * round + 1, 2 * round + 2);
            match role {
                Role::Helper => {
                    let read_all = words.iter().map(|word| word.load(Ordering::Relaxed));
                    black_box(read_all.fold(0, |sum, word| sum | word));
                    turn.store(read, Ordering::Release);
                    if !wait_for(&turn, written) {
                        return;
                    }
                }
                Role::Caller => {
                    if !wait_for(&turn, read) {
                        return;
                    }
                    let start = Instant::now();
                    for word in words.iter() {
                        word.store(round as u64, Ordering::Relaxed);
                    }
                    let time = start.elapsed().as_nanos() as u64;
                    best.fetch_min(time, Ordering::Relaxed);
                    turn.store(written, Ordering::Release);
                }
            }
        }
    });
    match (together.into_inner(), best.into_inner()) {
        (..2, _) => Measured::Alone,
        (_, u64::MAX) => Measured::GivenUp,
        (_, nanoseconds) => Measured::Time(Duration::from_nanos(nanoseconds)),
    }
}

/// Waits until it is this turn; false if it takes too long.
fn wait_for(turn: &AtomicUsize, number: usize) -> bool {
    let start = Instant::now();
    while turn.load(Ordering::Acquire) != number {
        if start.elapsed() > PATIENCE {
            return false;
        }
        spin_loop();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::{for_chunks_mut, with_threads};

    #[test]
    fn two_threads_at_work_are_measured_and_one_is_not() {
        assert!(matches!(with_threads(1, measure), Measured::Alone));
        // A busy machine may give the other thread no processor while it is measured, but not for a second.
        let deadline = Instant::now() + Duration::from_mins(1);
        with_threads(2, || {
            loop {
                for_chunks_mut(&mut [0_u8; 1 << 12], 1, usize::MAX, |_, byte| byte[0] += 1);
                match measure() {
                    Measured::Time(time) => return assert!(time > Duration::ZERO),
                    _ => assert!(Instant::now() < deadline, "never measured"),
                }
            }
        });
    }

    #[test]
    fn what_is_forced_ends_with_its_closure() {
        let inside = || prefers_non_temporal_stores();
        for forced in [false, true] {
            assert_eq!(with_non_temporal_stores(forced, inside), forced);
            let nested = || with_non_temporal_stores(!forced, inside) != inside();
            assert!(with_non_temporal_stores(forced, nested));
        }
        assert!(!with_threads(1, inside));
        assert!(with_threads(3, inside));
    }
}
