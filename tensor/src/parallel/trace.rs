//! What more threads would gain: a call is recorded on one thread, and the recording replayed on many.
//!
//! How work is cut depends on the shapes and on the number of threads that the recording states, not on the
//! processors of the machine. So one thread shows into how many tasks a call is cut and how long each takes.

use std::cell::{Cell, RefCell};
use std::mem;
use std::slice::ChunksMut;
use std::time::{Duration, Instant};

use super::replay;
use super::workers::{InRegion, beside, max_helpers};

/// What a thread did in a recorded call, in order: the whole call, or one task of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Work done alone, and parallel regions.
    pub parts: Vec<Part>,
}

/// A part of a [`Trace`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Work that no other thread can take.
    Alone(Duration),
    /// Tasks that threads take until there are none.
    Region(Region),
}

/// A parallel region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The caller's estimate of elementary steps, which limits the number of threads.
    pub work: usize,
    /// Its tasks, in index order.
    pub tasks: Vec<Trace>,
}

/// Runs `f` on this thread alone and records its parallel regions. The result is the same as without.
///
/// Inside, [`threads`](super::threads) is `threads`: a few operations work differently on one thread.
///
/// ```
/// use wengert_tensor::Tensor;
/// use wengert_tensor::parallel::trace;
///
/// let x = Tensor::<f32>::ones([1 << 20]);
/// let (y, trace) = trace::record(16, || &x + &x);
/// assert_eq!(y.to_vec()[0], 2.0);
/// println!("{:?} on 1 thread, {:?} on 16", trace.time(), trace.time_on(16));
/// ```
///
/// # Panics
/// If `threads` is 0.
pub fn record<R>(threads: usize, f: impl FnOnce() -> R) -> (R, Trace) {
    assert!(threads > 0, "threads: 0 threads do no work");
    let outer = Outer(THREADS.replace(threads), RECORDER.replace(Recorder::new()));
    let inside = InRegion::of(1, 1);
    let result = f();
    let parts = RECORDER.with_borrow_mut(Recorder::end);
    drop((outer, inside));
    (result, Trace { parts })
}

thread_local! {
    /// The number of threads that a recorded call sees; 0 if none is recorded.
    static THREADS: Cell<usize> = const { Cell::new(0) };
    static RECORDER: RefCell<Recorder> = const { RefCell::new(Recorder { parts: Vec::new(), since: None }) };
}

/// Restores, when dropped, what was recorded around a recording.
struct Outer(usize, Recorder);

impl Drop for Outer {
    fn drop(&mut self) {
        THREADS.set(self.0);
        RECORDER.set(mem::replace(&mut self.1, Recorder::new()));
    }
}

struct Recorder {
    parts: Vec<Part>,
    /// When the work that is done alone began.
    since: Option<Instant>,
}

impl Recorder {
    fn new() -> Self {
        Self {
            parts: Vec::new(),
            since: Some(Instant::now()),
        }
    }

    /// The parts up to now.
    fn end(&mut self) -> Vec<Part> {
        if let Some(since) = self.since.take() {
            self.parts.push(Part::Alone(since.elapsed()));
        }
        mem::take(&mut self.parts)
    }
}

/// The number of threads that the recorded call of this thread sees.
pub(super) fn threads() -> Option<usize> {
    let threads = THREADS.try_with(Cell::get).unwrap_or(0);
    (threads > 0).then_some(threads)
}

/// Runs a region of a recorded call.
pub(super) fn region<U>(
    work: usize,
    chunks: ChunksMut<'_, U>,
    f: &(dyn Fn(usize, &mut [U]) + Sync),
) {
    let mut parts = RECORDER.with_borrow_mut(Recorder::end);
    let mut tasks = Vec::with_capacity(chunks.len());
    let (threads, outside) = (THREADS.get(), beside());
    let helpers = max_helpers(chunks.len(), work, threads, outside).min(threads - 1);
    let inside = InRegion::of(helpers + 1, outside);
    for (index, chunk) in chunks.enumerate() {
        RECORDER.set(Recorder::new());
        f(index, chunk);
        let parts = RECORDER.with_borrow_mut(Recorder::end);
        tasks.push(Trace { parts });
    }
    drop(inside);
    parts.push(Part::Region(Region { work, tasks }));
    RECORDER.set(Recorder {
        parts,
        ..Recorder::new()
    });
}

impl Trace {
    /// The time on one thread.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.parts.iter().map(Part::time).sum()
    }

    /// The time if every task had a thread of its own: no number of threads takes less.
    #[must_use]
    pub fn critical_path(&self) -> Duration {
        let path = |part: &Part| match part {
            Part::Alone(time) => *time,
            Part::Region(region) => {
                let paths = region.tasks.iter().map(Self::critical_path);
                paths.max().unwrap_or_default()
            }
        };
        self.parts.iter().map(path).sum()
    }

    /// The time on `threads` threads, which take tasks as this module's threads do.
    ///
    /// Not in it: that threads share the bandwidth of the memory and the caches, that what one wrote another
    /// reads from farther away, that processors slow down when all work, and the time to wake a thread and to
    /// give it a task (1 µs if it polls, 20 to 50 µs if it sleeps). So it is what the cut allows, not what a
    /// machine reaches.
    ///
    /// # Panics
    /// If `threads` is 0.
    #[must_use]
    pub fn time_on(&self, threads: usize) -> Duration {
        assert!(threads > 0, "threads: 0 threads do no work");
        replay::time(self, threads)
    }

    /// The region that takes longest, if there is one.
    #[must_use]
    pub fn longest_region(&self) -> Option<&Region> {
        let regions = self.parts.iter().filter_map(|part| match part {
            Part::Alone(_) => None,
            Part::Region(region) => Some(region),
        });
        regions.max_by_key(|region| region.time())
    }

    /// Keeps the shorter time of each part of two recordings of the same call: what disturbs the machine disturbs
    /// other parts of each.
    ///
    /// # Panics
    /// If the recordings have different regions or tasks.
    pub fn keep_shorter(&mut self, other: &Self) {
        assert_eq!(
            self.parts.len(),
            other.parts.len(),
            "recordings of different calls"
        );
        for (part, other) in self.parts.iter_mut().zip(&other.parts) {
            match (part, other) {
                (Part::Alone(time), Part::Alone(other)) => *time = (*time).min(*other),
                (Part::Region(region), Part::Region(other)) => {
                    let count = [&*region, other].map(|region| region.tasks.len());
                    assert_eq!(count[0], count[1], "recordings of different calls");
                    for (task, other) in region.tasks.iter_mut().zip(&other.tasks) {
                        task.keep_shorter(other);
                    }
                }
                _ => panic!("recordings of different calls"),
            }
        }
    }
}

impl Part {
    /// The time on one thread.
    #[must_use]
    pub fn time(&self) -> Duration {
        match self {
            Self::Alone(time) => *time,
            Self::Region(region) => region.time(),
        }
    }
}

impl Region {
    /// The time on one thread.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.tasks.iter().map(Trace::time).sum()
    }

    /// The times of its innermost tasks: a task with regions inside counts by the tasks of these, which idle
    /// threads take too. What a task does between its regions is not in it.
    #[must_use]
    pub fn innermost(&self) -> Vec<Duration> {
        let mut times = Vec::new();
        for task in &self.tasks {
            let before = times.len();
            for part in &task.parts {
                if let Part::Region(region) = part {
                    times.append(&mut region.innermost());
                }
            }
            if times.len() == before {
                times.push(task.time());
            }
        }
        times
    }
}
