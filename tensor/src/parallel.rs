//! The one place that knows of threads.
//!
//! Every function here cuts its work by the *data*, never by the number of threads, and returns
//! partial results in index order: results have the same bits for any number of threads.
//!
//! How many there are says `RAYON_NUM_THREADS`, or rayon's global pool if the program has built
//! one, or the machine; inside a worker of a rayon pool that pool does the work. The calling thread
//! always takes part, so that with one thread nothing is handed over at all. The first call starts rayon's
//! global pool, to ask how many threads it has: a program that builds its own does so before.

use std::sync::{Mutex, PoisonError};

mod team;

use team::{Role, region};
pub use team::{threads, with_threads};

/// Work below this many elementary steps (an addition, a load) is done by the caller alone:
/// handing a part of it to a thread that is awake costs about as much.
pub const GRAIN: usize = 1 << 14;

/// Elements a chunk of cheap elementwise work has.
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

// A call through a pointer costs nothing beside a chunk, and keeps the machinery of threads from
// being compiled again for every function of every operation.
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
    let rest = Mutex::new(Rest {
        first: 0,
        chunk,
        out,
    });
    // A function of its own: the lock must be free again before the work begins.
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

/// The chunks that nobody has taken yet.
struct Rest<'a, U> {
    first: usize,
    chunk: usize,
    out: &'a mut [U],
}

impl<'a, U> Rest<'a, U> {
    /// Some chunks and the index of the first: the caller's from the front, the others' from the
    /// back, so that each finds in its cache what it wrote in the region before. Many at first, for
    /// taking costs; one by one in the end, so that all end together.
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
    // None is empty any more.
    results.into_iter().flatten().collect()
}

/// Runs `f(0), f(1), …, f(count − 1)` in any order.
///
/// `work` estimates the elementary steps of the whole call; below [`GRAIN`] the caller does it alone.
pub fn for_each_index(count: usize, work: usize, f: impl Fn(usize) + Sync) {
    // Units take no memory.
    chunks_mut(&mut vec![(); count], 1, work, &|index, _| f(index));
}
