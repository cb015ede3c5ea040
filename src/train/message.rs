//! [`Message`]: small numbers as bytes for other processes.

use super::shards::{ShardNumbers, raise};

/// Numbers that are written to bytes or read from them, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
    read: usize,
}

impl Message {
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes, read: 0 }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn put(&mut self, number: u64) {
        self.bytes.extend(number.to_le_bytes());
    }

    pub(super) fn put_real(&mut self, number: f64) {
        self.put(number.to_bits());
    }

    pub(super) fn put_list(&mut self, numbers: impl ExactSizeIterator<Item = u64>) {
        self.put(numbers.len() as u64);
        for number in numbers {
            self.put(number);
        }
    }

    /// The next number; 0 after the end, which a process of the same program never reaches.
    pub(super) fn take(&mut self) -> u64 {
        let next = self.bytes[self.read.min(self.bytes.len())..].first_chunk();
        self.read += 8;
        next.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    pub(super) fn take_real(&mut self) -> f64 {
        f64::from_bits(self.take())
    }

    pub(super) fn take_list(&mut self) -> Vec<u64> {
        let left = self.bytes.len().saturating_sub(self.read) / 8;
        let count = self.take().min(left as u64);
        (0..count).map(|_| self.take()).collect()
    }
}

/// What a process tells the others about its shards of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Status {
    pub(super) numbers: Vec<ShardNumbers>,
    /// Whether all losses are finite.
    pub(super) is_finite: bool,
    /// For each parameter and buffer, whether it is there.
    pub(super) present: Vec<bool>,
    /// Of the counters.
    pub(super) increments: Vec<i64>,
}

impl Status {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut message = Message::default();
        message.put(u64::from(self.is_finite));
        message.put(self.numbers.len() as u64);
        for shard in &self.numbers {
            message.put(shard.examples as u64);
            message.put_real(shard.loss);
            message.put(shard.correct.map_or(u64::MAX, |correct| correct as u64));
        }
        let bits = self.present.chunks(64).map(|chunk| {
            let bits = chunk.iter().rev();
            bits.fold(0, |bits, &present| (bits << 1) | u64::from(present))
        });
        message.put_list(bits);
        message.put_list(self.increments.iter().map(|&by| by as u64));
        message.into_bytes()
    }

    /// `present` has `places` elements.
    pub(super) fn from_bytes(bytes: Vec<u8>, places: usize) -> Self {
        let mut message = Message::from_bytes(bytes);
        let is_finite = message.take() == 1;
        let count = message.take();
        let shard = |message: &mut Message| ShardNumbers {
            examples: message.take() as usize,
            loss: message.take_real(),
            correct: usize::try_from(message.take())
                .ok()
                .filter(|&n| n != usize::MAX),
        };
        let numbers = (0..count).map(|_| shard(&mut message)).collect();
        let bits = message.take_list();
        let bit = |place: usize| {
            bits.get(place / 64)
                .is_some_and(|b| (b >> (place % 64)) & 1 == 1)
        };
        Self {
            numbers,
            is_finite,
            present: (0..places).map(bit).collect(),
            increments: message
                .take_list()
                .into_iter()
                .map(|by| by as i64)
                .collect(),
        }
    }

    /// Adds what the process after this one tells.
    pub(super) fn append(&mut self, other: Self) {
        self.numbers.extend(other.numbers);
        self.is_finite &= other.is_finite;
        for (ours, theirs) in self.present.iter_mut().zip(other.present) {
            *ours |= theirs;
        }
        raise(&mut self.increments, &other.increments);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_the_same_after_a_journey() {
        let shard = |examples, loss, correct| ShardNumbers {
            examples,
            loss,
            correct,
        };
        let status = Status {
            numbers: vec![shard(4, 0.25, Some(3)), shard(1, -0.0, None)],
            is_finite: true,
            present: (0..131).map(|place| place % 3 == 0).collect(),
            increments: vec![1, 0, -2],
        };
        let places = status.present.len();
        assert_eq!(Status::from_bytes(status.to_bytes(), places), status);
    }
}
