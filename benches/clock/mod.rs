//! Runs workloads under criterion.

use std::time::Duration;

use criterion::measurement::Measurement;
use criterion::{BenchmarkGroup, Criterion};

use crate::workloads::Work;

/// Short enough that all benches end in minutes; criterion's command line options override it.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

/// Whether to measure time: `cargo test` runs every benchmark once, without `--bench`.
pub fn timing() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// One benchmark; its operands are made only if the filter selects it.
pub fn on_clock<M: Measurement<Value = Duration>>(
    group: &mut BenchmarkGroup<'_, M>,
    name: &str,
    prepare: impl FnOnce() -> Work,
) {
    let mut prepare = Some(prepare);
    let mut work = None;
    group.bench_function(name, |bench| {
        if let Some(prepare) = prepare.take() {
            work = Some(prepare());
        }
        let work = work.as_mut().expect("prepared in the first call");
        bench.iter_custom(|calls| (0..calls).map(|_| work()).sum());
    });
}
