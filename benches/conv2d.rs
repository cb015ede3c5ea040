//! Convolution kernels on named geometries: every kernel, every direction, `f32` and `f64`, in FLOP/s.
//!
//!     cargo bench --bench conv2d                          everything
//!     cargo bench --bench conv2d -- f32/forward           by criterion's filter (a regex)
//!     cargo bench --bench conv2d -- 'im2col/cifar'
//!
//! A kernel gets no timing before it has passed the conformance test on that geometry. Operands and
//! results are allocated outside the timed loop; floating-point operations are counted by the
//! definition, whatever the algorithm does, so Winograd may pass the machine's peak.

mod flops;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flops::Flops;
use rand::SeedableRng;
use wengert::tensor::kernels::conv::lists::{NamedGeometry, corners, peers};
use wengert::tensor::kernels::conv::{ConvKernel, Direction, conformance};
use wengert::tensor::{Real, Tensor};

/// The plain loops are the oracle; beyond this they would only take minutes to time.
const LARGEST_FOR_DIRECT: u64 = 200_000_000;

fn geometries() -> Vec<NamedGeometry> {
    peers().into_iter().chain(corners()).collect()
}

fn kernels<T: Real>(c: &mut Criterion<Flops>, number: &str) {
    for NamedGeometry { name, geometry } in geometries() {
        let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
        let mut draw =
            |length: usize| -> Vec<T> { Tensor::normal([length], 0.0, 1.0, rng).to_vec() };
        let (mut x, mut w, mut y) = (
            draw(geometry.x_len()),
            draw(geometry.w_len()),
            draw(geometry.y_len()),
        );
        for kernel in T::conv_kernels() {
            let slow = kernel.name() == "direct" && geometry.flops() > LARGEST_FOR_DIRECT;
            if slow || kernel.supports(&geometry).is_err() {
                continue;
            }
            let mut proven = false;
            for direction in Direction::ALL {
                let id = format!("{number}/{direction}").replace(' ', "_");
                let mut group = c.benchmark_group(id);
                group.throughput(Throughput::Elements(geometry.flops()));
                group.bench_function(BenchmarkId::new(kernel.name(), name), |bench| {
                    if !proven {
                        if let Err(error) = conformance::<T>(*kernel, &geometry) {
                            panic!("no timing for a wrong kernel: {error}");
                        }
                        proven = true;
                    }
                    bench.iter(|| run(*kernel, direction, &geometry, &mut x, &mut w, &mut y));
                });
                group.finish();
            }
        }
    }
}

fn run<T: Real>(
    kernel: &dyn ConvKernel<T>,
    direction: Direction,
    geometry: &wengert::tensor::kernels::conv::ConvGeometry,
    x: &mut [T],
    w: &mut [T],
    y: &mut [T],
) {
    match direction {
        Direction::Forward => kernel.forward(geometry, black_box(x), black_box(w), y),
        Direction::InputGradient => kernel.input_gradient(geometry, black_box(w), black_box(y), x),
        Direction::WeightGradient => {
            kernel.weight_gradient(geometry, black_box(x), black_box(y), w);
        }
    }
    black_box((x, w, y));
}

fn single(c: &mut Criterion<Flops>) {
    kernels::<f32>(c, "f32");
}

fn double(c: &mut Criterion<Flops>) {
    kernels::<f64>(c, "f64");
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(Flops)
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800));
    targets = single, double
}
criterion_main!(benches);
