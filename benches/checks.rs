//! How long gradient checks take.
//!
//!     cargo bench --bench checks
//!
//! Without `--bench` each runs once, on smaller models.

mod clock;
mod workloads;

use std::time::Instant;

use clock::{criterion, on_clock, timing};
use criterion::{Criterion, criterion_group, criterion_main};
use wengert::autograd::LARGEST;
use wengert::autograd::check::check_gradients_with;
use wengert::prelude::*;
use workloads::Work;

/// The network of the README.
#[derive(Clone, Debug)]
struct Cnn<T: Real = f32> {
    conv1: Conv2d<T>,
    conv2: Conv2d<T>,
    fc: Linear<T>,
}
fields!(Cnn { conv1, conv2, fc });

impl<T: Real> Cnn<T> {
    fn new(rng: &mut impl Rng) -> Self {
        Self {
            conv1: Conv2d::new(1, 16, 3, rng).padding(1),
            conv2: Conv2d::new(16, 32, 3, rng).padding(1),
            fc: Linear::new(32 * 2 * 2, 10, rng),
        }
    }
}

impl<T: Real> Module<T> for Cnn<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.conv1.call(x, pass).relu().max_pool2d(2);
        let x = self.conv2.call(&x, pass).relu().max_pool2d(2);
        self.fc.call(&x.flatten(1, -1), pass)
    }
}

#[derive(Clone, Debug)]
struct Square;

impl Op for Square {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(|x| x * x).into()
    }
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g * (call.input(0) * 2.0));
    }
    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [draw.any()])
    }
}

/// One check, whose reports must pass.
fn work(mut check: impl FnMut() -> Vec<Report> + 'static) -> Work {
    Box::new(move || {
        let start = Instant::now();
        let reports = check();
        let time = start.elapsed();
        reports.iter().for_each(Report::assert);
        time
    })
}

/// Of the first derivative.
fn first_order() -> CheckOptions {
    CheckOptions {
        second_order: false,
        ..CheckOptions::default()
    }
}

fn checks(c: &mut Criterion) {
    let mut group = c.benchmark_group("check");
    group.sample_size(10);
    let every = CheckOptions {
        entries: 10_000,
        ..first_order()
    };
    on_clock(&mut group, "op", || work(|| vec![check_op::<Square>()]));
    let options = every.clone();
    on_clock(&mut group, "conv2d [2, 3, 8, 8] to 4, every entry", || {
        let mut draw = Draw::new(0, LARGEST);
        let inputs = [draw.normal([2, 3, 8, 8]), draw.normal([4, 3, 3, 3])];
        work(move || {
            let f = generic!(|x, w| x.conv2d(w, &ConvOptions::default()));
            vec![check_gradients_with(f, &inputs, &options)]
        })
    });
    let batch = if timing() { 4 } else { 1 };
    on_clock(&mut group, "CNN, batch 4", || {
        work(move || check_model!(|rng| Cnn::new(rng), [batch, 1, 8, 8], first_order()).to_vec())
    });
    if timing() {
        on_clock(&mut group, "CNN, batch 4, every entry", || {
            let options = every.clone();
            work(move || check_model!(|rng| Cnn::new(rng), [4, 1, 8, 8], options.clone()).to_vec())
        });
    }
    let width = if timing() { 784 } else { 28 };
    on_clock(&mut group, "101,770 parameters", || {
        work(move || {
            check_model!(
                |rng| sequential![
                    Linear::new(width, 128, rng),
                    Relu,
                    Linear::new(128, 10, rng)
                ],
                [4, width],
                first_order()
            )
            .to_vec()
        })
    });
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = checks
}
criterion_main!(benches);
