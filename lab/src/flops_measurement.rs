//! A criterion measurement: wall time, with throughput in floating-point operations per second.

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};

/// Wall time; a benchmark gives its number of operations as `Throughput::Elements`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flops;

impl Measurement for Flops {
    type Intermediate = <WallTime as Measurement>::Intermediate;
    type Value = <WallTime as Measurement>::Value;

    fn start(&self) -> Self::Intermediate {
        WallTime.start()
    }

    fn end(&self, start: Self::Intermediate) -> Self::Value {
        WallTime.end(start)
    }

    fn add(&self, a: &Self::Value, b: &Self::Value) -> Self::Value {
        WallTime.add(a, b)
    }

    fn zero(&self) -> Self::Value {
        WallTime.zero()
    }

    fn to_f64(&self, value: &Self::Value) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Flops
    }
}

impl ValueFormatter for Flops {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }

    fn scale_throughputs(
        &self,
        typical: f64,
        throughput: &Throughput,
        values: &mut [f64],
    ) -> &'static str {
        let Throughput::Elements(operations) = throughput else {
            return WallTime
                .formatter()
                .scale_throughputs(typical, throughput, values);
        };
        // Values are in nanoseconds, so operations / value is in 10⁹ per second.
        for value in values {
            *value = *operations as f64 / *value;
        }
        "GFLOP/s"
    }

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}
