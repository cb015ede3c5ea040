//! What a training program needs, in one line: `use wengert::prelude::*`.

pub use rand::Rng;

pub use crate::autograd::check::{CheckOptions, Report};
pub use crate::autograd::ops::{CrossEntropyOptions, Reduction};
pub use crate::autograd::{
    Call, Contributions, Cotangents, Draw, Inputs, Op, Outputs, Reads, Sample, Tape, Var,
    check_gradients, check_op, generic,
};
pub use crate::data::{Dataset, ImageSet, Loader, LoaderOptions};
pub use crate::evaluate::accuracy;
pub use crate::nn::{
    BatchNorm2d, Buffer, Conv2d, Dropout, Flatten, Gradients, Layer, Linear, MaxPool2d, Module,
    Param, Parameters, ParametersExt, Pass, Relu, Sequential, check_model, fields, rng, summary,
};
pub use crate::optim::{Adam, AdamW, Optimizer, Sgd};
pub use crate::tensor::{
    Axes, ConvOptions, Dual, Element, Number, PoolOptions, Real, Slice, Tensor, assert_shape, keep,
};
