//! Products with few rows: every row of the result is a sum of scaled rows of B.
//!
//! Such a product is bound by reading B. Each row of B is read once, in place, and added to all rows of
//! the result, which stay in a cache (BLIS: `axpyf` with a fusing factor of [`STEPS`]).

use super::task::Gemm;
use crate::kernels::simd::prefetch;
use crate::kernels::simd::{Array, Body, Float, Level, Vector, WideIsa, multiply_add};
use crate::memory::Scratch;
use crate::parallel;

/// Most rows of A.
const MAX_ROWS: usize = 12;

/// Columns of the result that stay in a cache while all rows of B are added (BLIS: `NC`).
const NC: usize = 2048;

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
    let sum = |sums: &mut [T]| {
        parallel::for_chunks_mut(sums, m * width, work, |block, sums| {
            sums.fill(T::zero());
            let sums = SumsOfRows {
                factors: &factors,
                rows: m,
                depth: k,
                matrix: &b[block * width..],
                stride: task.b[0],
                sums,
            };
            match T::wide(level) {
                Some(isa) => T::run_wide(isa, WideSums { sums, isa }),
                None => level.run(sums),
            }
        });
    };
    if m == 1 && task.c[1] == 1 && !task.accumulate {
        sum(&mut c[..n]);
        return;
    }
    let mut sums = Scratch::<T>::new(m * n);
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

impl<'a, T: Float> SumsOfRows<'a, T> {
    /// Adds `N` rows of B from `t` on, whose factors are `[i][t]`.
    #[inline(always)]
    fn add<const N: usize, const FMA: bool>(&mut self, t: usize, factors: &[T]) {
        let width = self.sums.len() / self.rows;
        let [rows, later] = self.rows_of_b::<N>(t);
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
        self.add_columns::<N, FMA>(whole, rows, factors);
    }

    /// Rows `t..t + N` of B, and the `N` rows after them as far as there are any.
    #[inline(always)]
    fn rows_of_b<const N: usize>(&self, t: usize) -> [[&'a [T]; N]; 2] {
        let width = self.sums.len() / self.rows;
        let mut rows = [[&self.matrix[..0]; N]; 2];
        for r in 0..N {
            rows[0][r] = &self.matrix[(t + r) * self.stride..][..width];
            if t + N + r < self.depth {
                rows[1][r] = &self.matrix[(t + N + r) * self.stride..][..width];
            }
        }
        rows
    }

    /// The columns from `first` on, one by one.
    #[inline(always)]
    fn add_columns<const N: usize, const FMA: bool>(
        &mut self,
        first: usize,
        rows: [&[T]; N],
        factors: &[T],
    ) {
        let width = self.sums.len() / self.rows;
        for i in 0..self.rows {
            for j in first..width {
                let mut sum = self.sums[i * width + j];
                for r in 0..N {
                    sum = multiply_add::<FMA, T>(factors[i * N + r], rows[r][j], sum);
                }
                self.sums[i * width + j] = sum;
            }
        }
    }
}

/// The same with registers of 512 bits; the order of each sum is the same.
struct WideSums<'a, T: Float> {
    sums: SumsOfRows<'a, T>,
    isa: WideIsa<T>,
}

impl<T: Float> WideSums<'_, T> {
    /// Adds `N` rows of B from `t` on.
    #[inline(always)]
    fn add<const N: usize, const FMA: bool>(&mut self, t: usize, factors: &[T]) {
        let width = self.sums.sums.len() / self.sums.rows;
        let [rows, later] = self.sums.rows_of_b::<N>(t);
        let (pairs, whole) = (width / (2 * T::NR) * 2 * T::NR, width / T::NR * T::NR);
        for j in (0..pairs).step_by(2 * T::NR) {
            self.add_vectors::<N, 2, FMA>(j, rows, later, factors);
        }
        if pairs < whole {
            self.add_vectors::<N, 1, FMA>(pairs, rows, later, factors);
        }
        self.sums.add_columns::<N, FMA>(whole, rows, factors);
    }

    /// `V` vectors of columns from `j` on.
    #[inline(always)]
    fn add_vectors<const N: usize, const V: usize, const FMA: bool>(
        &mut self,
        j: usize,
        rows: [&[T]; N],
        later: [&[T]; N],
        factors: &[T],
    ) {
        let (isa, of) = (self.isa, &mut self.sums);
        let width = of.sums.len() / of.rows;
        let mut vectors = [[T::Wide::splat_with(isa, T::zero()); V]; N];
        for r in 0..N {
            for v in 0..V {
                vectors[r][v] = T::Wide::load_with(isa, &rows[r][j + v * T::NR..]);
                // Different rows lie in different pages, which hardware prefetchers do not cross.
                if let Some(later) = later[r].get(j + v * T::NR..) {
                    prefetch::line(later);
                }
            }
        }
        for i in 0..of.rows {
            let factors = &factors[i * N..][..N];
            let sums = &mut of.sums[i * width + j..][..V * T::NR];
            let mut sum = [vectors[0][0]; V];
            for v in 0..V {
                sum[v] = T::Wide::load_with(isa, &sums[v * T::NR..]);
            }
            for r in 0..N {
                let factor = T::Wide::splat_with(isa, factors[r]);
                for v in 0..V {
                    sum[v] = factor.multiply_add::<FMA>(vectors[r][v], sum[v]);
                }
            }
            for v in 0..V {
                sum[v].store(&mut sums[v * T::NR..]);
            }
        }
    }
}

impl<T: Float> Body for WideSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        let (factors, rows, depth) = (self.sums.factors, self.sums.rows, self.sums.depth);
        let whole = depth / STEPS * STEPS;
        for t in (0..whole).step_by(STEPS) {
            self.add::<STEPS, FMA>(t, &factors[t * rows..][..STEPS * rows]);
        }
        for t in whole..depth {
            self.add::<1, FMA>(t, &factors[t * rows..][..rows]);
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
