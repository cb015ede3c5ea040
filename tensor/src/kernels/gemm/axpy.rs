//! Products with few rows: every row of the result is a sum of scaled rows of B.
//!
//! Such a product is bound by reading B. Each row of B is read once, in place, and added to all rows of
//! the result, which stay in a cache (BLIS: `axpyf` with a fusing factor of [`STEPS`]).

use super::task::Gemm;
use crate::kernels::simd::prefetch;
use crate::kernels::simd::{Array, Body, Float, Level, Vector, multiply_add};
use crate::memory::Scratch;
use crate::parallel;

/// Most rows of A.
const MAX_ROWS: usize = 12;

/// Columns of the result that stay in a cache while all rows of B are added (BLIS: `NC`).
const NC: usize = 2048;

/// Elements between the sums of two blocks: two cache lines in single precision, which are fetched together.
const GAP: usize = 32;

/// Rows of B that are added in one pass over the result.
const STEPS: usize = 4;

/// Whether this is faster than the blocked product: nothing is packed, but every sum is loaded and stored once
/// per [`STEPS`] rows of B.
pub(super) fn is_profitable<T: Float>(task: &Gemm) -> bool {
    task.b[1] == 1 && task.m <= MAX_ROWS && task.n >= 4 * T::NR
}

/// The product; rows of B must be contiguous.
pub(super) fn multiply<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    let (m, k, n) = (task.m, task.k, task.n);
    let factors = factors(task, a);
    let work = m * k * n / T::NR;
    let blocks = n.div_ceil(NC);
    // An even number divides evenly between two threads, if the parts of rows do not become too short.
    let blocks = if work >= parallel::GRAIN && n >= NC / 4 {
        blocks.next_multiple_of(2)
    } else {
        blocks
    };
    let width = n.div_ceil(blocks).next_multiple_of(T::NR);
    let add_rows = |block: usize, sums: &mut [T]| {
        sums.fill(T::zero());
        level.run(SumsOfRows {
            factors: &factors,
            rows: m,
            depth: k,
            matrix: &b[block * width..],
            stride: task.b[0],
            sums,
        });
    };
    if m == 1 && width >= n && task.c[1] == 1 && !task.accumulate {
        return add_rows(0, &mut c[..n]);
    }
    // The sums of a block, and a gap: every row of B is added to all of them, and two threads that write to one cache
    // line at every row wait for each other three times as long as they compute.
    let block_length = m * width + GAP;
    let mut sums = Scratch::<T>::new(n.div_ceil(width) * block_length);
    parallel::for_chunks_mut(&mut sums, block_length, work, |block, sums| {
        let width = width.min(n - block * width);
        add_rows(block, &mut sums[..m * width]);
    });
    for (block, sums) in sums.chunks(block_length).enumerate() {
        let columns = width.min(n - block * width);
        for (i, sums) in sums[..m * columns].chunks_exact(columns).enumerate() {
            let first = i * task.c[0] + block * width * task.c[1];
            for (j, &sum) in sums.iter().enumerate() {
                let to = &mut c[first + j * task.c[1]];
                *to = if task.accumulate { *to + sum } else { sum };
            }
        }
    }
}

/// The elements of A in the order of their use: `[step][i][t]` of [`STEPS`] columns each, then `[t][i]` of
/// the remaining columns.
fn factors<T: Float>(task: &Gemm, a: &[T]) -> Scratch<T> {
    let (m, k) = (task.m, task.k);
    let mut factors = Scratch::<T>::new(m * k);
    let whole = k / STEPS * STEPS;
    for (t, i) in (0..k).flat_map(|t| (0..m).map(move |i| (t, i))) {
        let at = if t < whole {
            (t / STEPS * m + i) * STEPS + t % STEPS
        } else {
            t * m + i
        };
        factors[at] = a[i * task.a[0] + t * task.a[1]];
    }
    factors
}

/// `sums[i][j] += Σₜ factor(t, i) · matrix[t · stride + j]`
struct SumsOfRows<'a, T> {
    factors: &'a [T],
    rows: usize,
    depth: usize,
    matrix: &'a [T],
    stride: usize,
    sums: &'a mut [T],
}

impl<T: Float> SumsOfRows<'_, T> {
    /// Adds `N` rows of B from `t` on, whose factors are `[i][t]`.
    #[inline(always)]
    fn add<const N: usize, const FMA: bool>(&mut self, t: usize, factors: &[T]) {
        let width = self.sums.len() / self.rows;
        let mut rows = [&self.matrix[..0]; N];
        let mut later = [&self.matrix[..0]; N];
        for r in 0..N {
            rows[r] = &self.matrix[(t + r) * self.stride..][..width];
            if t + N + r < self.depth {
                later[r] = &self.matrix[(t + N + r) * self.stride..][..width];
            }
        }
        let whole = width / T::NR * T::NR;
        for j in (0..whole).step_by(T::NR) {
            let mut vectors = [[T::Vector::splat(T::zero()); 2]; N];
            for r in 0..N {
                let row = &rows[r][j..][..T::NR];
                vectors[r] = [Array::load(row), Array::load(&row[T::LANES..])];
                // Different rows lie in different pages, which hardware prefetchers do not cross.
                if let Some(later) = later[r].get(j..) {
                    prefetch::line(later);
                }
            }
            for i in 0..self.rows {
                let factors = &factors[i * N..][..N];
                let sums = &mut self.sums[i * width + j..][..T::NR];
                let mut left = T::Vector::load(sums);
                let mut right = T::Vector::load(&sums[T::LANES..]);
                for r in 0..N {
                    let factor = T::Vector::splat(factors[r]);
                    left = factor.multiply_add::<FMA>(vectors[r][0], left);
                    right = factor.multiply_add::<FMA>(vectors[r][1], right);
                }
                left.store(sums);
                right.store(&mut sums[T::LANES..]);
            }
        }
        for i in 0..self.rows {
            for j in whole..width {
                let mut sum = self.sums[i * width + j];
                for r in 0..N {
                    sum = multiply_add::<FMA, T>(factors[i * N + r], rows[r][j], sum);
                }
                self.sums[i * width + j] = sum;
            }
        }
    }
}

impl<T: Float> Body for SumsOfRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        let (factors, rows) = (self.factors, self.rows);
        let whole = self.depth / STEPS * STEPS;
        for t in (0..whole).step_by(STEPS) {
            self.add::<STEPS, FMA>(t, &factors[t * rows..][..STEPS * rows]);
        }
        for t in whole..self.depth {
            self.add::<1, FMA>(t, &factors[t * rows..][..rows]);
        }
    }
}
