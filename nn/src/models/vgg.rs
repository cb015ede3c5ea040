//! Stacks of 3 × 3 convolutions (Simonyan & Zisserman 2015).

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::Real;

use super::{he, small};
use crate::layers::{AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, MaxPool2d, Relu, Sequential};
use crate::module::Module;
use crate::pass::Pass;
use crate::sequential;

/// The configurations of the paper's table 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VggLayout {
    /// A: eleven layers.
    Vgg11,
    /// B: thirteen layers.
    Vgg13,
    /// D: sixteen layers.
    Vgg16,
    /// E: nineteen layers.
    Vgg19,
}

impl VggLayout {
    /// How many convolutions of how many filters there are before each maximum.
    const fn stages(self) -> [(usize, usize); 5] {
        match self {
            Self::Vgg11 => [(1, 64), (1, 128), (2, 256), (2, 512), (2, 512)],
            Self::Vgg13 => [(2, 64), (2, 128), (2, 256), (2, 512), (2, 512)],
            Self::Vgg16 => [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)],
            Self::Vgg19 => [(2, 64), (2, 128), (4, 256), (4, 512), (4, 512)],
        }
    }
}

/// The choices that a [`Vgg`] leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VggOptions {
    /// Whether batch norm follows each convolution; not by default.
    pub batch_norm: bool,
    /// Width of the two hidden dense layers; 4096.
    pub hidden: usize,
    /// Classes; 1000.
    pub classes: usize,
}

impl Default for VggOptions {
    fn default() -> Self {
        Self {
            batch_norm: false,
            hidden: 4096,
            classes: 1000,
        }
    }
}

/// Convolutions and maxima, then three dense layers with dropout between.
///
/// * input: `[batch, 3, height, width]`, 224 × 224 in the paper
/// * output: `[batch, classes]`, scores
#[derive(Clone, Debug)]
pub struct Vgg<T: Real = f32> {
    /// The convolutions.
    pub features: Sequential<T>,
    avgpool: AdaptiveAvgPool2d,
    /// The dense layers.
    pub classifier: Sequential<T>,
}

crate::fields!(Vgg {
    features,
    avgpool,
    classifier
});

impl<T: Real> Vgg<T> {
    /// The network.
    #[must_use]
    pub fn new(layout: VggLayout, options: &VggOptions, rng: &mut impl Rng) -> Self {
        let mut features = Sequential::new();
        let mut inputs = 3;
        for (count, width) in layout.stages() {
            for _ in 0..count {
                features = features.push(he(Conv2d::new(inputs, width, 3, rng).padding(1), rng));
                if options.batch_norm {
                    features = features.push(BatchNorm2d::new(width));
                }
                features = features.push(Relu);
                inputs = width;
            }
            features = features.push(MaxPool2d::new(2));
        }
        let classifier = sequential![
            small(inputs * 7 * 7, options.hidden, rng),
            Relu,
            Dropout::new(0.5),
            small(options.hidden, options.hidden, rng),
            Relu,
            Dropout::new(0.5),
            small(options.hidden, options.classes, rng),
        ];
        Self {
            features,
            avgpool: AdaptiveAvgPool2d::new(7),
            classifier,
        }
    }
}

impl<T: Real> Module<T> for Vgg<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.avgpool.call(&self.features.call(x, pass), pass);
        self.classifier.call(&x.flatten(1, -1), pass)
    }
}
