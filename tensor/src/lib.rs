//! Strided tensors on the CPU and the kernels that compute on them. Differentiation is in `wengert-autograd`.

// Allowed in `kernels::simd` and `kernels::gemm::fallback` only.
#![deny(unsafe_code)]

#[doc(hidden)]
pub mod assert_shape;
mod attention;
mod axes;
mod block_sum;
mod create;
mod display;
mod dual;
mod element;
mod elementwise;
pub mod fail;
mod index;
mod index_add;
mod iter;
mod join;
pub mod kernels;
mod layout;
mod lost_path;
mod lstm;
mod matmul;
mod matrix;
pub mod memory;
pub mod parallel;
mod real;
mod reduce;
mod region;
pub mod slices;
mod sort;
mod spatial;
mod tensor;
pub mod testing;
mod views;

pub use axes::{Axes, AxisSet, Slice, keep, resolve_axis};
pub use create::require_memory;
pub use dual::Dual;
pub use element::{Element, Number};
pub use elementwise::ElementFunction;
pub use iter::Elements;
pub use kernels::conv::KernelChoice;
pub use kernels::pooling::Divisor;
pub use layout::{Layout, MAX_RANK, broadcast_shapes, element_count};
pub use lost_path::lost_paths;
pub use matrix::Transposed;
pub use real::Real;
pub use reduce::unit_scale;
pub use spatial::conv::{ConvOptions, ConvTransposeOptions};
pub use spatial::pooling::PoolOptions;
pub use spatial::window::{Extents, Padding, Sides};
pub use spatial::{conv, pooling};
pub use tensor::Tensor;

/// The code of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
