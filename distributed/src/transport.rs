//! [`MpiTransport`]: messages by MPI.

use std::thread;
use std::time::{Duration, Instant};

use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::request::{LocalScope, Request};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives, Destination, Source};
use wengert::distributed::{Incoming, NumberType, Outgoing, Transport};

/// The most bytes of one message of MPI, whose counts are 32 bits.
const MOST: usize = 1 << 30;

/// How long a process looks for messages without a pause. A short message takes a few microseconds; a longer wait must
/// leave the processor to the computation.
const BUSY: Duration = Duration::from_micros(50);

/// The shortest and the longest pause before a process looks again. In between it is a part of the time that the process has
/// waited, so that a long wait costs few looks and lasts little longer.
const PAUSES: [Duration; 2] = [Duration::from_micros(50), Duration::from_micros(500)];
const PART: u32 = 10;

/// Messages by MPI, in the communicator of all processes. It stays on the thread that has initialised MPI.
pub struct MpiTransport {
    world: SimpleCommunicator,
    /// Finalises MPI when it is dropped.
    _universe: Universe,
}

impl std::fmt::Debug for MpiTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MpiTransport")
            .field("rank", &self.rank())
            .field("size", &self.size())
            .finish()
    }
}

impl MpiTransport {
    /// A transport of an initialised MPI.
    #[must_use]
    pub fn new(universe: Universe) -> Self {
        Self {
            world: universe.world(),
            _universe: universe,
        }
    }
}

impl Transport for MpiTransport {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn size(&self) -> usize {
        self.world.size() as usize
    }

    fn exchange(&mut self, outgoing: &[Outgoing<'_>], incoming: &mut [Incoming<'_>]) {
        mpi::request::scope(|scope| {
            let mut requests = Vec::with_capacity(outgoing.len() + incoming.len());
            for place in incoming {
                let process = self.world.process_at_rank(place.from as i32);
                for piece in place.bytes.chunks_mut(MOST) {
                    requests.push(process.immediate_receive_into(scope, piece));
                }
            }
            for message in outgoing {
                let process = self.world.process_at_rank(message.to as i32);
                for piece in message.bytes.chunks(MOST) {
                    requests.push(process.immediate_send(scope, piece));
                }
            }
            wait(requests);
        });
    }

    fn has_all_reduce(&self) -> bool {
        true
    }

    fn all_reduce(&mut self, numbers: NumberType, bytes: &mut [u8]) {
        /// `MPI_Allreduce` of numbers of one type.
        macro_rules! reduce {
            ($N:ty) => {{
                let own: Vec<$N> = bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|&bytes| <$N>::from_le_bytes(bytes))
                    .collect();
                let mut sum = vec![0.0; own.len()];
                for (own, sum) in own.chunks(MOST / 8).zip(sum.chunks_mut(MOST / 8)) {
                    self.world.all_reduce_into(own, sum, SystemOperation::sum());
                }
                for (bytes, x) in bytes.as_chunks_mut().0.iter_mut().zip(sum) {
                    *bytes = <$N>::to_le_bytes(x);
                }
            }};
        }
        match numbers {
            NumberType::F32 => reduce!(f32),
            NumberType::F64 => reduce!(f64),
        }
    }

    fn abort(&mut self) {
        self.world.abort(1);
    }
}

/// Waits for all requests, with pauses: the calls of MPI that wait occupy a processor.
fn wait<'a>(mut requests: Vec<Request<'a, [u8], &LocalScope<'a>>>) {
    let start = Instant::now();
    loop {
        requests = requests
            .into_iter()
            .filter_map(|request| request.test().err())
            .collect();
        if requests.is_empty() {
            return;
        }
        let waited = start.elapsed();
        if waited < BUSY {
            thread::yield_now();
        } else {
            let [shortest, longest] = PAUSES;
            thread::sleep((waited / PART).clamp(shortest, longest));
        }
    }
}
