//! Filters to and from their transforms, output channels in the lanes.

use std::marker::PhantomData;

use super::transform::{From, Linear, Square, To, twice};
use crate::kernels::gemm::balanced;
use crate::kernels::gemm::microkernel::columns;
use crate::kernels::simd::non_temporal;
use crate::kernels::simd::prefetch;
use crate::kernels::simd::transpose::turn;
use crate::kernels::simd::{Float, Lanewise, Level, Vector};
use crate::memory::scratch;
use crate::parallel;

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

/// Elements between the points of filters of so many input channels: one line more than the data, or all points
/// would compete for the same lines of the first cache.
pub(super) fn plane<T: Float>(inputs: usize) -> usize {
    (inputs + 1) * columns::<T>()
}

impl Filters {
    /// How many numbers the transforms to so many points have.
    pub fn length<T: Float>(&self, points: usize) -> usize {
        self.outputs.div_ceil(columns::<T>()) * points * plane::<T>(self.inputs)
    }

    /// Elements between the points of sums of all pairs of channels, see [`plane`].
    pub fn plane_of_sums<T: Float>(&self) -> usize {
        let lanes = columns::<T>();
        self.outputs.next_multiple_of(lanes) * self.inputs + lanes
    }

    /// `U = G g Gᵀ` as `values[block][point][input][lane]`, points a [`plane`] apart; past the caches if all threads will read
    /// them, and `values` then begins a line.
    pub fn transform<T: Float, L: Linear<K, A>, const K: usize, const A: usize>(
        &self,
        level: Level,
        w: &[T],
        values: &mut [T],
        shared: bool,
    ) {
        let length = A * A * plane::<T>(self.inputs);
        let work = values.len();
        parallel::for_chunks_mut(values, length, work, |block, to| {
            self.transform_some::<T, L, K, A>(level, w, block, [0, self.inputs], to, shared);
        });
    }

    /// The transforms of some input channels of one block of output channels, from the first on so many:
    /// `values[point][input][lane]`, points a [`plane`] apart.
    pub fn transform_some<T: Float, L: Linear<K, A>, const K: usize, const A: usize>(
        &self,
        level: Level,
        w: &[T],
        block: usize,
        [first_input, inputs]: [usize; 2],
        values: &mut [T],
        shared: bool,
    ) {
        let (lanes, taps) = (columns::<T>(), K * K);
        // Where the taps of one input channel follow those of another, several are turned at once.
        let together = if self.input == taps { TOGETHER } else { 1 };
        let first = block * lanes;
        let count = lanes.min(self.outputs - first);
        let plane = plane::<T>(inputs);
        let mut gathered = scratch::stale::<T>(together * taps * lanes);
        if count < lanes {
            gathered.fill(T::zero());
        }
        let mut points = scratch::stale::<T>(if shared { A * A * together * lanes } else { 0 });
        non_temporal::past_caches(|past| {
            for (input, inputs) in balanced(inputs, together) {
                let from = &w[(first_input + input) * self.input + first * self.output..];
                let size = [count, inputs * taps];
                turn(level, size, from, self.output, &mut gathered, lanes);
                if let Some(later) = from.get(TOGETHER * self.input..) {
                    prefetch_rows(later, size, self.output);
                }
                let to = &mut values[input * lanes..];
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
                for (point, from) in points.chunks_exact(inputs * lanes).take(A * A).enumerate() {
                    past.copy(from, &mut to[point * plane..][..inputs * lanes]);
                }
            }
        });
        scratch::recycle(gathered);
        scratch::recycle(points);
    }

    /// `dw = Gᵀ dU G` from the sum, in order, of all `dU[point][block][input][lane]` that follow each other
    /// in `sums`.
    pub fn collect<T: Float, L: Linear<A, K>, const K: usize, const A: usize>(
        &self,
        level: Level,
        sums: &[T],
        dw: &mut [T],
    ) {
        let lanes = columns::<T>();
        let work = self.inputs * self.outputs * A * A;
        let sums = Sums {
            values: sums,
            plane: self.plane_of_sums::<T>(),
            size: A * A * self.plane_of_sums::<T>(),
        };
        // Here a block of outputs is contiguous, filters come first in `w`, and so are the taps of
        // consecutive inputs.
        parallel::for_chunks_mut(dw, lanes * self.output, work, |block, dw| {
            let sums = Sums {
                values: &sums.values[block * self.inputs * lanes..],
                ..sums
            };
            self.collect_some::<T, L, K, A>(level, &sums, [0, self.inputs], dw);
        });
    }

    /// The same for some input channels, from the first on so many, of the block of output channels whose
    /// gradients `dw` holds.
    pub fn collect_some<T: Float, L: Linear<A, K>, const K: usize, const A: usize>(
        &self,
        level: Level,
        sums: &Sums<'_, T>,
        [first_input, inputs]: [usize; 2],
        dw: &mut [T],
    ) {
        let (lanes, taps) = (columns::<T>(), K * K);
        let outputs = dw.len() / self.output;
        let mut gathered = scratch::stale::<T>(TOGETHER * taps * lanes);
        for (input, inputs) in balanced(inputs, TOGETHER) {
            level.line(Back::<T, L, K, A> {
                sums: Sums {
                    values: &sums.values[input * lanes..],
                    ..*sums
                },
                inputs,
                gathered: &mut gathered,
                map: PhantomData,
            });
            let size = [inputs * taps, outputs];
            let to = &mut dw[(first_input + input) * taps..];
            turn(level, size, &gathered, lanes, to, self.output);
        }
        scratch::recycle(gathered);
    }
}

/// Asks for rows that lie too far apart for the processor to see where they lead.
fn prefetch_rows<T>(from: &[T], [rows, columns]: [usize; 2], stride: usize) {
    for row in 0..rows {
        if let Some(row) = from.get(row * stride..row * stride + columns) {
            prefetch::lines(row);
        }
    }
}

/// Sums at the points, `values[point · plane + input · lanes + lane]`, and as many more to be added to them
/// every `size` numbers, as far as they reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums<'a, T> {
    pub values: &'a [T],
    pub plane: usize,
    pub size: usize,
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
            let vectors = &self.gathered[input * K * K * line + lane..];
            let to = To {
                vectors: &mut self.to[input * line + lane..],
                row: A * self.plane,
                column: self.plane,
            };
            if self.turned {
                twice::<T, V, L, _, FMA, K, A>(Backwards::<T, K>(vectors), to);
            } else {
                let (row, column) = (K * line, line);
                twice::<T, V, L, _, FMA, K, A>(
                    From {
                        vectors,
                        row,
                        column,
                    },
                    to,
                );
            }
        }
    }
}

/// Taps of a filter, last first.
#[derive(Clone, Copy)]
struct Backwards<'a, T, const K: usize>(&'a [T]);

impl<T: Float, V: Vector<T>, const K: usize> Square<V> for Backwards<'_, T, K> {
    #[inline(always)]
    fn at(&self, i: usize, j: usize) -> V {
        let tap = K * K - 1 - (i * K + j);
        V::load(&self.0[2 * tap * T::LANES..])
    }
}

/// From sums at the points to taps `gathered[input][tap][lane]`.
struct Back<'a, T, L, const K: usize, const A: usize> {
    sums: Sums<'a, T>,
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
            let values = &self.sums.values[input * line + lane..];
            let sums = Sums {
                values,
                ..self.sums
            };
            let to = To {
                vectors: &mut self.gathered[input * K * K * line + lane..],
                row: K * line,
                column: line,
            };
            twice::<T, V, L, _, FMA, A, K>(Added::<T, A>(sums), to);
        }
    }
}

/// All sums at a point, added in order.
#[derive(Clone, Copy)]
struct Added<'a, T, const A: usize>(Sums<'a, T>);

impl<T: Float, V: Vector<T>, const A: usize> Square<V> for Added<'_, T, A> {
    #[inline(always)]
    fn at(&self, i: usize, j: usize) -> V {
        let Sums {
            values,
            plane,
            size,
        } = self.0;
        let first = (i * A + j) * plane;
        let mut sum = V::load(&values[first..]);
        let mut next = size + first;
        while next < values.len() {
            sum = sum.add(V::load(&values[next..]));
            next += size;
        }
        sum
    }
}
