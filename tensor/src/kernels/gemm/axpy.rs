//! Products with few rows, where reading the other matrix is the work: every row of the result is a sum of rows of B,
//! each of which is read once, where it is.

use super::Gemm;
use crate::kernels::gemm::microkernel::columns;
use crate::kernels::simd::prefetch;
use crate::kernels::simd::{Body, Float, Level, Vector, multiply_add};
use crate::memory::scratch;
use crate::parallel;

/// Most rows of A.
const FEW: usize = 12;

/// Columns of B whose sums stay in a cache while all rows of B pass.
const COLUMNS: usize = 2048;

/// Rows of B that are added at once.
const STEPS: usize = 4;

/// Whether this beats tiles: nothing is packed, but every sum is read and written at every fourth row.
pub(crate) fn pays<T: Float>(task: &Gemm) -> bool {
    task.b[1] == 1 && task.m <= FEW && task.n >= 4 * columns::<T>()
}

/// The product of any operands of which B has contiguous rows.
pub(crate) fn multiply<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    let (m, k, n) = (task.m, task.k, task.n);
    let factors = factors(task, a);
    let work = m * k * n / columns::<T>();
    let blocks = n.div_ceil(COLUMNS);
    // An even number keeps two threads equally busy; but the pieces of the rows should not be short.
    let blocks = if work >= parallel::GRAIN && n >= COLUMNS / 4 {
        blocks.next_multiple_of(2)
    } else {
        blocks
    };
    let width = n.div_ceil(blocks).next_multiple_of(columns::<T>());
    let sum = |sums: &mut [T]| {
        parallel::for_chunks_mut(sums, m * width, work, |block, sums| {
            sums.fill(T::zero());
            level.run(SumsOfRows {
                factors: &factors,
                rows: m,
                depth: k,
                matrix: &b[block * width..],
                stride: task.b[0],
                sums,
            });
        });
    };
    if m == 1 && task.c[1] == 1 && !task.accumulate {
        sum(&mut c[..n]);
        return scratch::recycle(factors);
    }
    let mut sums = scratch::stale::<T>(m * n);
    sum(&mut sums);
    for (block, sums) in sums.chunks(m * width).enumerate() {
        for (i, sums) in sums.chunks_exact(sums.len() / m).enumerate() {
            let first = i * task.c[0] + block * width * task.c[1];
            for (j, &sum) in sums.iter().enumerate() {
                let to = &mut c[first + j * task.c[1]];
                *to = if task.accumulate { *to + sum } else { sum };
            }
        }
    }
    scratch::recycle(sums);
    scratch::recycle(factors);
}

/// The elements of A in the order in which they are used: `[step][i][t]` of [`STEPS`] columns each, then
/// `[t][i]` of the rest.
fn factors<T: Float>(task: &Gemm, a: &[T]) -> Vec<T> {
    let (m, k) = (task.m, task.k);
    let mut factors = scratch::stale::<T>(m * k);
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
        let (width, line) = (self.sums.len() / self.rows, columns::<T>());
        let mut rows = [&self.matrix[..0]; N];
        let mut later = [&self.matrix[..0]; N];
        for r in 0..N {
            rows[r] = &self.matrix[(t + r) * self.stride..][..width];
            if t + N + r < self.depth {
                later[r] = &self.matrix[(t + N + r) * self.stride..][..width];
            }
        }
        let whole = width / line * line;
        for j in (0..whole).step_by(line) {
            let mut vectors = [[T::Vector::splat(T::zero()); 2]; N];
            for r in 0..N {
                let row = &rows[r][j..][..line];
                vectors[r] = [Vector::load(row), Vector::load(&row[T::LANES..])];
                // Each piece of a row lies in pages of its own, where the processor does not look ahead.
                if let Some(later) = later[r].get(j..) {
                    prefetch::line(later);
                }
            }
            for i in 0..self.rows {
                let factors = &factors[i * N..][..N];
                let sums = &mut self.sums[i * width + j..][..line];
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
