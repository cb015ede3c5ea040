//! The layers, one idea a file.

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

pub use activation::{
    Activation, Celu, Elu, Gelu, GeluTanh, Glu, Hardshrink, Hardsigmoid, Hardswish, Hardtanh,
    LeakyRelu, LogSigmoid, LogSoftmax, Mish, Prelu, Relu, Relu6, Selu, Sigmoid, Silu, Softmax,
    Softplus, Softshrink, Softsign, Tanh, Tanhshrink,
};
pub use attention::MultiheadAttention;
pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d};
pub use bilinear::Bilinear;
pub use cells::{GruCell, LstmCell, RnnCell};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d};
pub use conv_transpose::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
pub use dropout::{Dropout, Dropout1d, Dropout2d, Dropout3d};
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use identity::Identity;
pub use instance_norm::{
    InstanceNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, LocalResponseNorm,
};
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d,
    AdaptiveMaxPool3d, AvgPool1d, AvgPool2d, AvgPool3d, GlobalAvgPool, GlobalMaxPool, LpPool1d,
    LpPool2d, LpPool3d, MaxPool1d, MaxPool2d, MaxPool3d,
};
pub use recurrent::{Gru, Lstm, Rnn};
pub use residual::Residual;
pub use resize::{
    CircularPad1d, CircularPad2d, CircularPad3d, ConstantPad1d, ConstantPad2d, ConstantPad3d,
    PixelShuffle, PixelUnshuffle, ReflectionPad1d, ReflectionPad2d, ReflectionPad3d,
    ReplicationPad1d, ReplicationPad2d, ReplicationPad3d, Upsample,
};
pub use sequential::Sequential;
pub use squeeze_excitation::SqueezeExcitation;
pub use stochastic_depth::StochasticDepth;
pub use sync_batch_norm::{SyncBatchNorm, SyncBatchNorm1d, SyncBatchNorm2d, SyncBatchNorm3d};
pub use transformer::{
    AttentionMasks, TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions,
};

use wengert_tensor::Extents;
use wengert_tensor::fail::fail;

/// The extents of `AXES` axes.
#[track_caller]
fn extents<const AXES: usize>(op: &str, what: &'static str, given: Extents) -> [usize; AXES] {
    match given.resolve(what, AXES) {
        Ok(resolved) => std::array::from_fn(|axis| resolved[3 - AXES + axis]),
        Err(error) => fail(format_args!("{op}: {error}")),
    }
}
