//! The table of operations. One file each holds an op's method, its value, its rule and its samples;
//! one word here registers it.

#[macro_use]
mod families;
mod operators;
mod reduction;
mod smooth;
mod table;
mod targets;

pub use attention::{AttentionOptions, InProjection, MultiHead, MultiHeadOptions};
pub use binary_cross_entropy::BinaryCrossEntropyOptions;
pub use cross_entropy::CrossEntropyOptions;
pub use interpolate::{InterpolateOptions, Interpolation, Resize};
pub use kl_div::{KlDivOptions, PoissonOptions};
pub use local_response_norm::ResponseOptions;
pub use margin_losses::MultiMarginOptions;
pub use nll_loss::NllOptions;
pub use normalization::{BatchNormed, NormOptions};
pub use pad::Border;
pub use recurrent::{CellParams, Nonlinearity, RecurrentOptions};
pub use reduction::Reduction;
pub use similarity::TripletOptions;
pub use table::{Case, Entry};

macro_rules! registry {
    ($($file:ident)*) => {
        $(mod $file;)*

        /// Every public differentiable function, fused or composed.
        // Inline, so that only a crate that walks the table compiles every op for every number type.
        #[inline]
        pub fn table() -> impl Iterator<Item = &'static Entry> {
            [$($file::ENTRIES),*].into_iter().flatten()
        }
    };
}

registry! {
    absolute_losses add affine atan2 attention binary_cross_entropy broadcast clamp compare
    concat conv cross_entropy div dropout einsum elu error_function exponential extremes flip gate gated
    gather gelu global_pool gru hard hyperbolic index_select interpolate kl_div lerp linear
    local_response_norm logarithm logsumexp lp_pool lstm margin_losses matmul maximum mean mse_loss mul
    nll_loss norm normalization pad permute pixel_shuffle pool pow_tensor powers prod products rectifiers
    recurrence recurrent relu reshape select shrink sigmoid similarity slice softmax softsign sort
    standardize steps sub sum tanh triangle trigonometric windows
}

/// What an op file needs.
mod prelude {
    pub(super) use wengert_tensor::{Axes, Real, Slice, Tensor, keep, require};

    pub(super) use super::smooth::{Elementwise, Of, Slope, Smooth};
    pub(super) use super::table::{Case, Entry};
    pub(super) use crate::call::Call;
    pub(super) use crate::generic;
    pub(super) use crate::op::{Contributions, Cotangents, Inputs, Op, Outputs, Reads};
    pub(super) use crate::sample::{Draw, Sample};
    pub(super) use crate::var::Var;
}
