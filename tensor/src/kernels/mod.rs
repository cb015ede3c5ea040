//! Kernels: contiguous slices in, a slice out. The only place with `unsafe` code.

pub mod conv;
pub mod gemm;
