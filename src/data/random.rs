//! Random numbers as pure functions of a seed, a purpose, an epoch and an index.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What random numbers are for. Two purposes never share a stream.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Shuffle = 1,
    Augment = 2,
    Pass = 3,
    Draw = 4,
    Split = 5,
    Crop = 6,
    Rotate = 7,
    Brighten = 8,
    Stretch = 9,
    Saturate = 10,
    CutOut = 11,
    Mix = 12,
    Shard = 13,
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

    /// A number from 0 to 1, 1 excluded, uniformly: a multiple of 2⁻⁵³.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * 2_f64.powi(-53)
    }

    /// A number from `low` to `high`, uniformly.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// The generator, for distributions of other crates.
    pub(crate) fn generator(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }

    /// A random order in place; all are equally likely (Fisher and Yates, 1938; Durstenfeld, 1964).
    pub(crate) fn shuffle(&mut self, order: &mut [usize]) {
        for last in (1..order.len()).rev() {
            order.swap(last, self.below(last + 1));
        }
    }

    /// A number from 0 to `count − 1`; the probabilities differ by at most 2⁻⁶⁴.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }
}
