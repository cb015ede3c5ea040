//! The layers, one idea a file.

mod activation;
mod attention;
mod batch_norm;
mod conv;
mod conv_transpose;
mod dropout;
mod embedding;
mod flatten;
mod identity;
mod linear;
mod norm;
mod pool;
mod recurrent;
mod sequential;

pub use activation::{
    Activation, Celu, Elu, Gelu, GeluTanh, Glu, Hardsigmoid, Hardswish, Hardtanh, LeakyRelu,
    LogSigmoid, LogSoftmax, Mish, Prelu, Relu, Relu6, Selu, Sigmoid, Silu, Softmax, Softplus,
    Softsign, Tanh,
};
pub use attention::MultiheadAttention;
pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d};
pub use conv_transpose::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use identity::Identity;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use pool::{
    AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, AvgPool3d, GlobalAvgPool, MaxPool1d, MaxPool2d,
    MaxPool3d,
};
pub use recurrent::{Gru, Lstm, Rnn};
pub use sequential::Sequential;

use wengert_tensor::Extents;
use wengert_tensor::fail::fail;

use crate::trace::{LayerTrace, Window};

/// The extents of so many axes.
#[track_caller]
fn extents<const AXES: usize>(op: &str, what: &'static str, given: Extents) -> [usize; AXES] {
    match given.resolve(what, AXES) {
        Ok(resolved) => std::array::from_fn(|axis| resolved[3 - AXES + axis]),
        Err(error) => fail(format_args!("{op}: {error}")),
    }
}

/// The trace of a layer that moves a window over its input.
#[track_caller]
fn window<const AXES: usize>(kernel: &[usize], stride: Extents, dilation: Extents) -> LayerTrace {
    // The last two axes; a signal has but one, and its height is 1.
    let plane = |extents: &[usize]| {
        let [.., width] = *extents else { return [1; 2] };
        [
            extents.len().checked_sub(2).map_or(1, |axis| extents[axis]),
            width,
        ]
    };
    LayerTrace::window(Window {
        kernel: plane(kernel),
        stride: plane(&extents::<AXES>("window", "stride", stride)),
        dilation: plane(&extents::<AXES>("window", "dilation", dilation)),
    })
}
