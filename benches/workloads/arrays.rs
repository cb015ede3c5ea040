//! Products, elementwise work, reductions and layers of fixed sizes.

use std::time::Instant;

use wengert::autograd::ops::NormOptions;
use wengert::prelude::*;
use wengert::tensor::Real;

use super::{Work, normal, uniform, whole};

/// `A·B` of two square matrices.
pub fn matmul<T: Real>(n: usize) -> Work {
    let (a, b) = (normal::<T>(&[n, n]), normal::<T>(&[n, n]));
    whole(move || a.matmul(&b))
}

/// The operations of [`elementwise`], each with the bytes that it reads and writes per element.
pub const ELEMENTWISE: [(&str, u64); 7] = [
    ("add", 12),
    ("relu", 8),
    ("exp", 8),
    ("tanh", 8),
    ("sum_last", 4),
    ("sum_first", 4),
    ("broadcast_add", 8),
];

/// One operation on `n` elements, `n` a multiple of 65536; the result is newly allocated.
pub fn elementwise(op: &str, n: usize) -> Option<Work> {
    let x = uniform(&[n]);
    let rows = uniform(&[1024, n / 1024]);
    Some(match op {
        "add" => {
            let y = uniform(&[n]);
            whole(move || &x + &y)
        }
        "relu" => {
            let x = Var::constant(x);
            whole(move || x.relu())
        }
        "exp" => whole(move || x.exp()),
        "tanh" => whole(move || x.tanh()),
        "sum_last" => whole(move || rows.sum(1)),
        "sum_first" => whole(move || rows.sum(0)),
        "broadcast_add" => {
            let images = uniform(&[n / 65536, 64, 32, 32]);
            let shift = uniform(&[1, 64, 1, 1]);
            whole(move || &images + &shift)
        }
        _ => return None,
    })
}

/// The operations of [`layer`], each with the bytes of its operands and results.
pub const LAYERS: [(&str, u64); 5] = [
    ("transpose", 2 * 4 * 2048 * 2048),
    ("softmax", 2 * 4 * 4096 * 1000),
    ("max_pool", 4 * 64 * 32 * (28 * 28 + 14 * 14)),
    ("max_pool_backward", 4 * 64 * 32 * (28 * 28 + 14 * 14)),
    ("batch_norm", 4 * 4 * 32 * 64 * 32 * 32),
];

/// A layer of a size that is common in networks.
pub fn layer(op: &str) -> Option<Work> {
    Some(match op {
        "transpose" => {
            let x = uniform(&[2048, 2048]).t();
            whole(move || x.contiguous())
        }
        "softmax" => {
            let x = normal::<f32>(&[4096, 1000]);
            whole(move || x.softmax(1))
        }
        "max_pool" => {
            let x = Var::constant(normal::<f32>(&[64, 32, 28, 28]));
            whole(move || x.max_pool2d(2))
        }
        "max_pool_backward" => {
            let x: Tensor = normal(&[64, 32, 28, 28]);
            let ones = Tensor::ones([64, 32, 14, 14]);
            let work = move || {
                let tape = Tape::new();
                let x = tape.leaf(x.clone());
                let y = x.max_pool2d(2);
                let start = Instant::now();
                let gradients = y.backward_from(&ones);
                let elapsed = start.elapsed();
                drop(gradients);
                elapsed
            };
            Box::new(work)
        }
        "batch_norm" => {
            let x: Tensor = normal(&[32, 64, 32, 32]);
            let dy: Tensor = normal(&[32, 64, 32, 32]);
            let (weight, bias) = (Tensor::ones([64]), Tensor::zeros([64]));
            let work = move || {
                let tape = Tape::new();
                let [x, w, b] = [&x, &weight, &bias].map(|value| tape.leaf(value.clone()));
                let options = NormOptions {
                    weight: Some(&w),
                    bias: Some(&b),
                    eps: 1e-5,
                };
                x.batch_norm(&options).y.backward_from(&dy)
            };
            whole(work)
        }
        _ => return None,
    })
}
