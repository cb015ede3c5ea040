//! Residual networks for large images (He, Zhang, Ren & Sun 2016), as torchvision has them: the
//! stride of a bottleneck is in its 3 × 3 convolution.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::Real;

use super::he;
use crate::layers::{AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, Relu, Sequential};
use crate::module::{Layer, Module};
use crate::pass::Pass;
use crate::sequential;

/// A stem, four stages of residual blocks, a dense layer.
///
/// * input: `[batch, 3, height, width]`, 224 × 224 in the paper
/// * output: `[batch, classes]`, scores
#[derive(Clone, Debug)]
pub struct ResNet<T: Real = f32> {
    /// 7 × 7, stride 2.
    pub conv1: Conv2d<T>,
    /// The norm after `conv1`.
    pub bn1: BatchNorm2d<T>,
    relu: Relu,
    maxpool: MaxPool2d,
    /// Blocks of 64 channels.
    pub layer1: Sequential<T>,
    /// Blocks of 128 channels.
    pub layer2: Sequential<T>,
    /// Blocks of 256 channels.
    pub layer3: Sequential<T>,
    /// Blocks of 512 channels.
    pub layer4: Sequential<T>,
    avgpool: AdaptiveAvgPool2d,
    /// The dense layer.
    pub fc: Linear<T>,
}

crate::fields!(ResNet {
    conv1,
    bn1,
    relu,
    maxpool,
    layer1,
    layer2,
    layer3,
    layer4,
    avgpool,
    fc,
});

/// Eighteen layers: two [`BasicBlock`]s a stage; 11.7 million parameters.
#[must_use]
pub fn resnet18<T: Real>(classes: usize, rng: &mut impl Rng) -> ResNet<T> {
    ResNet::new(
        [2, 2, 2, 2],
        1,
        classes,
        rng,
        |inputs, width, stride, rng| BasicBlock::new(inputs, width, stride, rng),
    )
}

/// Thirty-four layers: three, four, six and three [`BasicBlock`]s; 21.8 million parameters.
#[must_use]
pub fn resnet34<T: Real>(classes: usize, rng: &mut impl Rng) -> ResNet<T> {
    ResNet::new(
        [3, 4, 6, 3],
        1,
        classes,
        rng,
        |inputs, width, stride, rng| BasicBlock::new(inputs, width, stride, rng),
    )
}

/// Fifty layers: three, four, six and three [`Bottleneck`]s; 25.6 million parameters.
#[must_use]
pub fn resnet50<T: Real>(classes: usize, rng: &mut impl Rng) -> ResNet<T> {
    ResNet::new(
        [3, 4, 6, 3],
        4,
        classes,
        rng,
        |inputs, width, stride, rng| Bottleneck::new(inputs, width, stride, rng),
    )
}

/// A hundred and one layers: three, four, twenty-three and three [`Bottleneck`]s; 44.5 million parameters.
#[must_use]
pub fn resnet101<T: Real>(classes: usize, rng: &mut impl Rng) -> ResNet<T> {
    ResNet::new(
        [3, 4, 23, 3],
        4,
        classes,
        rng,
        |inputs, width, stride, rng| Bottleneck::new(inputs, width, stride, rng),
    )
}

/// A hundred and fifty-two layers: three, eight, thirty-six and three [`Bottleneck`]s; 60.2 million parameters.
#[must_use]
pub fn resnet152<T: Real>(classes: usize, rng: &mut impl Rng) -> ResNet<T> {
    ResNet::new(
        [3, 8, 36, 3],
        4,
        classes,
        rng,
        |inputs, width, stride, rng| Bottleneck::new(inputs, width, stride, rng),
    )
}

impl<T: Real> ResNet<T> {
    /// A network with `blocks[i]` blocks in stage `i`. `block` makes one from its input channels, width
    /// and stride; the block has `width · expansion` output channels.
    fn new<B: Layer<T> + 'static, R: Rng>(
        blocks: [usize; 4],
        expansion: usize,
        classes: usize,
        rng: &mut R,
        block: impl Fn(usize, usize, usize, &mut R) -> B,
    ) -> Self {
        let conv1 = he(
            Conv2d::new(3, 64, 7, rng)
                .stride(2)
                .padding(3)
                .without_bias(),
            rng,
        );
        let mut inputs = 64;
        let mut stage = |width: usize, blocks: usize, stride: usize| {
            (0..blocks).fold(Sequential::new(), |stage, i| {
                let stride = if i == 0 { stride } else { 1 };
                let block = block(inputs, width, stride, rng);
                inputs = width * expansion;
                stage.push(block)
            })
        };
        Self {
            conv1,
            bn1: BatchNorm2d::new(64),
            relu: Relu,
            maxpool: MaxPool2d::new(3).stride(2).padding(1),
            layer1: stage(64, blocks[0], 1),
            layer2: stage(128, blocks[1], 2),
            layer3: stage(256, blocks[2], 2),
            layer4: stage(512, blocks[3], 2),
            avgpool: AdaptiveAvgPool2d::new(1),
            fc: Linear::new(512 * expansion, classes, rng),
        }
    }
}

impl<T: Real> Module<T> for ResNet<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.bn1.call(&self.conv1.call(x, pass), pass);
        let x = self.maxpool.call(&self.relu.call_owned(x, pass), pass);
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        let x = stages.into_iter().fold(x, |x, stage| stage.call(&x, pass));
        let x = self.avgpool.call(&x, pass);
        self.fc.call(&x.flatten(1, -1), pass)
    }
}

/// A 3 × 3 convolution without bias.
fn conv3<T: Real>(inputs: usize, outputs: usize, stride: usize, rng: &mut impl Rng) -> Conv2d<T> {
    he(
        Conv2d::new(inputs, outputs, 3, rng)
            .stride(stride)
            .padding(1)
            .without_bias(),
        rng,
    )
}

/// A 1 × 1 convolution without bias.
fn conv1<T: Real>(inputs: usize, outputs: usize, stride: usize, rng: &mut impl Rng) -> Conv2d<T> {
    he(
        Conv2d::new(inputs, outputs, 1, rng)
            .stride(stride)
            .without_bias(),
        rng,
    )
}

/// What brings a shortcut to the shape of the block's result, where it has another.
fn downsample<T: Real>(
    inputs: usize,
    outputs: usize,
    stride: usize,
    rng: &mut impl Rng,
) -> Option<Sequential<T>> {
    (stride != 1 || inputs != outputs).then(|| {
        sequential![
            conv1(inputs, outputs, stride, rng),
            BatchNorm2d::new(outputs)
        ]
    })
}

/// `relu(x + bn2(conv2(relu(bn1(conv1(x))))))`, two 3 × 3 convolutions.
#[derive(Clone, Debug)]
pub struct BasicBlock<T: Real = f32> {
    conv1: Conv2d<T>,
    bn1: BatchNorm2d<T>,
    relu: Relu,
    conv2: Conv2d<T>,
    bn2: BatchNorm2d<T>,
    downsample: Option<Sequential<T>>,
}

crate::fields!(BasicBlock {
    conv1,
    bn1,
    relu,
    conv2,
    bn2,
    downsample
});

impl<T: Real> BasicBlock<T> {
    /// A block from `inputs` to `width` channels.
    #[must_use]
    pub fn new(inputs: usize, width: usize, stride: usize, rng: &mut impl Rng) -> Self {
        Self {
            conv1: conv3(inputs, width, stride, rng),
            bn1: BatchNorm2d::new(width),
            relu: Relu,
            conv2: conv3(width, width, 1, rng),
            bn2: BatchNorm2d::new(width),
            downsample: downsample(inputs, width, stride, rng),
        }
    }
}

impl<T: Real> Module<T> for BasicBlock<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.bn1.call(&self.conv1.call(x, pass), pass);
        let y = self.relu.call_owned(y, pass);
        let y = self.bn2.call(&self.conv2.call(&y, pass), pass);
        let shortcut = self
            .downsample
            .as_ref()
            .map_or_else(|| x.clone(), |d| d.call(x, pass));
        self.relu.call_owned(y + shortcut, pass)
    }
}

/// A 1 × 1 convolution to `width` channels, a 3 × 3 one, a 1 × 1 one to four times as many.
#[derive(Clone, Debug)]
pub struct Bottleneck<T: Real = f32> {
    conv1: Conv2d<T>,
    bn1: BatchNorm2d<T>,
    conv2: Conv2d<T>,
    bn2: BatchNorm2d<T>,
    conv3: Conv2d<T>,
    bn3: BatchNorm2d<T>,
    relu: Relu,
    downsample: Option<Sequential<T>>,
}

crate::fields!(Bottleneck {
    conv1,
    bn1,
    conv2,
    bn2,
    conv3,
    bn3,
    relu,
    downsample
});

impl<T: Real> Bottleneck<T> {
    /// A block from `inputs` to `4 · width` channels.
    #[must_use]
    pub fn new(inputs: usize, width: usize, stride: usize, rng: &mut impl Rng) -> Self {
        Self {
            conv1: conv1(inputs, width, 1, rng),
            bn1: BatchNorm2d::new(width),
            conv2: conv3(width, width, stride, rng),
            bn2: BatchNorm2d::new(width),
            conv3: conv1(width, 4 * width, 1, rng),
            bn3: BatchNorm2d::new(4 * width),
            relu: Relu,
            downsample: downsample(inputs, 4 * width, stride, rng),
        }
    }
}

impl<T: Real> Module<T> for Bottleneck<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.bn1.call(&self.conv1.call(x, pass), pass);
        let y = self.relu.call_owned(y, pass);
        let y = self.bn2.call(&self.conv2.call(&y, pass), pass);
        let y = self.relu.call_owned(y, pass);
        let y = self.bn3.call(&self.conv3.call(&y, pass), pass);
        let shortcut = self
            .downsample
            .as_ref()
            .map_or_else(|| x.clone(), |d| d.call(x, pass));
        self.relu.call_owned(y + shortcut, pass)
    }
}
