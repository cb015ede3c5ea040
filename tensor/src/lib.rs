//! Numbers in memory: strided tensors and the kernels that work on them. No gradients here.

mod arithmetic;
#[doc(hidden)]
pub mod assert_shape;
mod axes;
mod compare;
pub mod conv;
mod create;
mod display;
mod dual;
mod element;
mod elementary;
pub mod fail;
mod index;
mod iter;
mod join;
pub mod kernels;
mod layout;
mod matmul;
mod nest;
pub mod parallel;
mod planes;
pub mod pool;
pub mod pooling;
mod real;
mod reduce;
mod region;
mod runs;
mod sort;
mod storage;
mod tensor;
pub mod twins;
mod views;
mod window;
mod zip;

pub use axes::{Axes, AxisSet, Slice, keep, resolve_axis};
pub use conv::{ConvOptions, ConvTransposeOptions};
pub use dual::Dual;
pub use element::{Element, Number};
pub use iter::Elements;
pub use kernels::conv::KernelChoice;
pub use kernels::pooling::Divisor;
pub use layout::{Layout, MAX_RANK, broadcast_shapes};
pub use pooling::PoolOptions;
pub use real::Real;
pub use tensor::Tensor;
pub use window::{Extents, Padding, Sides};
