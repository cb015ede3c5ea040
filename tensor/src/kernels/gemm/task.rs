//! What a matrix product computes: sizes and strides.

use crate::kernels::lies_inside;

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
    /// Whether the product is added to the values of C.
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

    /// The transposed product `Cᵀ ← Bᵀ·Aᵀ`, with the same operands in memory.
    pub(crate) fn transposed(&self) -> Self {
        let swap = |[row, column]: [usize; 2]| [column, row];
        Self {
            m: self.n,
            n: self.m,
            a: swap(self.b),
            b: swap(self.a),
            c: swap(self.c),
            ..*self
        }
    }

    /// Asserts that every element of the product lies inside its slice.
    pub(super) fn check<T>(&self, a: &[T], b: &[T], c: &[T]) {
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
