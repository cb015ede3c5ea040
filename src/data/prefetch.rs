//! [`Loader::prefetch`]: batches made by background threads, so that training does not wait for them.
//!
//! Worker `w` of `n` makes the batches `w`, `w + n`, `w + 2n` …, and the consumer takes them in this order. A
//! batch is a function of its position alone, so the bits do not depend on the number of workers. Threads are
//! scoped: they end before [`Loader::prefetch`] returns, whether the consumer has taken all batches or not.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use wengert_tensor::Real;
use wengert_tensor::parallel::with_threads;

use super::batch::Batch;
use super::error::DataError;
use super::loader::{Batches, Loader, Position, require_readable};

/// Batches that a worker makes ahead of the consumer.
const AHEAD: usize = 2;

/// The batches of an epoch, made by background threads; see [`Loader::prefetch`].
#[derive(Debug)]
pub struct Prefetched<'scope, T: Real> {
    workers: Vec<Worker<'scope, T>>,
    /// Which batch is next; it makes the batches if there are no workers.
    batches: Batches<'scope, T>,
    /// The worker that makes the next batch.
    next: usize,
    waited: Duration,
}

#[derive(Debug)]
struct Worker<'scope, T: Real> {
    batches: Receiver<Result<Batch<T>, DataError>>,
    thread: Option<ScopedJoinHandle<'scope, ()>>,
}

impl Loader<'_> {
    /// Calls `f` with the batches of an epoch from a position on, made ahead by
    /// [`LoaderOptions::workers`](super::LoaderOptions::workers) background threads, and returns its result.
    ///
    /// The batches have the same bits as those of [`batches`](Self::batches), for any number of workers. With
    /// no workers the caller's thread makes each batch when it is asked for.
    ///
    /// ```
    /// use wengert::prelude::*;
    /// use wengert::data::Position;
    ///
    /// let digits = Split::digits();
    /// let loader = Loader::new(&digits.train, LoaderOptions::default());
    /// let count = loader.prefetch::<f32, _>(Position::default(), |batches| batches.count());
    /// assert_eq!(count, loader.steps());
    /// ```
    ///
    /// # Panics
    /// If the operating system cannot start a thread. A panic in [`Dataset::example`](super::Dataset::example) on
    /// a worker continues in [`Prefetched::next`] on the caller's thread.
    #[track_caller]
    pub fn prefetch<T: Real, R>(
        &self,
        position: Position,
        f: impl FnOnce(Prefetched<'_, T>) -> R,
    ) -> R {
        self.prefetch_part(position, 0..usize::MAX, f)
    }

    /// As [`prefetch`](Self::prefetch), with some samples of each batch only.
    #[track_caller]
    pub(crate) fn prefetch_part<T: Real, R>(
        &self,
        position: Position,
        part: Range<usize>,
        f: impl FnOnce(Prefetched<'_, T>) -> R,
    ) -> R {
        let batches = self.batches(position).with_part(part);
        let count = self.options().workers.min(batches.len());
        thread::scope(|scope| {
            let workers = (0..count)
                .map(|worker| {
                    let (sender, receiver) = sync_channel(AHEAD);
                    let (batches, first) = (batches.clone(), position.step + worker);
                    let make = move || {
                        // The other processors belong to the training step.
                        with_threads(1, || send_every(&batches, first, count, &sender));
                    };
                    let name = format!("loader-{worker}");
                    let thread = thread::Builder::new().name(name).spawn_scoped(scope, make);
                    let thread = thread.unwrap_or_else(|error| {
                        wengert_tensor::fail::fail(format_args!(
                            "prefetch: thread {} of {count} cannot be started: {error}; use fewer `workers`",
                            worker + 1
                        ))
                    });
                    Worker {
                        batches: receiver,
                        thread: Some(thread),
                    }
                })
                .collect();
            f(Prefetched {
                workers,
                batches,
                next: 0,
                waited: Duration::ZERO,
            })
            // Dropping the receivers here ends the workers, also if `f` has panicked.
        })
    }
}

/// Makes every `stride`-th batch from `first` on and sends it, until the consumer has gone.
fn send_every<T: Real>(
    batches: &Batches<'_, T>,
    first: usize,
    stride: usize,
    sender: &SyncSender<Result<Batch<T>, DataError>>,
) {
    for step in (first..batches.steps()).step_by(stride) {
        if sender.send(batches.make(step)).is_err() {
            return;
        }
    }
}

impl<T: Real> Prefetched<'_, T> {
    /// The position of the next batch: save it to resume after the last one.
    #[must_use]
    pub fn position(&self) -> Position {
        self.batches.position()
    }

    /// How long the consumer has waited for batches so far.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        self.waited
    }

    /// The next batch of the worker whose turn it is.
    fn receive(&mut self) -> Result<Batch<T>, DataError> {
        let worker = &mut self.workers[self.next];
        if let Ok(batch) = worker.batches.recv() {
            self.next = (self.next + 1) % self.workers.len();
            return batch;
        }
        // A worker ends early only by a panic.
        match worker.thread.take().map(ScopedJoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => unreachable!("a worker without a panic has sent all its batches"),
        }
    }

    /// The next batch, or why it cannot be read.
    pub(crate) fn try_next(&mut self) -> Option<Result<Batch<T>, DataError>> {
        if self.batches.len() == 0 {
            return None;
        }
        let start = Instant::now();
        let batch = if self.workers.is_empty() {
            self.batches.try_next()?
        } else {
            let batch = self.receive();
            self.batches.skip_one();
            batch
        };
        self.waited += start.elapsed();
        Some(batch)
    }
}

impl<T: Real> Iterator for Prefetched<'_, T> {
    type Item = Batch<T>;

    /// # Panics
    /// If a sample cannot be read, as in [`Batches::next`](super::Batches).
    fn next(&mut self) -> Option<Batch<T>> {
        self.try_next().map(require_readable)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.batches.size_hint()
    }
}

impl<T: Real> ExactSizeIterator for Prefetched<'_, T> {}
