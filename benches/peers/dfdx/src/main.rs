//! dfdx 0.13 on the stable toolchain: convolution and pooling exist only behind its `nightly` feature.

use std::time::Instant;

use dfdx::prelude::*;
use protocol::{Work, whole};

fn main() {
    // The tape is a list of closures; dropping it may recurse.
    let thread = std::thread::Builder::new().stack_size(1 << 28).spawn(run);
    thread.expect("a thread starts").join().expect("it ends");
}

fn run() {
    let device = Cpu::default();
    protocol::serve(|case| match (case.word("kind"), case.word("op")) {
        ("chain", op) => chain(&device, op),
        ("matmul", _) if case.word("number") == "f32" => Ok(product(&device, case.number("n"))),
        _ => Err("not on the stable toolchain".to_string()),
    });
}

fn chain(device: &Cpu, op: &str) -> Result<Work, String> {
    let x: Tensor<Rank1<1>, f32, _> = device.tensor([0.3]);
    let forward = move || {
        let mut y = x.leaky_trace();
        for _ in 0..1000 {
            y = y * 1.01 + 0.5;
        }
        y
    };
    match op {
        "forward" => Ok(whole(forward)),
        "backward" => Ok(Box::new(move || {
            let y = forward().sum::<Rank0, _>();
            let start = Instant::now();
            let gradients = y.backward();
            let elapsed = start.elapsed();
            drop(gradients);
            elapsed
        })),
        _ => Err(format!("chain {op} is unknown")),
    }
}

fn product(device: &Cpu, n: usize) -> Work {
    let a: Tensor<(usize, usize), f32, _> = device.sample_normal_like(&(n, n));
    let b: Tensor<(usize, usize), f32, _> = device.sample_normal_like(&(n, n));
    whole(move || a.clone().matmul(b.clone()))
}
