//! The one place that knows of threads.
//!
//! Every function here cuts its work by the *data*, never by the number of threads, and returns
//! partial results in index order: results have the same bits for any number of threads.

use rayon::prelude::*;

/// Work below this many elementary steps (an addition, a load) is done by the caller alone:
/// waking a thread costs about as much.
pub const GRAIN: usize = 1 << 15;

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
    } else {
        out.par_chunks_mut(chunk)
            .enumerate()
            .for_each(|(index, part)| f(index, part));
    }
}

/// `f(0), f(1), …, f(count − 1)`, in index order.
///
/// `work` estimates the elementary steps of the whole call; below [`GRAIN`] the caller does it alone.
pub fn map_chunks<R: Send>(count: usize, work: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    map_indices(count, work, &f)
}

fn map_indices<R: Send>(count: usize, work: usize, f: &(dyn Fn(usize) -> R + Sync)) -> Vec<R> {
    if work < GRAIN || count <= 1 {
        (0..count).map(f).collect()
    } else {
        (0..count).into_par_iter().map(f).collect()
    }
}

/// Runs `f(0), f(1), …, f(count − 1)` in any order.
///
/// `work` estimates the elementary steps of the whole call; below [`GRAIN`] the caller does it alone.
pub fn for_each_index(count: usize, work: usize, f: impl Fn(usize) + Sync) {
    each_index(count, work, &f);
}

fn each_index(count: usize, work: usize, f: &(dyn Fn(usize) + Sync)) {
    if work < GRAIN || count <= 1 {
        (0..count).for_each(f);
    } else {
        (0..count).into_par_iter().for_each(f);
    }
}

/// Runs both, perhaps at the same time.
pub fn join<A: Send, B: Send>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    rayon::join(a, b)
}

/// Runs `f` on a thread of the pool, so that what it starts need not be carried there piece by piece.
///
/// `work` estimates the elementary steps of the whole call; below [`GRAIN`] the caller does it alone.
pub fn within<R: Send>(work: usize, f: impl FnOnce() -> R + Send) -> R {
    if work < GRAIN {
        f()
    } else {
        rayon::scope(|_| f())
    }
}

/// How many threads work in the current pool. Never let a result depend on it.
#[must_use]
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Runs `f` with exactly that many threads.
///
/// # Panics
/// If the operating system refuses to start them.
pub fn with_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("the operating system starts the threads")
        .install(f)
}
