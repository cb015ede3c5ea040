//! The threads that help a caller: a rayon pool of one fewer than work together.
//!
//! Waking a thread takes 20 to 50 µs on a virtual machine, as long as many a whole operation. So
//! the caller works itself instead of sleeping until others have worked, waits for the rest with its
//! eyes open, and helpers stay awake for a moment after their last piece of work: the next operation
//! of a training step finds them there, in a microsecond. OpenMP's threads do the same.

use std::cell::{Cell, RefCell};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rayon::{Scope, ThreadPool, ThreadPoolBuilder, Yield};

/// How long a helper without work stays awake.
const LINGER: Duration = Duration::from_micros(200);

/// How long a caller watches for the end of its helpers' work before it sleeps. A processor that
/// sleeps is one that a helper may run on, where others keep it from its own.
const PATIENCE: Duration = Duration::from_micros(100);

/// After this long a waiting thread offers its processor to others at every look.
const HURRY: Duration = Duration::from_micros(10);

/// A helper that has not looked for work for so many nanoseconds sleeps, or does not get a processor.
const ABSENT: u64 = 10_000;

/// Work below this many elementary steps is over before a helper is awake. As much in smaller pieces
/// is a sign that more will come: a helper is woken then, but nobody waits for it.
const WAKING: usize = 1 << 17;

/// Who draws chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Caller,
    Helper,
}

/// What each worker of a region does, told its role and how many there are.
type Draw<'a> = &'a (dyn Fn(Role, usize) + Sync);

/// One caller's threads.
#[derive(Debug)]
struct Team {
    /// A team of one has none.
    helpers: Option<ThreadPool>,
    /// How many helpers there are.
    count: usize,
    /// How many have no work.
    free: AtomicUsize,
    /// When any of them last looked for work, in nanoseconds on [`clock`].
    looked: AtomicU64,
    /// The work that callers have done alone since a helper was last woken for the next.
    alone: AtomicUsize,
}

/// The team of a program that has not asked for another.
static GLOBAL: LazyLock<Arc<Team>> = LazyLock::new(|| {
    let team = Team::new(rayon::current_num_threads());
    Arc::new(team.expect("the operating system starts the threads"))
});

thread_local! {
    /// The team that was asked for, or that this thread helps.
    static TEAM: RefCell<Option<Arc<Team>>> = const { RefCell::new(None) };
    /// Whether this thread is at work for a team, or waits for some.
    static ENGAGED: Cell<bool> = const { Cell::new(false) };
}

/// Sets the team of this thread until it is dropped.
struct Entered(Option<Arc<Team>>);

impl Entered {
    fn new(team: Arc<Team>) -> Self {
        Self(TEAM.replace(Some(team)))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        TEAM.set(self.0.take());
    }
}

/// The team that helps this thread; none if it is a worker of a pool that is not ours.
fn current() -> Option<Arc<Team>> {
    let own = TEAM.with_borrow(Clone::clone);
    own.or_else(|| {
        rayon::current_thread_index()
            .is_none()
            .then(|| GLOBAL.clone())
    })
}

/// How many threads work together where this is called. Never let a result depend on it.
#[must_use]
pub fn threads() -> usize {
    current().map_or_else(rayon::current_num_threads, |team| team.count + 1)
}

/// Runs `f` on this thread, with so many threads at work, this one among them, in whatever this
/// module cuts.
///
/// # Panics
/// If `threads` is 0 or the operating system refuses to start them.
pub fn with_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    let team = Team::new(threads).expect("the operating system starts the threads");
    let _entered = Entered::new(Arc::new(team));
    f()
}

/// Has `draw` run by the caller and, if that may pay, by helpers at the same time.
///
/// `draw` takes pieces of work until there are none: any subset of the workers could do all of it.
pub(super) fn region(pieces: usize, work: usize, draw: Draw<'_>) {
    let most = pieces.saturating_sub(1);
    let Some(team) = current() else {
        let helpers = most.min(rayon::current_num_threads() - 1);
        if helpers == 0 {
            return draw(Role::Caller, 1);
        }
        return rayon::in_place_scope(|scope| {
            for _ in 0..helpers {
                scope.spawn(|_| draw(Role::Helper, helpers + 1));
            }
            draw(Role::Caller, helpers + 1);
        });
    };
    let wanted = if work >= WAKING || team.is_awake() {
        most
    } else {
        team.expect(work);
        0
    };
    match (&team.helpers, team.engage(wanted)) {
        (None, _) | (_, 0) => draw(Role::Caller, 1),
        (Some(pool), helpers) => {
            let pending = AtomicUsize::new(helpers);
            pool.in_place_scope(|scope| team.work(scope, helpers, &pending, draw));
        }
    }
}

impl Team {
    fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        assert!(threads > 0, "threads: 0 threads do no work");
        let count = threads - 1;
        let name = |index| format!("wengert-{index}");
        let builder = ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(name);
        Ok(Self {
            helpers: (count > 0).then(|| builder.build()).transpose()?,
            count,
            free: AtomicUsize::new(count),
            looked: AtomicU64::new(0),
            alone: AtomicUsize::new(0),
        })
    }

    fn look(&self) {
        self.looked.store(clock(), Ordering::Relaxed);
    }

    fn is_awake(&self) -> bool {
        // A look may be later than the clock that is read first.
        self.count > 0 && clock().saturating_sub(self.looked.load(Ordering::Relaxed)) < ABSENT
    }

    /// Wakes the helpers once enough has been done alone, for the work that comes next.
    fn expect(self: &Arc<Self>, work: usize) {
        let Some(pool) = &self.helpers else { return };
        if self.alone.fetch_add(work, Ordering::Relaxed) + work >= WAKING {
            self.alone.store(0, Ordering::Relaxed);
            for _ in 0..self.count {
                let team = self.clone();
                pool.spawn(move || team.linger());
            }
        }
    }

    /// Engages free helpers, at most so many. Work is only ever handed to a thread that is free, so that a
    /// caller outside the pool never waits behind another's. A helper with a region of its own inside may
    /// take up what lies in the pool while it waits: never hold a lock over a region.
    fn engage(&self, most: usize) -> usize {
        let rest = |free: usize| Some(free - most.min(free));
        let free = self
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
        free.map_or(0, |free| most.min(free))
    }

    /// Runs `draw` here and on helpers that have been engaged.
    fn work<'scope>(
        self: &Arc<Self>,
        scope: &Scope<'scope>,
        helpers: usize,
        pending: &'scope AtomicUsize,
        draw: Draw<'scope>,
    ) {
        for _ in 0..helpers {
            let team = self.clone();
            scope.spawn(move |_| {
                // Also if `draw` panics, which the scope hands to the caller.
                let _end = End {
                    team: &team,
                    pending,
                    engaged: ENGAGED.replace(true),
                };
                let _entered = Entered::new(team.clone());
                draw(Role::Helper, helpers + 1);
            });
        }
        draw(Role::Caller, helpers + 1);
        // The scope would sleep. A worker must not wait here: the scope has it steal the work that
        // it has itself handed out.
        if rayon::current_thread_index().is_none() {
            wait(pending);
        }
    }

    /// Keeps a helper awake that has just ended its work.
    fn linger(self: Arc<Self>) {
        if ENGAGED.replace(true) {
            return;
        }
        let mut since = Instant::now();
        while since.elapsed() < LINGER {
            self.look();
            for _ in 0..4 {
                pause();
                if rayon::yield_now() == Some(Yield::Executed) {
                    since = Instant::now();
                }
            }
            std::thread::yield_now();
        }
        ENGAGED.set(false);
    }
}

/// The end of a helper's work.
struct End<'a> {
    team: &'a Arc<Team>,
    pending: &'a AtomicUsize,
    engaged: bool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        ENGAGED.set(self.engaged);
        self.team.look();
        self.team.free.fetch_add(1, Ordering::Relaxed);
        if !self.engaged {
            let team = self.team.clone();
            rayon::spawn(move || team.linger());
        }
        self.pending.fetch_sub(1, Ordering::Release);
    }
}

/// Watches until nothing is pending, or patience ends.
fn wait(pending: &AtomicUsize) {
    let since = Instant::now();
    while pending.load(Ordering::Acquire) > 0 && since.elapsed() < PATIENCE {
        pause();
        if since.elapsed() > HURRY {
            std::thread::yield_now();
        }
    }
    // The scope counts a helper out a moment after this does.
    pause();
}

/// Nanoseconds since the first call.
fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

fn pause() {
    for _ in 0..8 {
        spin_loop();
    }
}
