//! [`Transport`]: how messages get from one process to another.

use super::number_type::NumberType;

/// Carries messages between the processes of a training run, which are numbered from 0.
///
/// All processes call the same methods in the same order. A process that cannot go on must end the others, as MPI
/// does: a message that never comes would be waited for without end.
pub trait Transport {
    /// The number of this process.
    fn rank(&self) -> usize;

    /// The number of processes, at least 1.
    fn size(&self) -> usize;

    /// Sends and receives messages at the same time, and returns once all are sent and received. Those from one process
    /// to another arrive in the order in which they are sent; both have the same lengths.
    fn exchange(&mut self, outgoing: &[Outgoing<'_>], incoming: &mut [Incoming<'_>]);

    /// Whether [`all_reduce`](Self::all_reduce) is there; by default it is not.
    fn has_all_reduce(&self) -> bool {
        false
    }

    /// Replaces numbers by their sums over all processes, in an order that is the transport's own business. By default it
    /// does nothing.
    fn all_reduce(&mut self, _numbers: NumberType, _bytes: &mut [u8]) {}

    /// Ends all processes of the run, this one included, if the transport can; by default it does nothing.
    fn abort(&mut self) {}
}

/// A message to another process.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The process that gets it.
    pub to: usize,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A buffer for a message from another process.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The process that sends it.
    pub from: usize,
    /// The buffer, as long as the message.
    pub bytes: &'a mut [u8],
}

/// What every process gives, by rank; `own` is what this one gives. It returns once all have arrived.
pub(crate) fn gather(transport: &mut impl Transport, own: Vec<u8>) -> Vec<Vec<u8>> {
    let (rank, size) = (transport.rank(), transport.size());
    let others = || (0..size).filter(|&other| other != rank);
    let length = (own.len() as u64).to_le_bytes();
    let send = |bytes| -> Vec<_> { others().map(|to| Outgoing { to, bytes }).collect() };
    let mut lengths = vec![[0; 8]; size];
    exchange_with_all(transport, &send(&length), &mut lengths);
    lengths[rank] = length;
    let mut gathered: Vec<Vec<u8>> = lengths
        .iter()
        .map(|&length| vec![0; u64::from_le_bytes(length) as usize])
        .collect();
    exchange_with_all(transport, &send(&own), &mut gathered);
    gathered[rank] = own;
    gathered
}

/// Receives one message from every other process.
fn exchange_with_all(
    transport: &mut impl Transport,
    outgoing: &[Outgoing<'_>],
    places: &mut [impl AsMut<[u8]>],
) {
    let rank = transport.rank();
    let mut incoming: Vec<_> = places
        .iter_mut()
        .enumerate()
        .filter(|(from, _)| *from != rank)
        .map(|(from, place)| Incoming {
            from,
            bytes: place.as_mut(),
        })
        .collect();
    transport.exchange(outgoing, &mut incoming);
}
