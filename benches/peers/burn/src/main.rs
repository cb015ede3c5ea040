//! burn 0.22, the backend `flex`.

mod models;

use std::time::Instant;

use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{DType, Device, Tensor, TensorData, activation};
use protocol::{Case, Work, whole};

fn main() {
    let device = Device::flex();
    protocol::serve(|case| match case.word("kind") {
        "conv" => convolution(case, &device),
        "step" | "memory" => models::step(case.word("model"), case.number("batch"), &device),
        "matmul" => Ok(product(case, &device)),
        "elementwise" => elementwise(case, &device),
        "layer" => layer(case.word("op"), &device),
        "chain" => chain(case.word("op"), &device),
        kind => Err(format!("no {kind}")),
    });
}

fn number(case: &Case) -> DType {
    if case.word("number") == "f64" {
        DType::F64
    } else {
        DType::F32
    }
}

fn filled<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let values = protocol::values32(shape.iter().product(), 0.0, 1.0);
    Tensor::from_data(TensorData::new(values, shape.to_vec()), device)
}

fn convolution(case: &Case, device: &Device) -> Result<Work, String> {
    let sizes = case.conv();
    let number = number(case);
    let forward = move |x: &Tensor<4>, w: &Tensor<4>| {
        let (stride, padding) = ([sizes.stride; 2], [sizes.padding; 2]);
        let options = ConvOptions::new(stride, padding, [1, 1], sizes.groups);
        conv2d(x.clone(), w.clone(), None, options)
    };
    let operands = |device: &Device| {
        (
            filled(sizes.x, device).cast(number),
            filled(sizes.w, device).cast(number),
        )
    };
    if case.word("op") == "forward" {
        let (x, w) = operands(device);
        return Ok(whole(move || forward(&x, &w)));
    }
    let (x, w) = operands(&device.clone().autodiff());
    let (x, w) = match case.word("op") {
        "input_gradient" => (x.require_grad(), w),
        "weight_gradient" => (x, w.require_grad()),
        op => return Err(format!("no {op}")),
    };
    Ok(reversed(move || forward(&x, &w)))
}

/// backward() consumes the graph, so every call builds it anew; only backward() is measured.
fn reversed<const D: usize>(forward: impl Fn() -> Tensor<D> + 'static) -> Work {
    Box::new(move || {
        let y = forward();
        let start = Instant::now();
        let gradients = y.backward();
        let elapsed = start.elapsed();
        drop(gradients);
        elapsed
    })
}

fn product(case: &Case, device: &Device) -> Work {
    let n = case.number("n");
    let matrix = || filled([n, n], device).cast(number(case));
    let (a, b): (Tensor<2>, Tensor<2>) = (matrix(), matrix());
    whole(move || a.clone().matmul(b.clone()))
}

// The clones keep the operands shared, so that no operation may run in place.
fn elementwise(case: &Case, device: &Device) -> Result<Work, String> {
    let n = case.number("n");
    let x = filled([n], device);
    let rows = filled([1024, n / 1024], device);
    Ok(match case.word("op") {
        "add" => {
            let y = filled([n], device);
            whole(move || x.clone() + y.clone())
        }
        "relu" => whole(move || activation::relu(x.clone())),
        "exp" => whole(move || x.clone().exp()),
        "tanh" => whole(move || x.clone().tanh()),
        "sum_last" => whole(move || rows.clone().sum_dim(1)),
        "sum_first" => whole(move || rows.clone().sum_dim(0)),
        "broadcast_add" => {
            let images = filled([n / 65536, 64, 32, 32], device);
            let shift = filled([1, 64, 1, 1], device);
            whole(move || images.clone() + shift.clone())
        }
        op => return Err(format!("no {op}")),
    })
}

fn pooled(x: Tensor<4>) -> Tensor<4> {
    max_pool2d(x, MaxPoolOptions::new([2, 2]))
}

fn layer(op: &str, device: &Device) -> Result<Work, String> {
    let tracked = device.clone().autodiff();
    Ok(match op {
        "transpose" => {
            let x = filled([2048, 2048], device);
            // There is no `contiguous`: a reshape forces the copy.
            whole(move || -> Tensor<1> { x.clone().transpose().reshape([2048 * 2048]) })
        }
        "softmax" => {
            let x = filled([4096, 1000], device);
            whole(move || activation::softmax(x.clone(), 1))
        }
        "max_pool" => {
            let x = filled([64, 32, 28, 28], device);
            whole(move || pooled(x.clone()))
        }
        "max_pool_backward" => {
            let x = filled([64, 32, 28, 28], &tracked).require_grad();
            reversed(move || pooled(x.clone()))
        }
        "batch_norm" => {
            let norm = burn::nn::BatchNormConfig::new(64).init(&tracked);
            let x = filled([32, 64, 32, 32], &tracked).require_grad();
            whole(move || norm.forward(x.clone()).backward())
        }
        op => return Err(format!("no {op}")),
    })
}

fn chain(op: &str, device: &Device) -> Result<Work, String> {
    let x = filled([1], &device.clone().autodiff()).require_grad();
    let forward = move || {
        let mut y = x.clone();
        for _ in 0..1000 {
            y = y * 1.01 + 0.5;
        }
        y
    };
    match op {
        "forward" => Ok(whole(forward)),
        "backward" => Ok(reversed(forward)),
        op => Err(format!("no {op}")),
    }
}
