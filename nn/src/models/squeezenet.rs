//! Small networks of 1 × 1 and 3 × 3 filters (Iandola et al. 2016).

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use crate::init::{Fan, Nonlinearity, kaiming_uniform};
use crate::layers::{AdaptiveAvgPool2d, Conv2d, Dropout, MaxPool2d, Relu, Sequential};
use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;
use crate::sequential;

/// The two versions of a [`SqueezeNet`], of nearly the same accuracy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SqueezeNetVersion {
    /// 1.0, as in the paper.
    #[default]
    V1_0,
    /// 1.1, with 2.4 times fewer multiply-adds.
    V1_1,
}

/// `SqueezeNet`, as torchvision has it.
///
/// * input: `[batch, 3, height, width]`, 224 × 224 in the paper, at least 21 × 21
/// * output: `[batch, classes]`, scores
///
/// ```
/// use wengert_nn::models::{SqueezeNet, SqueezeNetVersion};
/// use wengert_nn::ParametersExt;
///
/// let model: SqueezeNet = SqueezeNet::new(SqueezeNetVersion::V1_1, 1000, &mut wengert_nn::rng(0));
/// assert_eq!(model.parameter_count(), 1_235_496);
/// ```
#[derive(Clone, Debug)]
pub struct SqueezeNet<T: Real = f32> {
    /// The convolutions.
    pub features: Sequential<T>,
    /// Dropout, a 1 × 1 convolution with a filter for each class, a rectifier and the mean.
    pub classifier: Sequential<T>,
}

crate::fields!(SqueezeNet {
    features,
    classifier
});

impl<T: Real> SqueezeNet<T> {
    /// The network.
    #[must_use]
    pub fn new(version: SqueezeNetVersion, classes: usize, rng: &mut impl Rng) -> Self {
        let (first, kernel, stages): (_, _, [&[usize]; 3]) = match version {
            SqueezeNetVersion::V1_0 => (96, 7, [&[16, 16, 32], &[32, 48, 48, 64], &[64]]),
            SqueezeNetVersion::V1_1 => (64, 3, [&[16, 16], &[32, 32], &[48, 48, 64, 64]]),
        };
        let stem = zero_bias(Conv2d::new(3, first, kernel, rng).stride(2), rng);
        let mut features = sequential![stem, Relu];
        let mut inputs = first;
        for stage in stages {
            features = features.push(MaxPool2d::new(3).stride(2).ceil());
            for &squeezed in stage {
                features = features.push(Fire::new(inputs, squeezed, 4 * squeezed, rng));
                inputs = 8 * squeezed;
            }
        }
        let mut last = Conv2d::new(inputs, classes, 1, rng);
        last.weight = Param::new(Tensor::normal([classes, inputs, 1, 1], 0.0, 0.01, rng));
        last.bias = Some(Param::new(Tensor::zeros([classes])));
        Self {
            features,
            classifier: sequential![Dropout::new(0.5), last, Relu, AdaptiveAvgPool2d::new(1)],
        }
    }
}

impl<T: Real> Module<T> for SqueezeNet<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.features.call(x, pass);
        self.classifier.call(&x, pass).flatten(1, -1)
    }
}

/// A convolution with uniform weights after He and a bias of 0.
fn zero_bias<T: Real>(mut conv: Conv2d<T>, rng: &mut impl Rng) -> Conv2d<T> {
    let shape = conv.weight.shape().to_vec();
    conv.bias = Some(Param::new(Tensor::zeros([shape[0]])));
    let gain = Nonlinearity::Relu.gain();
    conv.weight = Param::new(kaiming_uniform(shape, Fan::In, gain, rng));
    conv
}

/// Few channels by 1 × 1, then as many again by 1 × 1 as by 3 × 3, concatenated; each followed by a rectifier.
///
/// `[batch, inputs, height, width]` becomes `[batch, 2 · expanded, height, width]`.
#[derive(Clone, Debug)]
pub struct Fire<T: Real = f32> {
    squeeze: Conv2d<T>,
    squeeze_activation: Relu,
    expand1x1: Conv2d<T>,
    expand1x1_activation: Relu,
    expand3x3: Conv2d<T>,
    expand3x3_activation: Relu,
}

crate::fields!(Fire {
    squeeze,
    squeeze_activation,
    expand1x1,
    expand1x1_activation,
    expand3x3,
    expand3x3_activation
});

impl<T: Real> Fire<T> {
    /// A module with `squeezed` channels in the middle and `expanded` filters of each kind.
    #[must_use]
    pub fn new(inputs: usize, squeezed: usize, expanded: usize, rng: &mut impl Rng) -> Self {
        let wide = Conv2d::new(squeezed, expanded, 3, rng).padding(1);
        Self {
            squeeze: zero_bias(Conv2d::new(inputs, squeezed, 1, rng), rng),
            squeeze_activation: Relu,
            expand1x1: zero_bias(Conv2d::new(squeezed, expanded, 1, rng), rng),
            expand1x1_activation: Relu,
            expand3x3: zero_bias(wide, rng),
            expand3x3_activation: Relu,
        }
    }
}

impl<T: Real> Module<T> for Fire<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.squeeze.call(x, pass);
        let x = self.squeeze_activation.call_owned(x, pass);
        let one = self.expand1x1.call(&x, pass);
        let one = self.expand1x1_activation.call_owned(one, pass);
        let three = self.expand3x3.call(&x, pass);
        let three = self.expand3x3_activation.call_owned(three, pass);
        Var::concat(&[&one, &three], 1)
    }
}
