//! Kernels: contiguous slices in, a slice out. The only place with `unsafe` code.

// What a body calls must end up inside the function that enables the instructions.
#![allow(clippy::inline_always)]
// Loops over the lanes and rows of several arrays at once: by index they read as the formula does.
#![allow(clippy::needless_range_loop)]

pub mod conv;
pub mod gemm;
pub mod machine;
pub mod pooling;
mod residues;
pub mod simd;
mod tile;
pub(crate) mod turn;
#[cfg(target_arch = "x86_64")]
mod wide;
