//! Measured limits of the machine, which reports compare kernels with.

use std::hint::black_box;
use std::time::Instant;

use crate::kernels::simd::{Array, Body, Float, Level, Vector};
use crate::parallel;

/// Independent chains of multiply-adds: at least latency times ports on every processor.
const CHAINS: usize = 12;

/// Multiply-adds of each chain in one measurement.
const LENGTH: usize = 1 << 18;

/// How often a limit is measured; the best measurement counts.
const TRIES: usize = 12;

/// Floating-point operations per second of `f32` multiply-adds in registers, on all threads.
#[must_use]
pub fn peak_f32() -> f64 {
    peak::<f32>()
}

/// Floating-point operations per second of `f64` multiply-adds in registers, on all threads.
#[must_use]
pub fn peak_f64() -> f64 {
    peak::<f64>()
}

/// Bytes per second of `a ← b + s·c` over arrays larger than any cache, on all threads.
///
/// Source: `McCalpin` 1995, STREAM.
#[must_use]
pub fn triad() -> f64 {
    const ELEMENTS: usize = 1 << 23;
    let (mut a, b, c) = (
        vec![0.0_f32; ELEMENTS],
        vec![1.0_f32; ELEMENTS],
        vec![2.0_f32; ELEMENTS],
    );
    let seconds = best(|| {
        parallel::for_chunks_mut(&mut a, parallel::CHUNK, ELEMENTS, |index, a| {
            let from = index * parallel::CHUNK;
            for ((a, b), c) in a.iter_mut().zip(&b[from..]).zip(&c[from..]) {
                *a = b + 3.0 * c;
            }
        });
        black_box(&mut a);
    });
    (3 * size_of::<f32>() * ELEMENTS) as f64 / seconds
}

fn best(mut work: impl FnMut()) -> f64 {
    let time = |()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    [(); TRIES].map(time).into_iter().fold(f64::MAX, f64::min)
}

fn peak<T: Float>() -> f64 {
    let (threads, level) = (parallel::threads(), Level::best());
    let numbers = |count: usize, of: fn(usize) -> f64| -> Vec<T> {
        (0..count * T::LANES).map(|i| T::of(of(i))).collect()
    };
    // From memory and all different: the compiler would merge equal lanes or chains.
    let start = black_box(numbers(CHAINS, |i| i as f64));
    let factor = black_box(numbers(1, |i| 0.999 - i as f64 * 1e-4));
    let term = black_box(numbers(1, |i| 0.001 * i as f64));
    let seconds = best(|| {
        parallel::for_each_index(threads, usize::MAX, |_| {
            let mut end = numbers(CHAINS, |_| 0.0);
            level.run(Chains {
                start: &start,
                factor: &factor,
                term: &term,
                end: &mut end,
            });
            black_box(end);
        });
    });
    (2 * threads * CHAINS * T::LANES * LENGTH) as f64 / seconds
}

/// `v ← v · factor + term` in every chain.
struct Chains<'a, T> {
    start: &'a [T],
    factor: &'a [T],
    term: &'a [T],
    end: &'a mut [T],
}

impl<T: Float> Body for Chains<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (factor, term) = (T::Vector::load(self.factor), T::Vector::load(self.term));
        let mut chains = [factor; CHAINS];
        for (chain, start) in chains.iter_mut().zip(self.start.chunks(T::LANES)) {
            *chain = T::Vector::load(start);
        }
        for _ in 0..LENGTH {
            for chain in &mut chains {
                *chain = chain.multiply_add::<FMA>(factor, term);
            }
        }
        for (chain, end) in chains.iter().zip(self.end.chunks_mut(T::LANES)) {
            chain.store(end);
        }
    }
}
