//! Operations, in folders by family. One file holds an op's method, its value, its rule and its samples.
//!
//! To add a file, add two lines to the `mod.rs` of its family: `mod` and its `OPS`. Without the
//! second the file is dead code, which the lints deny.

#[macro_use]
mod support;

mod conv;
mod elementwise;
mod index;
mod linalg;
mod loss;
mod norm;
mod prelude;
mod reduce;
mod sequence;
mod shape;

pub use conv::{InterpolateOptions, Interpolation, Resize};
pub use loss::{
    BinaryCrossEntropyOptions, CrossEntropyOptions, KlDivOptions, MultiMarginOptions, NllOptions,
    PoissonOptions, Reduction, TripletOptions,
};
pub use norm::{BatchNormed, NormOptions, ResponseOptions};
pub use sequence::{
    AttentionOptions, CellParams, InProjection, MultiHead, MultiHeadOptions, RecurrentOptions,
    RnnActivation,
};
pub use shape::Border;
pub use support::{Case, OpInfo};

/// Every public differentiable function, fused or composed.
// Inline, so that only a crate that iterates over the table compiles every op for every number type.
#[inline]
pub fn table() -> impl Iterator<Item = &'static OpInfo> {
    [
        elementwise::OPS,
        reduce::OPS,
        linalg::OPS,
        shape::OPS,
        index::OPS,
        conv::OPS,
        norm::OPS,
        loss::OPS,
        sequence::OPS,
    ]
    .into_iter()
    .flatten()
    .copied()
    .flatten()
}
