//! What the machine can do at most, measured: reports hold kernels against it.

use std::hint::black_box;
use std::time::Instant;

use super::simd::{Body, Float, Level, multiply_add};
use crate::parallel;

/// Chains of multiply-adds that do not wait for each other: more than latency times ports anywhere.
const CHAINS: usize = 12;

/// Multiply-adds of each chain in one measurement.
const LENGTH: usize = 1 << 18;

/// How often a limit is measured; the best counts.
const TRIES: usize = 12;

/// Floating-point operations per second of multiply-adds on `f32` in registers, on all threads.
#[must_use]
pub fn peak_f32() -> f64 {
    peak::<f32, 8>()
}

/// The same on `f64`.
#[must_use]
pub fn peak_f64() -> f64 {
    peak::<f64, 4>()
}

/// Bytes per second of `a ← b + s·c` over arrays that no cache holds, on all threads.
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

fn peak<T: Float, const LANES: usize>() -> f64 {
    let (threads, level) = (parallel::threads(), Level::best());
    let seconds = best(|| {
        parallel::for_each_index(threads, usize::MAX, |_| {
            let chains = Chains::<T, LANES> {
                factor: black_box(T::of(0.999)),
                term: black_box(T::of(0.001)),
            };
            black_box(level.run(chains));
        });
    });
    (2 * threads * CHAINS * LANES * LENGTH) as f64 / seconds
}

/// `v ← v · factor + term` in every lane of every chain.
struct Chains<T, const LANES: usize> {
    factor: T,
    term: T,
}

impl<T: Float, const LANES: usize> Body for Chains<T, LANES> {
    type Output = T;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> T {
        let (factor, term) = ([self.factor; LANES], [self.term; LANES]);
        let mut chains = [[T::one(); LANES]; CHAINS];
        for _ in 0..LENGTH {
            for chain in &mut chains {
                for l in 0..LANES {
                    chain[l] = multiply_add::<FMA, T>(chain[l], factor[l], term[l]);
                }
            }
        }
        let all = chains.iter().flatten();
        all.fold(T::zero(), |sum, &value| sum + value)
    }
}
