//! Calls the fixtures' ops through the public API, grouped by kind.

/// Sets stride, padding and dilation where the case gives them.
macro_rules! windowed {
    ($options:expr, $args:expr) => {{
        let mut options = $options;
        if let Some(stride) = $args.extents("stride")? {
            options = options.stride(stride);
        }
        if let Some(padding) = $args.padding("padding")? {
            options = options.padding(padding);
        }
        if let Some(dilation) = $args.extents("dilation")? {
            options = options.dilation(dilation);
        }
        options
    }};
}

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

/// Calls the op; each group handles the names that it knows.
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
