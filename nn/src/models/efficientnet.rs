//! Inverted residuals with squeeze-and-excitation (Tan & Le 2019).

use rand::{Rng, RngExt};
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use super::he;
use crate::layers::{
    Activation, BatchNorm2d, Conv2d, Dropout, Linear, Sequential, Silu, SqueezeExcitation,
    StochasticDepth,
};
use crate::module::Module;
use crate::pass::Pass;
use crate::sequential;

/// The options of an [`EfficientNet`].
#[derive(Clone, Debug, PartialEq)]
pub struct EfficientNetOptions {
    /// Classes; 1000.
    pub classes: usize,
    /// The probability of dropping a feature before the dense layer; 0.2.
    pub dropout: f64,
    /// The probability of skipping a block's result at the end of the network; it grows from 0 in proportion to the
    /// depth; 0.2.
    pub stochastic_depth: f64,
}

impl Default for EfficientNetOptions {
    fn default() -> Self {
        Self {
            classes: 1000,
            dropout: 0.2,
            stochastic_depth: 0.2,
        }
    }
}

/// EfficientNet-B0, as torchvision has it.
///
/// * input: `[batch, 3, height, width]`, 224 × 224 in the paper
/// * output: `[batch, classes]`, scores
///
/// ```
/// use wengert_nn::models::{EfficientNet, EfficientNetOptions};
/// use wengert_nn::ParametersExt;
///
/// let model: EfficientNet = EfficientNet::new(&EfficientNetOptions::default(), &mut wengert_nn::rng(0));
/// assert_eq!(model.parameter_count(), 5_288_548);
/// ```
#[derive(Clone, Debug)]
pub struct EfficientNet<T: Real = f32> {
    /// The convolutions.
    pub features: Sequential<T>,
    /// Dropout and the dense layer.
    pub classifier: Sequential<T>,
}

crate::fields!(EfficientNet {
    features,
    classifier
});

/// The paper's table 1: expansion, kernel, the first block's stride, channels and blocks of each stage.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];

/// Channels of the stem and of the last convolution.
const ENDS: [usize; 2] = [32, 1280];

impl<T: Real> EfficientNet<T> {
    /// The network.
    ///
    /// # Panics
    /// If `dropout` or `stochastic_depth` is not a probability.
    #[must_use]
    #[track_caller]
    pub fn new(options: &EfficientNetOptions, rng: &mut impl Rng) -> Self {
        let [first, last] = ENDS;
        let total: usize = STAGES.iter().map(|(.., blocks)| blocks).sum();
        let mut features = sequential![convolution(3, first, 3, 2, 1, rng).push(Silu)];
        let (mut inputs, mut depth) = (first, 0);
        for (expansion, kernel, stride, channels, blocks) in STAGES {
            let mut stage = Sequential::new();
            for block in 0..blocks {
                let block = MbConvOptions {
                    inputs,
                    outputs: channels,
                    expansion,
                    kernel,
                    stride: if block == 0 { stride } else { 1 },
                    stochastic_depth: options.stochastic_depth * f64::from(depth) / total as f64,
                };
                stage = stage.push(MbConv::new(&block, rng));
                inputs = channels;
                depth += 1;
            }
            features = features.push(stage);
        }
        let bound = 1.0 / (options.classes as f64).sqrt();
        let weight = Tensor::from_fn([options.classes, last], |_| {
            T::of(bound * (2.0 * rng.random::<f64>() - 1.0))
        });
        Self {
            features: features.push(convolution(inputs, last, 1, 1, 1, rng).push(Silu)),
            classifier: sequential![
                Dropout::new(options.dropout),
                Linear::from_tensors(weight, Some(Tensor::zeros([options.classes])))
            ],
        }
    }
}

impl<T: Real> Module<T> for EfficientNet<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.features.call(x, pass);
        self.classifier.call(&x.mean([2, 3]), pass)
    }
}

/// A convolution that keeps the extents if the stride is 1, and batch norm.
fn convolution<T: Real>(
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
    sequential![he(conv, rng), BatchNorm2d::new(outputs)]
}

/// The sizes of an [`MbConv`].
#[derive(Clone, Debug, PartialEq)]
pub struct MbConvOptions {
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// The middle has this many times the channels of the input.
    pub expansion: usize,
    /// The extent of the depthwise filters.
    pub kernel: usize,
    /// Their stride.
    pub stride: usize,
    /// The probability of skipping the block's result in training, where it has a shortcut.
    pub stochastic_depth: f64,
}

/// 1 × 1 to more channels, a depthwise convolution, [`SqueezeExcitation`], and 1 × 1 back; plus `x` where the shape stays.
///
/// `[batch, inputs, height, width]` becomes `[batch, outputs, ⌈height / stride⌉, ⌈width / stride⌉]`
#[derive(Clone, Debug)]
pub struct MbConv<T: Real = f32> {
    block: Sequential<T>,
    stochastic_depth: StochasticDepth,
    residual: bool,
}

crate::fields!(MbConv {
    block,
    stochastic_depth
});

impl<T: Real> MbConv<T> {
    /// A block.
    ///
    /// # Panics
    /// If `stochastic_depth` is not a probability.
    #[must_use]
    #[track_caller]
    pub fn new(options: &MbConvOptions, rng: &mut impl Rng) -> Self {
        let &MbConvOptions {
            inputs,
            outputs,
            kernel,
            stride,
            ..
        } = options;
        let middle = inputs * options.expansion;
        let mut block = Sequential::new();
        if middle != inputs {
            block = block.push(convolution(inputs, middle, 1, 1, 1, rng).push(Silu));
        }
        let squeezed = (inputs / 4).max(1);
        let mut excitation = SqueezeExcitation::new(middle, squeezed, rng);
        excitation.fc1 = he(excitation.fc1, rng);
        excitation.fc2 = he(excitation.fc2, rng);
        excitation.activation = Activation::Silu;
        Self {
            block: block
                .push(convolution(middle, middle, kernel, stride, middle, rng).push(Silu))
                .push(excitation)
                .push(convolution(middle, outputs, 1, 1, 1, rng)),
            stochastic_depth: StochasticDepth::new(options.stochastic_depth),
            residual: stride == 1 && inputs == outputs,
        }
    }
}

impl<T: Real> Module<T> for MbConv<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.block.call(x, pass);
        if self.residual {
            self.stochastic_depth.call_owned(y, pass) + x
        } else {
            y
        }
    }
}
