//! Networks of depthwise convolutions (Sandler, Howard, Zhu, Zhmoginov & Chen 2018).

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, keep, require};

use super::{he, small};
use crate::layers::{BatchNorm2d, Conv2d, Dropout, Relu6, Sequential};
use crate::module::Module;
use crate::pass::Pass;
use crate::sequential;

/// The choices that a [`MobileNetV2`] leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct MobileNetOptions {
    /// The factor on every number of channels, which is then rounded to a multiple of 8; by default 1.
    pub width_mult: f64,
    /// Classes; 1000.
    pub classes: usize,
    /// The probability of dropping a feature before the dense layer; 0.2.
    pub dropout: f64,
}

impl Default for MobileNetOptions {
    fn default() -> Self {
        Self {
            width_mult: 1.0,
            classes: 1000,
            dropout: 0.2,
        }
    }
}

/// `MobileNetV2`, as torchvision has it: inverted residuals, then a dense layer.
///
/// * input: `[batch, 3, height, width]`, 224 × 224 in the paper
/// * output: `[batch, classes]`, scores
#[derive(Clone, Debug)]
pub struct MobileNetV2<T: Real = f32> {
    /// The convolutions.
    pub features: Sequential<T>,
    /// Dropout and the dense layer.
    pub classifier: Sequential<T>,
}

crate::fields!(MobileNetV2 {
    features,
    classifier
});

/// The paper's table 2: expansion, channels, blocks and the first block's stride of each stage.
const STAGES: [(usize, f64, usize, usize); 7] = [
    (1, 16.0, 1, 1),
    (6, 24.0, 2, 2),
    (6, 32.0, 3, 2),
    (6, 64.0, 4, 2),
    (6, 96.0, 3, 1),
    (6, 160.0, 3, 2),
    (6, 320.0, 1, 1),
];

/// The nearest multiple of 8, not more than a tenth below and not below 8.
fn rounded(channels: f64) -> usize {
    let near = (((channels + 4.0) / 8.0) as usize * 8).max(8);
    if (near as f64) < 0.9 * channels {
        near + 8
    } else {
        near
    }
}

impl<T: Real> MobileNetV2<T> {
    /// The network.
    ///
    /// # Panics
    /// If the width is not positive or the dropout no probability.
    #[must_use]
    #[track_caller]
    pub fn new(options: &MobileNetOptions, rng: &mut impl Rng) -> Self {
        let width = options.width_mult;
        require!(
            width > 0.0 && width.is_finite(),
            "mobilenet_v2: a width of {width} is not positive"
        );
        let mut inputs = rounded(32.0 * width);
        let mut features = Sequential::new().push(stage(3, inputs, 3, 2, 1, rng));
        for (expansion, channels, blocks, stride) in STAGES {
            let outputs = rounded(channels * width);
            for block in 0..blocks {
                let stride = if block == 0 { stride } else { 1 };
                let block = InvertedResidual::new(inputs, outputs, stride, expansion, rng);
                features = features.push(block);
                inputs = outputs;
            }
        }
        let last = rounded(1280.0 * width.max(1.0));
        Self {
            features: features.push(stage(inputs, last, 1, 1, 1, rng)),
            classifier: sequential![
                Dropout::new(options.dropout),
                small(last, options.classes, rng)
            ],
        }
    }
}

impl<T: Real> Module<T> for MobileNetV2<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.features.call(x, pass);
        let x = x.mean(keep([2, 3])).flatten(1, -1);
        self.classifier.call(&x, pass)
    }
}

/// A convolution, batch norm, and the rectifier that stops at 6.
fn stage<T: Real>(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
    rng: &mut impl Rng,
) -> Sequential<T> {
    let conv = Conv2d::grouped(inputs, outputs, kernel, groups, rng)
        .stride(stride)
        .padding(kernel / 2)
        .without_bias();
    sequential![he(conv, rng), BatchNorm2d::new(outputs), Relu6]
}

/// Few channels to many, a depthwise convolution, and back to few without a rectifier; plus `x` where
/// the shape stays.
#[derive(Clone, Debug)]
pub struct InvertedResidual<T: Real = f32> {
    conv: Sequential<T>,
    residual: bool,
}

crate::fields!(InvertedResidual { conv });

impl<T: Real> InvertedResidual<T> {
    /// A block whose middle has `expansion` times as many channels as its input.
    #[must_use]
    pub fn new(
        inputs: usize,
        outputs: usize,
        stride: usize,
        expansion: usize,
        rng: &mut impl Rng,
    ) -> Self {
        let hidden = inputs * expansion;
        let mut conv = Sequential::new();
        if expansion != 1 {
            conv = conv.push(stage(inputs, hidden, 1, 1, 1, rng));
        }
        let back = Conv2d::new(hidden, outputs, 1, rng).without_bias();
        Self {
            conv: conv
                .push(stage(hidden, hidden, 3, stride, hidden, rng))
                .push(he(back, rng))
                .push(BatchNorm2d::new(outputs)),
            residual: stride == 1 && inputs == outputs,
        }
    }
}

impl<T: Real> Module<T> for InvertedResidual<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.conv.call(x, pass);
        if self.residual { y + x } else { y }
    }
}
