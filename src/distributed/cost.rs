//! [`Network`]: how long a training step takes on several machines, from a few measured numbers.

/// A network in which every process has a connection of its own, in both directions at once.
///
/// A message of `m` bytes arrives `latency + overhead + m / bandwidth` after it is sent; the connection is occupied
/// for the last two terms. (R. W. Hockney, 1994; the overhead as in the model of D. Culler and others, 1993.)
///
/// ```
/// use wengert::distributed::{Bucket, Network};
///
/// let network = Network { latency: 50e-6, overhead: 2e-6, bandwidth: 1.1e9 }; // Ethernet of 10 Gb/s
/// // 102 MB of gradients, the last quarter of which is ready at the end of 4 seconds of computation.
/// let buckets = [Bucket { ready: 3.0, bytes: 76_000_000 }, Bucket { ready: 4.0, bytes: 26_000_000 }];
/// let step = network.step_seconds(8, 4.0, &buckets);
/// assert!(4.0 < step && step < 4.1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Seconds from the end of sending to the arrival, α.
    pub latency: f64,
    /// Seconds that a message occupies the connection beside its bytes.
    pub overhead: f64,
    /// Bytes per second, β.
    pub bandwidth: f64,
}

/// Gradients that are sent together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// When they are ready, in seconds from the start of the step.
    pub ready: f64,
    /// Their bytes.
    pub bytes: usize,
}

impl Network {
    /// How long it takes to add up `bytes` of numbers over processes whose shards are one node of the tree each, as
    /// when the number of processes and that of shards are powers of two:
    /// `2·(latency + (P − 1)·overhead + (P − 1)/P · bytes / bandwidth)`
    #[must_use]
    pub fn reduction_seconds(&self, processes: usize, bytes: usize) -> f64 {
        if processes < 2 {
            return 0.0;
        }
        let others = (processes - 1) as f64;
        let sent = others / processes as f64 * bytes as f64;
        2.0 * (self.latency + others * self.overhead + sent / self.bandwidth)
    }

    /// How long a step takes: buckets are added up one after the other, each once it is ready, beside the computation.
    ///
    /// * `compute`: the seconds of the computation alone, the same on each process
    /// * `buckets`: in the order in which they are sent
    #[must_use]
    pub fn step_seconds(&self, processes: usize, compute: f64, buckets: &[Bucket]) -> f64 {
        let end = buckets.iter().fold(0.0, |end: f64, bucket| {
            end.max(bucket.ready) + self.reduction_seconds(processes, bucket.bytes)
        });
        end.max(compute)
    }
}
