//! Whole training steps: forward, backward, update.

use wengert::nn::models::{CifarResNet, CifarResNetOptions, Vgg, VggLayout, VggOptions};
use wengert::nn::{Tanh, rng, sequential};
use wengert::optim::Rule;
use wengert::prelude::*;

use super::{SEED, Work, normal, uniform, whole};

/// The names of [`by_name`], each with the batch that it is measured with.
pub const BATCHES: [(&str, usize); 4] =
    [("mlp", 16), ("fashion", 64), ("resnet20", 32), ("vgg16", 2)];

/// The training step of a model with that many images (points, for the MLP) in a batch.
///
/// `mlp`: 2-16-16-1, tanh, SGD. `fashion`: two layers of 5 × 5 filters and two dense ones, Adam.
/// `resnet20`: as for CIFAR-10, SGD with momentum and weight decay. `vgg16`: 224 × 224 pixels, no
/// dropout, SGD.
pub fn by_name(name: &str, batch: usize) -> Option<Work> {
    let rng = &mut rng(SEED);
    Some(match name {
        "mlp" => mlp(batch),
        "fashion" => {
            let model = sequential![
                Conv2d::new(1, 32, 5, rng).padding(2),
                Relu::new(),
                MaxPool2d::new(2),
                Conv2d::new(32, 64, 5, rng).padding(2),
                Relu::new(),
                MaxPool2d::new(2),
                Flatten::new(),
                Linear::new(64 * 7 * 7, 1024, rng),
                Relu::new(),
                Linear::new(1024, 10, rng),
            ];
            classify(model, Adam::default(), [batch, 1, 28, 28], 10)
        }
        "resnet20" => {
            let rule = Sgd {
                lr: 0.1,
                momentum: 0.9,
                weight_decay: 1e-4,
                ..Sgd::default()
            };
            let model = CifarResNet::new(&CifarResNetOptions::default(), rng);
            classify(model, rule, [batch, 3, 32, 32], 10)
        }
        "vgg16" => {
            let mut model = Vgg::new(VggLayout::Vgg16, &VggOptions::default(), rng);
            model.classifier = sequential![
                Linear::new(512 * 7 * 7, 4096, rng),
                Relu::new(),
                Linear::new(4096, 4096, rng),
                Relu::new(),
                Linear::new(4096, 1000, rng),
            ];
            let rule = Sgd {
                lr: 1e-3,
                ..Sgd::default()
            };
            classify(model, rule, [batch, 3, 224, 224], 1000)
        }
        _ => return None,
    })
}

fn classify(
    mut model: impl Module<Element = f32> + Parameters<f32> + 'static,
    rule: impl Rule<f32> + 'static,
    shape: [usize; 4],
    classes: i64,
) -> Work {
    let images = uniform(&shape);
    let labels: Vec<i64> = (0..shape[0] as i64).map(|i| i * 7 % classes).collect();
    let labels = Tensor::from_vec(labels, [shape[0]]);
    let mut optimizer = Optimizer::new(rule);
    let mut seed = 0;
    whole(move || {
        seed += 1;
        let mut pass = Pass::train(&model, seed);
        let logits = model.forward(&pass.input(images.clone()), &mut pass);
        let loss = logits.cross_entropy(&labels, &CrossEntropyOptions::default());
        let gradients = pass.backward(&loss);
        optimizer.step(&mut model, &gradients, pass);
    })
}

fn mlp(batch: usize) -> Work {
    let rng = &mut rng(SEED);
    let mut model = sequential![
        Linear::new(2, 16, rng),
        Tanh::new(),
        Linear::new(16, 16, rng),
        Tanh::new(),
        Linear::new(16, 1, rng),
    ];
    let (points, targets) = (normal::<f32>(&[batch, 2]), normal::<f32>(&[batch, 1]));
    let mut optimizer = Optimizer::new(Sgd {
        lr: 0.05,
        ..Sgd::default()
    });
    let mut seed = 0;
    whole(move || {
        seed += 1;
        let mut pass = Pass::train(&model, seed);
        let y = model.forward(&pass.input(points.clone()), &mut pass);
        let loss = y.mse_loss(&Var::constant(targets.clone()), Reduction::Mean);
        let gradients = pass.backward(&loss);
        optimizer.step(&mut model, &gradients, pass);
    })
}
