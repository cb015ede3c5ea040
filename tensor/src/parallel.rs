//! Parallel loops. No other module uses threads.
//!
//! Every function here divides its work by the *data*, never by the number of threads, and returns
//! partial results in index order: results have the same bits for any number of threads. An operation none of
//! whose results depends on the cut makes more chunks for many threads: see [`tasks_for_threads`] and `for_columns_mut`.
//!
//! The number of threads is that of [`with_threads`]; otherwise `RAYON_NUM_THREADS`, limited to four
//! per processor; otherwise one per processor. The calling thread is one of them, so that with one
//! thread no other is involved. Of more threads than processors only as many work as there are processors, except
//! in regions that take about a second.
//!
//! The calling thread does all the work
//! * in a worker of a rayon pool that the user created, because the other workers of that pool have
//!   jobs of their own. [`with_threads`] allows more threads there;
//! * in a child process after `fork`, which copies no threads. [`with_threads`] starts new ones;
//! * in the destructor of a thread-local, where the thread's own state may be gone.
//!
//! While the calling thread waits for other threads it runs no other job, neither of its rayon pool nor
//! of this module. So it may hold a lock, or a borrow of a thread-local, during any operation.

use std::sync::{Mutex, PoisonError};

mod columns;
mod helper;
mod replay;
mod sharing;
pub mod trace;
mod workers;

pub(crate) use columns::{Rows, for_columns_mut};
pub(crate) use sharing::prefers_non_temporal_stores;
#[doc(hidden)]
pub use sharing::with_non_temporal_stores;
use workers::{Role, region};
pub use workers::{share_of_threads, threads, with_threads};

/// Work of fewer elementary steps (an addition, a load) is done by the caller alone: passing a part of it
/// to a polling thread would cost about as much.
pub const GRAIN: usize = 1 << 14;

/// The number of elements in a chunk of cheap elementwise work.
pub const CHUNK: usize = 1 << 14;

/// Work is cut for this many threads at least. A finer cut costs a little, so it is made for more threads only.
pub const FEW_THREADS: usize = 2;

/// Tasks per thread where work is cut finer for many threads: the last thread is late by a fifth of the time at most.
const TASKS_PER_THREAD: usize = 4;

/// How many tasks [`share_of_threads`] could use, if they are more than [`FEW_THREADS`]; otherwise 1. Of `work`
/// elementary steps each task gets half a [`GRAIN`] at least; fewer than four are cut for few threads.
///
/// For cuts that no result depends on.
#[must_use]
pub fn tasks_for_threads(work: usize) -> usize {
    // Asking for the number of threads takes 0.1 µs.
    if work < 4 * GRAIN {
        return 1;
    }
    match share_of_threads() {
        0..=FEW_THREADS => 1,
        threads => (TASKS_PER_THREAD * threads).min(work / (GRAIN / 2)).max(1),
    }
}

/// Runs `f(index, chunk)` on consecutive chunks of `chunk` elements; the last may be shorter.
///
/// `work` estimates the elementary steps of the whole call; below [`GRAIN`] the caller does it alone.
pub fn for_chunks_mut<U: Send>(
    out: &mut [U],
    chunk: usize,
    work: usize,
    f: impl Fn(usize, &mut [U]) + Sync,
) {
    chunks_mut(out, chunk.max(1), work, &f);
}

// A call through a pointer is cheap compared with a chunk, and keeps this function from being compiled
// again for every closure of every operation.
fn chunks_mut<U: Send>(
    out: &mut [U],
    chunk: usize,
    work: usize,
    f: &(dyn Fn(usize, &mut [U]) + Sync),
) {
    if work < GRAIN || out.len() <= chunk {
        for (index, part) in out.chunks_mut(chunk).enumerate() {
            f(index, part);
        }
        return;
    }
    if trace::threads().is_some() {
        return trace::region(work, out.chunks_mut(chunk), f);
    }
    let count = out.len().div_ceil(chunk);
    let rest = Mutex::new(Remaining {
        first: 0,
        chunk,
        out,
    });
    // In a closure, so that the lock is released before the work begins.
    let take = |role, workers| {
        let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.take(role, workers)
    };
    region(count, work, &|role, workers| {
        while let Some((first, part)) = take(role, workers) {
            for (index, part) in part.chunks_mut(chunk).enumerate() {
                f(first + index, part);
            }
        }
    });
}

/// The chunks that no worker has taken yet.
struct Remaining<'a, U> {
    first: usize,
    chunk: usize,
    out: &'a mut [U],
}

impl<'a, U> Remaining<'a, U> {
    /// Takes some chunks, and returns them with the index of the first. The caller takes from the front, helpers
    /// from the back, so that each is likely to have in its cache what it wrote in the previous region.
    fn take(&mut self, role: Role, workers: usize) -> Option<(usize, &'a mut [U])> {
        let count = self.out.len().div_ceil(self.chunk);
        if count == 0 {
            return None;
        }
        let taken = count_to_take(count, workers);
        let out = std::mem::take(&mut self.out);
        let first = self.first;
        let part;
        match role {
            Role::Caller => {
                (part, self.out) = out.split_at_mut((taken * self.chunk).min(out.len()));
                self.first += taken;
                Some((first, part))
            }
            Role::Helper => {
                let left = count - taken;
                (self.out, part) = out.split_at_mut(left * self.chunk);
                Some((first + left, part))
            }
        }
    }
}

/// How many of `count` chunks one of `workers` workers takes: many at first, because taking has a cost; one in
/// the end, so that all workers finish at about the same time.
fn count_to_take(count: usize, workers: usize) -> usize {
    (count / (2 * workers)).max(1).min(count)
}

/// `f(0), f(1), …, f(count − 1)`, in index order.
///
/// `work` estimates the elementary steps of the whole call; below [`GRAIN`] the caller does it alone.
pub fn map_chunks<R: Send>(count: usize, work: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let mut results: Vec<Option<R>> = (0..count).map(|_| None).collect();
    chunks_mut(&mut results, 1, work, &|index, result| {
        result[0] = Some(f(index));
    });
    // Every result is `Some`.
    results.into_iter().flatten().collect()
}

/// Runs `f(0), f(1), …, f(count − 1)` in any order.
///
/// `work` estimates the elementary steps of the whole call; below [`GRAIN`] the caller does it alone.
pub fn for_each_index(count: usize, work: usize, f: impl Fn(usize) + Sync) {
    // A vector of `()` uses no memory.
    chunks_mut(&mut vec![(); count], 1, work, &|index, _| f(index));
}
