//! Kernels under criterion.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel, Direction};

use crate::flops::Flops;
use crate::options::{Number, Plan, word};
use crate::trial::Operands;

/// The plain loops are the oracle; beyond this they would only take minutes to time.
const LARGEST_FOR_DIRECT: u64 = 200_000_000;

/// Seconds per call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    pub(crate) best: f64,
    pub(crate) median: f64,
}

/// What is measured, and with what.
pub(crate) struct Candidates<'a> {
    pub(crate) plan: &'a Plan,
    criterion: Criterion<Flops>,
}

impl<'a> Candidates<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let mut criterion = Criterion::default()
            .with_measurement(Flops)
            .sample_size(plan.samples)
            .warm_up_time(Duration::from_secs_f64(plan.seconds / 4.0))
            .measurement_time(Duration::from_secs_f64(plan.seconds));
        if let Some(name) = &plan.save_baseline {
            criterion = criterion.save_baseline(name.clone());
        }
        if let Some(name) = &plan.baseline {
            criterion = criterion.retain_baseline(name.clone(), false);
        }
        Self { plan, criterion }
    }

    /// Whether a kernel can do a geometry in a time that one may wait for.
    pub(crate) fn worth_while<T: Real>(
        &self,
        kernel: &dyn ConvKernel<T>,
        geometry: &ConvGeometry,
    ) -> bool {
        let slow = kernel.name() == "direct" && geometry.flops() > LARGEST_FOR_DIRECT;
        kernel.supports(geometry).is_ok() && (!slow || self.plan.patient)
    }

    pub(crate) fn time<T: Real>(
        &mut self,
        kernel: &dyn ConvKernel<T>,
        number: Number,
        direction: Direction,
        name: &str,
        geometry: &ConvGeometry,
        operands: &mut Operands<T>,
    ) -> Time {
        let group = format!("{}/{}", number.name(), word(direction));
        let mut group = self.criterion.benchmark_group(group);
        group.throughput(Throughput::Elements(geometry.flops()));
        let mut samples = Vec::new();
        group.bench_function(BenchmarkId::new(kernel.name(), name), |bench| {
            bench.iter_custom(|calls| {
                let start = Instant::now();
                for _ in 0..calls {
                    operands.call(kernel, direction, geometry);
                }
                let elapsed = start.elapsed();
                samples.push(elapsed.as_secs_f64() / calls as f64);
                elapsed
            });
        });
        group.finish();
        // The first ones were the warm-up.
        let measured = samples.len().saturating_sub(self.plan.samples);
        let mut samples = samples.split_off(measured);
        samples.sort_by(f64::total_cmp);
        Time {
            best: samples[0],
            median: samples[samples.len() / 2],
        }
    }

    /// Lets criterion write its summary.
    pub(crate) fn finish(self) {
        if !self.plan.only_test {
            self.criterion.final_summary();
        }
    }
}
