//! The fixtures' ops by our public API, in groups.

mod elementwise;
mod losses;
mod networks;
mod norms;
mod products;
mod reductions;
mod sequences;
mod shapes;
mod windows;

use wengert::tensor::Real;

use crate::call::{Call, Outputs};
use crate::failure::Failure;

/// Calls the op in whichever group it is.
pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    for group in [
        elementwise::run,
        reductions::run,
        shapes::run,
        products::run,
        windows::run,
        norms::run,
        losses::run,
        sequences::run,
        networks::run,
    ] {
        match group(call) {
            Err(Failure::NotImplemented) => {}
            done => return done,
        }
    }
    Err(Failure::NotImplemented)
}
