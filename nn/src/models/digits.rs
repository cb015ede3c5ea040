//! A small network for digits of 8 × 8 pixels.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::Real;

use super::Pool;
use crate::layers::{Activation, BatchNorm2d, Conv2d, Linear};
use crate::module::Module;
use crate::pass::Pass;

/// The sizes and choices of a [`DigitsCnn`].
#[derive(Clone, Debug, PartialEq)]
pub struct DigitsOptions {
    /// Filters of the two convolutions; 8 and 16.
    pub filters: [usize; 2],
    /// Whether batch norm follows the convolutions, which then have no bias; not by default.
    pub batch_norm: bool,
    /// What follows then; [`Activation::Relu`].
    pub activation: Activation,
    /// How images shrink; by maxima.
    pub pool: Pool,
}

impl Default for DigitsOptions {
    fn default() -> Self {
        Self {
            filters: [8, 16],
            batch_norm: false,
            activation: Activation::Relu,
            pool: Pool::Max,
        }
    }
}

/// conv1, \[bn1,\] activation, pool, conv2, \[bn2,\] activation, pool, fc.
///
/// * input: `[batch, 1, 8, 8]`
/// * output: `[batch, 10]`, scores
#[derive(Clone, Debug)]
pub struct DigitsCnn<T: Real = f32> {
    /// The first convolution.
    pub conv1: Conv2d<T>,
    /// The norm after `conv1`.
    pub bn1: Option<BatchNorm2d<T>>,
    /// The second convolution.
    pub conv2: Conv2d<T>,
    /// The norm after `conv2`.
    pub bn2: Option<BatchNorm2d<T>>,
    /// The dense layer.
    pub fc: Linear<T>,
    activation: Activation,
    pool: Pool,
}

crate::fields!(DigitsCnn {
    conv1,
    bn1,
    conv2,
    bn2,
    fc,
});

impl<T: Real> DigitsCnn<T> {
    /// The network.
    #[must_use]
    pub fn new(options: &DigitsOptions, rng: &mut impl Rng) -> Self {
        let [c1, c2] = options.filters;
        let mut conv = |inputs, outputs| {
            let conv = Conv2d::new(inputs, outputs, 3, rng).padding(1);
            if options.batch_norm {
                conv.without_bias()
            } else {
                conv
            }
        };
        let (conv1, conv2) = (conv(1, c1), conv(c1, c2));
        let norm = |channels| options.batch_norm.then(|| BatchNorm2d::new(channels));
        Self {
            conv1,
            bn1: norm(c1),
            conv2,
            bn2: norm(c2),
            fc: Linear::new(4 * c2, 10, rng),
            activation: options.activation,
            pool: options.pool,
        }
    }

    fn stage(
        &self,
        conv: &Conv2d<T>,
        norm: Option<&BatchNorm2d<T>>,
        x: &Var<T>,
        pass: &mut Pass<T>,
    ) -> Var<T> {
        let mut x = conv.call(x, pass);
        if let Some(norm) = norm {
            x = norm.call(&x, pass);
        }
        self.pool.apply(&self.activation.forward_owned(x, pass))
    }
}

impl<T: Real> Module<T> for DigitsCnn<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.stage(&self.conv1, self.bn1.as_ref(), x, pass);
        let x = self.stage(&self.conv2, self.bn2.as_ref(), &x, pass);
        self.fc.call(&x.flatten(1, -1), pass)
    }
}
