//! The operators of ONNX that compute what an op does, by family of ops.

mod arrange;
mod convolution;
mod elementwise;
mod index;
mod linear;
mod normalization;
mod pooling;
mod recurrent;
mod reduce;

pub(crate) use convolution::add_bias;

use crate::call::{Call, Translated};
use crate::number::FileNumber;

/// The translation of a call; `None` if there is none.
pub(crate) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let families = [
        elementwise::translate,
        arrange::translate,
        linear::translate,
        convolution::translate,
        pooling::translate,
        normalization::translate,
        reduce::translate,
        index::translate,
        recurrent::translate,
    ];
    families.into_iter().find_map(|family| family(call))
}
