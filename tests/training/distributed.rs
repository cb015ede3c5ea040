//! Training by several processes, simulated as threads of this one.

use std::ops::ControlFlow;
use std::path::Path;

use wengert::data::ImageSet;
use wengert::distributed::{Bucket, Communicator, CommunicatorOptions, Network, Simulator};
use wengert::prelude::*;
use wengert::tensor::parallel::with_threads;
use wengert::train::{Outcome, StopHandle, StopReason};

use crate::models::{Scaled, bits, images, network};

/// What a test changes of a run.
#[derive(Clone)]
struct Run<'a> {
    shards: usize,
    epochs: u64,
    accumulate: usize,
    directory: Option<&'a Path>,
    /// The step that a callback stops after, counted over the call of `fit`.
    stop_after: Option<usize>,
    /// The process whose callback stops.
    stopping: usize,
    stop: StopHandle,
    seed: u64,
    lr: f64,
    examples: usize,
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self {
            shards: 8,
            epochs: 2,
            accumulate: 1,
            directory: None,
            stop_after: None,
            stopping: 0,
            stop: StopHandle::new(),
            seed: 1,
            lr: 0.1,
            examples: 53,
        }
    }
}

impl Run<'_> {
    /// Trains in batches of 16; 53 examples leave a last batch of 5, fewer than the shards.
    fn train(&self, communicator: Option<&Communicator>) -> Result<(String, Outcome), TrainError> {
        let set = images(self.examples, 0);
        let held = images(21, 1);
        let options = LoaderOptions {
            batch: 16,
            seed: 5,
            ..LoaderOptions::default()
        };
        let loader = Loader::new(&set, options);
        let validation = loader.for_evaluation(&held);
        let mut model = network(self.seed);
        let optimizer = Optimizer::new(Sgd {
            lr: self.lr,
            momentum: 0.9,
            ..Sgd::default()
        });
        let rank = communicator.map_or(0, Communicator::rank);
        let mut seen = 0;
        let mut trainer = Trainer::new(&mut model, optimizer, &loader)
            .options(TrainOptions {
                epochs: self.epochs,
                shards: self.shards,
                accumulate: self.accumulate,
                ema: Some(Ema::default()),
                clip_norm: Some(1.0),
                top_k: vec![2],
                ..TrainOptions::default()
            })
            .validation(&validation)
            .metric("mean", |output, _| f64::from(output.mean(..).item()))
            .stop_handle(&self.stop)
            .on_step(|_| {
                seen += 1;
                if Some(seen) == self.stop_after && rank == self.stopping {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
        if let Some(directory) = self.directory {
            trainer = trainer
                .checkpoints(CheckpointOptions {
                    directory: directory.to_owned(),
                    ..CheckpointOptions::default()
                })
                .resume_if_possible();
        }
        if let Some(communicator) = communicator {
            trainer = trainer.communicator(communicator);
        }
        let outcome = trainer.fit()?;
        drop(trainer);
        Ok((bits(&model), outcome))
    }

    /// The results of all processes, which must be the same.
    #[track_caller]
    fn by(&self, processes: usize) -> (String, Outcome) {
        let results = Simulator::new(processes).run(|communicator| {
            let result = self.train(Some(communicator));
            result.unwrap_or_else(|error| panic!("process {}: {error}", communicator.rank()))
        });
        for (bits, outcome) in &results {
            assert_eq!(*bits, results[0].0);
            assert_eq!(outcome.evaluation, results[0].1.evaluation);
            assert_eq!(outcome.history, results[0].1.history);
            assert_eq!(outcome.reason, results[0].1.reason);
        }
        results.into_iter().next().expect("a process")
    }

    fn errors(processes: usize, of: impl Fn(usize) -> Self + Sync) -> Vec<String> {
        Simulator::new(processes).run(|communicator| {
            let run = of(communicator.rank());
            let error = run.train(Some(communicator)).expect_err("an error");
            error.to_string()
        })
    }
}

#[test]
fn the_number_of_processes_and_threads_changes_no_bit() {
    for accumulate in [1, 3] {
        let run = Run {
            accumulate,
            ..Run::default()
        };
        let (expected, alone) = run.train(None).expect("it trains");
        for (processes, threads) in [(1, 2), (2, 1), (2, 2), (3, 1), (4, 2), (5, 1), (8, 1)] {
            let (found, outcome) = with_threads(threads, || run.by(processes));
            assert_eq!(found, expected, "{processes} processes, {threads} threads");
            assert_eq!(outcome.history, alone.history, "{processes} processes");
            assert_eq!(
                outcome.evaluation, alone.evaluation,
                "{processes} processes"
            );
        }
    }
}

#[test]
fn small_buckets_change_no_bit() {
    let run = Run::default();
    let (expected, _) = run.train(None).expect("it trains");
    for bucket_bytes in [1, 100, 1000] {
        let options = CommunicatorOptions {
            bucket_bytes,
            ..CommunicatorOptions::default()
        };
        let simulator = Simulator::new(3).options(options);
        for result in simulator.run(|communicator| run.train(Some(communicator))) {
            assert_eq!(
                result.expect("it trains").0,
                expected,
                "{bucket_bytes} bytes"
            );
        }
    }
}

#[test]
fn a_run_of_four_processes_is_continued_by_two_or_three_with_the_same_bits() {
    let (expected, whole) = Run::default().by(4);
    for (processes, stop_after) in [(2, 3), (3, 5)] {
        let directory = tempfile::tempdir().expect("a directory");
        let run = Run {
            directory: Some(directory.path()),
            ..Run::default()
        };
        let stopped = Run {
            stop_after: Some(stop_after),
            stopping: 2,
            ..run.clone()
        };
        let (_, outcome) = stopped.by(4);
        assert_eq!(outcome.reason, StopReason::Callback);
        let (found, resumed) = run.by(processes);
        assert_eq!(found, expected, "{processes} processes");
        assert_eq!(resumed.history, whole.history);
    }
}

#[test]
fn a_request_to_stop_one_process_stops_all() {
    let results = Simulator::new(3).run(|communicator| {
        let run = Run::default();
        if communicator.rank() == 1 {
            run.stop.stop();
        }
        run.train(Some(communicator)).expect("it stops").1.reason
    });
    assert_eq!(results, vec![StopReason::Interrupted; 3]);
}

#[test]
fn processes_that_differ_refuse_to_start_and_say_what_differs() {
    let other_seed = |rank| Run {
        seed: if rank == 1 { 7 } else { 1 },
        ..Run::default()
    };
    let other_data = |rank| Run {
        examples: if rank == 2 { 54 } else { 53 },
        ..Run::default()
    };
    let other_rate = |rank| Run {
        lr: if rank == 2 { 0.2 } else { 0.1 },
        ..Run::default()
    };
    let other_epochs = |rank| Run {
        epochs: if rank == 0 { 3 } else { 2 },
        ..Run::default()
    };
    let cases: [(&dyn Fn(usize) -> Run<'static>, &str); 4] = [
        (&other_seed, "process 1 has another set of starting weights"),
        (
            &other_data,
            "process 2 has another training data: samples (54) than process 0 (53)",
        ),
        (&other_rate, "process 2 has another state of the optimizer"),
        (
            &other_epochs,
            "process 1 has another number of epochs (2) than process 0 (3)",
        ),
    ];
    for (place, (_, part)) in cases.iter().enumerate() {
        // The closures are not shared between threads: each process makes its own.
        let errors = Run::errors(3, |rank| match place {
            0 => other_seed(rank),
            1 => other_data(rank),
            2 => other_rate(rank),
            _ => other_epochs(rank),
        });
        for error in &errors {
            assert!(error.contains(part), "{error:?} does not say {part:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
    }
}

#[test]
fn more_processes_than_shards_are_one_sentence() {
    let errors = Run::errors(3, |_| Run {
        shards: 2,
        ..Run::default()
    });
    for error in errors {
        assert!(
            error.contains("3 processes for 2 shards: each process needs a shard of its own"),
            "{error}"
        );
    }
}

#[test]
fn a_directory_that_cannot_be_written_ends_all_processes() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let errors = Run::errors(3, |_| Run {
        directory: Some(file.path()),
        ..Run::default()
    });
    assert!(errors[0].contains("cannot write checkpoints"), "{errors:?}");
    for error in &errors[1..] {
        assert!(
            error.starts_with("process 0: ") && error.contains("cannot write checkpoints"),
            "{error}"
        );
    }
}

/// `ln(x)`, which is NaN for the one image with a dark corner.
#[derive(Clone, Debug)]
struct Log;
fields!(Log);

impl<T: Real> Module<T> for Log {
    fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> {
        x.ln()
    }
}

#[test]
fn a_nan_of_one_process_stops_all_and_names_process_and_op() {
    let mut pixels = vec![100; 16 * 16];
    // Example 9 is in shard 4 of 8, which process 1 of 3 has.
    pixels[9 * 16] = 0;
    let labels = (0..16).map(|i| i % 3).collect();
    let set = ImageSet::new(pixels, [16, 1, 4, 4], labels, &["a", "b", "c"], 255);
    let options = LoaderOptions {
        batch: 16,
        shuffle: false,
        ..LoaderOptions::default()
    };
    let errors = Simulator::new(3).run(|communicator| {
        let loader = Loader::new(&set, options.clone());
        // 0 · ln 0 is NaN.
        let scale = Param::new(Tensor::zeros([1]));
        let mut model = Sequential::new()
            .push_named("log", Log)
            .push_named("scale", Scaled { scale })
            .push(Flatten)
            .push(Linear::new(16, 3, &mut rng(0)));
        let before = bits(&model);
        let error = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader)
            .options(TrainOptions {
                shards: 8,
                ..TrainOptions::default()
            })
            .communicator(communicator)
            .fit()
            .expect_err("not finite");
        assert_eq!(bits(&model), before);
        error.to_string()
    });
    for (process, error) in errors.iter().enumerate() {
        assert!(
            error.contains("in process 1: ") && error.contains("`log`"),
            "{error}"
        );
        assert_eq!(error.starts_with("process 1: "), process != 1, "{error}");
    }
}

#[test]
fn a_process_that_panics_ends_the_others() {
    let ended = std::panic::catch_unwind(|| {
        Simulator::new(3).run(|communicator| {
            assert_ne!(communicator.rank(), 2, "this process fails");
            let _ = Run::default().train(Some(communicator));
        })
    });
    assert!(ended.is_err());
}

#[test]
fn simulated_steps_take_what_the_formula_says() {
    const TOLERANCE: f64 = 0.15;
    let networks = [
        // Ethernet of 1 and of 10 Gb/s, and a network of long delays.
        (20e-6, 2e-6, 0.118e9),
        (20e-6, 2e-6, 1.18e9),
        (2e-3, 5e-6, 1.18e9),
    ];
    let backward = [0.030, 0.040, 0.055, 0.090];
    for (latency, overhead, bandwidth) in networks {
        let network = Network {
            latency,
            overhead,
            bandwidth,
        };
        for processes in [2, 4, 16, 64] {
            let buckets: Vec<_> = backward
                .iter()
                .map(|&ready| Bucket {
                    ready,
                    bytes: 1 << 18,
                })
                .collect();
            let simulator = Simulator::new(processes).network(network);
            let found = simulator.step_seconds(64, 0.1, &buckets);
            let expected = network.step_seconds(processes, 0.1, &buckets);
            assert!(
                (found / expected - 1.0).abs() < TOLERANCE,
                "{network:?}, {processes} processes: {found} s, the formula says {expected} s"
            );
        }
    }
}
