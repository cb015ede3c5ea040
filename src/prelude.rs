//! The names that most programs need: `use wengert::prelude::*`.
//!
//! With them a program needs neither `rand` nor `num-traits` of its own:
//!
//! ```
//! use wengert::prelude::*;
//!
//! /// `Σ xᵢ` with noise, for any number type.
//! fn noisy_sum<T: Real>(x: &[T], rng: &mut impl Rng) -> T {
//!     let noise: Tensor<T> = Tensor::normal([1], 0.0, 1.0, rng);
//!     x.iter().fold(T::zero(), |sum, &x| sum + x) + noise.sum(..).item()
//! }
//! assert!(noisy_sum(&[1.0_f32, 2.0], &mut rng(0)).is_finite());
//! ```

pub use num_traits::{One, Zero};
pub use rand::{Rng, RngExt};
pub use rand_chacha::ChaCha8Rng;

#[cfg(feature = "check")]
pub use crate::autograd::check::{Check, CheckOptions, Report, Verdict, Witness, check_black_box};
pub use crate::autograd::ops::{CrossEntropyOptions, Reduction};
pub use crate::autograd::{
    Call, Contributions, Draw, Inputs, Op, Outputs, Reads, Replay, Sample, Tape, Var, generic,
};
#[cfg(feature = "check")]
pub use crate::autograd::{assert_gradients, check_gradients, check_op};
pub use crate::data::{
    Augment, Batch, Dataset, Example, ImageSet, Loader, LoaderOptions, Normalize, Split, Targets,
};
pub use crate::evaluate::{accuracy, predictions};
#[cfg(feature = "check")]
pub use crate::nn::check_model;
pub use crate::nn::{
    BatchNorm2d, Buffer, Conv2d, Dropout, Flatten, Gradients, Layer, Linear, MaxPool2d, Module,
    Param, Parameters, ParametersExt, Pass, Relu, ReplayedLoss, Sequential, fields, gradient_flow,
    rng, sequential, summary,
};
pub use crate::optim::{Adam, AdamW, CosineAnnealingLr, Optimizer, Schedule, Sgd};
pub use crate::tensor::{
    Axes, ConvOptions, Dual, Element, Number, PoolOptions, Real, Slice, Tensor, assert_shape, keep,
};
pub use crate::train::{
    CheckpointOptions, EarlyStopping, Ema, Every, MetricMode, Monitor, TrainError, TrainOptions,
    Trainer,
};
