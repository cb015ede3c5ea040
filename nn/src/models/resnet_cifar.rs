//! Residual networks for small images (He, Zhang, Ren & Sun 2016, section 4.2).

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, Slice, require};

use super::he;
use crate::layers::{BatchNorm2d, Conv2d, Linear, Sequential};
use crate::module::Module;
use crate::pass::Pass;
use crate::sequential;

/// What a shortcut does where the block's result has another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shortcut {
    /// A 1 × 1 convolution with the block's stride, and batch norm.
    #[default]
    Conv,
    /// Option A of the paper, without parameters: every second row and column if the stride is 2, and
    /// half of the missing channels as zeros before the input's, the others after them.
    Pad,
}

/// The sizes of a [`CifarResNet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CifarResNetOptions {
    /// Channels of each stage; 16, 32, 64.
    pub widths: Vec<usize>,
    /// Blocks of each stage; three each, which makes the ResNet-20 of the paper.
    pub blocks: Vec<usize>,
    /// Channels of the images; 3.
    pub channels: usize,
    /// Classes; 10.
    pub classes: usize,
    /// What shortcuts do; [`Shortcut::Conv`].
    pub shortcut: Shortcut,
}

impl Default for CifarResNetOptions {
    fn default() -> Self {
        Self {
            widths: vec![16, 32, 64],
            blocks: vec![3, 3, 3],
            channels: 3,
            classes: 10,
            shortcut: Shortcut::Conv,
        }
    }
}

/// conv1, bn1, relu, stages `layer1`, `layer2`, … of blocks, the mean over space, fc. The first block
/// of every stage but the first has stride 2.
///
/// * input: `[batch, channels, height, width]`, 32 × 32 in the paper
/// * output: `[batch, classes]`, scores
#[derive(Clone, Debug)]
pub struct CifarResNet<T: Real = f32> {
    /// 3 × 3.
    pub conv1: Conv2d<T>,
    /// The norm after `conv1`.
    pub bn1: BatchNorm2d<T>,
    /// The stages.
    pub layers: Sequential<T>,
    /// The dense layer.
    pub fc: Linear<T>,
}

crate::fields!(CifarResNet { conv1, bn1, "" => layers, fc });

impl<T: Real> CifarResNet<T> {
    /// The network.
    ///
    /// # Panics
    /// If there are not as many numbers of blocks as of channels, or none.
    #[must_use]
    #[track_caller]
    pub fn new(options: &CifarResNetOptions, rng: &mut impl Rng) -> Self {
        let CifarResNetOptions {
            widths,
            blocks,
            channels,
            classes,
            shortcut,
        } = options;
        require!(
            widths.len() == blocks.len() && !widths.is_empty(),
            "resnet_cifar: {} widths, {} numbers of blocks: one each is needed",
            widths.len(),
            blocks.len()
        );
        let first = widths[0];
        let conv1 = he(
            Conv2d::new(*channels, first, 3, rng)
                .padding(1)
                .without_bias(),
            rng,
        );
        let mut inputs = first;
        let mut layers = Sequential::new();
        for (stage, (&width, &count)) in widths.iter().zip(blocks).enumerate() {
            let blocks = (0..count).fold(Sequential::new(), |blocks, i| {
                let stride = if i == 0 && stage > 0 { 2 } else { 1 };
                let block = CifarBlock::new(inputs, width, stride, *shortcut, rng);
                inputs = width;
                blocks.push(block)
            });
            layers = layers.push_named(format!("layer{}", stage + 1), blocks);
        }
        let fc = Linear::new(inputs, *classes, rng);
        Self {
            conv1,
            bn1: BatchNorm2d::new(first),
            layers,
            fc,
        }
    }
}

impl<T: Real> Module<T> for CifarResNet<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.bn1.call(&self.conv1.call(x, pass), pass).into_relu();
        let x = self.layers.call(&x, pass);
        self.fc.call(&x.mean([2, 3]), pass)
    }
}

/// `relu(shortcut(x) + bn2(conv2(relu(bn1(conv1(x))))))`, two 3 × 3 convolutions.
#[derive(Clone, Debug)]
pub struct CifarBlock<T: Real = f32> {
    conv1: Conv2d<T>,
    bn1: BatchNorm2d<T>,
    conv2: Conv2d<T>,
    bn2: BatchNorm2d<T>,
    downsample: Option<Sequential<T>>,
}

crate::fields!(CifarBlock {
    conv1,
    bn1,
    conv2,
    bn2,
    downsample
});

impl<T: Real> CifarBlock<T> {
    /// A block from `inputs` to `width` channels.
    #[must_use]
    pub fn new(
        inputs: usize,
        width: usize,
        stride: usize,
        shortcut: Shortcut,
        rng: &mut impl Rng,
    ) -> Self {
        let changes = stride != 1 || inputs != width;
        let mut conv = |inputs, kernel, stride| {
            let conv = Conv2d::new(inputs, width, kernel, rng)
                .stride(stride)
                .padding(kernel / 2);
            he(conv.without_bias(), rng)
        };
        Self {
            conv1: conv(inputs, 3, stride),
            bn1: BatchNorm2d::new(width),
            conv2: conv(width, 3, 1),
            bn2: BatchNorm2d::new(width),
            downsample: (changes && shortcut == Shortcut::Conv)
                .then(|| sequential![conv(inputs, 1, stride), BatchNorm2d::new(width)]),
        }
    }
}

impl<T: Real> Module<T> for CifarBlock<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.bn1.call(&self.conv1.call(x, pass), pass).into_relu();
        let y = self.bn2.call(&self.conv2.call(&y, pass), pass);
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.call(x, pass),
            None => padded(x, y.shape()),
        };
        (y + shortcut).into_relu()
    }
}

/// [`Shortcut::Pad`] of `x` to a shape.
#[track_caller]
fn padded<T: Real>(x: &Var<T>, shape: &[usize]) -> Var<T> {
    if x.shape() == shape {
        return x.clone();
    }
    let small = if x.size(2) == shape[2] {
        x.clone()
    } else {
        let second = Slice::from(..).step(2);
        x.slice(2, second).slice(3, second)
    };
    let more = shape[1] - x.size(1);
    let before = (more / 2) as isize;
    let mut region = [Slice::from(..); 4];
    region[1] = Slice::from(before..before + x.size(1) as isize);
    small.unslice(&region, shape)
}
