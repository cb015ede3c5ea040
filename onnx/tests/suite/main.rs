//! Files are decoded again, run by a small interpreter, and compared with the model.

mod errors;
mod interpreter;
mod models;
mod operations;

use prost::Message;
use wengert::tensor::Tensor;
use wengert_onnx::Onnx;
use wengert_onnx::proto::ModelProto;

/// Options of operators are `f32` in a file.
const ROUNDING: f64 = 1e-6;

/// The results of a file, read back from its bytes.
fn run(file: &Onnx, inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
    let bytes = file.to_bytes();
    let model = ModelProto::decode(&bytes[..]).expect("a file can be read");
    assert_eq!(&model, file.proto());
    interpreter::run(&model, inputs)
}

/// The largest difference relative to the largest element; NaN equals NaN, and an infinity itself.
fn difference(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape(), "shapes");
    let largest = b
        .iter()
        .filter(|x| x.is_finite())
        .fold(1e-30, |most: f64, x| most.max(x.abs()));
    let apart = a.iter().zip(b.iter()).map(|(a, b)| {
        if a == b || (a.is_nan() && b.is_nan()) {
            0.0
        } else {
            (a - b).abs() / largest
        }
    });
    apart.fold(0.0, |most, d| {
        if d.is_nan() {
            f64::INFINITY
        } else {
            most.max(d)
        }
    })
}
