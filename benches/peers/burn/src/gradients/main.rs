//! Values and gradients of burn's functions on the backend `flex`, for `../../gradcheck`: `burn-gradients f64` or `f32`.

mod along;
mod elementwise;
mod images;
mod indices;
mod layers;
mod losses;

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use protocol::gradients::{Arrays, Call, Failure, serve};

fn main() {
    let number = std::env::args().nth(1).unwrap_or_else(|| "f64".to_string());
    let dtype = if number == "f32" {
        FloatDType::F32
    } else {
        FloatDType::F64
    };
    let mut device = Device::flex();
    device
        .configure(dtype)
        .expect("no tensor has been made on the device");
    let device = device.autodiff();
    serve(&number, |call, inputs, cotangent| {
        evaluate(call, inputs, cotangent, &device)
    });
}

fn evaluate(
    call: &Call,
    inputs: &Arrays,
    cotangent: Option<&[f64]>,
    device: &Device,
) -> Result<Arrays, Failure> {
    let leaves = inputs.iter().map(|x| vector(x, device).require_grad());
    let leaves: Vec<_> = leaves.collect();
    let y = apply(call, &Inputs::new(call, &leaves)).ok_or(Failure::Unknown)?;
    let Some(cotangent) = cotangent else {
        return Ok(vec![numbers(y)?]);
    };
    let found = (y * vector(cotangent, device)).sum().backward();
    let gradient = |x: &Tensor<1>| match x.grad(&found) {
        Some(gradient) => numbers(gradient),
        None => Ok(vec![0.0; x.dims()[0]]),
    };
    leaves.iter().map(gradient).collect()
}

fn vector(x: &[f64], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), device)
}

fn numbers(x: Tensor<1>) -> Result<Vec<f64>, Failure> {
    Ok(x.try_into_vec_as()?)
}

fn apply(call: &Call, x: &Inputs) -> Option<Tensor<1>> {
    elementwise::apply(call, x)
        .or_else(|| along::apply(call, x))
        .or_else(|| indices::apply(&call.function, x))
        .or_else(|| layers::apply(&call.function, x))
        .or_else(|| losses::apply(call, x))
        .or_else(|| images::apply(call, x))
}

/// The inputs of a function.
struct Inputs<'a> {
    leaves: &'a [Tensor<1>],
    shapes: &'a [Vec<usize>],
    device: Device,
}

impl<'a> Inputs<'a> {
    fn new(call: &'a Call, leaves: &'a [Tensor<1>]) -> Self {
        Self {
            leaves,
            shapes: &call.shapes,
            device: leaves[0].device(),
        }
    }

    /// An input with `D` axes; those that it lacks are in front and have extent 1.
    fn at<const D: usize>(&self, i: usize) -> Tensor<D> {
        let mut shape = [1; D];
        shape[D - self.rank(i)..].copy_from_slice(&self.shapes[i]);
        self.leaves[i].clone().reshape(shape)
    }

    fn rank(&self, i: usize) -> usize {
        self.shapes[i].len()
    }

    /// Constants that the function uses.
    fn constants<const N: usize>(&self, numbers: [f64; N]) -> Tensor<1> {
        vector(&numbers, &self.device)
    }
}

fn flat<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    x.reshape([-1])
}
