//! What op files share: the rows of the table of ops, and families of ops that differ in a line or two.

#[macro_use]
mod macros;
mod op_info;
mod smooth;

pub use op_info::{Case, OpInfo};
pub(super) use smooth::{Elementwise, Of, Slope, Smooth, slope};
