//! Workloads other than single convolution kernels: matrix products, elementwise work, layers, the tape,
//! whole training steps. The benches and the comparison with other frameworks (`benches/peers`) run them.

#![allow(dead_code)] // each program uses its part

pub mod arrays;
pub mod recurrence;
pub mod steps;
pub mod tape;

use std::hint::black_box;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wengert::tensor::{Real, Tensor};

/// Work with its operands made: each call does it once and returns how long the measured part took.
pub type Work = Box<dyn FnMut() -> Duration>;

/// The seed of every operand.
pub const SEED: u64 = 0;

/// Work that is measured as a whole; its result is dropped outside the measurement.
pub fn whole<R>(mut work: impl FnMut() -> R + 'static) -> Work {
    Box::new(move || {
        let start = Instant::now();
        let result = black_box(work());
        let elapsed = start.elapsed();
        drop(result);
        elapsed
    })
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(SEED)
}

fn normal<T: Real>(shape: &[usize]) -> Tensor<T> {
    Tensor::normal(shape, 0.0, 1.0, &mut rng())
}

fn uniform(shape: &[usize]) -> Tensor {
    Tensor::uniform(shape, 0.0..1.0, &mut rng())
}
