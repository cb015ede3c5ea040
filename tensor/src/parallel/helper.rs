//! [`Helper`]: a thread that runs one borrowed task at a time for the caller that has reserved it.
//!
//! A helper is a rayon pool of one thread, which is how a borrowed closure reaches another thread
//! without `unsafe`. The thread runs one endless job, [`Shared::serve`], and takes a task
//! from the pool's queue only when one was assigned. Three invariants follow:
//!
//! 1. A caller never runs a job while it waits. rayon's scope runs other jobs of the calling
//!    thread's pool only if a task of the scope is unfinished when the scope's body ends. The body
//!    does not end before the helper has reported completion, and the helper reports it after
//!    rayon has counted the task out. So the scope finds nothing to wait for.
//! 2. A helper that runs a task has no other task in its queue: only the thread that has reserved
//!    it assigns, and it is reserved for one task at a time. A task that waits in rayon, or in a
//!    region of its own, therefore runs no other task.
//! 3. A reserved helper is idle, so a task never waits for another.

use std::hint::spin_loop;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rayon::{ThreadBuilder, ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder, Yield};

/// How long an idle helper polls for a task before it sleeps.
const POLL: Duration = Duration::from_micros(200);

/// How long a caller polls for the end of a task before it sleeps. A helper may then run on the
/// processor of the caller.
const POLL_FOR_END: Duration = Duration::from_micros(100);

/// After this long a polling caller yields its processor at each poll.
const POLL_WITHOUT_YIELD: Duration = Duration::from_micros(10);

/// A helper whose last poll is at least this many nanoseconds old counts as asleep or descheduled.
const MAX_POLL_AGE: u64 = 10_000;

/// A thread that runs tasks, and the pool through which it receives them.
#[derive(Debug)]
pub(super) struct Helper {
    pool: ThreadPool,
    thread: Thread,
    shared: Arc<Shared>,
}

/// The state that a helper's thread and its callers share.
#[derive(Debug, Default)]
struct Shared {
    /// Whether a caller has reserved the helper. That caller alone assigns a task.
    reserved: AtomicBool,
    /// The number of tasks assigned so far.
    assigned: AtomicUsize,
    /// The number of tasks completed so far, rayon's bookkeeping included.
    completed: AtomicUsize,
    /// Whether a task has run to its end or panicked. Only the helper's thread reads it.
    has_run: AtomicBool,
    /// When the helper last polled, in nanoseconds on [`clock`].
    polled: AtomicU64,
    /// A request that the helper polls for a while, although it has no task.
    wake: AtomicBool,
    closing: AtomicBool,
    /// How many callers sleep until their tasks are completed. They may be two: one that is waking up, whose task is
    /// completed, and the next one.
    sleepers: Mutex<usize>,
    is_completed: Condvar,
}

impl Helper {
    /// Starts the thread.
    pub(super) fn new(index: usize) -> Result<Self, ThreadPoolBuildError> {
        let mut started = None;
        let pool = ThreadPoolBuilder::new()
            .num_threads(1)
            .spawn_handler(|main: ThreadBuilder| -> io::Result<()> {
                let named = thread::Builder::new().name(format!("wengert-{index}"));
                started = Some(named.spawn(|| main.run())?.thread().clone());
                Ok(())
            })
            .build()?;
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        pool.spawn(move || served.serve());
        Ok(Self {
            pool,
            thread: started.expect("a pool of one thread has started one"),
            shared,
        })
    }

    /// Whether the helper polls for tasks, as of `now` on [`clock`].
    pub(super) fn is_polling(&self, now: u64) -> bool {
        // A poll may be later than the clock that is read first.
        now.saturating_sub(self.shared.polled.load(Ordering::Relaxed)) < MAX_POLL_AGE
    }

    /// Has the helper poll for tasks for a while.
    pub(super) fn wake(&self) {
        self.shared.wake.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Reserves the helper for one call of [`run_beside`](Self::run_beside); false if it is reserved already.
    pub(super) fn reserve(&self) -> bool {
        let reserved = &self.shared.reserved;
        !reserved.load(Ordering::Relaxed) && !reserved.swap(true, Ordering::Acquire)
    }

    /// Runs `task` on the helper, which has been reserved, and `own` on this thread meanwhile.
    ///
    /// Returns, or continues a panic of either, when both have ended.
    pub(super) fn run_beside(&self, task: impl FnOnce() + Send, own: impl FnOnce()) {
        let shared = &*self.shared;
        // Only the caller that has reserved the helper changes the number.
        let number = shared.assigned.load(Ordering::Relaxed) + 1;
        self.pool.in_place_scope(|scope| {
            scope.spawn(move |_| {
                let _run = HasRun(shared);
                task();
            });
            shared.assigned.store(number, Ordering::Release);
            self.thread.unpark();
            // Waits also if `own` panics: see the first invariant.
            let _completed = Completed { shared, number };
            own();
        });
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Shared {
    /// What the helper's thread does until the helper is dropped.
    fn serve(&self) {
        let mut number = 1;
        while self.wait_for_task(number) {
            while !self.has_run.swap(false, Ordering::Relaxed) {
                rayon::yield_now();
            }
            self.report_completed(number);
            // What a task has left here with `rayon::spawn` ends before the next task is assigned.
            while rayon::yield_now() == Some(Yield::Executed) {}
            self.reserved.store(false, Ordering::Release);
            number += 1;
        }
    }

    /// Whether the task of this number has been assigned: if not, the helper is dropped.
    fn wait_for_task(&self, number: usize) -> bool {
        let is_assigned = || self.assigned.load(Ordering::Acquire) == number;
        let is_closing = || self.closing.load(Ordering::Acquire);
        while !is_closing() {
            let since = Instant::now();
            while since.elapsed() < POLL {
                self.polled.store(clock(), Ordering::Relaxed);
                for _ in 0..4 {
                    if is_assigned() {
                        return true;
                    }
                    pause();
                }
                thread::yield_now();
            }
            while !is_assigned() && !is_closing() && !self.wake.swap(false, Ordering::Acquire) {
                thread::park();
            }
        }
        false
    }

    fn report_completed(&self, number: usize) {
        let sleepers = self.sleepers();
        self.completed.store(number, Ordering::Release);
        self.polled.store(clock(), Ordering::Relaxed);
        if *sleepers > 0 {
            self.is_completed.notify_all();
        }
    }

    /// Blocks until the task of this number is completed. Runs nothing meanwhile.
    fn wait_for_end(&self, number: usize) {
        let since = Instant::now();
        while self.completed.load(Ordering::Acquire) < number {
            let waited = since.elapsed();
            if waited > POLL_FOR_END {
                return self.sleep_until_end(number);
            }
            pause();
            if waited > POLL_WITHOUT_YIELD {
                thread::yield_now();
            }
        }
    }

    fn sleep_until_end(&self, number: usize) {
        let mut sleepers = self.sleepers();
        *sleepers += 1;
        while self.completed.load(Ordering::Acquire) < number {
            let woken = self.is_completed.wait(sleepers);
            sleepers = woken.unwrap_or_else(PoisonError::into_inner);
        }
        *sleepers -= 1;
    }

    fn sleepers(&self) -> std::sync::MutexGuard<'_, usize> {
        let locked = self.sleepers.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records, when dropped, that the task has run.
struct HasRun<'a>(&'a Shared);

impl Drop for HasRun<'_> {
    fn drop(&mut self) {
        self.0.has_run.store(true, Ordering::Relaxed);
    }
}

/// Waits, when dropped, until a task is completed.
struct Completed<'a> {
    shared: &'a Shared,
    number: usize,
}

impl Drop for Completed<'_> {
    fn drop(&mut self) {
        self.shared.wait_for_end(self.number);
    }
}

/// Nanoseconds since the first call.
pub(super) fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

fn pause() {
    for _ in 0..8 {
        spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_caller_that_wakes_up_late_does_not_make_the_next_one_sleep_for_ever() {
        for _ in 0..200 {
            let shared = Arc::new(Shared::default());
            let (ended, end) = mpsc::channel();
            let caller = |number| {
                let (shared, ended) = (shared.clone(), ended.clone());
                thread::spawn(move || {
                    shared.sleep_until_end(number);
                    ended.send(number).expect("the test waits");
                })
            };
            let first = caller(1);
            while *shared.sleepers() == 0 {
                thread::yield_now();
            }
            // The first task ends. Its caller may wake up before or after the caller of the next task goes to sleep.
            let sleepers = shared.sleepers();
            shared.completed.store(1, Ordering::Release);
            shared.is_completed.notify_all();
            let second = caller(2);
            thread::sleep(Duration::from_micros(50));
            drop(sleepers);
            assert_eq!(end.recv(), Ok(1));
            // Usually it sleeps by now.
            thread::sleep(Duration::from_millis(1));
            shared.report_completed(2);
            assert_eq!(
                end.recv_timeout(Duration::from_secs(20)),
                Ok(2),
                "a caller sleeps for ever"
            );
            for caller in [first, second] {
                caller.join().expect("a caller ends");
            }
        }
    }
}
