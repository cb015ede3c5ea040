//! The tests of the crate, one binary: each would compile the same layers and rules anew.

mod driver;
mod laws;
mod lbfgs;
mod long_schedules;
mod magnitudes;
mod model;
mod schedules;
mod state;
mod trajectories;
