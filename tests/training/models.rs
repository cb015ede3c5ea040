//! Small models and data that train in milliseconds.

use wengert::data::ImageSet;
use wengert::prelude::*;
use wengert::report::Fingerprint;

/// Images of 4×4 pixels in three classes: each class has a bright row of its own, with noise.
pub fn images(count: usize, seed: u64) -> ImageSet {
    let rng = &mut rng(seed);
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for i in 0..count {
        let class = i % 3;
        for place in 0..16 {
            let bright = if place / 4 == class { 120 } else { 20 };
            pixels.push(bright + (rng.next_u32() % 100) as u8);
        }
        labels.push(class as i64);
    }
    ImageSet::new(pixels, [count, 1, 4, 4], labels, &["a", "b", "c"], 255)
}

/// A model with batch norm and dropout, so with buffers, counters and random choices.
pub fn network(seed: u64) -> Sequential {
    let rng = &mut rng(seed);
    Sequential::new()
        .push(Conv2d::new(1, 3, 3, rng).padding(1))
        .push(BatchNorm2d::new(3))
        .push(Relu)
        .push(Dropout::new(0.2))
        .push(Flatten)
        .push(Linear::new(48, 3, rng))
}

/// A hash of every bit of a model: parameters, buffers and counters.
pub fn bits(model: &Sequential) -> String {
    let mut hash = Fingerprint::new();
    hash.bytes(&wengert::nn::StateDict::of(model).to_bytes());
    hash.to_string()
}

/// `scale · x`
#[derive(Clone, Debug)]
pub struct Scaled {
    pub scale: Param<f32>,
}
fields!(Scaled as f32 { scale });

impl Module<f32> for Scaled {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        x * pass.param(&self.scale)
    }
}
