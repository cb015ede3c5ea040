//! Matrix products `C ← A·B` of strided operands.
//!
//! | operands | algorithm |
//! |---|---|
//! | dual numbers | panels of columns, values and tangents apart (`dual`) |
//! | another number type | plain loops (`portable`) |
//! | a processor without fused multiply-add | the crate `matrixmultiply` (`fallback`) |
//! | both contiguous along the sum, few rows or columns | dot products (`dot`) |
//! | few rows or columns, rows of the other operand contiguous | sums of scaled rows (`axpy`) |
//! | everything else | the blocked product (`blocked`) |
//!
//! The blocked product is that of Goto and van de Geijn (Anatomy of High-Performance Matrix
//! Multiplication, 2008) with BLIS's names (Van Zee and van de Geijn 2015). Its five loops, from outside:
//!
//! 1. over the sum in blocks of `KC` steps (`blocked`; BLIS has it second, but here all of B's columns
//!    are usually one block);
//! 2. over the columns of B in blocks of `NC`, packed into panels of `NR` columns that stay in the
//!    third-level cache (`pack`);
//! 3. over the rows of A in blocks of `MC`, packed into panels of `MR` rows that stay in the second-level
//!    cache; these are the tasks of the threads;
//! 4. over the panels of B, each of which stays in the first-level cache (`macrokernel`);
//! 5. over the tiles of `MR` rows (`microkernel`), and in it the sum: each step multiplies `MR` broadcast
//!    numbers of A with one row of B's panel and adds to `MR × NR` accumulators in registers.
//!
//! For more than two threads loop 3 has too few steps: then tasks are blocks of rows and columns (`grid`). For few rows
//! and columns and long sums they are the steps of loop 1 (`depth`).
//!
//! Packing is left out where it costs more than it saves: see `LeftOrder` and `reads_b_in_place`.

mod axpy;
mod blocked;
mod depth;
mod dot;
mod dual;
#[allow(unsafe_code)] // calls through raw pointers
mod fallback;
mod grid;
mod macrokernel;
pub(crate) mod microkernel;
mod operands;
pub(crate) mod pack;
mod task;

pub use dual::dual;
pub use fallback::{reference_f32, reference_f64};
pub use task::Gemm;

use super::Private;
use super::simd::{Float, Level};
use crate::Real;

/// The product by the fastest algorithm for its number type and shape.
pub fn multiply<T: Real>(task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    T::gemm(Private, task, a, b, c);
}

/// The plain product, for every number type; tests compare the others with it.
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

macro_rules! dispatch {
    ($name:ident, $t:ty, $reference:path) => {
        /// The product by the fastest algorithm for its shape.
        pub(crate) fn $name(task: &Gemm, a: &[$t], b: &[$t], c: &mut [$t]) {
            let level = Level::best();
            if level.fuses() {
                multiply_at(level, task, a, b, c);
            } else {
                $reference(task, a, b, c);
            }
        }
    };
}

dispatch!(single, f32, reference_f32);
dispatch!(double, f64, reference_f64);

/// The product by the algorithms of this module, without `matrixmultiply`, at any level.
#[allow(private_bounds)] // `Float` is f32 and f64 and nothing else
pub fn at_level<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
    T::gemm_at(Private, level, task, a, b, c);
}

/// [`at_level`], which crates that call it would compile again, without optimisation in their tests.
pub(crate) fn multiply_at<T: Float>(level: Level, task: &Gemm, a: &[T], b: &[T], c: &mut [T]) {
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
    if task.m == 1 || task.n == 1 || dot::is_profitable(task) {
        return dot::multiply(level, task, a, b, c);
    }
    let transposed = task.transposed();
    if axpy::is_profitable::<T>(task) {
        return axpy::multiply(level, task, a, b, c);
    }
    if axpy::is_profitable::<T>(&transposed) {
        return axpy::multiply(level, &transposed, b, a, c);
    }
    // Either the product or its transpose may be faster, since tiles store rows of C and packing depends on
    // the strides.
    if cost::<T>(&transposed) < cost::<T>(task) {
        blocked::multiply(level, &transposed, b, a, c);
    } else {
        blocked::multiply(level, task, a, b, c);
    }
}

/// An estimate of the cycles of the blocked product.
fn cost<T: Float>(task: &Gemm) -> f64 {
    let row_tiles = task.m.div_ceil(microkernel::MR);
    let tiles = (row_tiles * task.n.div_ceil(T::NR)) as f64;
    // A tile of fewer than four rows is bound by the latency of its additions.
    let rows = task.m as f64 / row_tiles as f64;
    let multiply = tiles * task.k as f64 * rows.max(4.0);
    let pack_b = (task.k * task.n) as f64 * if task.b[1] == 1 { 0.25 } else { 1.0 };
    let pack_a = if blocked::packs_a::<T>(task) {
        (task.m * task.k) as f64
    } else {
        0.0
    };
    let store = (task.m * task.n) as f64 * if task.c[1] == 1 { 0.1 } else { 1.0 };
    multiply + pack_b + pack_a + store
}
