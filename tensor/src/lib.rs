//! Numbers in memory: strided tensors and the kernels that work on them. No gradients here.

mod dual;
mod element;
pub mod fail;
pub mod kernels;
pub mod pool;
mod real;

pub use dual::Dual;
pub use element::{Element, Number};
pub use real::Real;
