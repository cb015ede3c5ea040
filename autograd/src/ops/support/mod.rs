//! What op files share: the rows of the table of ops, families of ops that differ in a line
//! or two, and what losses, recurrent ops or pooling ops have in common.

#[macro_use]
mod macros;

mod class_targets;
mod exemption;
mod op_info;
mod pool_windows;
mod recurrent;
mod reduction;
mod smooth;

pub(super) use class_targets::Targets;
pub use exemption::{Exemption, Situation, Witness};
pub use op_info::{Case, OpInfo};
pub(super) use pool_windows::{draw_options, draw_windows, reach, windows_attributes};
pub(super) use recurrent::{Cell, draw_cell, draw_layers, parts};
pub use recurrent::{CellParams, RecurrentOptions};
pub use reduction::Reduction;
pub(super) use reduction::require_equal_shapes;
pub(super) use smooth::{Elementwise, Of, Slope, Smooth, slope, times_slope};
