//! Kernels: contiguous slices in, a slice out. The only place with `unsafe` code.

// What a body calls must end up inside the function that enables the instructions.
#![allow(clippy::inline_always)]
// Loops over the lanes and rows of several arrays at once: by index they read as the formula does.
#![allow(clippy::needless_range_loop)]

pub mod conv;
pub mod gemm;
pub mod pooling;
pub mod simd;

/// Whether every element of a matrix with these strides lies in a slice of so many: what raw pointers are
/// argued with, so without wrapping.
fn lies_inside([rows, columns]: [usize; 2], strides: [usize; 2], length: usize) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    let down = (rows - 1).checked_mul(strides[0]);
    let right = (columns - 1).checked_mul(strides[1]);
    let last = down.zip(right).and_then(|(a, b)| a.checked_add(b));
    last.is_some_and(|last| last < length)
}
