//! Transports of one's own: that fail, and that add up themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use wengert::data::{Dataset, Example};
use wengert::distributed::{
    Algorithm, Communicator, CommunicatorOptions, Incoming, NumberType, Outgoing, Simulator,
    Transport,
};
use wengert::nn::{StateDict, SyncBatchNorm2d};
use wengert::prelude::*;

use wengert::tensor::testing::panics::assert_refused;

use crate::models::images;

/// Two processes, of which the second one does as the first.
struct Echo {
    works: Arc<AtomicBool>,
}

impl Transport for Echo {
    fn rank(&self) -> usize {
        0
    }
    fn size(&self) -> usize {
        2
    }
    fn exchange(&mut self, outgoing: &[Outgoing<'_>], incoming: &mut [Incoming<'_>]) {
        assert!(self.works.load(SeqCst), "the cable is broken");
        for (incoming, outgoing) in incoming.iter_mut().zip(outgoing) {
            incoming.bytes.copy_from_slice(outgoing.bytes);
        }
    }
    fn has_all_reduce(&self) -> bool {
        true
    }
    fn all_reduce(&mut self, numbers: NumberType, bytes: &mut [u8]) {
        assert_eq!(numbers, NumberType::F32);
        for number in bytes.as_chunks_mut().0 {
            *number = (2.0 * f32::from_le_bytes(*number)).to_le_bytes();
        }
    }
}

fn echo(works: bool) -> Communicator {
    echo_while(Arc::new(AtomicBool::new(works)))
}

fn echo_while(works: Arc<AtomicBool>) -> Communicator {
    let started = Communicator::start(move || Ok::<_, String>(Echo { works }));
    started.expect("it starts")
}

/// The weights after a step with the first images, in two shards if there are several processes.
fn step(examples: usize, communicator: Option<&Communicator>) -> Vec<u8> {
    let set = images(examples, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: examples,
            shuffle: false,
            ..LoaderOptions::default()
        },
    );
    let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(1))];
    let options = TrainOptions {
        epochs: 1,
        shards: communicator.map_or(1, |_| 2),
        ..TrainOptions::default()
    };
    let rule = Sgd {
        lr: 0.1,
        ..Sgd::default()
    };
    let mut trainer = Trainer::new(&mut model, Optimizer::new(rule), &loader).options(options);
    if let Some(communicator) = communicator {
        trainer = trainer.communicator(communicator);
    }
    trainer.fit().expect("it trains");
    drop(trainer);
    StateDict::of(&model).to_bytes()
}

fn by_transport() -> CommunicatorOptions {
    CommunicatorOptions {
        algorithm: Algorithm::Transport,
        ..CommunicatorOptions::default()
    }
}

#[test]
fn a_transport_that_adds_up_itself_is_asked_to_do_so() {
    let communicator = echo(true).with_options(by_transport());
    // Twice the gradients of the first half, over twice its examples.
    assert!(step(8, Some(&communicator)) == step(4, None));
    assert!(step(8, Some(&communicator)) != step(8, None));
    assert!(communicator.traffic().reduced_bytes > 0);
}

#[test]
fn a_transport_that_cannot_add_up_uses_the_tree() {
    let by = |options| {
        let simulator = Simulator::new(2).options(options);
        simulator.run(|communicator| step(8, Some(communicator)))
    };
    assert!(by(by_transport()) == by(CommunicatorOptions::default()));
}

#[test]
fn a_transport_that_panics_is_lost_for_good() {
    let lost = "Communicator: the connection to the other processes is lost; see the message of the one that failed";
    let broken = echo(false);
    for _ in 0..3 {
        assert_refused(lost, || drop(broken.gather(vec![1])));
    }
    assert_refused(
        "Communicator: the transport panicked while it was made",
        || {
            drop(Communicator::start(|| -> Result<Echo, String> {
                panic!("no network")
            }));
        },
    );
}

#[test]
fn numbers_with_tangents_cannot_be_sent() {
    assert_eq!(NumberType::of::<f32>(), Some(NumberType::F32));
    assert_eq!(NumberType::of::<f64>(), Some(NumberType::F64));
    assert_eq!(NumberType::of::<Dual<f64>>(), None);
}

#[test]
fn numbers_with_tangents_are_not_trained_by_several_processes() {
    let set = images(8, 0);
    let errors = Simulator::new(2).run(|communicator| {
        let loader = Loader::new(
            &set,
            LoaderOptions {
                batch: 8,
                ..LoaderOptions::default()
            },
        );
        let mut model = Sequential::<Dual<f64>>::new()
            .push(Flatten)
            .push(Linear::new(16, 3, &mut rng(1)));
        let options = TrainOptions {
            shards: 2,
            ..TrainOptions::default()
        };
        let error = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader)
            .options(options)
            .communicator(communicator)
            .fit();
        error.expect_err("no bytes for these numbers").to_string()
    });
    for error in errors {
        assert!(
            error.contains("f32 and f64 only") && error.contains("Dual"),
            "{error}"
        );
    }
}

#[test]
fn a_single_process_waits_for_its_computation_alone() {
    let buckets = [wengert::distributed::Bucket {
        ready: 0.25,
        bytes: 1 << 10,
    }];
    for compute in [0.125, 0.5] {
        let seconds = Simulator::new(1).step_seconds(4, compute, &buckets);
        assert_eq!(seconds, f64::max(compute, 0.25));
    }
}

#[test]
fn processes_with_other_numbers_of_lines_in_their_configuration_have_other_sets_of_options() {
    let set = images(8, 0);
    let errors = Simulator::new(2).run(|communicator| {
        let loader = Loader::new(
            &set,
            LoaderOptions {
                batch: 8,
                ..LoaderOptions::default()
            },
        );
        let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(1))];
        let options = TrainOptions {
            shards: 2,
            ..TrainOptions::default()
        };
        let lines = ["a = 1", "a = 1\nb = 2"];
        let error = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader)
            .options(options)
            .communicator(communicator)
            .configuration(lines[communicator.rank()])
            .fit();
        error.expect_err("other lines").to_string()
    });
    for error in errors {
        assert!(
            error.contains("set of options") && error.contains("b = 2"),
            "{error}"
        );
    }
}

#[test]
fn an_input_that_is_not_finite_is_named_by_processes_without_examples_too() {
    /// 17 is the second example of the last batch, which has 3.
    struct Infinite;
    impl Dataset for Infinite {
        fn len(&self) -> usize {
            19
        }
        fn example(&self, index: usize) -> Example {
            let x = if index == 17 { f64::INFINITY } else { 1.0 };
            Example::new(Tensor::full([16], x), index % 3)
        }
    }
    let errors = Simulator::new(2).run(|communicator| {
        let options = LoaderOptions {
            batch: 16,
            shuffle: false,
            ..LoaderOptions::default()
        };
        let loader = Loader::new(&Infinite, options);
        let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(1))];
        let options = TrainOptions {
            shards: 8,
            ..TrainOptions::default()
        };
        let error = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader)
            .options(options)
            .communicator(communicator)
            .fit();
        error.expect_err("not finite").to_string()
    });
    assert!(errors[0].contains("example 1"), "{}", errors[0]);
    assert!(
        errors[1].starts_with("process 0: ") && errors[1].contains("example 1"),
        "{}",
        errors[1]
    );
}

/// Cuts the cable in the first step.
#[derive(Clone, Debug)]
struct Cut {
    works: Arc<AtomicBool>,
    cuts: Arc<AtomicBool>,
}
fields!(Cut);

impl<T: Real> Module<T> for Cut {
    fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> {
        // The first call is the trial before the first step.
        if self.cuts.swap(true, SeqCst) {
            self.works.store(false, SeqCst);
        }
        x.clone()
    }
}

#[test]
fn shards_that_wait_for_a_lost_process_end() {
    let works = Arc::new(AtomicBool::new(true));
    let communicator = echo_while(Arc::clone(&works));
    let set = images(8, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 8,
            ..LoaderOptions::default()
        },
    );
    let cut = Cut {
        works,
        cuts: Arc::default(),
    };
    let mut model: Sequential = sequential![
        cut,
        SyncBatchNorm2d::new(1),
        Flatten,
        Linear::new(16, 3, &mut rng(1))
    ];
    let options = TrainOptions {
        shards: 4,
        ..TrainOptions::default()
    };
    let mut trainer = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader)
        .options(options)
        .communicator(&communicator);
    assert_refused(
        "Communicator: the connection to the other processes is lost",
        || drop(trainer.fit()),
    );
}
