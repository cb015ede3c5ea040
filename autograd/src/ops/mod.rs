//! The table of operations. One file each holds an op's method, its value, its rule and its samples;
//! one word here registers it.

#[macro_use]
mod families;
mod operators;
mod table;

pub use table::{Case, Entry};

macro_rules! registry {
    ($($file:ident)*) => {
        $(mod $file;)*

        /// Every public differentiable function, fused or composed.
        pub fn table() -> impl Iterator<Item = &'static Entry> {
            [$($file::ENTRIES),*].into_iter().flatten()
        }
    };
}

registry! {
    add affine broadcast concat conv div exp extremes gate ln matmul maximum mean mul
    permute pool pow rectifiers reshape select sigmoid slice sqrt sub sum tanh
}

/// What an op file needs.
mod prelude {
    pub(super) use wengert_tensor::{Axes, Real, Slice, Tensor, keep, require};

    pub(super) use super::table::{Case, Entry};
    pub(super) use crate::generic;
    pub(super) use crate::op::{Call, Contributions, Cotangents, Inputs, Op, Outputs, Reads};
    pub(super) use crate::sample::{Draw, Sample};
    pub(super) use crate::var::Var;
}
