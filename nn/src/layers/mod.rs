//! The layers, one idea a file.

#[macro_use]
mod sample;
#[macro_use]
mod stateless;

mod activation;
mod attention;
mod batch_norm;
mod bilinear;
mod cells;
mod conv;
mod conv_transpose;
mod dropout;
mod embedding;
mod flatten;
mod identity;
mod instance_norm;
mod linear;
mod norm;
mod pool;
mod recurrent;
mod residual;
mod resize;
mod sequential;
mod squeeze_excitation;
mod stochastic_depth;
mod sync_batch_norm;
mod transformer;

use wengert_tensor::Extents;
use wengert_tensor::fail::fail;

pub use sequential::Sequential;

/// Exports what is public in the files of the layers, and lists their samples for the tests.
macro_rules! layers {
    ($($file:ident: $($name:ident),+;)*) => {
        $(
            pub use $file::{$($name),+};
        )*

        /// The samples of all layers. The tests walk them.
        #[cfg(feature = "check")]
        #[doc(hidden)]
        #[must_use]
        #[inline]
        pub fn layer_samples() -> Vec<crate::check::LayerSample> {
            [$($file::samples()),*].concat()
        }

        /// What the files export.
        #[doc(hidden)]
        pub const LAYER_NAMES: &[&str] = &[$($(stringify!($name)),+),*];
    };
}

// A row for each file. A file without one is dead code, which the lints refuse.
layers! {
    activation: Activation, Celu, Elu, Gelu, GeluTanh, Glu, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyRelu,
        LogSigmoid, LogSoftmax, Mish, Prelu, Relu, Relu6, Selu, Sigmoid, Silu, Softmax, Softplus, Softshrink,
        Softsign, Tanh, Tanhshrink;
    attention: MultiheadAttention;
    batch_norm: BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d;
    bilinear: Bilinear;
    cells: GruCell, LstmCell, RnnCell;
    conv: Conv, Conv1d, Conv2d, Conv3d;
    conv_transpose: ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d;
    dropout: Dropout, Dropout1d, Dropout2d, Dropout3d;
    embedding: Embedding;
    flatten: Flatten;
    identity: Identity;
    instance_norm: InstanceNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, LocalResponseNorm;
    linear: Linear;
    norm: GroupNorm, LayerNorm, RmsNorm;
    pool: AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d,
        AdaptiveMaxPool3d, AvgPool1d, AvgPool2d, AvgPool3d, GlobalAvgPool, GlobalMaxPool, LpPool1d, LpPool2d,
        LpPool3d, MaxPool1d, MaxPool2d, MaxPool3d;
    recurrent: Gru, Lstm, Rnn;
    residual: Residual;
    resize: CircularPad1d, CircularPad2d, CircularPad3d, ConstantPad1d, ConstantPad2d, ConstantPad3d, PixelShuffle,
        PixelUnshuffle, ReflectionPad1d, ReflectionPad2d, ReflectionPad3d, ReplicationPad1d, ReplicationPad2d,
        ReplicationPad3d, Upsample;
    squeeze_excitation: SqueezeExcitation;
    stochastic_depth: StochasticDepth;
    sync_batch_norm: SyncBatchNorm, SyncBatchNorm1d, SyncBatchNorm2d, SyncBatchNorm3d;
    transformer: AttentionMasks, TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions;
}

/// The extents of `AXES` axes.
#[track_caller]
fn extents<const AXES: usize>(op: &str, what: &'static str, given: Extents) -> [usize; AXES] {
    match given.resolve(what, AXES) {
        Ok(resolved) => std::array::from_fn(|axis| resolved[3 - AXES + axis]),
        Err(error) => fail(format_args!("{op}: {error}")),
    }
}
