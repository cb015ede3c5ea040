//! After its first steps a training loop requests no more memory from the system.
//!
//! Its own program, because page faults are counted per process, in Linux's `/proc`; other systems skip it.
#![cfg(target_os = "linux")]

use wengert::nn::models::{CifarResNet, CifarResNetOptions};
use wengert::nn::{Tanh, rng, sequential};
use wengert::optim::Rule;
use wengert::prelude::*;

/// Page faults of a process that are unrelated to tensors.
const UNRELATED_FAULTS: u64 = 100;

/// Minor page faults of the process so far: `minflt` in `man 5 proc_pid_stat`.
fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has /proc");
    let (_, after_name) = stat.rsplit_once(')').expect("the name is in parentheses");
    let field = after_name.split_whitespace().nth(7);
    field.expect("the tenth field").parse().expect("a number")
}

/// Most windows of steps until the pages are all there.
const WINDOWS: usize = 5;

/// Page faults of `steps` training steps, in the window of steps that has the fewest.
///
/// Which buffers are in use at the same time depends on how the threads are scheduled, so a rare order of
/// tasks may need a new page late. Memory that is lost or requested anew in each step shows in every window.
fn faults_of(
    mut model: impl Module<f32>,
    rule: impl Rule<f32>,
    input: &Tensor,
    classes: usize,
    steps: usize,
) -> u64 {
    let labels = (0..input.size(0)).map(|i| (i % classes) as i64).collect();
    let labels = Tensor::from_vec(labels, [input.size(0)]);
    let mut optimizer = Optimizer::new(rule);
    let mut step = |seed| {
        let mut pass = Pass::train(&model, seed);
        let logits = model.call(&pass.input(input.clone()), &mut pass);
        let loss = logits.cross_entropy(&labels);
        let gradients = pass.backward(&loss);
        optimizer.step(&mut model, &gradients, pass);
    };
    (0..5).for_each(&mut step);
    let mut seeds = 5..;
    let mut fewest = u64::MAX;
    for _ in 0..WINDOWS {
        let before = faults();
        seeds.by_ref().take(steps).for_each(&mut step);
        fewest = fewest.min(faults() - before);
        if fewest <= UNRELATED_FAULTS {
            break;
        }
    }
    fewest
}

#[test]
fn after_a_few_steps_training_needs_no_new_pages() {
    let rng = &mut rng(0);
    let dense = sequential![
        Linear::new(2, 16, rng),
        Tanh,
        Linear::new(16, 16, rng),
        Tanh,
        Linear::new(16, 3, rng),
    ];
    let points = Tensor::normal([16, 2], 0.0, 1.0, rng);
    let found = faults_of(dense, Sgd::default(), &points, 3, 100);
    assert!(
        found <= UNRELATED_FAULTS,
        "dense layers: {found} page faults"
    );

    let images = sequential![
        Conv2d::new(1, 32, 5, rng).padding(2),
        Relu,
        MaxPool2d::new(2),
        Conv2d::new(32, 64, 5, rng).padding(2),
        Relu,
        MaxPool2d::new(2),
        Flatten,
        Linear::new(64 * 7 * 7, 128, rng),
        Relu,
        Linear::new(128, 10, rng),
    ];
    let pixels = Tensor::uniform([2, 1, 28, 28], 0.0..1.0, rng);
    let found = faults_of(images, Adam::default(), &pixels, 10, 100);
    assert!(
        found <= UNRELATED_FAULTS,
        "convolutions: {found} page faults"
    );

    let residual = CifarResNet::new(&CifarResNetOptions::default(), rng);
    let rule = Sgd {
        momentum: 0.9,
        ..Sgd::default()
    };
    // As many buffers as with 32 by 32 pixels, which take four times as long.
    let pixels = Tensor::uniform([2, 3, 16, 16], 0.0..1.0, rng);
    let found = faults_of(residual, rule, &pixels, 10, 100);
    assert!(
        found <= UNRELATED_FAULTS,
        "residual blocks: {found} page faults"
    );

    // Activations of 40 MB: from 32 MB on the allocator maps every block anew, which is 10,000 pages a step.
    let wide = sequential![
        Linear::new(4, 10_000, rng),
        Relu,
        Linear::new(10_000, 4, rng),
    ];
    let rows = Tensor::normal([1000, 4], 0.0, 1.0, rng);
    let found = faults_of(wide, Sgd::default(), &rows, 4, 10);
    assert!(
        found <= UNRELATED_FAULTS,
        "large blocks: {found} page faults"
    );
}
