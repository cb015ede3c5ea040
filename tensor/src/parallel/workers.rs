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

use std::cell::RefCell;
use std::num::NonZero;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use rayon::ThreadPoolBuildError;

use super::GRAIN;
use super::helper::{Helper, clock};

/// Work of fewer elementary steps would be finished before a sleeping helper is awake. If callers have done
/// this much alone, over several regions, more is expected: helpers are woken for later regions.
const MIN_WORK_TO_WAKE: usize = 1 << 17;

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

fn default_threads() -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
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
    current().map_or(1, |workers| workers.helpers.len() + 1)
}

/// Runs `f` on this thread, with parallel regions inside it on `threads` threads, this one included.
///
/// # Panics
/// If `threads` is 0 or the operating system cannot start the threads.
pub fn with_threads<R>(threads: usize, f: impl FnOnce() -> R) -> R {
    let workers = Workers::new(threads).expect("the operating system starts the threads");
    let _entered = Entered::new(Arc::new(workers));
    f()
}

/// Runs `task` on the caller and, if it may be profitable, on helpers at the same time.
///
/// `task` takes pieces of work until there are none, so any subset of the workers completes the region.
pub(super) fn region(pieces: usize, work: usize, task: Task<'_>) {
    // A helper with less work than `GRAIN` costs more than it saves.
    let max_helpers = pieces.saturating_sub(1).min(work / GRAIN);
    match current() {
        Some(workers) => {
            let helpers = workers.reserve(max_helpers, work);
            workers.run(&helpers, helpers.len() + 1, task);
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
        let polling = self.helpers.iter().filter(|helper| helper.is_polling(now));
        let sleeping = self.helpers.iter().filter(|_| work >= MIN_WORK_TO_WAKE);
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

    /// Adds `work` to what callers have done alone, and wakes the helpers if that is enough.
    fn wake_for_later(&self, work: usize) {
        let alone = self.alone.fetch_add(work, Ordering::Relaxed);
        if alone.saturating_add(work) >= MIN_WORK_TO_WAKE {
            self.alone.store(0, Ordering::Relaxed);
            self.helpers.iter().for_each(Helper::wake);
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
