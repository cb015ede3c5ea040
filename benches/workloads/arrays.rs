//! Products, elementwise work, reductions and layers of fixed sizes.

use std::time::Instant;

use wengert::autograd::ops::NormOptions;
use wengert::prelude::*;
use wengert::tensor::Real;

use super::{Work, normal, uniform, whole};

/// Work and the bytes that it must at least read and write.
pub struct Moved {
    /// The work.
    pub work: Work,
    /// Operands and results, each once.
    pub bytes: u64,
}

/// `A·B` of two square matrices.
pub fn matmul<T: Real>(n: usize) -> Work {
    let (a, b) = (normal::<T>(&[n, n]), normal::<T>(&[n, n]));
    whole(move || a.matmul(&b))
}

/// The operations of [`elementwise`].
pub const ELEMENTWISE: [&str; 7] = [
    "add",
    "relu",
    "exp",
    "tanh",
    "sum_last",
    "sum_first",
    "broadcast_add",
];

/// One operation on `n` elements, `n` a multiple of 65536, into new memory.
pub fn elementwise(op: &str, n: usize) -> Option<Moved> {
    let x = uniform(&[n]);
    let rows = uniform(&[1024, n / 1024]);
    let arrays = |count: usize| (4 * n * count) as u64;
    let moved = |work, count| {
        Some(Moved {
            work,
            bytes: arrays(count),
        })
    };
    match op {
        "add" => {
            let y = uniform(&[n]);
            moved(whole(move || &x + &y), 3)
        }
        "relu" => {
            let x = Var::constant(x);
            moved(whole(move || x.relu()), 2)
        }
        "exp" => moved(whole(move || x.exp()), 2),
        "tanh" => moved(whole(move || x.tanh()), 2),
        "sum_last" => moved(whole(move || rows.sum(1)), 1),
        "sum_first" => moved(whole(move || rows.sum(0)), 1),
        "broadcast_add" => {
            let images = uniform(&[n / 65536, 64, 32, 32]);
            let shift = uniform(&[1, 64, 1, 1]);
            moved(whole(move || &images + &shift), 2)
        }
        _ => None,
    }
}

/// The operations of [`layer`].
pub const LAYERS: [&str; 5] = [
    "transpose",
    "softmax",
    "max_pool",
    "max_pool_backward",
    "batch_norm",
];

/// A layer at a size that networks have.
pub fn layer(op: &str) -> Option<Moved> {
    let moved = |work, elements: usize| {
        Some(Moved {
            work,
            bytes: 4 * elements as u64,
        })
    };
    match op {
        "transpose" => {
            let x = uniform(&[2048, 2048]).t();
            moved(whole(move || x.contiguous()), 2 * 2048 * 2048)
        }
        "softmax" => {
            let x = normal::<f32>(&[4096, 1000]);
            moved(whole(move || x.softmax(1)), 2 * 4096 * 1000)
        }
        "max_pool" => {
            let x = Var::constant(normal::<f32>(&[64, 32, 28, 28]));
            let windows = PoolOptions::new(2);
            moved(
                whole(move || x.max_pool2d(&windows)),
                64 * 32 * (28 * 28 + 14 * 14),
            )
        }
        "max_pool_backward" => {
            let x: Tensor = normal(&[64, 32, 28, 28]);
            let ones = Tensor::ones([64, 32, 14, 14]);
            let work = move || {
                let tape = Tape::new();
                let x = tape.leaf(x.clone());
                let y = x.max_pool2d(&PoolOptions::new(2)).0;
                let start = Instant::now();
                let gradients = y.backward_from(&ones);
                let elapsed = start.elapsed();
                drop(gradients);
                elapsed
            };
            moved(Box::new(work), 64 * 32 * (28 * 28 + 14 * 14))
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
            moved(whole(work), 4 * 32 * 64 * 32 * 32)
        }
        _ => None,
    }
}
