//! What op files share: the entries of the table, and families of ops that differ in a line or two.

#[macro_use]
mod macros;
mod entry;
mod smooth;

pub use entry::{Case, Entry};
pub(super) use smooth::{Elementwise, Of, Slope, Smooth, slope};
