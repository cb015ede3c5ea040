//! candle 0.11, its default features.

mod models;

use std::time::Instant;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{self as nn, Module, Optimizer, VarBuilder, VarMap};
use protocol::{Case, Work, whole};

type Prepared = Result<Work, String>;

fn main() {
    // backward() recurses once for each node.
    let thread = std::thread::Builder::new().stack_size(1 << 30).spawn(run);
    thread.expect("a thread starts").join().expect("it ends");
}

fn run() {
    protocol::serve(|case| match case.word("kind") {
        "conv" => convolution(case).map_err(|error| error.to_string())?,
        "step" | "memory" => models::step(case.word("model"), case.number("batch"))
            .map_err(|error| error.to_string())?
            .ok_or_else(|| "no such model".to_string()),
        "matmul" => product(case),
        "elementwise" => elementwise(case),
        "layer" => layer(case.word("op")),
        "chain" => chain(case.word("op")),
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

fn filled(shape: &[usize], low: f64, high: f64) -> candle_core::Result<Tensor> {
    let length = shape.iter().product();
    Tensor::from_vec(protocol::values32(length, low, high), shape, &Device::Cpu)
}

fn some(shape: &[usize]) -> Tensor {
    filled(shape, 0.0, 1.0).expect("as many values as the shape has")
}

fn convolution(case: &Case) -> candle_core::Result<Prepared> {
    let sizes = case.conv();
    let x = filled(&sizes.x, -1.0, 1.0)?.to_dtype(number(case))?;
    let w = filled(&sizes.w, -1.0, 1.0)?.to_dtype(number(case))?;
    if case.word("op") != "forward" {
        return Ok(Err(
            "a backward pass always computes both gradients".to_string()
        ));
    }
    let forward = move || x.conv2d(&w, sizes.padding, sizes.stride, 1, sizes.groups);
    forward()?;
    Ok(Ok(whole(move || forward().expect("it went well once"))))
}

fn product(case: &Case) -> Prepared {
    let n = case.number("n");
    let matrix = || some(&[n, n]).to_dtype(number(case)).expect("a cast");
    let (a, b) = (matrix(), matrix());
    Ok(whole(move || a.matmul(&b).expect("square matrices")))
}

fn elementwise(case: &Case) -> Prepared {
    let n = case.number("n");
    let x = some(&[n]);
    let rows = some(&[1024, n / 1024]);
    Ok(match case.word("op") {
        "add" => {
            let y = some(&[n]);
            whole(move || (&x + &y).expect("equal shapes"))
        }
        "relu" => whole(move || x.relu().expect("any shape")),
        "exp" => whole(move || x.exp().expect("any shape")),
        "tanh" => whole(move || x.tanh().expect("any shape")),
        "sum_last" => whole(move || rows.sum(1).expect("two axes")),
        "sum_first" => whole(move || rows.sum(0).expect("two axes")),
        "broadcast_add" => {
            let (images, shift) = (some(&[n / 65536, 64, 32, 32]), some(&[1, 64, 1, 1]));
            whole(move || images.broadcast_add(&shift).expect("shapes that fit"))
        }
        op => return Err(format!("no {op}")),
    })
}

fn layer(op: &str) -> Prepared {
    let failed = |error: candle_core::Error| error.to_string();
    Ok(match op {
        "transpose" => {
            let x = some(&[2048, 2048]);
            whole(move || x.t().and_then(|x| x.contiguous()).expect("a matrix"))
        }
        // The differentiable one; `softmax_last_dim` has no backward pass.
        "softmax" => {
            let x = some(&[4096, 1000]);
            whole(move || nn::ops::softmax(&x, 1).expect("two axes"))
        }
        "max_pool" => {
            let x = some(&[64, 32, 28, 28]);
            whole(move || x.max_pool2d(2).expect("images"))
        }
        "max_pool_backward" => {
            let x = Var::from_tensor(&some(&[64, 32, 28, 28])).map_err(failed)?;
            let y = x.max_pool2d(2).map_err(failed)?;
            whole(move || y.backward().expect("a tracked result"))
        }
        "batch_norm" => {
            let map = VarMap::new();
            let builder = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
            let norm = nn::batch_norm(64, 1e-5, builder).map_err(failed)?;
            let x = Var::from_tensor(&some(&[32, 64, 32, 32])).map_err(failed)?;
            whole(move || {
                let y = norm.forward_train(x.as_tensor());
                y.and_then(|y| y.backward()).expect("images")
            })
        }
        op => return Err(format!("no {op}")),
    })
}

fn chain(op: &str) -> Prepared {
    let x = Var::from_vec(vec![0.3_f32], 1, &Device::Cpu).map_err(|error| error.to_string())?;
    let forward = move || {
        let mut y = x.as_tensor().clone();
        for _ in 0..1000 {
            y = (y * 1.01).and_then(|y| y + 0.5).expect("a scalar");
        }
        y
    };
    Ok(match op {
        "forward" => whole(forward),
        "backward" => Box::new(move || {
            let y = forward();
            let start = Instant::now();
            let gradients = y.backward().expect("a tracked result");
            let elapsed = start.elapsed();
            drop(gradients);
            elapsed
        }),
        op => return Err(format!("no {op}")),
    })
}

/// The MLP 2-16-16-1 with its step.
fn mlp(batch: usize) -> candle_core::Result<Work> {
    let map = VarMap::new();
    let builder = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let layers = [
        nn::linear(2, 16, builder.pp("a"))?,
        nn::linear(16, 16, builder.pp("b"))?,
        nn::linear(16, 1, builder.pp("c"))?,
    ];
    let (x, target) = (some(&[batch, 2]), some(&[batch, 1]));
    let mut sgd = nn::SGD::new(map.all_vars(), 0.05)?;
    let mut step = move || {
        let y = layers[0].forward(&x)?.tanh()?;
        let y = layers[2].forward(&layers[1].forward(&y)?.tanh()?)?;
        sgd.backward_step(&nn::loss::mse(&y, &target)?)
    };
    Ok(whole(move || step().expect("the shapes fit")))
}
