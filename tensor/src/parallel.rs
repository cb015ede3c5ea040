//! Parallel loops. No other module uses threads.
//!
//! Every function here divides its work by the *data*, never by the number of threads, and returns
//! partial results in index order: results have the same bits for any number of threads.
//!
//! The number of threads is that of [`with_threads`]; otherwise `RAYON_NUM_THREADS`, limited to four
//! per processor; otherwise one per processor. The calling thread is one of them, so that with one
//! thread no other is involved.
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

mod helper;
mod workers;

use workers::{Role, region};
pub use workers::{threads, with_threads};

/// Work of fewer elementary steps (an addition, a load) is done by the caller alone: passing a part of it
/// to a polling thread would cost about as much.
pub const GRAIN: usize = 1 << 14;

/// The number of elements in a chunk of cheap elementwise work.
pub const CHUNK: usize = 1 << 14;

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
    /// The number of chunks taken decreases: large at first, because taking has a cost; one in the end, so
    /// that all workers finish at about the same time.
    fn take(&mut self, role: Role, workers: usize) -> Option<(usize, &'a mut [U])> {
        let count = self.out.len().div_ceil(self.chunk);
        if count == 0 {
            return None;
        }
        let taken = (count / (2 * workers)).max(1);
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
