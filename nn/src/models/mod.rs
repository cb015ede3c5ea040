//! Well-known image models, with the names, shapes and starting values that `PyTorch`'s users know,
//! so that their state dicts load.

mod densenet;
mod digits;
mod efficientnet;
mod lenet;
mod mobilenet;
mod resnet;
mod resnet_cifar;
mod shufflenet;
mod squeezenet;
mod torchvision;
mod vgg;
mod vit;

pub use densenet::{DenseBlock, DenseNet, DenseNetOptions};
pub use digits::{DigitsCnn, DigitsOptions};
pub use efficientnet::{EfficientNet, EfficientNetOptions, MbConv, MbConvOptions};
pub use lenet::{LeNet, LeNetOptions};
pub use mobilenet::{InvertedResidual, MobileNetOptions, MobileNetV2};
pub use resnet::{
    BasicBlock, Bottleneck, ResNet, resnet18, resnet34, resnet50, resnet101, resnet152,
};
pub use resnet_cifar::{CifarBlock, CifarResNet, CifarResNetOptions, Shortcut};
pub use shufflenet::{ShuffleNetOptions, ShuffleNetV2, ShuffleUnit};
pub use squeezenet::{Fire, SqueezeNet, SqueezeNetVersion};
pub use torchvision::{TORCHVISION, torchvision};
pub use vgg::{Vgg, VggLayout, VggOptions};
pub use vit::{VisionTransformer, VitOptions};

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{PoolOptions, Real, Tensor};

use crate::init::{Fan, Nonlinearity, kaiming_normal};
use crate::layers::{Conv2d, Linear};
use crate::param::Param;

/// How a model shrinks its images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pool {
    /// The largest of 2 × 2.
    #[default]
    Max,
    /// The mean of 2 × 2.
    Average,
}

impl Pool {
    #[track_caller]
    fn apply<T: Real>(self, x: &Var<T>) -> Var<T> {
        let options = PoolOptions::new(2);
        match self {
            Self::Max => x.max_pool2d(options),
            Self::Average => x.avg_pool2d(options),
        }
    }
}

/// A convolution that keeps the variance of gradients through rectifiers (He et al. 2015), with a
/// bias of 0 if it has one.
fn he<T: Real>(conv: Conv2d<T>, rng: &mut impl Rng) -> Conv2d<T> {
    he_of(Fan::Out, conv, rng)
}

/// As [`he`], keeping the variance of values.
fn he_in<T: Real>(conv: Conv2d<T>, rng: &mut impl Rng) -> Conv2d<T> {
    he_of(Fan::In, conv, rng)
}

fn he_of<T: Real>(fan: Fan, mut conv: Conv2d<T>, rng: &mut impl Rng) -> Conv2d<T> {
    let shape = conv.weight.shape().to_vec();
    let gain = Nonlinearity::Relu.gain();
    conv.weight = Param::new(kaiming_normal(shape, fan, gain, rng));
    conv.bias = conv
        .bias
        .map(|bias| Param::new(Tensor::zeros(bias.shape())));
    conv
}

/// A dense layer of small normal weights and a bias of 0.
fn small<T: Real>(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Linear<T> {
    let weight = Tensor::normal([outputs, inputs], 0.0, 0.01, rng);
    Linear::from_tensors(weight, Some(Tensor::zeros([outputs])))
}
