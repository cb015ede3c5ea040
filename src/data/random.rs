//! Random numbers as pure functions of a seed, a purpose, an epoch and an index.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What random numbers are for. Two purposes never share a stream.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Shuffle = 1,
    Augment = 2,
    Pass = 3,
}

/// A ChaCha8 generator whose key is what the numbers are for, so that no stream depends on another one.
pub(crate) struct RandomStream(ChaCha8Rng);

pub(crate) fn stream(purpose: Purpose, seed: u64, epoch: u64, index: u64) -> RandomStream {
    let mut key = [0; 32];
    for (bytes, word) in key
        .chunks_exact_mut(8)
        .zip([seed, purpose as u64, epoch, index])
    {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    RandomStream(ChaCha8Rng::from_seed(key))
}

impl RandomStream {
    /// Any `u64`, uniformly.
    pub(crate) fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to `count − 1`; the probabilities differ by at most 2⁻⁶⁴.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }
}
