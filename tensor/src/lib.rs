//! Numbers in memory: strided tensors and the kernels that work on them. No gradients here.

mod arithmetic;
mod axes;
mod compare;
mod create;
mod dual;
mod element;
pub mod fail;
mod join;
pub mod kernels;
mod layout;
pub mod parallel;
pub mod pool;
mod real;
mod region;
mod storage;
mod tensor;
pub mod twins;
mod views;
mod zip;

pub use axes::{Axes, AxisSet, Slice, keep, resolve_axis};
pub use dual::Dual;
pub use element::{Element, Number};
pub use layout::{Layout, MAX_RANK};
pub use real::Real;
pub use tensor::Tensor;
pub use zip::Elements;
