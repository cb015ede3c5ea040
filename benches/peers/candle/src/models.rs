//! The networks and their training steps.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{
    self as nn, BatchNorm, Conv2d, Conv2dConfig, Linear, Module, Optimizer, VarBuilder, VarMap,
};
use protocol::{Work, whole};

pub fn step(model: &str, batch: usize) -> Result<Option<Work>> {
    Ok(Some(match model {
        "mlp" | "mlp_replayed" => crate::mlp(batch)?,
        "fashion" => fashion(batch)?,
        "resnet20" => resnet20(batch)?,
        "vgg16" => vgg16(batch)?,
        _ => return Ok(None),
    }))
}

fn labels(batch: usize, classes: u32) -> Result<Tensor> {
    let labels: Vec<u32> = (0..batch as u32).map(|i| i * 7 % classes).collect();
    Tensor::from_vec(labels, batch, &Device::Cpu)
}

fn parameters(map: &VarMap) -> VarBuilder<'_> {
    VarBuilder::from_varmap(map, DType::F32, &Device::Cpu)
}

fn padded(padding: usize, stride: usize) -> Conv2dConfig {
    Conv2dConfig {
        padding,
        stride,
        ..Conv2dConfig::default()
    }
}

fn fashion(batch: usize) -> Result<Work> {
    let map = VarMap::new();
    let p = parameters(&map);
    let conv1 = nn::conv2d(1, 32, 5, padded(2, 1), p.pp("conv1"))?;
    let conv2 = nn::conv2d(32, 64, 5, padded(2, 1), p.pp("conv2"))?;
    let fc1 = nn::linear(3136, 1024, p.pp("fc1"))?;
    let fc2 = nn::linear(1024, 10, p.pp("fc2"))?;
    let options = nn::ParamsAdamW {
        lr: 1e-3,
        weight_decay: 0.0,
        ..Default::default()
    };
    let mut adam = nn::AdamW::new(map.all_vars(), options)?;
    let (x, y) = (crate::some(&[batch, 1, 28, 28]), labels(batch, 10)?);
    let mut step = move || {
        let z = conv1.forward(&x)?.relu()?.max_pool2d(2)?;
        let z = conv2.forward(&z)?.relu()?.max_pool2d(2)?;
        let z = fc1.forward(&z.flatten_from(1)?)?.relu()?;
        adam.backward_step(&nn::loss::cross_entropy(&fc2.forward(&z)?, &y)?)
    };
    Ok(whole(move || step().expect("the shapes fit")))
}

struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    shortcut: Option<(Conv2d, BatchNorm)>,
}

impl Block {
    fn new(inputs: usize, filters: usize, stride: usize, p: VarBuilder<'_>) -> Result<Self> {
        let conv = |inputs, stride, name: &str| {
            nn::conv2d_no_bias(inputs, filters, 3, padded(1, stride), p.pp(name))
        };
        let shortcut = if stride == 1 && inputs == filters {
            None
        } else {
            let conv = nn::conv2d_no_bias(inputs, filters, 1, padded(0, stride), p.pp("conv3"))?;
            Some((conv, nn::batch_norm(filters, 1e-5, p.pp("bn3"))?))
        };
        Ok(Self {
            conv1: conv(inputs, stride, "conv1")?,
            bn1: nn::batch_norm(filters, 1e-5, p.pp("bn1"))?,
            conv2: conv(filters, 1, "conv2")?,
            bn2: nn::batch_norm(filters, 1e-5, p.pp("bn2"))?,
            shortcut,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.bn1.forward_train(&self.conv1.forward(x)?)?.relu()?;
        let y = self.bn2.forward_train(&self.conv2.forward(&y)?)?;
        let x = match &self.shortcut {
            None => x.clone(),
            Some((conv, norm)) => norm.forward_train(&conv.forward(x)?)?,
        };
        (y + x)?.relu()
    }
}

/// SGD with momentum and weight decay, which candle-nn has not: the shortest way to add them.
struct Momentum {
    parameters: Vec<(Var, Option<Tensor>)>,
}

impl Momentum {
    fn step(&mut self, loss: &Tensor) -> Result<()> {
        let gradients = loss.backward()?;
        for (parameter, velocity) in &mut self.parameters {
            // The running statistics are variables too, without a gradient.
            let Some(gradient) = gradients.get(parameter) else {
                continue;
            };
            let gradient = (gradient + (parameter.as_tensor().detach() * 1e-4)?)?;
            let next = match velocity {
                Some(velocity) => ((&*velocity * 0.9)? + gradient)?,
                None => gradient,
            };
            parameter.set(&parameter.sub(&(&next * 0.1)?)?)?;
            *velocity = Some(next.detach());
        }
        Ok(())
    }
}

fn resnet20(batch: usize) -> Result<Work> {
    let map = VarMap::new();
    let p = parameters(&map);
    let conv = nn::conv2d_no_bias(3, 16, 3, padded(1, 1), p.pp("conv"))?;
    let norm = nn::batch_norm(16, 1e-5, p.pp("norm"))?;
    let mut blocks = Vec::new();
    let mut inputs = 16;
    for (filters, first) in [(16, 1), (32, 2), (64, 2)] {
        for stride in [first, 1, 1] {
            let p = p.pp(format!("block{}", blocks.len()));
            blocks.push(Block::new(inputs, filters, stride, p)?);
            inputs = filters;
        }
    }
    let fc: Linear = nn::linear(64, 10, p.pp("fc"))?;
    let parameters = map
        .all_vars()
        .into_iter()
        .map(|parameter| (parameter, None));
    let mut sgd = Momentum {
        parameters: parameters.collect(),
    };
    let (x, y) = (crate::some(&[batch, 3, 32, 32]), labels(batch, 10)?);
    let mut step = move || {
        let mut z = norm.forward_train(&conv.forward(&x)?)?.relu()?;
        for block in &blocks {
            z = block.forward(&z)?;
        }
        let z = fc.forward(&z.mean(D::Minus1)?.mean(D::Minus1)?)?;
        sgd.step(&nn::loss::cross_entropy(&z, &y)?)
    };
    Ok(whole(move || step().expect("the shapes fit")))
}

fn vgg16(batch: usize) -> Result<Work> {
    let map = VarMap::new();
    let p = parameters(&map);
    let mut stages = Vec::new();
    let mut inputs = 3;
    for (count, width) in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)] {
        let mut convs = Vec::new();
        for i in 0..count {
            let p = p.pp(format!("conv{}_{i}", stages.len()));
            convs.push(nn::conv2d(inputs, width, 3, padded(1, 1), p)?);
            inputs = width;
        }
        stages.push(convs);
    }
    let dense = [
        nn::linear(25088, 4096, p.pp("fc1"))?,
        nn::linear(4096, 4096, p.pp("fc2"))?,
        nn::linear(4096, 1000, p.pp("fc3"))?,
    ];
    let mut sgd = nn::SGD::new(map.all_vars(), 1e-3)?;
    let (x, y) = (crate::some(&[batch, 3, 224, 224]), labels(batch, 1000)?);
    let mut step = move || {
        let mut z = x.clone();
        for stage in &stages {
            for conv in stage {
                z = conv.forward(&z)?.relu()?;
            }
            z = z.max_pool2d(2)?;
        }
        let z = dense[0].forward(&z.flatten_from(1)?)?.relu()?;
        let z = dense[2].forward(&dense[1].forward(&z)?.relu()?)?;
        sgd.backward_step(&nn::loss::cross_entropy(&z, &y)?)
    };
    Ok(whole(move || step().expect("the shapes fit")))
}
