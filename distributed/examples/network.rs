//! Measures the connection of two processes, and predicts the efficiency of training on several machines.
//!
//! ```sh
//! cargo build --release -p wengert-mpi --examples
//! mpirun -n 2 target/release/examples/network
//! ```

use std::time::Instant;

use mpi::Threading;
use wengert::distributed::{Bucket, Incoming, Network, Outgoing, Transport};
use wengert_mpi::MpiTransport;

type Failure = Box<dyn std::error::Error>;

/// Seconds that a message of `bytes` takes to the other process and back, halved: the median of several.
fn seconds(transport: &mut MpiTransport, bytes: usize, messages: usize) -> f64 {
    let other = 1 - transport.rank();
    let (own, mut theirs) = (vec![1; bytes], vec![0; bytes * messages]);
    let rounds = if bytes > 1 << 20 { 9 } else { 101 };
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            let outgoing = vec![
                Outgoing {
                    to: other,
                    bytes: &own,
                };
                messages
            ];
            let mut incoming: Vec<_> = theirs
                .chunks_mut(bytes)
                .map(|bytes| Incoming { from: other, bytes })
                .collect();
            // One after the other, so that both directions do not share memory bandwidth.
            if transport.rank() == 0 {
                transport.exchange(&outgoing, &mut []);
                transport.exchange(&[], &mut incoming);
            } else {
                transport.exchange(&[], &mut incoming);
                transport.exchange(&outgoing, &mut []);
            }
            start.elapsed().as_secs_f64() / 2.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 2]
}

fn main() -> Result<(), Failure> {
    let (universe, _) =
        mpi::initialize_with_threading(Threading::Funneled).ok_or("MPI is in use")?;
    let mut transport = MpiTransport::new(universe);
    if transport.size() != 2 {
        return Err("two processes are needed: mpirun -n 2".into());
    }
    let short = seconds(&mut transport, 8, 1);
    let many = seconds(&mut transport, 8, 65);
    let (small, large) = (1 << 20, 1 << 25);
    let slope = (seconds(&mut transport, large, 1) - seconds(&mut transport, small, 1))
        / (large - small) as f64;
    let overhead = ((many - short) / 64.0).max(0.0);
    let network = Network {
        latency: (short - overhead).max(0.0),
        overhead,
        bandwidth: 1.0 / slope,
    };
    if transport.rank() == 0 {
        println!(
            "latency {:.1} µs, overhead of a message {:.2} µs, bandwidth {:.2} GB/s",
            1e6 * network.latency,
            1e6 * network.overhead,
            1e-9 * network.bandwidth
        );
        predict(&network);
    }
    Ok(())
}

/// Parameters, bytes in f32, and seconds of a step of 32 images on one machine, forward and backward pass, of which the
/// backward pass takes two thirds.
const MODELS: [(&str, usize, f64); 2] =
    [("ResNet-50", 25_557_032, 3.0), ("VGG-16", 138_357_544, 6.0)];

fn predict(network: &Network) {
    const BUCKET: usize = 4 << 20;
    for (name, parameters, usual) in MODELS {
        let compute = std::env::args()
            .skip_while(|arg| arg != name)
            .nth(1)
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual);
        let bytes = 4 * parameters;
        let count = bytes.div_ceil(BUCKET);
        // Gradients become ready evenly over the backward pass.
        let buckets: Vec<_> = (1..=count)
            .map(|bucket| Bucket {
                ready: compute / 3.0 + 2.0 / 3.0 * compute * bucket as f64 / count as f64,
                bytes: bytes / count,
            })
            .collect();
        println!("{name}, {compute} s of computation per step on each machine:");
        for machines in [2, 4, 8, 16, 32, 64, 128, 256] {
            let step = network.step_seconds(machines, compute, &buckets);
            println!(
                "  {machines:3} machines: {step:.3} s, efficiency {:.1} %",
                100.0 * compute / step
            );
        }
    }
}
