//! Sums of numbers over all shards, whoever has which: along the fixed tree, by messages from process to process.
//!
//! The numbers are cut into one part per process. Each process sends to each other one the other's part of its sums of
//! whole nodes; each adds up its own part in the order of the tree; then each sends its part of the result to all
//! others. These steps are called reduce-scatter and all-gather. A process sends `2·(P − 1)/P` of the numbers if
//! its shards are one node of the tree, and the first half once per node otherwise.

use std::ops::Range;

use super::number_type::NumberType;
use super::transport::{Incoming, Outgoing, Transport};
use super::tree::{PartialSums, nodes_within};

/// Which shards each process has, and which sums it gives.
#[derive(Clone, Debug)]
pub(crate) struct ReducePlan {
    shards: usize,
    /// The largest nodes of the tree within the shards of each process.
    nodes: Vec<Vec<Range<usize>>>,
    numbers: NumberType,
}

/// Where this process's part of a sum starts.
#[derive(Clone, Copy)]
enum Slot {
    /// In this process's sums.
    Own(usize),
    /// In what it has received.
    Received(usize),
}

/// The shards of a process.
pub(crate) fn shards_of(rank: usize, size: usize, shards: usize) -> Range<usize> {
    rank * shards / size..(rank + 1) * shards / size
}

impl ReducePlan {
    pub(crate) fn new(shards: usize, size: usize, numbers: NumberType) -> Self {
        let own = |rank| nodes_within(shards, &shards_of(rank, size, shards));
        Self {
            shards,
            nodes: (0..size).map(own).collect(),
            numbers,
        }
    }

    /// The number of sums that a process gives.
    pub(crate) fn sums(&self, rank: usize) -> usize {
        self.nodes[rank].len()
    }

    /// The bytes of the part of a process.
    fn part(&self, rank: usize, bytes: usize) -> Range<usize> {
        let (size, width) = (self.nodes.len(), self.numbers.bytes());
        let count = bytes / width;
        rank * count / size * width..(rank + 1) * count / size * width
    }

    /// Adds up over all shards. `sums` has the sums of this process's nodes one after the other; the result is where the
    /// first one was. `scratch` is memory that is used again.
    pub(crate) fn reduce(
        &self,
        transport: &mut impl Transport,
        sums: &mut [u8],
        scratch: &mut Vec<u8>,
    ) {
        let (rank, size) = (transport.rank(), transport.size());
        let bytes = sums.len() / self.sums(rank);
        let own = self.part(rank, bytes);
        if size == 1 {
            return;
        }
        let all: usize = self.nodes.iter().map(Vec::len).sum();
        let needed = (all - self.sums(rank)) * own.len();
        if scratch.len() < needed {
            scratch.resize(needed, 0);
        }
        let received = &mut scratch[..needed];
        self.scatter(transport, sums, bytes, received);
        match self.add_up(rank, sums, received) {
            Slot::Own(start) => sums.copy_within(start..start + own.len(), own.start),
            Slot::Received(start) => {
                sums[own.clone()].copy_from_slice(&received[start..][..own.len()]);
            }
        }
        self.gather(transport, &mut sums[..bytes]);
    }

    /// The other processes by distance, so that not all send to the same one first.
    fn others(rank: usize, size: usize) -> impl Iterator<Item = usize> {
        (1..size).map(move |distance| (rank + distance) % size)
    }

    /// Brings this process's part of the sums of the others to `received`, in the order of the shards.
    fn scatter(
        &self,
        transport: &mut impl Transport,
        sums: &[u8],
        bytes: usize,
        received: &mut [u8],
    ) {
        let (rank, size) = (transport.rank(), transport.size());
        let own = self.part(rank, bytes);
        let mut outgoing = Vec::new();
        for to in Self::others(rank, size) {
            let part = self.part(to, bytes);
            outgoing.extend((0..self.sums(rank)).map(|index| Outgoing {
                to,
                bytes: &sums[index * bytes + part.start..index * bytes + part.end],
            }));
        }
        let mut incoming = Vec::new();
        let mut rest = received;
        for from in (0..size).filter(|&from| from != rank) {
            for _ in 0..self.sums(from) {
                let (bytes, others) = rest.split_at_mut(own.len());
                rest = others;
                incoming.push(Incoming { from, bytes });
            }
        }
        transport.exchange(&outgoing, &mut incoming);
    }

    /// Adds up this process's part of the sums of all nodes along the tree, and returns where the result is.
    fn add_up(&self, rank: usize, sums: &mut [u8], received: &mut [u8]) -> Slot {
        let bytes = sums.len() / self.sums(rank);
        let own = self.part(rank, bytes);
        let mut tree = PartialSums::new(self.shards);
        let mut start = 0;
        for (process, nodes) in self.nodes.iter().enumerate() {
            for (index, node) in nodes.iter().enumerate() {
                let slot = if process == rank {
                    Slot::Own(index * bytes + own.start)
                } else {
                    start += own.len();
                    Slot::Received(start - own.len())
                };
                tree.push(node.clone(), Some(slot), |left, right| {
                    self.add(left, right, sums, received, own.len())
                });
            }
        }
        let total = tree.into_sums().pop().flatten();
        total.expect("the processes have all nodes")
    }

    /// Adds two sums of `len` bytes. `a + b` and `b + a` have the same bits, so the result may be in either place.
    fn add(
        &self,
        left: Slot,
        right: Slot,
        sums: &mut [u8],
        received: &mut [u8],
        len: usize,
    ) -> Slot {
        match (left, right) {
            (Slot::Own(to), Slot::Received(from)) | (Slot::Received(from), Slot::Own(to)) => {
                self.numbers
                    .add(&mut sums[to..][..len], &received[from..][..len]);
                Slot::Own(to)
            }
            (Slot::Own(to), Slot::Own(from)) => {
                let (lower, upper) = sums.split_at_mut(from);
                self.numbers.add(&mut lower[to..][..len], &upper[..len]);
                left
            }
            (Slot::Received(to), Slot::Received(from)) => {
                let (lower, upper) = received.split_at_mut(from);
                self.numbers.add(&mut lower[to..][..len], &upper[..len]);
                left
            }
        }
    }

    /// Sends this process's part of the result to all others, and receives theirs.
    fn gather(&self, transport: &mut impl Transport, result: &mut [u8]) {
        let (rank, size) = (transport.rank(), transport.size());
        let bytes = result.len();
        let mut own: &[u8] = &[];
        let mut incoming = Vec::new();
        let mut rest = result;
        for from in 0..size {
            let (part, others) = rest.split_at_mut(self.part(from, bytes).len());
            rest = others;
            if from == rank {
                own = part;
            } else {
                incoming.push(Incoming { from, bytes: part });
            }
        }
        let outgoing: Vec<_> = Self::others(rank, size)
            .map(|to| Outgoing { to, bytes: own })
            .collect();
        transport.exchange(&outgoing, &mut incoming);
    }

    /// Adds up this process's sums of nodes, and then those of all processes by the transport's own operation, whose
    /// order may be another one.
    pub(crate) fn reduce_in_any_order(&self, transport: &mut impl Transport, sums: &mut [u8]) {
        let bytes = sums.len() / self.sums(transport.rank());
        let (total, others) = sums.split_at_mut(bytes);
        for more in others.chunks_exact(bytes.max(1)) {
            self.numbers.add(total, more);
        }
        transport.all_reduce(self.numbers, total);
    }
}
