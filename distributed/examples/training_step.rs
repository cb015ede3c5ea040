//! The time of a training step, and the share of communication in it.
//!
//! ```sh
//! cargo build --release -p wengert-mpi --examples
//! mpirun -n 2 target/release/examples/training_step resnet20 --batch 128 --shards 2 --threads 1
//! target/release/examples/training_step resnet20 --batch 128 --shards 2 --threads 2 --alone
//! ```

use std::cell::RefCell;
use std::time::Instant;

use wengert::data::ImageSet;
use wengert::distributed::{Algorithm, Communicator, CommunicatorOptions, Traffic};
use wengert::nn::models::{CifarResNet, CifarResNetOptions, Vgg, VggLayout, VggOptions, resnet50};
use wengert::prelude::*;
use wengert::tensor::parallel::with_threads;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Options {
    model: String,
    batch: usize,
    shards: usize,
    threads: usize,
    steps: usize,
    /// Steps before the measured ones, at least 1.
    warm_up: usize,
    bucket: usize,
    alone: bool,
    allreduce: bool,
}

impl Options {
    fn read() -> Result<Self, Failure> {
        let args: Vec<String> = std::env::args().collect();
        let value = |name: &str, usual: usize| -> Result<usize, Failure> {
            let place = args.iter().position(|arg| arg == name);
            let text = place.and_then(|place| args.get(place + 1));
            Ok(text.map_or(Ok(usual), |text| text.parse())?)
        };
        Ok(Self {
            model: args.get(1).ok_or("name a model, such as resnet20")?.clone(),
            batch: value("--batch", 128)?,
            shards: value("--shards", 2)?,
            threads: value("--threads", 1)?,
            steps: value("--steps", 40)?,
            warm_up: value("--warm-up", 5)?.max(1),
            bucket: value("--bucket", 4 << 20)?,
            alone: args.iter().any(|arg| arg == "--alone"),
            allreduce: args.iter().any(|arg| arg == "--allreduce"),
        })
    }
}

fn main() -> Result<(), Failure> {
    let options = Options::read()?;
    let communicator = if options.alone {
        None
    } else {
        Some(wengert_mpi::start()?.with_options(CommunicatorOptions {
            bucket_bytes: options.bucket,
            algorithm: if options.allreduce {
                Algorithm::Transport
            } else {
                Algorithm::Tree
            },
        }))
    };
    with_threads(options.threads, || measure(&options, communicator.as_ref()))
}

/// A network, the shape of its images, and its update rule.
fn network(name: &str) -> Result<(Sequential, [usize; 3], Optimizer), Failure> {
    let rng = &mut rng(0);
    Ok(match name {
        "resnet20" => (
            sequential![CifarResNet::new(&CifarResNetOptions::default(), rng)],
            [3, 32, 32],
            Optimizer::new(Sgd {
                lr: 0.1,
                momentum: 0.9,
                weight_decay: 1e-4,
                ..Sgd::default()
            }),
        ),
        "fashion" => (
            sequential![
                Conv2d::new(1, 32, 5, rng).padding(2),
                Relu,
                MaxPool2d::new(2),
                Conv2d::new(32, 64, 5, rng).padding(2),
                Relu,
                MaxPool2d::new(2),
                Flatten,
                Linear::new(64 * 7 * 7, 1024, rng),
                Relu,
                Linear::new(1024, 10, rng),
            ],
            [1, 28, 28],
            Optimizer::new(Adam::default()),
        ),
        "resnet50" => (
            sequential![resnet50(1000, rng)],
            [3, 224, 224],
            Optimizer::new(Sgd::default()),
        ),
        "vgg16" => (
            sequential![Vgg::new(VggLayout::Vgg16, &VggOptions::default(), rng)],
            [3, 224, 224],
            Optimizer::new(Sgd::default()),
        ),
        other => {
            let known = "resnet20, fashion, resnet50 and vgg16";
            return Err(format!("{other}: there are {known}").into());
        }
    })
}

fn measure(options: &Options, communicator: Option<&Communicator>) -> Result<(), Failure> {
    let (mut model, shape, optimizer) = network(&options.model)?;
    let steps = options.warm_up + options.steps;
    // Noise, in ten classes.
    let count = options.batch * steps;
    let mut pixels = vec![0; count * shape.iter().product::<usize>()];
    rng(1).fill_bytes(&mut pixels);
    let labels = (0..count as i64).map(|index| index % 10).collect();
    let [channels, height, width] = shape;
    let classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let set = ImageSet::new(
        pixels,
        [count, channels, height, width],
        labels,
        &classes,
        255,
    );
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: options.batch,
            ..LoaderOptions::default()
        },
    );
    let traffic = || communicator.map_or_else(Traffic::default, Communicator::traffic);
    let ends = RefCell::new(Vec::new());
    let mut trainer = Trainer::new(&mut model, optimizer, &loader)
        .options(TrainOptions {
            epochs: 1,
            shards: options.shards,
            ..TrainOptions::default()
        })
        .on_step(|_| ends.borrow_mut().push((Instant::now(), traffic())));
    if let Some(communicator) = communicator {
        trainer = trainer.communicator(communicator);
    }
    trainer.fit()?;
    drop(trainer);
    let ends = ends.into_inner();
    let mut seconds: Vec<f64> = ends
        .windows(2)
        .skip(options.warm_up - 1)
        .map(|pair| pair[1].0.duration_since(pair[0].0).as_secs_f64())
        .collect();
    seconds.sort_by(f64::total_cmp);
    if communicator.is_none_or(|communicator| communicator.rank() == 0) {
        let ((first, before), (last, after)) = (ends[options.warm_up - 1], ends[steps - 1]);
        let total = last.duration_since(first).as_secs_f64();
        let busy = after.busy.as_secs_f64() - before.busy.as_secs_f64();
        let waited = after.waited.as_secs_f64() - before.waited.as_secs_f64();
        println!(
            "{} batch {} shards {} processes {} threads {}: median {:.2} ms, least {:.2} ms; communication {:.1} % of \
             the time, {:.0} % of it hidden",
            options.model,
            options.batch,
            options.shards,
            communicator.map_or(1, Communicator::size),
            options.threads,
            1e3 * seconds[seconds.len() / 2],
            1e3 * seconds[0],
            100.0 * busy / total,
            100.0 * (1.0 - waited / busy.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0),
        );
    }
    Ok(())
}
