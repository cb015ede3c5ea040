//! [`in_lockstep`]: the shards of a process at the same time, each on a thread of its own, for layers that add up over all
//! shards.
//!
//! Each shard gives a tensor and waits. Once all have, the calling thread adds them up along the tree of shards, together
//! with those of other processes, and all go on with the sum. As many shards compute at a time as there are threads.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use wengert_nn::ShardSums;
use wengert_tensor::parallel::{threads, with_threads};
use wengert_tensor::{Real, Tensor};

use super::shards::Shards;
use crate::distributed::{Communicator, NumberType, PartialSums, nodes_within, shards_of};

/// Where the shards of this process wait for each other.
#[derive(Debug)]
struct Rendezvous<T: Real> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// The most shards that compute at the same time.
    at_once: usize,
}

#[derive(Debug)]
struct State<T: Real> {
    /// The shards that have not ended.
    active: usize,
    /// The shards that compute.
    computing: usize,
    /// What each shard gives; of `arrived` shards.
    given: Vec<Option<Tensor<T>>>,
    arrived: usize,
    /// The number of sums so far, and the last one.
    round: u64,
    sum: Option<Tensor<T>>,
    /// Whether a shard has panicked.
    has_failed: bool,
}

/// A shard's access to the sums.
#[derive(Debug)]
struct ShardHandle<T: Real> {
    rendezvous: Arc<Rendezvous<T>>,
    shard: usize,
}

/// The panic of a shard that another one's panic has stopped.
struct Stopped;

/// Runs `f` for each job at the same time and returns the results; no result for a shard without a job.
///
/// * `jobs`: one for each shard of this process; `None` for a shard without examples
///
/// # Panics
/// As `f` does for the first shard that panics.
pub(super) fn in_lockstep<T: Real, J: Send, R: Send>(
    shards: &Shards,
    jobs: Vec<Option<J>>,
    others: Option<&Communicator>,
    f: impl Fn(usize, J, Arc<dyn ShardSums<T>>) -> R + Sync,
) -> Vec<Option<R>> {
    let count = jobs.iter().flatten().count();
    let all_threads = threads();
    let at_once = all_threads.min(count).max(1);
    let threads_each = (all_threads / at_once).max(1);
    let rendezvous = Arc::new(Rendezvous {
        state: Mutex::new(State {
            active: count,
            computing: 0,
            given: vec![None; jobs.len()],
            arrived: 0,
            round: 0,
            sum: None,
            has_failed: false,
        }),
        changed: Condvar::new(),
        at_once,
    });
    let results: Vec<_> = thread::scope(|scope| {
        let f = &f;
        let mut running = Vec::new();
        for (shard, job) in jobs.into_iter().enumerate() {
            let rendezvous = Arc::clone(&rendezvous);
            running.push(job.map(|job| {
                scope.spawn(move || {
                    let handle = Arc::new(ShardHandle { rendezvous, shard });
                    let _end = OnEnd(&handle.rendezvous);
                    handle.rendezvous.begin();
                    with_threads(threads_each, || {
                        f(shards.own.start + shard, job, Arc::clone(&handle) as _)
                    })
                })
            }));
        }
        // Where this thread panics, the shards must not wait for it.
        let failing = FailOnPanic(&rendezvous);
        while let Some(given) = rendezvous.next_round() {
            let sum = add_up(shards, given, others);
            rendezvous.answer(sum);
        }
        if !rendezvous.lock().has_failed {
            wait_for_others(others);
        }
        drop(failing);
        running
            .into_iter()
            .map(|shard| shard.map(thread::ScopedJoinHandle::join))
            .collect()
    });
    let mut stopped: Option<Box<dyn Any + Send>> = None;
    let mut values = Vec::new();
    for result in results {
        match result.transpose() {
            Ok(value) => values.push(value),
            Err(panic) if panic.is::<Stopped>() => stopped = Some(panic),
            Err(panic) => resume_unwind(panic),
        }
    }
    match stopped {
        Some(panic) => resume_unwind(panic),
        None => values,
    }
}

/// The first byte of a message: whether a process gives sums, or has none to give any more.
const SUMS: u8 = 1;
const END: u8 = 0;

/// The sum over the shards of all processes.
fn add_up<T: Real>(
    shards: &Shards,
    given: Vec<Option<Tensor<T>>>,
    others: Option<&Communicator>,
) -> Tensor<T> {
    let add = |left: Tensor<T>, right: Tensor<T>| left + right;
    let mut own = PartialSums::new(shards.count);
    let mut shape = Vec::new();
    for (index, tensor) in shards.own.clone().zip(given) {
        if let Some(tensor) = &tensor {
            shape = tensor.shape().to_vec();
        }
        own.push(index..index + 1, tensor, add);
    }
    let total = match others {
        None => own,
        Some(others) => {
            let numbers = NumberType::of::<T>().expect("checked before training");
            let len = shape.iter().product::<usize>() * numbers.bytes();
            let mut total = PartialSums::new(shards.count);
            let messages = others.gather(message(numbers, len, own));
            for (process, message) in messages.iter().enumerate() {
                let own = shards_of(process, others.size(), shards.count);
                let nodes = nodes_within(shards.count, &own);
                let sums = message[1..].chunks_exact(1 + len);
                for (node, sum) in nodes.into_iter().zip(sums) {
                    let is_there = sum[0] == 1;
                    let sum = is_there.then(|| numbers.read(&sum[1..], &shape)).flatten();
                    total.push(node, sum, add);
                }
            }
            total
        }
    };
    let total = total.into_sums().into_iter().flatten().reduce(add);
    total.expect("the shards of this process have given sums")
}

/// The sums of this process's nodes of `len` bytes each.
fn message<T: Real>(numbers: NumberType, len: usize, sums: PartialSums<Tensor<T>>) -> Vec<u8> {
    let mut message = vec![SUMS];
    for sum in sums.into_sums() {
        let start = message.len() + 1;
        message.push(u8::from(sum.is_some()));
        message.resize(start + len, 0);
        if let Some(sum) = sum {
            numbers.write(&sum, &mut message[start..]);
        }
    }
    message
}

/// Takes part in the sums of the other processes until they have ended too.
fn wait_for_others(others: Option<&Communicator>) {
    let Some(others) = others else {
        return;
    };
    while others
        .gather(vec![END])
        .iter()
        .any(|message| message[0] == SUMS)
    {}
}

impl<T: Real> Rendezvous<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State<T>>,
        is_early: impl FnMut(&mut State<T>) -> bool,
    ) -> MutexGuard<'a, State<T>> {
        let state = self.changed.wait_while(state, is_early);
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this shard may compute.
    fn begin(&self) {
        let mut state = self.wait(self.lock(), |state| {
            state.computing >= self.at_once && !state.has_failed
        });
        state.computing += 1;
    }

    /// What all shards give; `None` once all have ended or one has panicked.
    fn next_round(&self) -> Option<Vec<Option<Tensor<T>>>> {
        let mut state = self.wait(self.lock(), |state| {
            state.arrived < state.active && !state.has_failed
        });
        if state.active == 0 || state.has_failed {
            return None;
        }
        state.arrived = 0;
        Some(state.given.iter_mut().map(Option::take).collect())
    }

    fn answer(&self, sum: Tensor<T>) {
        let mut state = self.lock();
        state.sum = Some(sum);
        state.round += 1;
        self.changed.notify_all();
    }
}

impl<T: Real> ShardSums<T> for ShardHandle<T> {
    fn sum(&self, own: Tensor<T>) -> Tensor<T> {
        let rendezvous = &*self.rendezvous;
        let mut state = rendezvous.lock();
        state.given[self.shard] = Some(own);
        state.arrived += 1;
        state.computing -= 1;
        let round = state.round;
        rendezvous.changed.notify_all();
        let mut state = rendezvous.wait(state, |state| {
            (state.round == round || state.computing >= rendezvous.at_once) && !state.has_failed
        });
        state.computing += 1;
        if state.has_failed {
            drop(state);
            resume_unwind(Box::new(Stopped));
        }
        state.sum.clone().expect("a round ends with a sum")
    }
}

/// The end of a shard, by a return or by a panic.
struct OnEnd<'a, T: Real>(&'a Rendezvous<T>);

impl<T: Real> Drop for OnEnd<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.active -= 1;
        state.computing -= 1;
        state.has_failed |= thread::panicking();
        self.0.changed.notify_all();
    }
}

struct FailOnPanic<'a, T: Real>(&'a Rendezvous<T>);

impl<T: Real> Drop for FailOnPanic<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().has_failed = true;
            self.0.changed.notify_all();
        }
    }
}
