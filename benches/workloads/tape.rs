//! The cost of recording and of the backward pass on tiny operands.

use std::time::Instant;

use wengert::prelude::*;

use super::{Work, whole};

/// Operations of the chain `y ← y · 1.01 + 0.5`, a thousand times.
pub const CHAIN: usize = 2000;

fn chain(x: &Var) -> Var {
    let mut y = x.clone();
    for _ in 0..CHAIN / 2 {
        y = y * 1.01 + 0.5;
    }
    y
}

fn leaf() -> Var {
    Tape::new().leaf(Tensor::from_vec(vec![0.3], [1]))
}

/// Records the chain.
pub fn forward() -> Work {
    whole(|| chain(&leaf()))
}

/// The backward pass of the chain.
pub fn backward() -> Work {
    Box::new(|| {
        let y = chain(&leaf());
        let start = Instant::now();
        let gradients = y.backward();
        let elapsed = start.elapsed();
        drop(gradients);
        elapsed
    })
}
