//! `cnn`: the network that `wengert train` trains by default.

use wengert::prelude::*;

/// conv – relu – pool, twice, then two dense layers with dropout between.
#[derive(Clone, Debug)]
pub struct Cnn<T: Real = f32> {
    conv1: Conv2d<T>,
    conv2: Conv2d<T>,
    fc1: Linear<T>,
    dropout: Dropout,
    fc2: Linear<T>,
}
fields!(Cnn {
    conv1,
    conv2,
    fc1,
    dropout,
    fc2
});

impl<T: Real> Cnn<T> {
    /// A network for images of `[channels, height, width]`.
    pub fn new(
        [channels, height, width]: [usize; 3],
        classes: usize,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let flat = 64 * (height / 4) * (width / 4);
        Self {
            conv1: Conv2d::new(channels, 32, 3, rng).padding(1),
            conv2: Conv2d::new(32, 64, 3, rng).padding(1),
            fc1: Linear::new(flat, 128, rng),
            dropout: Dropout::new(0.25),
            fc2: Linear::new(128, classes, rng),
        }
    }
}

impl<T: Real> Module<T> for Cnn<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.conv1.call(x, pass).relu().max_pool2d(2);
        let x = self.conv2.call(&x, pass).relu().max_pool2d(2);
        let x = self.fc1.call(&x.flatten(1, -1), pass).relu();
        let x = self.dropout.call(&x, pass);
        self.fc2.call(&x, pass)
    }
}
