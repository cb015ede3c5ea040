//! Whole training steps: forward, backward, update.

use wengert::nn::models::{
    CifarResNet, CifarResNetOptions, Vgg, VggLayout, VggOptions, torchvision,
};
use wengert::nn::{Layer, ReplayedLoss, Tanh, rng, sequential};
use wengert::optim::Rule;
use wengert::prelude::*;

use super::{SEED, Work, normal, uniform, whole};

/// The names of [`by_name`], each with the batch size of its measurement.
pub const BATCHES: [(&str, usize); 4] =
    [("mlp", 16), ("fashion", 64), ("resnet20", 32), ("vgg16", 2)];

/// A model in training.
pub struct Training {
    model: Box<dyn Layer<f32>>,
    optimizer: Optimizer,
    input: Tensor,
    target: Target,
    seed: u64,
}

enum Target {
    /// Class numbers, for cross entropy.
    Classes(Tensor<i64>),
    /// Numbers, for the mean squared error.
    Numbers(Tensor),
}

/// Memory of a training step without scratch, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    pub parameters: usize,
    pub gradients: usize,
    pub optimizer_state: usize,
    /// Saved for the backward pass, minus the size of all parameters.
    pub activations: usize,
}

impl Training {
    fn new(
        model: impl Layer<f32> + 'static,
        rule: impl Rule<f32>,
        input: Tensor,
        target: Target,
    ) -> Self {
        Self {
            model: Box::new(model),
            optimizer: Optimizer::new(rule),
            input,
            target,
            seed: 0,
        }
    }

    fn of_classes(
        model: impl Layer<f32> + 'static,
        rule: impl Rule<f32>,
        shape: [usize; 4],
        classes: i64,
    ) -> Self {
        let labels: Vec<i64> = (0..shape[0] as i64).map(|i| i * 7 % classes).collect();
        let target = Target::Classes(Tensor::from_vec(labels, [shape[0]]));
        Self::new(model, rule, uniform(&shape), target)
    }

    fn loss(&self, pass: &mut Pass) -> Var {
        let y = self.model.call(&pass.input(self.input.clone()), pass);
        match &self.target {
            Target::Classes(labels) => y.cross_entropy(labels),
            Target::Numbers(numbers) => y.mse_loss(&Var::constant(numbers.clone())),
        }
    }

    /// Forward, backward, update.
    pub fn step(&mut self) {
        self.seed += 1;
        let mut pass = Pass::train(&*self.model, self.seed);
        let loss = self.loss(&mut pass);
        let gradients = pass.backward(&loss);
        self.optimizer.step(&mut *self.model, &gradients, pass);
    }

    /// The memory of a step; known after the first.
    pub fn parts(&self) -> Parts {
        let mut pass = Pass::train(&*self.model, 0);
        let loss = self.loss(&mut pass);
        let kept = pass.tape().kept_bytes();
        let gradients = pass.backward(&loss);
        let parameters = 4 * self.model.parameter_count();
        Parts {
            parameters,
            gradients: gradients.iter().map(|(_, g)| g.memory().0).sum(),
            optimizer_state: self.optimizer.state_bytes(),
            activations: kept.saturating_sub(parameters),
        }
    }
}

/// The training step of a model on a batch of `batch` images (points, for the MLP).
///
/// `mlp_replayed` is the MLP with a loss that is recorded once.
pub fn by_name(name: &str, batch: usize) -> Option<Work> {
    if name == "mlp_replayed" {
        return Some(mlp_replayed(batch));
    }
    let mut training = training(name, batch)?;
    Some(whole(move || training.step()))
}

/// The training step of the MLP, replayed.
fn mlp_replayed(batch: usize) -> Work {
    let mut model = mlp();
    let mut loss = ReplayedLoss::new(|model: &Sequential, (): &(), x: &[Var], pass: &mut Pass| {
        model.call(&x[0], pass).mse_loss(&x[1])
    });
    let mut optimizer = Optimizer::new(mlp_rule());
    let (input, target) = (normal(&[batch, 2]), normal(&[batch, 1]));
    let mut seed = 0;
    whole(move || {
        seed += 1;
        let (_, gradients, pass) = loss.backward(&model, &(), &[&input, &target], seed);
        optimizer.step(&mut model, &gradients, pass);
    })
}

fn mlp() -> Sequential {
    let rng = &mut rng(SEED);
    sequential![
        Linear::new(2, 16, rng),
        Tanh,
        Linear::new(16, 16, rng),
        Tanh,
        Linear::new(16, 1, rng),
    ]
}

fn mlp_rule() -> Sgd {
    Sgd {
        lr: 0.05,
        ..Sgd::default()
    }
}

/// A model with that many images (points, for the MLP) in a batch.
///
/// `mlp`: 2-16-16-1, tanh, SGD. `fashion`: two layers of 5 × 5 filters and two dense ones, Adam.
/// `resnet20`: as for CIFAR-10, SGD with momentum and weight decay. `vgg16`: 224 × 224 pixels, no
/// dropout, SGD. Other names are those of torchvision: 224 × 224 pixels, SGD with momentum and weight decay.
pub fn training(name: &str, batch: usize) -> Option<Training> {
    let rng = &mut rng(SEED);
    Some(match name {
        "mlp" => {
            let target = Target::Numbers(normal(&[batch, 1]));
            Training::new(mlp(), mlp_rule(), normal(&[batch, 2]), target)
        }
        "fashion" => {
            let model = sequential![
                Conv2d::new(1, 32, 5, rng).padding(2),
                Relu,
                MaxPool2d::new(2),
                Conv2d::new(32, 64, 5, rng).padding(2),
                Relu,
                MaxPool2d::new(2),
                Flatten,
                Linear::new(64 * 7 * 7, 1024, rng),
                Relu,
                Linear::new(1024, 10, rng),
            ];
            Training::of_classes(model, Adam::default(), [batch, 1, 28, 28], 10)
        }
        "resnet20" => {
            let rule = Sgd {
                lr: 0.1,
                momentum: 0.9,
                weight_decay: 1e-4,
                ..Sgd::default()
            };
            let model = CifarResNet::new(&CifarResNetOptions::default(), rng);
            Training::of_classes(model, rule, [batch, 3, 32, 32], 10)
        }
        "vgg16" => {
            let mut model = Vgg::new(VggLayout::Vgg16, &VggOptions::default(), rng);
            model.classifier = sequential![
                Linear::new(512 * 7 * 7, 4096, rng),
                Relu,
                Linear::new(4096, 4096, rng),
                Relu,
                Linear::new(4096, 1000, rng),
            ];
            let rule = Sgd {
                lr: 1e-3,
                ..Sgd::default()
            };
            Training::of_classes(model, rule, [batch, 3, 224, 224], 1000)
        }
        // 224 × 224 pixels, as torchvision has them.
        _ => {
            let rule = Sgd {
                lr: 1e-3,
                momentum: 0.9,
                weight_decay: 1e-4,
                ..Sgd::default()
            };
            let model = torchvision(name, 1000, rng)?;
            Training::of_classes(model, rule, [batch, 3, 224, 224], 1000)
        }
    })
}

/// The forward pass of a model in evaluation mode, without a tape of gradients.
pub fn forward_by_name(name: &str, batch: usize) -> Option<Work> {
    let Training { model, input, .. } = training(name, batch)?;
    Some(whole(move || {
        let mut pass = Pass::eval(&*model);
        model.call(&pass.input(input.clone()), &mut pass)
    }))
}
