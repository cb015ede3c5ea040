//! A CNN trained by a hand-written loop: data, model, loop, evaluation.
//!
//!     cargo run --release --example train_by_hand

use wengert::prelude::*;

// [cnn]
struct Cnn<T: Real = f32> {
    conv1: Conv2d<T>,
    conv2: Conv2d<T>,
    fc: Linear<T>,
}
fields!(Cnn { conv1, conv2, fc });

impl<T: Real> Module<T> for Cnn<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.conv1.call(x, pass).relu().max_pool2d(2);
        let x = self.conv2.call(&x, pass).relu().max_pool2d(2);
        self.fc.call(&x.flatten(1, -1), pass)
    }
}

fn main() {
    let data = Split::digits();
    let rng = &mut rng(0);
    let mut model: Cnn = Cnn {
        conv1: Conv2d::new(1, 16, 3, rng).padding(1),
        conv2: Conv2d::new(16, 32, 3, rng).padding(1),
        fc: Linear::new(32 * 2 * 2, 10, rng),
    };
    let loader = Loader::new(&data.train, LoaderOptions { batch: 32, ..Default::default() });
    let mut optimizer = Optimizer::new(Sgd { lr: 0.05, momentum: 0.9, ..Default::default() });
    for epoch in 0..10 {
        for batch in loader.epoch(epoch) {
            let mut pass = Pass::train(&model, batch.seed);
            let logits = model.call(&pass.input(batch.inputs), &mut pass);
            let loss = logits.cross_entropy(batch.targets.classes());
            let gradients = pass.backward(&loss);
            optimizer.step(&mut model, &gradients, pass);
        }
    }
    println!("test accuracy {:.1} %", 100.0 * accuracy(&model, &loader.for_evaluation(&data.test)));
}
// [/cnn]
