//! Matrix products in FLOP/s; elementwise work, reductions and layers in bytes per second.
//!
//!     cargo bench --bench arrays -- matmul
//!     cargo bench --bench arrays -- 'elementwise/.*/1M'
//!
//! The timed part includes the allocation of results, as in user code, but not of operands. Without
//! `--bench` the largest arrays are left out.

mod clock;
mod workloads;

use clock::{criterion, on_clock, timing};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wengert::tensor::Real;
use wengert_lab::Flops;
use workloads::arrays::{ELEMENTWISE, LAYERS, elementwise, layer, matmul};

fn products<T: Real>(c: &mut Criterion<Flops>, number: &str) {
    let mut group = c.benchmark_group(format!("matmul/{number}"));
    for n in [64, 128, 256, 512, 1024] {
        group.throughput(Throughput::Elements(2 * n * n * n));
        on_clock(&mut group, &n.to_string(), || matmul::<T>(n as usize));
    }
}

fn single(c: &mut Criterion<Flops>) {
    products::<f32>(c, "f32");
}

fn double(c: &mut Criterion<Flops>) {
    products::<f64>(c, "f64");
}

fn each_element(c: &mut Criterion<Flops>) {
    let sizes: &[usize] = if timing() {
        &[1 << 20, 1 << 24]
    } else {
        &[1 << 20]
    };
    for (op, bytes) in ELEMENTWISE {
        let mut group = c.benchmark_group(format!("elementwise/{op}"));
        for &n in sizes {
            group.throughput(Throughput::BytesDecimal(bytes * n as u64));
            on_clock(&mut group, &format!("{}M", n >> 20), || {
                elementwise(op, n).expect("the op is in the list")
            });
        }
    }
}

fn layers(c: &mut Criterion<Flops>) {
    let mut group = c.benchmark_group("layer");
    for (op, bytes) in LAYERS {
        group.throughput(Throughput::BytesDecimal(bytes));
        on_clock(&mut group, op, || layer(op).expect("the op is in the list"));
    }
}

criterion_group! {
    name = benches;
    config = criterion().with_measurement(Flops);
    targets = single, double, each_element, layers
}
criterion_main!(benches);
