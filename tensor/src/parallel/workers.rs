//! The workers of a parallel region: the calling thread and its helpers.
//!
//! Waking a thread takes 20 to 50 µs on a virtual machine, as long as many whole operations. So
//! the caller works itself, polls for the end of its helpers' tasks before it sleeps, and idle
//! helpers poll for a moment before they sleep: the next operation of a training step reaches them
//! in a microsecond. OpenMP's threads do the same.
//!
//! Invariants:
//! * A thread that waits for a region runs nothing meanwhile (see [`helper`](super::helper)). So a
//!   caller may hold a lock, or a borrow of a thread-local, while it calls any operation.
//! * A region completes without helpers: each worker takes chunks until there are none.
//! * Helpers are reserved without waiting. Where none is idle, the caller works alone.

use std::cell::{Cell, RefCell};
use std::num::NonZero;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use rayon::ThreadPoolBuildError;

use super::helper::{Helper, clock};
use super::{GRAIN, trace};

/// Work of fewer elementary steps would be finished before a sleeping helper is awake. If callers have done
/// this much alone, over several regions, more is expected: helpers are woken for later regions.
const MIN_WORK_TO_WAKE: usize = 1 << 17;

/// Only work of this many elementary steps, about a second, gets more threads than there are processors. In shorter
/// work a thread that waits for a processor holds tasks that all others wait for: with 16 threads on two
/// processors, weight gradients of 100 µs took twice as long.
const MIN_WORK_TO_OVERSUBSCRIBE: usize = 1 << 30;

/// The most threads per processor that `RAYON_NUM_THREADS` can start; more would only wait for each other.
const MAX_THREADS_PER_PROCESSOR: usize = 4;

/// The role of a thread in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Caller,
    Helper,
}

/// What each worker of a region runs, given its role and the number of workers.
type Task<'a> = &'a (dyn Fn(Role, usize) + Sync);

/// The helpers that a caller shares with other callers.
#[derive(Debug)]
struct Workers {
    helpers: Vec<Helper>,
    /// A forked child has a copy of this, but not the threads.
    process: u32,
    /// The elementary steps that callers have done alone since helpers were last woken.
    alone: AtomicUsize,
}

/// The workers that are used outside of [`with_threads`].
static DEFAULT: LazyLock<Arc<Workers>> = LazyLock::new(|| {
    // Fewer threads give the same results.
    let helpers = (1..default_threads()).map_while(|index| Helper::new(index - 1).ok());
    Arc::new(Workers::of(helpers.collect()))
});

static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

fn default_threads() -> usize {
    let processors = *PROCESSORS;
    let variable = std::env::var("RAYON_NUM_THREADS").ok();
    match variable.and_then(|value| value.parse::<usize>().ok()) {
        None | Some(0) => processors,
        Some(threads) => threads.min(MAX_THREADS_PER_PROCESSOR * processors),
    }
}

thread_local! {
    /// The workers of the innermost [`with_threads`], or those that this thread is one of.
    static WORKERS: RefCell<Option<Arc<Workers>>> = const { RefCell::new(None) };
}

thread_local! {
    /// The workers of the regions that this thread is in: of nested ones the product.
    static BESIDE: Cell<usize> = const { Cell::new(1) };
}

/// Counts, until it is dropped, the workers of a region that this thread is in.
pub(super) struct InRegion(usize);

impl InRegion {
    pub(super) fn of(workers: usize, outside: usize) -> Self {
        Self(BESIDE.replace(workers.saturating_mul(outside)))
    }
}

impl Drop for InRegion {
    fn drop(&mut self) {
        BESIDE.set(self.0);
    }
}

/// The workers of the regions that this thread is in.
pub(super) fn beside() -> usize {
    BESIDE.get()
}

/// This thread's share of [`threads`] in a region that others work in too, rounded up; all of them outside of
/// regions. A cut into more tasks may depend on it if no result does.
#[must_use]
pub fn share_of_threads() -> usize {
    let running = || threads().min(*PROCESSORS);
    trace::threads().unwrap_or_else(running).div_ceil(beside())
}

/// Sets the workers of this thread until it is dropped.
struct Entered(Option<Arc<Workers>>);

impl Entered {
    fn new(workers: Arc<Workers>) -> Self {
        // In the destructor of a thread-local `WORKERS` may be destroyed already: the thread works alone.
        let outer = WORKERS.try_with(|current| current.replace(Some(workers)));
        Self(outer.ok().flatten())
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Binding the replaced value drops it after the borrow has ended.
        let _inner = WORKERS.try_with(|current| current.replace(self.0.take()));
    }
}

/// The workers of this thread; none if it works alone.
fn current() -> Option<Arc<Workers>> {
    let own = WORKERS.try_with(|current| current.borrow().clone()).ok()?;
    let workers = match own {
        Some(workers) => workers,
        // In a worker of a rayon pool the pool's other workers have jobs of their own.
        None if rayon::current_thread_index().is_some() => return None,
        None => DEFAULT.clone(),
    };
    (workers.process == process::id()).then_some(workers)
}

/// The number of threads that a parallel region uses at most if it is called here. Results must not depend on
/// it.
#[must_use]
pub fn threads() -> usize {
    let working = || current().map_or(1, |workers| workers.helpers.len() + 1);
    trace::threads().unwrap_or_else(working)
}

/// Runs `f` on this thread, with parallel regions inside it on `threads` threads, this one included. Those for which
/// there are no processors work only in regions that take about a second.
///
/// # Panics
/// If `threads` is 0 or the operating system cannot start the threads.
pub fn with_threads<R>(threads: usize, f: impl FnOnce() -> R) -> R {
    let workers = Workers::new(threads).expect("the operating system starts the threads");
    let _entered = Entered::new(Arc::new(workers));
    let _inside = InRegion::of(1, 1);
    f()
}

/// The most helpers of a region: one with less work than [`GRAIN`] costs more than it saves. Regions in the tasks of
/// a region of few tasks begin at the same time: none takes the helpers of the others.
pub(super) fn max_helpers(pieces: usize, work: usize, threads: usize, beside: usize) -> usize {
    let helpers = pieces.saturating_sub(1).min(work / GRAIN);
    match threads.div_ceil(beside) {
        share if share > 1 => helpers.min(share - 1),
        _ => helpers,
    }
}

/// Runs `task` on the caller and, if it may be profitable, on helpers at the same time.
///
/// `task` takes pieces of work until there are none, so any subset of the workers completes the region.
pub(super) fn region(pieces: usize, work: usize, task: Task<'_>) {
    match current() {
        Some(workers) => {
            let outside = beside();
            let most = max_helpers(pieces, work, workers.helpers.len() + 1, outside);
            let helpers = workers.reserve(most, work);
            if helpers.is_empty() {
                return task(Role::Caller, 1);
            }
            let count = helpers.len() + 1;
            workers.run(&helpers, count, &|role, workers| {
                let _inside = InRegion::of(count, outside);
                task(role, workers);
            });
        }
        None => task(Role::Caller, 1),
    }
}

impl Workers {
    fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        assert!(threads > 0, "threads: 0 threads do no work");
        let helpers = (0..threads - 1).map(Helper::new);
        Ok(Self::of(helpers.collect::<Result<_, _>>()?))
    }

    fn of(helpers: Vec<Helper>) -> Self {
        Self {
            helpers,
            process: process::id(),
            alone: AtomicUsize::new(0),
        }
    }

    /// Reserves at most `max_helpers` idle helpers: those that poll, and sleeping ones if the work is large
    /// enough to wake them.
    fn reserve(&self, max_helpers: usize, work: usize) -> Vec<&Helper> {
        let now = clock();
        let mut reserved = Vec::new();
        let helpers = self.helpers_for(work);
        let max_helpers = max_helpers.min(helpers.len());
        let polling = helpers.iter().filter(|helper| helper.is_polling(now));
        let sleeping = helpers.iter().filter(|_| work >= MIN_WORK_TO_WAKE);
        for helper in polling.chain(sleeping) {
            if reserved.len() == max_helpers {
                break;
            }
            if helper.reserve() {
                reserved.push(helper);
            }
        }
        if reserved.is_empty() {
            self.wake_for_later(work);
        }
        reserved
    }

    /// The helpers for which there are processors, one at least; all of them for very long work.
    fn helpers_for(&self, work: usize) -> &[Helper] {
        if work >= MIN_WORK_TO_OVERSUBSCRIBE {
            return &self.helpers;
        }
        let running = (*PROCESSORS - 1).max(1);
        &self.helpers[..running.min(self.helpers.len())]
    }

    /// Adds `work` to what callers have done alone, and wakes the helpers if that is enough.
    fn wake_for_later(&self, work: usize) {
        let alone = self.alone.fetch_add(work, Ordering::Relaxed);
        if alone.saturating_add(work) >= MIN_WORK_TO_WAKE {
            self.alone.store(0, Ordering::Relaxed);
            self.helpers_for(work).iter().for_each(Helper::wake);
        }
    }

    /// Runs `task` here and on these helpers, which have been reserved.
    fn run(self: &Arc<Self>, helpers: &[&Helper], workers: usize, task: Task<'_>) {
        let Some((helper, others)) = helpers.split_first() else {
            return task(Role::Caller, workers);
        };
        let help = || {
            let _entered = Entered::new(self.clone());
            task(Role::Helper, workers);
        };
        helper.run_beside(help, || self.run(others, workers, task));
    }
}
