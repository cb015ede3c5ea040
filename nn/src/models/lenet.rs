//! LeNet-5 (`LeCun` et al. 1998), with relu after each layer but the last.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, require};

use super::Pool;
use crate::layers::{Conv2d, Linear};
use crate::module::Module;
use crate::pass::Pass;

/// The sizes of a [`LeNet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeNetOptions {
    /// Channels of the images; 1.
    pub channels: usize,
    /// Filters of the first convolution; 6.
    pub first: usize,
    /// Filters of the second one; 16.
    pub second: usize,
    /// Extent of the filters; 5.
    pub kernel: usize,
    /// Padding of the first convolution; 2.
    pub padding: usize,
    /// Extent of the images; 28.
    pub size: usize,
    /// Widths of the two hidden layers; 120 and 84.
    pub hidden: [usize; 2],
    /// Classes; 10.
    pub classes: usize,
    /// How images shrink; by maxima.
    pub pool: Pool,
}

impl Default for LeNetOptions {
    fn default() -> Self {
        Self {
            channels: 1,
            first: 6,
            second: 16,
            kernel: 5,
            padding: 2,
            size: 28,
            hidden: [120, 84],
            classes: 10,
            pool: Pool::Max,
        }
    }
}

/// conv1, relu, pool, conv2, relu, pool, fc1, relu, fc2, relu, fc3.
///
/// * input: `[batch, channels, size, size]`
/// * output: `[batch, classes]`, scores
#[derive(Clone, Debug)]
pub struct LeNet<T: Real = f32> {
    /// The first convolution.
    pub conv1: Conv2d<T>,
    /// The second convolution.
    pub conv2: Conv2d<T>,
    /// The first dense layer.
    pub fc1: Linear<T>,
    /// The second dense layer.
    pub fc2: Linear<T>,
    /// The last dense layer.
    pub fc3: Linear<T>,
    pool: Pool,
}

crate::fields!(LeNet {
    conv1,
    conv2,
    fc1,
    fc2,
    fc3
});

impl<T: Real> LeNet<T> {
    /// The network of the paper's sizes, or of others.
    ///
    /// # Panics
    /// If an image shrinks to nothing.
    #[must_use]
    #[track_caller]
    pub fn new(options: &LeNetOptions, rng: &mut impl Rng) -> Self {
        let &LeNetOptions {
            kernel,
            padding,
            size,
            hidden: [f1, f2],
            ..
        } = options;
        let pooled = |size: usize| (size + 1).checked_sub(kernel).map(|size| size / 2);
        let left = pooled(size + 2 * padding)
            .and_then(pooled)
            .filter(|&left| left > 0);
        require!(
            left.is_some(),
            "lenet: images of extent {size} shrink to nothing"
        );
        let left = left.unwrap_or_default();
        Self {
            conv1: Conv2d::new(options.channels, options.first, kernel, rng).padding(padding),
            conv2: Conv2d::new(options.first, options.second, kernel, rng),
            fc1: Linear::new(options.second * left * left, f1, rng),
            fc2: Linear::new(f1, f2, rng),
            fc3: Linear::new(f2, options.classes, rng),
            pool: options.pool,
        }
    }
}

impl<T: Real> Module<T> for LeNet<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.pool.apply(&self.conv1.call(x, pass).into_relu());
        let x = self.pool.apply(&self.conv2.call(&x, pass).into_relu());
        let x = self.fc1.call(&x.flatten(1, -1), pass).into_relu();
        let x = self.fc2.call(&x, pass).into_relu();
        self.fc3.call(&x, pass)
    }
}
