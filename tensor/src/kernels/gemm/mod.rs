//! Matrix products of strided operands.
//!
//! | operands | algorithm |
//! |---|---|
//! | a machine without fused multiply-add | the crate `matrixmultiply` |
//! | both contiguous along the sum, few rows or columns | dot products (`dot`) |
//! | few rows or columns, the other operand's rows contiguous | sums of rows (`axpy`) |
//! | everything else | register tiles, packed where it pays (`blocked`) |

use super::lies_inside;
use super::simd::{Float, Level};
use crate::Real;

mod axpy;
mod blocked;
mod dot;
mod macrokernel;
pub(crate) mod microkernel;
pub(crate) mod pack;

pub(crate) use blocked::balanced;

/// One product `C ← A·B` (or `C ← C + A·B`) of strided matrices that start at the head of their slices.
///
/// Strides count elements and may be 0 (a broadcast operand), never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gemm {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Strides of A: from row to row, from column to column.
    pub a: [usize; 2],
    /// Strides of B.
    pub b: [usize; 2],
    /// Strides of C.
    pub c: [usize; 2],
    /// Whether the product is added to what C holds.
    pub accumulate: bool,
}

impl Gemm {
    /// `C ← A·B` of row-major matrices `[m, k]` and `[k, n]`.
    #[must_use]
    pub fn row_major(m: usize, k: usize, n: usize) -> Self {
        Self {
            m,
            k,
            n,
            a: [k, 1],
            b: [n, 1],
            c: [n, 1],
            accumulate: false,
        }
    }

    /// The transposed product `Cᵀ ← Bᵀ·Aᵀ`, of the same elements in the same places.
    pub(crate) fn transposed(&self) -> Self {
        let flip = |[r, c]: [usize; 2]| [c, r];
        Self {
            m: self.n,
            n: self.m,
            a: flip(self.b),
            b: flip(self.a),
            c: flip(self.c),
            ..*self
        }
    }

    /// Asserts that every element the product touches lies inside the slices.
    fn check<T>(&self, a: &[T], b: &[T], c: &[T]) {
        assert!(
            lies_inside([self.m, self.k], self.a, a.len()),
            "gemm: A reaches beyond its slice: {self:?}"
        );
        assert!(
            lies_inside([self.k, self.n], self.b, b.len()),
            "gemm: B reaches beyond its slice: {self:?}"
        );
        assert!(
            lies_inside([self.m, self.n], self.c, c.len()),
            "gemm: C reaches beyond its slice: {self:?}"
        );
    }
}

/// The readable product, for every number type; the oracle of the others.
pub fn portable<T: Real>(task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    task.check(a, b, c);
    for i in 0..task.m {
        for j in 0..task.n {
            let mut sum = T::zero();
            for p in 0..task.k {
                sum += a[i * task.a[0] + p * task.a[1]] * b[p * task.b[0] + j * task.b[1]];
            }
            let target = &mut c[i * task.c[0] + j * task.c[1]];
            *target = if task.accumulate { *target + sum } else { sum };
        }
    }
}

macro_rules! matrixmultiply {
    ($name:ident, $t:ty, $gemm:path) => {
        /// The product by the crate `matrixmultiply`.
        pub fn $name(task: &Gemm, a: &[$t], b: &[$t], c: &mut [$t]) {
            task.check(a, b, c);
            let Gemm { m, k, n, .. } = *task;
            let beta = if task.accumulate { 1.0 } else { 0.0 };
            // SAFETY: `check` has asserted that every index (i, j) of each operand, at its strides,
            // lies inside its slice; `c` is borrowed mutably, so it overlaps neither operand.
            unsafe {
                $gemm(
                    m,
                    k,
                    n,
                    1.0,
                    a.as_ptr(),
                    task.a[0] as isize,
                    task.a[1] as isize,
                    b.as_ptr(),
                    task.b[0] as isize,
                    task.b[1] as isize,
                    beta,
                    c.as_mut_ptr(),
                    task.c[0] as isize,
                    task.c[1] as isize,
                );
            }
        }
    };
}

matrixmultiply!(reference_f32, f32, matrixmultiply::sgemm);
matrixmultiply!(reference_f64, f64, matrixmultiply::dgemm);

macro_rules! dispatch {
    ($name:ident, $t:ty, $reference:path) => {
        /// The product by the fastest algorithm for its shape.
        pub fn $name(task: &Gemm, a: &[$t], b: &[$t], c: &mut [$t]) {
            let level = Level::best();
            if level.fuses() {
                at_level(level, task, a, b, c);
            } else {
                $reference(task, a, b, c);
            }
        }
    };
}

dispatch!(single, f32, reference_f32);
dispatch!(double, f64, reference_f64);

/// The product by this module's own algorithms, at any level.
#[allow(private_bounds)] // `Float` is f32 and f64 and nothing else
pub fn at_level<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    task.check(a, b, c);
    if task.m == 0 || task.n == 0 {
        return;
    }
    if task.k == 0 {
        if !task.accumulate {
            for i in 0..task.m {
                for j in 0..task.n {
                    c[i * task.c[0] + j * task.c[1]] = T::zero();
                }
            }
        }
        return;
    }
    if task.m == 1 || task.n == 1 || dot::pays(task) {
        return dot::multiply(level, task, a, b, c);
    }
    let turned = task.transposed();
    if axpy::pays::<T>(task) {
        return axpy::multiply(level, task, a, b, c);
    }
    if axpy::pays::<T>(&turned) {
        return axpy::multiply(level, &turned, b, a, c);
    }
    // Tiles store rows of C.
    let turn = cost::<T>(&turned) < cost::<T>(task);
    if turn {
        blocked::multiply(level, &turned, b, a, c);
    } else {
        blocked::multiply(level, task, a, b, c);
    }
}

/// Roughly the cycles of the blocked product in this orientation.
fn cost<T: Float>(task: &Gemm) -> f64 {
    let columns = 2 * T::LANES;
    let tiles = (task.m.div_ceil(microkernel::ROWS) * task.n.div_ceil(columns)) as f64;
    // A tile with few rows waits for the latency of its sums.
    let rows = task.m as f64 / task.m.div_ceil(microkernel::ROWS) as f64;
    let multiply = tiles * task.k as f64 * rows.max(4.0);
    let pack = (task.k * task.n) as f64 * if task.b[1] == 1 { 0.25 } else { 1.0 };
    let copy = if blocked::packs_left::<T>(task) {
        1.0
    } else {
        0.0
    };
    let copy = (task.m * task.k) as f64 * copy;
    let store = (task.m * task.n) as f64 * if task.c[1] == 1 { 0.1 } else { 1.0 };
    multiply + pack + copy + store
}
