//! Replays a recorded call on any number of threads, each with a clock of its own.

use std::slice;
use std::time::Duration;

use super::count_to_take;
use super::trace::{Part, Region, Trace};
use super::workers::{Role, max_helpers};

/// The time of the call on `threads` threads.
pub(super) fn time(call: &Trace, threads: usize) -> Duration {
    let mut workers: Vec<Worker<'_>> = (0..threads).map(|_| Worker::default()).collect();
    workers[0].frames.push(Frame::Parts(call.parts.iter()));
    let mut replay = Replay {
        workers,
        regions: Vec::new(),
    };
    // The worker whose clock is behind all others is next, so that nobody takes a task before its time.
    while let Some(next) = replay.next() {
        replay.step(next);
    }
    replay.workers[0].now
}

struct Replay<'a> {
    workers: Vec<Worker<'a>>,
    regions: Vec<Open<'a>>,
}

#[derive(Default)]
struct Worker<'a> {
    now: Duration,
    /// What it is in, outermost first; a worker that is in nothing is idle.
    frames: Vec<Frame<'a>>,
    /// Whether it waits for the helpers of its region.
    waits: bool,
}

enum Frame<'a> {
    Parts(slice::Iter<'a, Part>),
    Region(usize, Role),
}

/// A region that has begun.
struct Open<'a> {
    left: &'a [Trace],
    workers: usize,
    helpers_at_work: usize,
    caller: usize,
    /// The workers of this region and those around it, as a product.
    beside: usize,
}

impl<'a> Open<'a> {
    /// Takes some tasks: the caller from the front, helpers from the back.
    fn take(&mut self, role: Role) -> &'a [Trace] {
        let (left, taken) = (self.left, count_to_take(self.left.len(), self.workers));
        let part;
        match role {
            Role::Caller => (part, self.left) = left.split_at(taken),
            Role::Helper => (self.left, part) = left.split_at(left.len() - taken),
        }
        part
    }
}

impl<'a> Replay<'a> {
    fn next(&self) -> Option<usize> {
        let works = |worker: &Worker<'_>| !worker.frames.is_empty() && !worker.waits;
        let working = (0..self.workers.len()).filter(|&index| works(&self.workers[index]));
        working.min_by_key(|&index| self.workers[index].now)
    }

    fn step(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        match worker.frames.last_mut() {
            None => {}
            Some(Frame::Parts(parts)) => match parts.next() {
                None => drop(worker.frames.pop()),
                Some(Part::Alone(time)) => worker.now += *time,
                Some(Part::Region(region)) => self.open(index, region),
            },
            Some(&mut Frame::Region(region, role)) => {
                let tasks = self.regions[region].take(role);
                if tasks.is_empty() {
                    return self.leave(index, region, role);
                }
                let frames = tasks
                    .iter()
                    .rev()
                    .map(|task| Frame::Parts(task.parts.iter()));
                worker.frames.extend(frames);
            }
        }
    }

    /// Begins a region with the workers that are idle.
    fn open(&mut self, caller: usize, region: &'a Region) {
        let (number, now) = (self.regions.len(), self.workers[caller].now);
        let around = self.workers[caller].frames.iter().rev();
        let around = around.filter_map(|frame| match frame {
            Frame::Region(region, _) => Some(self.regions[*region].beside),
            Frame::Parts(_) => None,
        });
        let outside = around.max().unwrap_or(1);
        let threads = self.workers.len();
        let most = max_helpers(region.tasks.len(), region.work, threads, outside);
        let idle = self
            .workers
            .iter_mut()
            .filter(|worker| worker.frames.is_empty());
        let mut helpers = 0;
        for helper in idle.take(most) {
            helper.now = now;
            helper.frames.push(Frame::Region(number, Role::Helper));
            helpers += 1;
        }
        self.regions.push(Open {
            left: &region.tasks,
            workers: helpers + 1,
            helpers_at_work: helpers,
            caller,
            beside: outside * (helpers + 1),
        });
        let frames = &mut self.workers[caller].frames;
        frames.push(Frame::Region(number, Role::Caller));
    }

    /// A worker finds no more tasks. The caller of the region goes on when its helpers have ended.
    fn leave(&mut self, index: usize, region: usize, role: Role) {
        let open = &mut self.regions[region];
        if role == Role::Caller && open.helpers_at_work > 0 {
            self.workers[index].waits = true;
            return;
        }
        self.workers[index].frames.pop();
        if role == Role::Caller {
            return;
        }
        open.helpers_at_work -= 1;
        let now = self.workers[index].now;
        let caller = &mut self.workers[open.caller];
        if open.helpers_at_work == 0 && caller.waits {
            caller.waits = false;
            caller.now = now;
            caller.frames.pop();
        }
    }
}
