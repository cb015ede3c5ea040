//! The overhead of the tape on tiny operands, and whole training steps.
//!
//!     cargo bench --bench training -- tape
//!     cargo bench --bench training -- step/resnet20
//!
//! Without `--bench` a step has one image.

mod clock;
mod workloads;

use clock::{criterion, on_clock, timing};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use workloads::steps::{BATCHES, by_name};
use workloads::tape::{CHAIN, backward, forward};

fn tape(c: &mut Criterion) {
    let mut group = c.benchmark_group("tape");
    group.throughput(Throughput::Elements(CHAIN as u64));
    on_clock(&mut group, "forward", forward);
    on_clock(&mut group, "backward", backward);
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    group.sample_size(10);
    for (model, batch) in BATCHES {
        let batch = if timing() { batch } else { 1 };
        group.throughput(Throughput::Elements(batch as u64));
        on_clock(&mut group, model, || {
            by_name(model, batch).expect("the model is in the list")
        });
    }
    group.throughput(Throughput::Elements(16));
    on_clock(&mut group, "mlp_replayed", || {
        by_name("mlp_replayed", 16).expect("the model is known")
    });
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = tape, steps
}
criterion_main!(benches);
