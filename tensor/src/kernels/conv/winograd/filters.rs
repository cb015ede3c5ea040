//! Filters to and from their transforms, output channels in the lanes.

use std::marker::PhantomData;

use super::transform::{Linear, twice};
use crate::kernels::gemm::balanced;
use crate::kernels::simd::{Float, Lanewise, Level, Vector};
use crate::kernels::stream;
use crate::kernels::tile::columns;
use crate::kernels::turn::turn;
use crate::{parallel, pool};

/// Filters of one input channel after another that are turned together.
const TOGETHER: usize = 8;

/// Filters of `K × K` taps as a sum over input channels reads them.
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
    /// How many numbers the transforms to `A × A` points have.
    pub fn length<T: Float>(&self, points: usize) -> usize {
        let lanes = columns::<T>();
        self.outputs.div_ceil(lanes) * points * self.inputs * lanes
    }

    /// `U = G g Gᵀ` as `values[block][point][input][lane]`; past the caches if all threads will read
    /// them, and `values` then begins a line.
    pub fn transform<T: Float, L: Linear<K, A>, const K: usize, const A: usize>(
        &self,
        level: Level,
        w: &[T],
        values: &mut [T],
        shared: bool,
    ) {
        let (lanes, taps) = (columns::<T>(), K * K);
        let length = A * A * self.inputs * lanes;
        // Where the taps of one input channel follow those of another, several are turned at once.
        let together = if self.input == taps { TOGETHER } else { 1 };
        let work = values.len();
        parallel::for_chunks_mut(values, length, work, |block, to| {
            let first = block * lanes;
            let count = lanes.min(self.outputs - first);
            let mut gathered = pool::stale::<T>(together * taps * lanes);
            if count < lanes {
                gathered.fill(T::zero());
            }
            let mut points = pool::stale::<T>(if shared { A * A * together * lanes } else { 0 });
            stream::past_caches(|past| {
                for (input, inputs) in balanced(self.inputs, together) {
                    let from = &w[input * self.input + first * self.output..];
                    let size = [count, inputs * taps];
                    turn(level, size, from, self.output, &mut gathered, lanes);
                    let to = &mut to[input * lanes..];
                    let plane = self.inputs * lanes;
                    let mut forth = Forth::<T, L, K, A> {
                        gathered: &gathered,
                        turned: self.turned,
                        inputs,
                        to: &mut *to,
                        plane,
                        map: PhantomData,
                    };
                    if shared {
                        forth.to = &mut points;
                        forth.plane = inputs * lanes;
                    }
                    level.line(forth);
                    for (point, from) in points.chunks_exact(inputs * lanes).take(A * A).enumerate()
                    {
                        past.copy(from, &mut to[point * plane..][..inputs * lanes]);
                    }
                }
            });
            pool::recycle(gathered);
            pool::recycle(points);
        });
    }

    /// `dw = Gᵀ dU G` from the sum, in order, of all `dU[point][block][input][lane]` that follow each other
    /// in `sums`.
    pub fn collect<T: Float, L: Linear<A, K>, const K: usize, const A: usize>(
        &self,
        level: Level,
        sums: &[T],
        dw: &mut [T],
    ) {
        let (lanes, taps) = (columns::<T>(), K * K);
        let work = self.inputs * self.outputs * A * A;
        let size = self.length::<T>(A * A);
        // Here a block of outputs is contiguous, filters come first in `w`, and so are the taps of
        // consecutive inputs.
        parallel::for_chunks_mut(dw, lanes * self.output, work, |block, dw| {
            let plane = self.outputs.next_multiple_of(lanes) * self.inputs;
            let sums = &sums[block * self.inputs * lanes..];
            let outputs = dw.len() / self.output;
            let mut gathered = pool::stale::<T>(TOGETHER * taps * lanes);
            for (input, inputs) in balanced(self.inputs, TOGETHER) {
                level.line(Back::<T, L, K, A> {
                    sums: &sums[input * lanes..],
                    size,
                    plane,
                    inputs,
                    gathered: &mut gathered,
                    map: PhantomData,
                });
                let size = [inputs * taps, outputs];
                let to = &mut dw[input * taps..];
                turn(level, size, &gathered, lanes, to, self.output);
            }
            pool::recycle(gathered);
        });
    }
}

/// From taps `gathered[input][tap][lane]` to points.
struct Forth<'a, T, L, const K: usize, const A: usize> {
    gathered: &'a [T],
    turned: bool,
    inputs: usize,
    to: &'a mut [T],
    plane: usize,
    map: PhantomData<L>,
}

impl<T: Float, L: Linear<K, A>, const K: usize, const A: usize> Lanewise<T>
    for Forth<'_, T, L, K, A>
{
    #[inline(always)]
    fn at<V: Vector<T>, const FMA: bool>(&mut self, lane: usize) {
        let line = 2 * T::LANES;
        for input in 0..self.inputs {
            let from = &self.gathered[input * K * K * line + lane..];
            let mut square = [[V::splat(T::zero()); K]; K];
            for i in 0..K {
                for j in 0..K {
                    let tap = i * K + j;
                    let tap = if self.turned { K * K - 1 - tap } else { tap };
                    square[i][j] = V::load(&from[tap * line..]);
                }
            }
            let points = twice::<T, V, L, FMA, K, A>(square);
            let to = &mut self.to[input * line + lane..];
            for p in 0..A * A {
                points[p / A][p % A].store(&mut to[p * self.plane..]);
            }
        }
    }
}

/// From sums at the points to taps `gathered[input][tap][lane]`.
struct Back<'a, T, L, const K: usize, const A: usize> {
    /// One sum after another, `size` numbers apart.
    sums: &'a [T],
    size: usize,
    plane: usize,
    inputs: usize,
    gathered: &'a mut [T],
    map: PhantomData<L>,
}

impl<T: Float, L: Linear<A, K>, const K: usize, const A: usize> Lanewise<T>
    for Back<'_, T, L, K, A>
{
    #[inline(always)]
    fn at<V: Vector<T>, const FMA: bool>(&mut self, lane: usize) {
        let line = 2 * T::LANES;
        for input in 0..self.inputs {
            let from = &self.sums[input * line + lane..];
            let mut square = [[V::splat(T::zero()); A]; A];
            for p in 0..A * A {
                let mut sum = V::load(&from[p * self.plane..]);
                let mut next = self.size + p * self.plane;
                while next < from.len() {
                    sum = sum.add(V::load(&from[next..]));
                    next += self.size;
                }
                square[p / A][p % A] = sum;
            }
            let taps = twice::<T, V, L, FMA, A, K>(square);
            let to = &mut self.gathered[input * K * K * line + lane..];
            for t in 0..K * K {
                taps[t / K][t % K].store(&mut to[t * line..]);
            }
        }
    }
}
