//! Filters to and from their transforms, output channels in the lanes.

use std::marker::PhantomData;

use super::transform::{Linear, twice};
use crate::kernels::simd::{Body, Float, Level, Vector};
use crate::kernels::tile::columns;
use crate::{parallel, pool};

/// Filters of 3 × 3 taps as a sum over input channels reads them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filters {
    /// Channels that come in and go out.
    pub inputs: usize,
    pub outputs: usize,
    /// Distances in `w` between them.
    pub input: usize,
    pub output: usize,
    /// Whether taps are read backwards, as the input gradient does.
    pub turned: bool,
}

impl Filters {
    fn tap(&self, t: usize) -> usize {
        if self.turned { 8 - t } else { t }
    }

    /// `U = G g Gᵀ` as `values[block][point][input][lane]`.
    pub fn transform<T: Float, L: Linear<3, A>, const A: usize>(
        &self,
        level: Level,
        w: &[T],
    ) -> Vec<T> {
        let lanes = columns::<T>();
        let blocks = self.outputs.div_ceil(lanes);
        let length = A * A * self.inputs * lanes;
        let mut values = pool::stale::<T>(blocks * length);
        parallel::for_chunks_mut(&mut values, length, blocks * length, |block, to| {
            let first = block * lanes;
            let count = lanes.min(self.outputs - first);
            let mut taps = [[T::Vector::splat(T::zero()); 2]; 9];
            let mut gathered = vec![T::zero(); 9 * lanes];
            for input in 0..self.inputs {
                let from = &w[input * self.input + first * self.output..];
                for lane in 0..count {
                    let from = &from[lane * self.output..][..9];
                    for t in 0..9 {
                        gathered[t * lanes + lane] = from[self.tap(t)];
                    }
                }
                for (taps, gathered) in taps.iter_mut().zip(gathered.chunks_exact(lanes)) {
                    *taps = [Vector::load(gathered), Vector::load(&gathered[T::LANES..])];
                }
                let to = &mut to[input * lanes..];
                let plane = self.inputs * lanes;
                level.run(Forth::<T, L, A> {
                    taps: &taps,
                    to,
                    plane,
                    map: PhantomData,
                });
            }
        });
        values
    }

    /// `dw = Gᵀ dU G` from `sums[block][point][input][lane]`.
    pub fn collect<T: Float, L: Linear<A, 3>, const A: usize>(
        &self,
        level: Level,
        sums: &[T],
        dw: &mut [T],
    ) {
        let lanes = columns::<T>();
        let work = self.inputs * self.outputs * A * A;
        // Here a block of outputs is contiguous: filters come first in `w`.
        parallel::for_chunks_mut(dw, lanes * self.output, work, |block, dw| {
            let plane = self.inputs * lanes;
            let sums = &sums[block * A * A * plane..][..A * A * plane];
            for input in 0..self.inputs {
                let mut taps = [[T::Vector::splat(T::zero()); 2]; 9];
                level.run(Back::<T, L, A> {
                    sums: &sums[input * lanes..],
                    plane,
                    taps: &mut taps,
                    map: PhantomData,
                });
                for (lane, dw) in dw.chunks_exact_mut(self.output).enumerate() {
                    let to = &mut dw[input * self.input..][..9];
                    let (v, lane) = (lane / T::LANES, lane % T::LANES);
                    for t in 0..9 {
                        to[t] = taps[t][v].lanes()[lane];
                    }
                }
            }
        });
    }
}

struct Forth<'a, T: Float, L, const A: usize> {
    taps: &'a [[T::Vector; 2]; 9],
    to: &'a mut [T],
    plane: usize,
    map: PhantomData<L>,
}

impl<T: Float, L: Linear<3, A>, const A: usize> Body for Forth<'_, T, L, A> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for v in 0..2 {
            let mut square = [[T::Vector::splat(T::zero()); 3]; 3];
            for t in 0..9 {
                square[t / 3][t % 3] = self.taps[t][v];
            }
            let points = twice::<T, L, FMA, 3, A>(square);
            for p in 0..A * A {
                points[p / A][p % A].store(&mut self.to[p * self.plane + v * T::LANES..]);
            }
        }
    }
}

struct Back<'a, T: Float, L, const A: usize> {
    sums: &'a [T],
    plane: usize,
    taps: &'a mut [[T::Vector; 2]; 9],
    map: PhantomData<L>,
}

impl<T: Float, L: Linear<A, 3>, const A: usize> Body for Back<'_, T, L, A> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for v in 0..2 {
            let mut square = [[T::Vector::splat(T::zero()); A]; A];
            for p in 0..A * A {
                square[p / A][p % A] = Vector::load(&self.sums[p * self.plane + v * T::LANES..]);
            }
            let taps = twice::<T, L, FMA, A, 3>(square);
            for t in 0..9 {
                self.taps[t][v] = taps[t / 3][t % 3];
            }
        }
    }
}
