//! Operations, in folders by family. One file holds an op's method, its value, its rule and its samples.
//!
//! To add a file, add its `mod` line to the `mod.rs` of its family: the build script lists the `OPS` of each file.

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
    PoissonOptions, TripletOptions,
};
pub use norm::{BatchNormed, NormOptions, ResponseOptions};
pub use sequence::{AttentionOptions, InProjection, MultiHead, MultiHeadOptions, RnnActivation};
pub use shape::Border;
pub use support::{
    Case, CellParams, Exemption, OpInfo, RecurrentOptions, Reduction, Situation, Witness,
};

/// Every public differentiable function, fused or composed.
// Inline, so that only a crate that iterates over the table compiles every op for every number type. Many tests do, so
// for them it is compiled here, see `build.rs`.
#[cfg_attr(not(shared_table), inline)]
#[cfg_attr(shared_table, inline(never))]
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
