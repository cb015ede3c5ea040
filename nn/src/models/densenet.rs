//! Networks whose layers read the outputs of all layers before them (Huang, Liu, van der Maaten & Weinberger 2017).

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::Real;

use super::he_in;
use crate::layers::{AvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, Relu, Sequential};
use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;

/// The sizes of a [`DenseNet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenseNetOptions {
    /// Channels that each layer adds; 32.
    pub growth: usize,
    /// Layers of each block; 6, 12, 24, 16, which makes DenseNet-121.
    pub blocks: Vec<usize>,
    /// Channels before the first block; 64.
    pub first: usize,
    /// Channels between the two convolutions of a layer, in multiples of the growth; 4.
    pub bottleneck: usize,
    /// Classes; 1000.
    pub classes: usize,
}

impl Default for DenseNetOptions {
    fn default() -> Self {
        Self {
            growth: 32,
            blocks: vec![6, 12, 24, 16],
            first: 64,
            bottleneck: 4,
            classes: 1000,
        }
    }
}

/// `DenseNet`, as torchvision has it; by default DenseNet-121.
///
/// * input: `[batch, 3, height, width]`, 224 × 224 in the paper, at least 32 × 32
/// * output: `[batch, classes]`, scores
///
/// ```
/// use wengert_nn::models::{DenseNet, DenseNetOptions};
/// use wengert_nn::summary;
///
/// let options = DenseNetOptions { growth: 4, blocks: vec![2, 2], first: 8, bottleneck: 2, classes: 10 };
/// let model: DenseNet = DenseNet::new(&options, &mut wengert_nn::rng(0));
/// assert_eq!(summary(&model, [2, 3, 32, 32]).output_shape, [2, 10]);
/// ```
#[derive(Clone, Debug)]
pub struct DenseNet<T: Real = f32> {
    /// The convolutions, with a norm at the end.
    pub features: Sequential<T>,
    /// The dense layer.
    pub classifier: Linear<T>,
}

crate::fields!(DenseNet {
    features,
    classifier
});

impl<T: Real> DenseNet<T> {
    /// The network.
    #[must_use]
    pub fn new(options: &DenseNetOptions, rng: &mut impl Rng) -> Self {
        let DenseNetOptions { growth, first, .. } = *options;
        let stem = Conv2d::new(3, first, 7, rng).stride(2).padding(3);
        let mut features = Sequential::new()
            .push_named("conv0", he_in(stem.without_bias(), rng))
            .push_named("norm0", BatchNorm2d::new(first))
            .push_named("relu0", Relu)
            .push_named("pool0", MaxPool2d::new(3).stride(2).padding(1));
        let mut channels = first;
        for (number, &layers) in options.blocks.iter().enumerate() {
            let block = DenseBlock::new(channels, layers, growth, options.bottleneck, rng);
            features = features.push_named(format!("denseblock{}", number + 1), block);
            channels += layers * growth;
            if number + 1 < options.blocks.len() {
                let transition = transition(channels, rng);
                features = features.push_named(format!("transition{}", number + 1), transition);
                channels /= 2;
            }
        }
        let mut classifier = Linear::new(channels, options.classes, rng);
        classifier.bias = Some(Param::new(wengert_tensor::Tensor::zeros([options.classes])));
        Self {
            features: features.push_named("norm5", BatchNorm2d::new(channels)),
            classifier,
        }
    }
}

impl<T: Real> Module<T> for DenseNet<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.features.call(x, pass).into_relu();
        self.classifier.call(&x.mean([2, 3]), pass)
    }
}

/// Norm, rectifier, 1 × 1 to half the channels, and the mean of 2 × 2.
fn transition<T: Real>(channels: usize, rng: &mut impl Rng) -> Sequential<T> {
    let conv = Conv2d::new(channels, channels / 2, 1, rng).without_bias();
    Sequential::new()
        .push_named("norm", BatchNorm2d::new(channels))
        .push_named("relu", Relu)
        .push_named("conv", he_in(conv, rng))
        .push_named("pool", AvgPool2d::new(2))
}

/// Layers that each read the block's input and the outputs of the layers before, and add `growth` channels:
/// `[batch, inputs, height, width]` becomes `[batch, inputs + layers · growth, height, width]`.
#[derive(Clone, Debug)]
pub struct DenseBlock<T: Real = f32> {
    layers: Sequential<T>,
}

crate::fields!(DenseBlock { "" => layers });

impl<T: Real> DenseBlock<T> {
    /// A block of `layers` layers, named `denselayer1`, `denselayer2` …; each has `bottleneck · growth` channels between
    /// its two convolutions.
    #[must_use]
    pub fn new(
        inputs: usize,
        layers: usize,
        growth: usize,
        bottleneck: usize,
        rng: &mut impl Rng,
    ) -> Self {
        let middle = bottleneck * growth;
        let layers = (0..layers).fold(Sequential::new(), |block, number| {
            let channels = inputs + number * growth;
            let narrow = Conv2d::new(channels, middle, 1, rng).without_bias();
            let wide = Conv2d::new(middle, growth, 3, rng).padding(1);
            let layer = Sequential::new()
                .push_named("norm1", BatchNorm2d::new(channels))
                .push_named("relu1", Relu)
                .push_named("conv1", he_in(narrow, rng))
                .push_named("norm2", BatchNorm2d::new(middle))
                .push_named("relu2", Relu)
                .push_named("conv2", he_in(wide.without_bias(), rng));
            block.push_named(format!("denselayer{}", number + 1), layer)
        });
        Self { layers }
    }
}

impl<T: Real> Module<T> for DenseBlock<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let mut x = x.clone();
        for (_, layer) in self.layers.iter() {
            let added = layer.call(&x, pass);
            x = Var::concat(&[&x, &added], 1);
        }
        x
    }
}
