//! Products with few rows or columns: dot products of contiguous rows and columns.
//!
//! Such a product is bound by reading the larger operand. Two rows and four columns at a time have eight vectors
//! of partial sums in registers, whose lanes are added in the end (BLIS: `dotxf`).

use super::axpy;
use super::task::Gemm;
use crate::kernels::partition::balanced;
use crate::kernels::simd::{Array, Body, Float, Level, Vector, multiply_add};
use crate::memory::Scratch;
use crate::parallel;

/// Columns of B that one task multiplies with all rows of A (BLIS: `NC`).
const NC: usize = 32;

/// Longest sum of one pass: the rows of A stay in the second-level cache.
const KC: usize = 8192;

/// Whether dot products are faster than tiles: nothing is packed, but every sum ends in an addition across
/// lanes.
pub(super) fn is_profitable(task: &Gemm) -> bool {
    task.a[1] == 1 && task.b[0] == 1 && task.m.min(task.n) < 16 && task.k >= 64
}

/// A product with a single row or column, or one for which dot products are faster.
pub(super) fn multiply<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    if is_profitable(task) {
        return dots(level, task, a, b, c);
    }
    if task.n == 1 && task.m > 1 {
        return multiply(level, &task.transposed(), b, a, c);
    }
    if task.b[1] == 1 && task.n > 1 {
        return axpy::multiply(level, task, a, b, c);
    }
    // One row of A, made contiguous.
    let row: Vec<T> = (0..task.k).map(|t| a[t * task.a[1]]).collect();
    if task.b[0] == 1 {
        let task = Gemm {
            a: [task.k, 1],
            ..*task
        };
        return dots(level, &task, &row, b, c);
    }
    for j in 0..task.n {
        let mut sum = T::zero();
        for (t, &x) in row.iter().enumerate() {
            sum += x * b[t * task.b[0] + j * task.b[1]];
        }
        let to = &mut c[j * task.c[1]];
        *to = if task.accumulate { *to + sum } else { sum };
    }
}

/// Every element as a dot product of a row of A and a column of B, both contiguous.
fn dots<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    if task.m > task.n {
        return dots(level, &task.transposed(), b, a, c);
    }
    let (m, k, n) = (task.m, task.k, task.n);
    let work = m * n * k / T::NR;
    // The same for every element, so that equal rows have equal results, and x·xᵀ is symmetric.
    let chains = match [m, n] {
        [1, 1] => 8,
        [1, _] => 2,
        _ => 1,
    };
    let mut put = |i: usize, j: usize, sum: T| {
        let to = &mut c[i * task.c[0] + j * task.c[1]];
        *to = if task.accumulate { *to + sum } else { sum };
    };
    if work < parallel::GRAIN && k <= KC {
        let row = |i: usize| &a[i * task.a[0]..][..k];
        let column = |j: usize| &b[j * task.b[1]..][..k];
        return dots_of(level, [m, n], chains, row, column, &mut put);
    }
    let parts: Vec<_> = balanced(k, KC).collect();
    if parts.len() > 1 && n <= NC {
        // Parts of the sums are tasks; they are added in their order, as below.
        let mut sums = Scratch::<T>::new(parts.len() * m * n);
        parallel::for_chunks_mut(&mut sums, m * n, work, |part, sums| {
            let (first, depth) = parts[part];
            let row = |i: usize| &a[i * task.a[0] + first..][..depth];
            let column = |j: usize| &b[j * task.b[1] + first..][..depth];
            dots_of(level, [m, n], chains, row, column, &mut |i, j, sum| {
                sums[j * m + i] = sum;
            });
        });
        let (total, rest) = sums.split_at_mut(m * n);
        for sums in rest.chunks_exact(m * n) {
            for (total, &sum) in total.iter_mut().zip(sums) {
                *total += sum;
            }
        }
        for (j, sums) in total.chunks_exact(m).enumerate() {
            for (i, &sum) in sums.iter().enumerate() {
                put(i, j, sum);
            }
        }
        return;
    }
    // `[column][row]`, so that every task has a slice of its own.
    let mut sums = Scratch::<T>::new(m * n);
    parallel::for_chunks_mut(&mut sums, NC * m, work, |block, sums| {
        for (first, depth) in balanced(k, KC) {
            let row = |i: usize| &a[i * task.a[0] + first..][..depth];
            let column = |j: usize| &b[(block * NC + j) * task.b[1] + first..][..depth];
            dots_of(
                level,
                [m, sums.len() / m],
                chains,
                row,
                column,
                &mut |i, j, sum| {
                    let to = &mut sums[j * m + i];
                    *to = if first > 0 { *to + sum } else { sum };
                },
            );
        }
    });
    for (j, sums) in sums.chunks_exact(m).enumerate() {
        for (i, &sum) in sums.iter().enumerate() {
            put(i, j, sum);
        }
    }
}

/// Dot products of `m` rows with `n` columns, 2 × 4 at a time, each with `chains` vectors of partial sums: 8 for one row and
/// one column, 2 for one of either, else 1.
fn dots_of<'a, T: Float>(
    level: Level,
    [m, n]: [usize; 2],
    chains: usize,
    row: impl Fn(usize) -> &'a [T],
    column: impl Fn(usize) -> &'a [T],
    put: &mut impl FnMut(usize, usize, T),
) {
    let mut j = 0;
    while j < n {
        let width = if j + 4 <= n { 4 } else { 1 };
        let mut i = 0;
        while i < m {
            let height = (m - i).min(2);
            macro_rules! tile {
                ($h:literal, $w:literal, $chains:literal) => {{
                    let sums = level.run(Dots::<T, $h, $w, $chains> {
                        rows: std::array::from_fn(|r| row(i + r)),
                        columns: std::array::from_fn(|s| column(j + s)),
                    });
                    for (r, sums) in sums.iter().enumerate() {
                        for (s, &sum) in sums.iter().enumerate() {
                            put(i + r, j + s, sum);
                        }
                    }
                }};
            }
            match (height, width, chains) {
                (2, 4, _) => tile!(2, 4, 1),
                (2, ..) => tile!(2, 1, 1),
                (_, 4, 1) => tile!(1, 4, 1),
                (_, 4, _) => tile!(1, 4, 2),
                (.., 1) => tile!(1, 1, 1),
                (.., 2) => tile!(1, 1, 2),
                _ => tile!(1, 1, 8),
            }
            i += height;
        }
        j += width;
    }
}

/// Every product has `CHAINS` vectors of partial sums: with few products at a time and one vector each, every addition
/// would wait for the one before it.
struct Dots<'a, T, const M: usize, const N: usize, const CHAINS: usize> {
    rows: [&'a [T]; M],
    columns: [&'a [T]; N],
}

impl<T: Float, const M: usize, const N: usize, const CHAINS: usize> Body
    for Dots<'_, T, M, N, CHAINS>
{
    type Output = [[T; N]; M];

    #[inline(always)]
    fn run<const FMA: bool>(self) -> [[T; N]; M] {
        let depth = self.rows[0].len();
        let whole = depth / T::LANES;
        let (mut rows, mut row_rests) = ([&[][..]; M], [&[][..]; M]);
        for r in 0..M {
            (rows[r], row_rests[r]) = T::Vector::split(&self.rows[r][..depth]);
            rows[r] = &rows[r][..whole];
        }
        let (mut columns, mut column_rests) = ([&[][..]; N], [&[][..]; N]);
        for s in 0..N {
            (columns[s], column_rests[s]) = T::Vector::split(&self.columns[s][..depth]);
            columns[s] = &columns[s][..whole];
        }
        let mut chains = [[[T::Vector::splat(T::zero()); N]; M]; CHAINS];
        let together = whole - whole % CHAINS;
        for first in (0..together).step_by(CHAINS) {
            for (chain, lanes) in chains.iter_mut().enumerate() {
                let t = first + chain;
                for r in 0..M {
                    let row = rows[r][t];
                    for s in 0..N {
                        lanes[r][s] = row.multiply_add::<FMA>(columns[s][t], lanes[r][s]);
                    }
                }
            }
        }
        let mut lanes = chains[0];
        for chain in &chains[1..] {
            for r in 0..M {
                for s in 0..N {
                    lanes[r][s] = lanes[r][s].add(chain[r][s]);
                }
            }
        }
        for t in together..whole {
            for r in 0..M {
                for s in 0..N {
                    lanes[r][s] = rows[r][t].multiply_add::<FMA>(columns[s][t], lanes[r][s]);
                }
            }
        }
        let mut sums = [[T::zero(); N]; M];
        for r in 0..M {
            for s in 0..N {
                let mut sum = T::zero();
                for (&x, &y) in row_rests[r].iter().zip(column_rests[s]) {
                    sum = multiply_add::<FMA, T>(x, y, sum);
                }
                for &lane in lanes[r][s].lanes() {
                    sum += lane;
                }
                sums[r][s] = sum;
            }
        }
        sums
    }
}
