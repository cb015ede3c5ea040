//! Measured limits of the machine, which reports compare kernels with.

use std::hint::black_box;
use std::time::Instant;

use crate::kernels::simd::{Body, Float, Level, Vector, WideIsa};
use crate::parallel;

/// Independent chains of multiply-adds: at least latency times ports on every processor.
const CHAINS: usize = 12;

/// The same at the portable level, whose 16 registers of 128 bits hold no more: a vector takes two of them.
const PORTABLE_CHAINS: usize = 4;

/// Multiply-adds of each chain in one measurement.
const LENGTH: usize = 1 << 18;

/// How often a limit is measured; the best measurement counts.
const TRIES: usize = 12;

/// Most multiply-add instructions that a processor starts in a cycle.
const MAX_PORTS: f64 = 4.0;

/// Operations per second of multiply-adds in registers at one level, on all threads.
#[derive(Clone, Copy, Debug)]
pub struct Peak {
    /// The instructions.
    pub level: Level,
    /// In `f32`.
    pub f32: f64,
    /// In `f64`.
    pub f64: f64,
}

/// The peak of every level of this processor, best level first.
///
/// # Errors
/// If a peak is impossible: then the machine was disturbed, and shares of the peak would mean nothing. A core
/// starts between half a multiply-add a cycle (where it is two instructions) and four, `f64` has half as many
/// lanes as `f32`, and a better level is not slower.
pub fn peaks() -> Result<Vec<Peak>, String> {
    let measure = || {
        let peak = |level| Peak {
            level,
            f32: peak::<f32>(level),
            f64: peak::<f64>(level),
        };
        let peaks: Vec<_> = Level::all().into_iter().map(peak).collect();
        // An unoptimised build does not reach the limits of the machine.
        if cfg!(debug_assertions) {
            return Ok(peaks);
        }
        check(&peaks, clock(), parallel::threads()).map(|()| peaks)
    };
    // Another program may have disturbed one measurement.
    measure().or_else(|_| measure())
}

/// The conditions in the documentation of [`peaks`], for a clock in cycles per second.
fn check(peaks: &[Peak], clock: f64, threads: usize) -> Result<(), String> {
    for (better, peak) in [None].into_iter().chain(peaks.iter().map(Some)).zip(peaks) {
        let name = peak.level.name();
        let [single, double] = [peak.f32, peak.f64].map(|flops| flops / 1e9);
        let numbers = format!("peak at {name}: {single:.1} GFLOP/s in f32, {double:.1} in f64");
        // Operations of one multiply-add a cycle on every thread.
        let one = 2.0 * clock * (threads * lanes(peak.level)) as f64;
        let ports = peak.f32 / one;
        if !(0.4..MAX_PORTS * 1.1).contains(&ports) {
            return Err(format!(
                "{numbers}: {ports:.2} multiply-adds a cycle on each of {threads} threads at {:.2} GHz are \
                 impossible; measure again on a quiet machine",
                clock / 1e9
            ));
        }
        let ratio = peak.f32 / peak.f64;
        if !(1.6..2.5).contains(&ratio) {
            return Err(format!(
                "{numbers}: the ratio is {ratio:.2} and should be 2; measure again on a quiet machine"
            ));
        }
        if better.is_some_and(|better| better.f32 < 0.8 * peak.f32) {
            return Err(format!(
                "{numbers}: a better level is slower; measure again on a quiet machine"
            ));
        }
    }
    Ok(())
}

/// How many `f32` a register of a level holds. The baseline has registers of 128 bits.
fn lanes(level: Level) -> usize {
    match (level.has_512_bits(), level == Level::PORTABLE) {
        (true, _) => 16,
        (_, false) => 8,
        (_, true) => 4,
    }
}

/// Cycles per second of one core, from a chain of operations that take a cycle each and wait for each other.
#[must_use]
pub fn clock() -> f64 {
    const STEPS: u64 = 1 << 20;
    let (mask, step) = black_box((0x9e37_79b9_7f4a_7c15_u64, 0x2545_f491_4f6c_dd1d_u64));
    let seconds = best(|| {
        let mut x = mask;
        for _ in 0..STEPS {
            x = (x ^ mask).wrapping_add(step);
        }
        black_box(x);
    });
    (2 * STEPS) as f64 / seconds
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

fn peak<T: Float>(level: Level) -> f64 {
    let threads = parallel::threads();
    let count = if level == Level::PORTABLE {
        PORTABLE_CHAINS
    } else {
        CHAINS
    };
    let width = if level.has_512_bits() {
        2 * T::LANES
    } else {
        T::LANES
    };
    let numbers = |count: usize, of: fn(usize) -> f64| -> Vec<T> {
        (0..count * width).map(|i| T::of(of(i))).collect()
    };
    // From memory and all different: the compiler would merge equal lanes or chains. The chains converge to
    // term / (1 − factor), which is between 0.1 and 10: no operand may be a denormal number, with which a
    // multiply-add takes over a hundred cycles on some processors.
    let start = black_box(numbers(count, |i| 1.0 + i as f64));
    let factor = black_box(numbers(1, |i| 0.999 - i as f64 * 1e-4));
    let term = black_box(numbers(1, |i| 0.001 * (1 + i) as f64));
    let seconds = best(|| {
        parallel::for_each_index(threads, usize::MAX, |_| {
            let mut end = numbers(count, |_| 0.0);
            let chains = Chains {
                start: &start,
                factor: &factor,
                term: &term,
                end: &mut end,
            };
            match T::wide(level) {
                Some(isa) => T::run_wide(isa, WideChains { chains, isa }),
                None if level == Level::PORTABLE => level.run(PortableChains(chains)),
                None => level.run(chains),
            }
            black_box(end);
        });
    });
    (2 * threads * count * width * LENGTH) as f64 / seconds
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
        run_chains::<T, T::Vector, FMA, CHAINS>((), self, T::LANES);
    }
}

/// [`PORTABLE_CHAINS`] of [`Chains`].
struct PortableChains<'a, T>(Chains<'a, T>);

impl<T: Float> Body for PortableChains<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        run_chains::<T, T::Vector, FMA, PORTABLE_CHAINS>((), self.0, T::LANES);
    }
}

/// [`Chains`] in registers of 512 bits.
struct WideChains<'a, T: Float> {
    chains: Chains<'a, T>,
    isa: WideIsa<T>,
}

impl<T: Float> Body for WideChains<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        run_chains::<T, T::Wide, FMA, CHAINS>(self.isa, self.chains, 2 * T::LANES);
    }
}

#[inline(always)]
fn run_chains<T: Float, V: Vector<T>, const FMA: bool, const COUNT: usize>(
    isa: V::Isa,
    c: Chains<'_, T>,
    lanes: usize,
) {
    let (factor, term) = (V::load_with(isa, c.factor), V::load_with(isa, c.term));
    let mut chains = [factor; COUNT];
    for (chain, start) in chains.iter_mut().zip(c.start.chunks(lanes)) {
        *chain = V::load_with(isa, start);
    }
    for _ in 0..LENGTH {
        for chain in &mut chains {
            *chain = chain.multiply_add::<FMA>(factor, term);
        }
    }
    for (chain, end) in chains.iter().zip(c.end.chunks_mut(lanes)) {
        chain.store(end);
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, Peak, check, lanes, peaks};

    /// A processor of 2 GHz with two ports, at all levels of this one.
    fn plausible() -> Vec<Peak> {
        let peak = |level| {
            let f32 = 2.0 * 2.0 * 2e9 * lanes(level) as f64;
            Peak {
                level,
                f32,
                f64: f32 / 2.0,
            }
        };
        Level::all().into_iter().map(peak).collect()
    }

    #[test]
    fn a_peak_that_no_processor_has_is_an_error() {
        assert_eq!(check(&plausible(), 2e9, 1), Ok(()));
        let reason = |change: fn(&mut Peak)| {
            let mut peaks = plausible();
            change(&mut peaks[0]);
            check(&peaks, 2e9, 1).expect_err("it is impossible")
        };
        let slow = reason(|peak| (peak.f32, peak.f64) = (0.85e9, 0.425e9));
        assert!(slow.contains("multiply-adds a cycle"), "{slow}");
        let fast = reason(|peak| (peak.f32, peak.f64) = (1e12, 5e11));
        assert!(fast.contains("multiply-adds a cycle"), "{fast}");
        let unequal = reason(|peak| peak.f64 = 0.3 * peak.f32);
        assert!(unequal.contains("should be 2"), "{unequal}");
        if Level::all().len() > 1 {
            let slower = reason(|peak| {
                peak.f32 *= 0.3;
                peak.f64 *= 0.3;
            });
            assert!(slower.contains("a better level is slower"), "{slower}");
        }
    }

    #[test]
    #[ignore = "it measures, which needs an optimised build and a quiet machine"]
    fn the_peaks_of_this_machine_are_plausible() {
        println!("{:?}", peaks().expect("plausible"));
    }
}
