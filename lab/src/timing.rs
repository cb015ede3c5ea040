//! Timing kernels with criterion.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel, Direction};

use crate::flops_measurement::Flops;
use crate::operands::Operands;
use crate::options::{ElementType, Plan, direction_name};

/// The largest number of operations for which the plain loops are timed: they would take minutes.
const MAX_FLOPS_OF_DIRECT: u64 = 200_000_000;

/// Seconds per call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    pub(crate) best: f64,
    pub(crate) median: f64,
}

/// Criterion with the options of a plan.
pub(crate) struct Timer<'a> {
    pub(crate) plan: &'a Plan,
    criterion: Criterion<Flops>,
}

impl<'a> Timer<'a> {
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

    /// Whether a kernel supports a geometry and is not too slow for it.
    pub(crate) fn is_timed<T: Real>(
        &self,
        kernel: &dyn ConvKernel<T>,
        geometry: &ConvGeometry,
    ) -> bool {
        let slow = kernel.name() == "direct" && geometry.flops() > MAX_FLOPS_OF_DIRECT;
        kernel.supports(geometry).is_ok() && (!slow || self.plan.include_slow)
    }

    pub(crate) fn time<T: Real>(
        &mut self,
        kernel: &dyn ConvKernel<T>,
        element: ElementType,
        direction: Direction,
        name: &str,
        geometry: &ConvGeometry,
        operands: &mut Operands<T>,
    ) -> Time {
        let group = format!("{}/{}", element.name(), direction_name(direction));
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
        // The first samples are the warm-up.
        let measured = samples.len().saturating_sub(self.plan.samples);
        let mut samples = samples.split_off(measured);
        samples.sort_by(f64::total_cmp);
        Time {
            best: samples[0],
            median: samples[samples.len() / 2],
        }
    }

    /// Prints the summary of criterion.
    pub(crate) fn finish(self) {
        if !self.plan.only_test {
            self.criterion.final_summary();
        }
    }
}
