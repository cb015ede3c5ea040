//! [`Simulator`]: the processes of a run as threads of one process, with a simulated network.

use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ScopedJoinHandle};

use wengert_tensor::fail::fail;

use super::communicator::{Communicator, CommunicatorOptions};
use super::cost::{Bucket, Network};
use super::number_type::NumberType;
use super::reduce::ReducePlan;
use super::transport::{Incoming, Outgoing, Transport};

/// Several processes of a training run as threads of one process: for tests, and to try what a network would cost.
///
/// Messages arrive at once; what they would take on a [`Network`] is added to a clock of each process.
#[derive(Clone, Debug)]
pub struct Simulator {
    size: usize,
    network: Option<Network>,
    options: CommunicatorOptions,
}

/// The connection of one simulated process.
#[derive(Debug)]
pub struct SimulatedTransport {
    rank: usize,
    network: Option<Network>,
    /// Seconds since the start.
    clock: f64,
    /// By rank.
    senders: Vec<Sender<Message>>,
    receivers: Vec<Receiver<Message>>,
}

#[derive(Debug)]
struct Message {
    bytes: Vec<u8>,
    arrival: f64,
}

impl Simulator {
    /// A number of processes, whose messages cost nothing.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn new(processes: usize) -> Self {
        if processes == 0 {
            fail(format_args!("Simulator: 0 processes: must be at least 1"));
        }
        Self {
            size: processes,
            network: None,
            options: CommunicatorOptions::default(),
        }
    }

    /// With a network that the clocks follow.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    /// With other options of the communicators.
    #[must_use]
    pub fn options(mut self, options: CommunicatorOptions) -> Self {
        self.options = options;
        self
    }

    /// Calls `f` on a thread for each process, and returns the results by rank.
    ///
    /// # Panics
    /// As `f` does.
    pub fn run<R: Send>(&self, f: impl Fn(&Communicator) -> R + Sync) -> Vec<R> {
        self.run_transports(|transport| {
            let started = Communicator::start(move || Ok::<_, Infallible>(transport));
            let Ok(communicator) = started;
            f(&communicator.with_options(self.options))
        })
    }

    /// As [`run`](Self::run), with transports.
    ///
    /// # Panics
    /// As `f` does.
    pub fn run_transports<R: Send>(&self, f: impl Fn(SimulatedTransport) -> R + Sync) -> Vec<R> {
        let transports = self.transports();
        thread::scope(|scope| {
            let f = &f;
            let threads: Vec<_> = transports
                .into_iter()
                .map(|transport| scope.spawn(move || f(transport)))
                .collect();
            let results: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
            let results = results.into_iter().map(|result| match result {
                Ok(result) => result,
                Err(panic) => resume_unwind(panic),
            });
            results.collect()
        })
    }

    fn transports(&self) -> Vec<SimulatedTransport> {
        let mut transports: Vec<_> = (0..self.size)
            .map(|rank| SimulatedTransport {
                rank,
                network: self.network,
                clock: 0.0,
                senders: Vec::new(),
                receivers: Vec::new(),
            })
            .collect();
        for from in 0..self.size {
            for to in 0..self.size {
                let (sender, receiver) = channel();
                transports[from].senders.push(sender);
                transports[to].receivers.push(receiver);
            }
        }
        transports
    }

    /// How long a step takes on the network by the clocks of the processes, which add up real numbers as a training
    /// does. [`Network::step_seconds`] is the formula for it.
    ///
    /// # Panics
    /// If there are fewer shards than processes.
    #[must_use]
    #[track_caller]
    pub fn step_seconds(&self, shards: usize, compute: f64, buckets: &[Bucket]) -> f64 {
        if shards < self.size {
            fail(format_args!(
                "Simulator: {shards} shards for {} processes: each needs one",
                self.size
            ));
        }
        let plan = ReducePlan::new(shards, self.size, NumberType::F32);
        let ends = self.run_transports(|mut transport| {
            let mut scratch = Vec::new();
            for bucket in buckets {
                let mut sums = vec![0; bucket.bytes / 4 * 4 * plan.sums(transport.rank())];
                transport.wait_until(bucket.ready);
                plan.reduce(&mut transport, &mut sums, &mut scratch);
            }
            transport.clock().max(compute)
        });
        ends.into_iter().fold(0.0, f64::max)
    }
}

impl SimulatedTransport {
    /// Seconds since the start on the simulated network.
    #[must_use]
    pub const fn clock(&self) -> f64 {
        self.clock
    }

    /// Lets the clock go on to a time, unless it is later already.
    pub const fn wait_until(&mut self, seconds: f64) {
        self.clock = self.clock.max(seconds);
    }
}

impl Transport for SimulatedTransport {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.senders.len()
    }

    fn exchange(&mut self, outgoing: &[Outgoing<'_>], incoming: &mut [Incoming<'_>]) {
        // Without a network nothing takes time.
        let seconds = |bytes: usize| {
            let occupied = |network: Network| network.overhead + bytes as f64 / network.bandwidth;
            self.network.map_or(0.0, occupied)
        };
        let latency = self.network.map_or(0.0, |network| network.latency);
        let mut sent = self.clock;
        for message in outgoing {
            sent += seconds(message.bytes.len());
            // A process that has ended gets nothing; whoever waits for it notices.
            let _ = self.senders[message.to].send(Message {
                bytes: message.bytes.to_vec(),
                arrival: sent + latency,
            });
        }
        let mut arrivals = Vec::with_capacity(incoming.len());
        for place in incoming {
            let Ok(message) = self.receivers[place.from].recv() else {
                fail(format_args!("Simulator: process {} has ended", place.from));
            };
            place.bytes.copy_from_slice(&message.bytes);
            arrivals.push((message.arrival, seconds(message.bytes.len())));
        }
        // The connection takes one message after the other in this direction too.
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut received = self.clock + latency;
        for (arrival, seconds) in arrivals {
            received = arrival.max(received + seconds);
        }
        self.clock = sent.max(received);
        if self.network.is_none() {
            self.clock = 0.0;
        }
    }
}
