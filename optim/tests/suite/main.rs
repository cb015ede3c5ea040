//! The tests of the crate, one binary: each would compile the same layers and rules anew.

mod clip;
mod driver;
mod laws;
mod lbfgs;
mod line_search;
mod long_schedules;
mod magnitudes;
mod mistakes;
mod model;
mod momentum;
mod schedule_corners;
mod schedules;
mod state;
mod trajectories;
