//! The networks and their training steps.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, SgdConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use protocol::{Work, whole};

use crate::{filled, pooled};

pub fn step(model: &str, batch: usize, device: &Device) -> Result<Work, String> {
    let device = &device.clone().autodiff();
    Ok(match model {
        "mlp" => mlp(batch, device),
        "fashion" => fashion(batch, device),
        "resnet20" => resnet20(batch, device),
        "vgg16" => vgg16(batch, device),
        _ => return Err(format!("no {model}")),
    })
}

fn labels(batch: usize, classes: i64, device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i64> = (0..batch as i64).map(|i| i * 7 % classes).collect();
    Tensor::from_data(TensorData::new(labels, [batch]), device)
}

fn conv(channels: [usize; 2], kernel: usize, stride: usize) -> Conv2dConfig {
    let padding = kernel / 2;
    Conv2dConfig::new(channels, [kernel; 2])
        .with_stride([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(
            padding, padding, padding, padding,
        ))
}

#[derive(Module, Debug)]
struct Mlp {
    a: Linear,
    b: Linear,
    c: Linear,
}

/// A step with the optimizer and the loss of a model: `$forward` takes a model and gives the loss.
macro_rules! trained {
    ($model:expr, $optimizer:expr, $rate:expr, $loss:expr) => {{
        let mut model = Some($model);
        let mut optimizer = $optimizer;
        let loss = $loss;
        whole(move || {
            let trained = model.take().expect("the step before gave it back");
            let gradients = GradientsParams::from_grads(loss(&trained).backward(), &trained);
            model = Some(optimizer.step($rate, trained, gradients));
        })
    }};
}

fn mlp(batch: usize, device: &Device) -> Work {
    let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
    let model = Mlp {
        a: linear(2, 16),
        b: linear(16, 16),
        c: linear(16, 1),
    };
    let (x, target) = (filled([batch, 2], device), filled([batch, 1], device));
    trained!(model, SgdConfig::new().init(), 0.05, move |model: &Mlp| {
        let y = model.b.forward(model.a.forward(x.clone()).tanh()).tanh();
        (model.c.forward(y) - target.clone()).powi_scalar(2).mean()
    })
}

#[derive(Module, Debug)]
struct Fashion {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
}

fn fashion(batch: usize, device: &Device) -> Work {
    let model = Fashion {
        conv1: conv([1, 32], 5, 1).init(device),
        conv2: conv([32, 64], 5, 1).init(device),
        fc1: LinearConfig::new(3136, 1024).init(device),
        fc2: LinearConfig::new(1024, 10).init(device),
    };
    let (x, y) = (
        filled([batch, 1, 28, 28], device),
        labels(batch, 10, device),
    );
    let entropy = CrossEntropyLossConfig::new().init(device);
    trained!(
        model,
        AdamConfig::new().init(),
        1e-3,
        move |model: &Fashion| {
            let z = pooled(relu(model.conv1.forward(x.clone())));
            let z = pooled(relu(model.conv2.forward(z)));
            let z: Tensor<2> = z.flatten(1, 3);
            let z = model.fc2.forward(relu(model.fc1.forward(z)));
            entropy.forward(z, y.clone())
        }
    )
}

#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Option<Conv2d>,
    bn3: Option<BatchNorm>,
}

impl Block {
    fn new(inputs: usize, filters: usize, stride: usize, device: &Device) -> Self {
        let conv = |inputs, kernel, stride| {
            let config = conv([inputs, filters], kernel, stride);
            config.with_bias(false).init(device)
        };
        let norm = || BatchNormConfig::new(filters).init(device);
        let other_shape = stride != 1 || inputs != filters;
        Self {
            conv1: conv(inputs, 3, stride),
            bn1: norm(),
            conv2: conv(filters, 3, 1),
            bn2: norm(),
            conv3: other_shape.then(|| conv(inputs, 1, stride)),
            bn3: other_shape.then(norm),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = relu(self.bn1.forward(self.conv1.forward(x.clone())));
        let y = self.bn2.forward(self.conv2.forward(y));
        let x = match (&self.conv3, &self.bn3) {
            (Some(conv), Some(norm)) => norm.forward(conv.forward(x)),
            _ => x,
        };
        relu(y + x)
    }
}

#[derive(Module, Debug)]
struct ResNet {
    conv: Conv2d,
    norm: BatchNorm,
    blocks: Vec<Block>,
    fc: Linear,
}

fn resnet20(batch: usize, device: &Device) -> Work {
    let mut blocks = Vec::new();
    let mut inputs = 16;
    for (filters, first) in [(16, 1), (32, 2), (64, 2)] {
        for stride in [first, 1, 1] {
            blocks.push(Block::new(inputs, filters, stride, device));
            inputs = filters;
        }
    }
    let model = ResNet {
        conv: conv([3, 16], 3, 1).with_bias(false).init(device),
        norm: BatchNormConfig::new(16).init(device),
        blocks,
        fc: LinearConfig::new(64, 10).init(device),
    };
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
    let sgd = SgdConfig::new()
        .with_momentum(Some(momentum))
        .with_weight_decay(Some(WeightDecayConfig::new(1e-4)))
        .init();
    let (x, y) = (
        filled([batch, 3, 32, 32], device),
        labels(batch, 10, device),
    );
    let entropy = CrossEntropyLossConfig::new().init(device);
    trained!(model, sgd, 0.1, move |model: &ResNet| {
        let mut z = relu(model.norm.forward(model.conv.forward(x.clone())));
        for block in &model.blocks {
            z = block.forward(z);
        }
        let [batch, channels, _, _] = z.dims();
        let z: Tensor<3> = z.flatten(2, 3);
        let z = model.fc.forward(z.mean_dim(2).reshape([batch, channels]));
        entropy.forward(z, y.clone())
    })
}

#[derive(Module, Debug)]
struct Vgg {
    stages: Vec<Vec<Conv2d>>,
    dense: Vec<Linear>,
}

fn vgg16(batch: usize, device: &Device) -> Work {
    let mut stages = Vec::new();
    let mut inputs = 3;
    for (count, width) in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)] {
        let mut convs = Vec::new();
        for _ in 0..count {
            convs.push(conv([inputs, width], 3, 1).init(device));
            inputs = width;
        }
        stages.push(convs);
    }
    let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
    let dense = vec![linear(25088, 4096), linear(4096, 4096), linear(4096, 1000)];
    let model = Vgg { stages, dense };
    let (x, y) = (
        filled([batch, 3, 224, 224], device),
        labels(batch, 1000, device),
    );
    let entropy = CrossEntropyLossConfig::new().init(device);
    trained!(model, SgdConfig::new().init(), 1e-3, move |model: &Vgg| {
        let mut z = x.clone();
        for stage in &model.stages {
            for conv in stage {
                z = relu(conv.forward(z));
            }
            z = pooled(z);
        }
        let z: Tensor<2> = z.flatten(1, 3);
        let z = relu(model.dense[1].forward(relu(model.dense[0].forward(z))));
        entropy.forward(model.dense[2].forward(z), y.clone())
    })
}
