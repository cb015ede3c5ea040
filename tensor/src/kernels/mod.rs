//! Kernels: contiguous slices in, a slice out.
//!
//! `simd` and `gemm::fallback` are the only places with `unsafe` code.

// Functions that a body calls must be inlined into the function that enables the instructions.
#![allow(clippy::inline_always)]
// Loops over the lanes and rows of several arrays at once read like the formula if they use indices.
#![allow(clippy::needless_range_loop)]

mod by_type;
pub mod conv;
pub mod gemm;
mod partition;
pub mod pooling;
pub mod simd;

pub(crate) use by_type::Private;
pub use by_type::{Kernels, trim};

/// Whether every element of a matrix with these strides lies in a slice of `length` elements.
///
/// Pointer arithmetic relies on it, so no product or sum here may wrap.
pub(crate) fn lies_inside([rows, columns]: [usize; 2], strides: [usize; 2], length: usize) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    let down = (rows - 1).checked_mul(strides[0]);
    let right = (columns - 1).checked_mul(strides[1]);
    let last = down.zip(right).and_then(|(a, b)| a.checked_add(b));
    last.is_some_and(|last| last < length)
}
