//! Random draws as pure functions of a seed and a place.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What draws are for. Two purposes never share a stream.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Shuffle = 1,
    Augment = 2,
}

/// A ChaCha8 generator whose key says what is drawn, so that no draw depends on the ones before it.
pub(crate) struct Draws(ChaCha8Rng);

pub(crate) fn stream(purpose: Purpose, seed: u64, epoch: u64, row: u64) -> Draws {
    let mut key = [0; 32];
    for (bytes, word) in key
        .chunks_exact_mut(8)
        .zip([seed, purpose as u64, epoch, row])
    {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Draws(ChaCha8Rng::from_seed(key))
}

impl Draws {
    /// A number from 0 to `count − 1`, even to 2⁻⁶⁴ `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }
}
