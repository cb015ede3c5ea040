//! [`Communicator`]: a transport on a thread of its own, so that messages travel while gradients are computed.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use wengert_tensor::fail::fail;

use super::reduce::ReducePlan;
use super::transport::{Transport, gather};

/// One process's connection to the other processes of a training run.
///
/// ```
/// use wengert::distributed::Simulator;
///
/// let sums = Simulator::new(3).run(|communicator| {
///     let ranks = communicator.gather(vec![communicator.rank() as u8]);
///     ranks.concat().into_iter().sum::<u8>()
/// });
/// assert_eq!(sums, [3, 3, 3]);
/// ```
///
/// The transport is made on its thread and stays there, which is what an MPI library without support for
/// several threads needs. Dropping the communicator ends the transport; while a panic unwinds, it aborts the run.
pub struct Communicator {
    rank: usize,
    size: usize,
    options: CommunicatorOptions,
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    traffic: Arc<Mutex<Traffic>>,
}

/// How the processes of a run add their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommunicatorOptions {
    /// The bytes of gradients that are sent together, at least 1. Larger buckets need fewer messages; smaller ones are
    /// sent sooner.
    pub bucket_bytes: usize,
    /// Who decides about the order of additions.
    pub algorithm: Algorithm,
}

impl Default for CommunicatorOptions {
    /// Buckets of 4 MB, added along the fixed tree.
    fn default() -> Self {
        Self {
            bucket_bytes: 4 << 20,
            algorithm: Algorithm::Tree,
        }
    }
}

/// Who decides about the order in which the gradients of processes are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The fixed tree over shards: the number of processes changes no bit.
    Tree,
    /// The transport, as `MPI_Allreduce` does; it may be faster. The bits may differ between numbers of processes, and
    /// even between two runs. A transport without such an operation uses the tree.
    Transport,
}

/// What a communicator has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// The time that reductions and other exchanges have taken on the communicator's thread, waiting for slower
    /// processes included.
    pub busy: Duration,
    /// The time that the training has waited for them; the rest of `busy` was hidden behind computation.
    pub waited: Duration,
    /// The bytes of numbers that were reduced.
    pub reduced_bytes: u64,
}

enum Request {
    Gather(Vec<u8>, Sender<Vec<Vec<u8>>>),
    Reduce(Arc<ReducePlan>, Algorithm, Vec<u8>, Sender<Vec<u8>>),
    Abort,
}

/// A reduction that runs on the communicator's thread.
#[derive(Debug)]
pub(crate) struct Running(Receiver<Vec<u8>>);

impl Communicator {
    /// Runs the transport that `make` returns on a new thread, which also runs `make`.
    ///
    /// # Errors
    /// The error of `make`.
    ///
    /// # Panics
    /// If the operating system cannot start a thread.
    #[track_caller]
    pub fn start<X, E>(make: impl FnOnce() -> Result<X, E> + Send + 'static) -> Result<Self, E>
    where
        X: Transport,
        E: Send + 'static,
    {
        let (requests, inbox) = channel();
        let (ready, started) = channel();
        let traffic = Arc::new(Mutex::new(Traffic::default()));
        let shared = Arc::clone(&traffic);
        let serve = move || match make() {
            Ok(mut transport) => {
                let _ = ready.send(Ok((transport.rank(), transport.size())));
                serve(&mut transport, &inbox, &shared);
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let builder = thread::Builder::new().name("communicator".to_owned());
        let thread = builder.spawn(serve).unwrap_or_else(|error| {
            fail(format_args!(
                "Communicator: its thread cannot be started: {error}"
            ))
        });
        let Ok(started) = started.recv() else {
            fail(format_args!(
                "Communicator: the transport panicked while it was made"
            ));
        };
        let (rank, size) = started?;
        Ok(Self {
            rank,
            size,
            options: CommunicatorOptions::default(),
            requests: Some(requests),
            thread: Some(thread),
            traffic,
        })
    }

    /// With other options.
    ///
    /// # Panics
    /// If the buckets have no bytes.
    #[must_use]
    #[track_caller]
    pub fn with_options(mut self, options: CommunicatorOptions) -> Self {
        if options.bucket_bytes == 0 {
            fail(format_args!(
                "Communicator: bucket_bytes = 0: must be at least 1"
            ));
        }
        self.options = options;
        self
    }

    /// The number of this process, from 0.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// The number of processes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The options.
    #[must_use]
    pub const fn options(&self) -> &CommunicatorOptions {
        &self.options
    }

    /// What it has done so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        *self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What every process gives, by rank: each calls this, and each gets all.
    ///
    /// # Panics
    /// If the transport has panicked.
    #[must_use]
    #[track_caller]
    pub fn gather(&self, own: Vec<u8>) -> Vec<Vec<u8>> {
        if self.size == 1 {
            return vec![own];
        }
        let (answer, answered) = channel();
        self.request(Request::Gather(own, answer));
        self.wait(&answered)
    }

    /// Whether any process gives `true`; each calls this.
    #[must_use]
    #[track_caller]
    pub fn any(&self, own: bool) -> bool {
        self.gather(vec![u8::from(own)]).contains(&vec![1])
    }

    /// Ends all processes of the run, if the transport can.
    pub fn abort(&self) {
        if let Some(requests) = &self.requests {
            let _ = requests.send(Request::Abort);
        }
    }

    /// Begins to add up `sums` over all shards, see [`ReducePlan::reduce`].
    #[track_caller]
    pub(crate) fn reduce(&self, plan: &Arc<ReducePlan>, sums: Vec<u8>) -> Running {
        let (answer, answered) = channel();
        let algorithm = self.options.algorithm;
        self.request(Request::Reduce(Arc::clone(plan), algorithm, sums, answer));
        Running(answered)
    }

    /// The buffer of a reduction, with its result at the start.
    #[track_caller]
    pub(crate) fn finish(&self, running: Running) -> Vec<u8> {
        self.wait(&running.0)
    }

    #[track_caller]
    fn request(&self, request: Request) {
        let sent = self
            .requests
            .as_ref()
            .map(|requests| requests.send(request));
        if !matches!(sent, Some(Ok(()))) {
            lost();
        }
    }

    #[track_caller]
    fn wait<R>(&self, answer: &Receiver<R>) -> R {
        let start = Instant::now();
        let Ok(answer) = answer.recv() else {
            lost();
        };
        self.count(|traffic| traffic.waited += start.elapsed());
        answer
    }

    fn count(&self, f: impl FnOnce(&mut Traffic)) {
        f(&mut self.traffic.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[track_caller]
fn lost() -> ! {
    fail(format_args!(
        "Communicator: the connection to the other processes is lost; see the message of the one that failed"
    ));
}

/// Answers requests in their order until the communicator is dropped.
fn serve(transport: &mut impl Transport, inbox: &Receiver<Request>, traffic: &Mutex<Traffic>) {
    let mut scratch = Vec::new();
    while let Ok(request) = inbox.recv() {
        let start = Instant::now();
        let mut reduced = 0;
        match request {
            Request::Gather(own, answer) => drop(answer.send(gather(transport, own))),
            Request::Reduce(plan, algorithm, mut sums, answer) => {
                reduced = sums.len() / plan.sums(transport.rank());
                if algorithm == Algorithm::Transport && transport.has_all_reduce() {
                    plan.reduce_in_any_order(transport, &mut sums);
                } else {
                    plan.reduce(transport, &mut sums, &mut scratch);
                }
                let _ = answer.send(sums);
            }
            Request::Abort => transport.abort(),
        }
        let mut traffic = traffic.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.busy += start.elapsed();
        traffic.reduced_bytes += reduced as u64;
    }
}

impl Drop for Communicator {
    fn drop(&mut self) {
        if thread::panicking() {
            self.abort();
        }
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the transport was reported by the call that waited for it.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Communicator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Communicator")
            .field("rank", &self.rank)
            .field("size", &self.size)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
