//! Timing kernels with criterion.

use std::fmt::Write;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, Direction};

use crate::cache::{CacheMode, Eviction, Scratch, drop_translations};
use crate::candidate::Candidate;
use crate::counters::{Counters, Counts};
use crate::flops_measurement::Flops;
use crate::operands::Operands;
use crate::options::{ElementType, direction_name};
use crate::plan::Plan;

/// The largest number of operations for which the plain loops are timed: they would take minutes.
const MAX_FLOPS_OF_DIRECT: u64 = 200_000_000;

/// Seconds per call.
#[derive(Clone, Debug)]
pub(crate) struct Time {
    pub(crate) best: f64,
    pub(crate) median: f64,
    /// Events of one call of the median sample.
    pub(crate) counters: Counts,
}

/// What is timed: a kernel in one direction, on one geometry, with a number of threads.
pub(crate) struct Subject<'a, T: 'static> {
    pub(crate) candidate: &'a Candidate<T>,
    pub(crate) element: ElementType,
    pub(crate) direction: Direction,
    pub(crate) name: &'a str,
    pub(crate) geometry: &'a ConvGeometry,
    pub(crate) threads: usize,
}

/// The operands that a kernel is timed on, and others that it may run on before.
pub(crate) struct TimedOperands<T> {
    timed: Operands<T>,
    others: Option<Operands<T>>,
}

impl<T: Real> TimedOperands<T> {
    pub(crate) fn new(geometry: &ConvGeometry, plan: &Plan) -> Self {
        let evicts = matches!(plan.cache, CacheMode::Cold | CacheMode::WeightsCold);
        let needs_others = evicts && plan.scratch == Scratch::Excluded;
        Self {
            timed: Operands::new(geometry, plan.seed),
            others: needs_others.then(|| Operands::new(geometry, !plan.seed)),
        }
    }
}

/// Criterion with the options of a plan.
pub(crate) struct Timer<'a> {
    pub(crate) plan: &'a Plan,
    criterion: Criterion<Flops>,
    eviction: Option<Eviction>,
    counters: Option<Counters>,
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
        Self {
            plan,
            criterion,
            eviction: None,
            counters: Counters::open(),
        }
    }

    /// Whether a kernel supports a geometry and is not too slow for it.
    pub(crate) fn is_timed<T: Real>(
        &self,
        candidate: &Candidate<T>,
        geometry: &ConvGeometry,
    ) -> bool {
        let kernel = candidate.kernel;
        let slow = kernel.name() == "direct" && geometry.flops() > MAX_FLOPS_OF_DIRECT;
        kernel.supports(geometry).is_ok() && (!slow || self.plan.include_slow)
    }

    pub(crate) fn time<T: Real>(
        &mut self,
        subject: &Subject<'_, T>,
        operands: &mut TimedOperands<T>,
    ) -> Time {
        if matches!(self.plan.cache, CacheMode::Cold | CacheMode::WeightsCold) {
            self.eviction.get_or_insert_with(Eviction::new);
        }
        let Self {
            plan,
            criterion,
            eviction,
            counters,
        } = self;
        // Counters see one thread.
        let mut counters = counters.as_mut().filter(|_| subject.threads == 1);
        let mut samples = Vec::new();
        let mut group = criterion.benchmark_group(group_name(plan, subject));
        group.throughput(Throughput::Elements(subject.geometry.flops()));
        let id = BenchmarkId::new(subject.candidate.label.to_string(), subject.name);
        group.bench_function(id, |bench| {
            bench.iter_custom(|calls| {
                let elapsed = if plan.cache == CacheMode::Warm {
                    let call = || operands.timed.call_times(calls, subject);
                    timed(counters.as_deref_mut(), call)
                } else {
                    let mut elapsed = Duration::ZERO;
                    for _ in 0..calls {
                        prepare(plan.cache, eviction.as_ref(), operands, subject);
                        let call = || operands.timed.call_times(1, subject);
                        elapsed += timed(counters.as_deref_mut(), call);
                    }
                    elapsed
                };
                let counts = counters.as_deref_mut();
                let counts = counts.map_or_else(Counts::new, |it| it.take(calls as f64));
                samples.push((elapsed.as_secs_f64() / calls as f64, counts));
                elapsed
            });
        });
        group.finish();
        // The first samples are the warm-up.
        let measured = samples.len().saturating_sub(plan.samples);
        let mut samples = samples.split_off(measured);
        samples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let best = samples[0].0;
        let (median, counters) = samples.swap_remove(samples.len() / 2);
        Time {
            best,
            median,
            counters,
        }
    }

    /// Prints the summary of criterion.
    pub(crate) fn finish(self) {
        if !self.plan.only_test {
            self.criterion.final_summary();
        }
    }
}

/// The group of criterion, whose benchmarks of different runs are comparable.
fn group_name<T>(plan: &Plan, subject: &Subject<'_, T>) -> String {
    let mut name = format!(
        "{}/{}",
        subject.element.name(),
        direction_name(subject.direction)
    );
    if plan.threads.len() > 1 {
        let _ = write!(name, "/threads{}", subject.threads);
    }
    if plan.cache != CacheMode::Warm {
        let _ = write!(name, "/{}", plan.cache.name());
    }
    if plan.scratch != Scratch::Excluded {
        name += "/scratch";
    }
    name
}

fn timed(counters: Option<&mut Counters>, work: impl FnOnce()) -> Duration {
    let mut elapsed = Duration::ZERO;
    let work = || {
        let start = Instant::now();
        work();
        elapsed = start.elapsed();
    };
    match counters {
        Some(counters) => counters.during(work),
        None => work(),
    }
    elapsed
}

/// Brings caches and translations into the state of the mode.
fn prepare<T: Real>(
    mode: CacheMode,
    eviction: Option<&Eviction>,
    operands: &mut TimedOperands<T>,
    subject: &Subject<'_, T>,
) {
    if let Some(eviction) = eviction {
        eviction.evict();
    }
    if let Some(others) = &mut operands.others {
        others.call_times(1, subject);
    }
    match mode {
        CacheMode::Warm | CacheMode::Cold => {}
        CacheMode::WeightsCold => operands.timed.read_images(),
        CacheMode::Tlb => drop_translations(),
    }
}
