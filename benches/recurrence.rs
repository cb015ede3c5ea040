//! A recurrence with six scalar parameters beside its gradient written by hand, and their ratio.
//!
//!     cargo bench --bench recurrence
//!
//! Without `--bench` the large batches are left out.

mod clock;
mod workloads;

use clock::{criterion, on_clock, timing};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use workloads::recurrence::{
    BATCHES, Reviews, by_hand, by_tape, hand_step, replay_step, tape_step,
};

/// Both compute the same: what is compared must be equal first.
fn agree(batch: usize) {
    let (loss, gradient) = by_hand(&Reviews::random(batch));
    let (expected, exact) = by_tape::<f64>(&Reviews::random(batch));
    let close = |x: f32, y: f64| (f64::from(x) - y).abs() <= 1e-3 * y.abs().max(1e-3);
    assert!(
        close(loss, expected),
        "batch {batch}: loss {loss} by hand, {expected} by the tape"
    );
    for (i, (&x, y)) in gradient.iter().zip(exact).enumerate() {
        assert!(
            close(x, y),
            "batch {batch}: slope {i} is {x} by hand, {y} by the tape"
        );
    }
}

fn recurrence(c: &mut Criterion) {
    let batches = if timing() {
        &BATCHES[..]
    } else {
        &BATCHES[2..]
    };
    for &batch in batches {
        agree(batch);
        let mut group = c.benchmark_group(format!("recurrence/{batch}"));
        group.throughput(Throughput::Elements(batch as u64));
        on_clock(&mut group, "tape", || tape_step(batch));
        on_clock(&mut group, "replay", || replay_step(batch));
        on_clock(&mut group, "hand", || hand_step(batch));
    }
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = recurrence
}
criterion_main!(benches);
