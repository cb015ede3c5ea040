//! Optimizers, schedules and clipping.

use crate::failure::Failure;
use crate::manifest::{Case, Stored};

pub fn run(case: &Case, _stored: &Stored<'_>) -> Result<(), Failure> {
    let _ = case;
    Err(Failure::NotImplemented)
}
