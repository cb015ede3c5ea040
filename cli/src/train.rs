//! `wengert train`: trains a small CNN, saves its weights and tests it.
//!
//! The same seed gives the same weights, bit for bit, for any number of threads.

use std::error::Error;
use std::f64::consts::PI;
use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressDrawTarget;
use wengert::data::Augment;
use wengert::evaluate::predictions;
use wengert::nn::StateDict;
use wengert::prelude::*;
use wengert::report::{Confusion, Fingerprint, beside, shades};
use wengert::tensor::parallel::with_threads;

use crate::network::Cnn;
use crate::output::print_line;
use crate::{checkpoint, progress};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// What to train on.
#[derive(Subcommand)]
pub enum Data {
    /// 1,797 handwritten digits of 8×8 pixels, part of this program.
    ///
    /// Alpaydin & Kaynak, 1998. Every fifth image (row mod 5 = 4) is kept for the test.
    Digits(Options),
    /// Fashion-MNIST: 70,000 images of clothes, 28×28 pixels, read from a directory.
    FashionMnist {
        /// Directory of the four IDX files, gzipped or not
        #[arg(
            long,
            value_name = "DIR",
            default_value = "/usr/share/datasets/fashion-mnist"
        )]
        data: PathBuf,
        #[command(flatten)]
        options: Options,
    },
}

/// How to train.
#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub struct Options {
    /// Passes over the training images [default: 60 for digits, 3 for fashion-mnist]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    epochs: Option<u64>,
    /// Images per step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one)]
    batch: usize,
    /// Learning rate at the start; it falls to 0 along a cosine [default: 0.003, for sgd 0.05]
    #[arg(long, value_name = "RATE", value_parser = learning_rate)]
    lr: Option<f64>,
    /// Update rule
    #[arg(long, value_enum, default_value_t = Rule::Adam)]
    optimizer: Rule,
    /// Seed of weights, order, shifts and dropout
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Threads; the result does not depend on their number [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Directory for the weights, which are saved as a safetensors file
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Test on every fifth training image, which is then not trained on, instead of the test images
    ///
    /// Choose options by this accuracy: test images that options were chosen by no longer measure
    /// how the network does on new images.
    #[arg(long)]
    validate: bool,
    /// Test the weights of this safetensors file instead of training
    #[arg(long, value_name = "FILE", conflicts_with_all = ["epochs", "batch", "lr", "optimizer", "seed", "out"])]
    load: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rule {
    Adam,
    Adamw,
    Sgd,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(n) => Ok(n),
        Err(error) => Err(format!("{error}")),
    }
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("a finite number above 0 is needed".to_owned()),
    }
}

/// What differs from data set to data set.
struct Task {
    name: &'static str,
    data: Split,
    epochs: u64,
    /// The most pixels that an image is shifted by while training.
    shift: usize,
}

/// Runs `wengert train`.
pub fn run(data: &Data) -> Outcome {
    let (task, options) = match data {
        Data::Digits(options) => {
            let data = Split::digits();
            (
                Task {
                    name: "digits",
                    data,
                    epochs: 60,
                    shift: 1,
                },
                options,
            )
        }
        Data::FashionMnist { data, options } => {
            let data = Split::fashion_mnist(data)?;
            (
                Task {
                    name: "fashion-mnist",
                    data,
                    epochs: 3,
                    shift: 0,
                },
                options,
            )
        }
    };
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.map_or_else(cores, usize::from);
    with_threads(threads, || train_and_test(task, options))
}

fn train_and_test(mut task: Task, options: &Options) -> Outcome {
    if options.validate {
        let train = &task.data.train;
        let rows = |held: bool| (0..train.len()).filter(move |row| (row % 5 == 4) == held);
        let (test, train) = (train.select(rows(true)), train.select(rows(false)));
        task.data = Split { train, test };
    }
    let images = &task.data.train;
    let side = images.shape()[2];
    let mut model: Cnn = Cnn::new(side, images.classes().len(), options.seed);
    if let Some(file) = &options.load {
        StateDict::load(file)?.load_into(&mut model)?;
        print_line(format_args!("weights of {}", file.display()))?;
    } else {
        if options.batch > images.len() {
            let (batch, count) = (options.batch, images.len());
            return Err(format!(
                "a batch of {batch} is more than the {count} images; choose at most {count} with --batch"
            )
            .into());
        }
        let file = checkpoint::prepare(&options.out, &format!("{}.safetensors", task.name))?;
        print_line(format_args!(
            "{}",
            summary(&model, [options.batch, 1, side, side])
        ))?;
        train(&mut model, &task, options)?;
        StateDict::of(&model).save(&file)?;
        print_line(format_args!("checkpoint {}", file.display()))?;
    }
    print_line(format_args!("weights {:016x}", fingerprint(&model)))?;
    test(&model, &task.data.test)
}

fn train(model: &mut Cnn, task: &Task, options: &Options) -> Outcome {
    let images = &task.data.train;
    let epochs = options.epochs.unwrap_or(task.epochs);
    let augment = Augment {
        shift: task.shift,
        ..Augment::default()
    };
    let loader = Loader::new(
        images,
        LoaderOptions {
            batch: options.batch,
            seed: options.seed,
            augment,
            ..LoaderOptions::default()
        },
    );
    let (lr, mut optimizer) = optimizer(options);
    let steps = epochs * loader.steps() as u64;
    let start = Instant::now();
    let bar = progress::bar(steps, ProgressDrawTarget::stderr());
    let (mut step, mut loss, mut accuracy) = (0, 0.0, 0.0);
    for epoch in 0..epochs {
        for batch in loader.epoch(epoch) {
            optimizer.set_lr(lr * 0.5 * (1.0 + (PI * f64::from(step) / steps as f64).cos()));
            let mut pass = Pass::train(model, batch.seed);
            let count = batch.rows.len() as f64;
            let logits = model.call(&pass.input(batch.inputs), &mut pass);
            let batch_loss = logits.cross_entropy(batch.targets.classes());
            let gradients = pass.backward(&batch_loss);
            optimizer.step(model, &gradients, pass);

            let batch_loss = f64::from(batch_loss.item());
            if !batch_loss.is_finite() {
                bar.finish_and_clear();
                return Err(format!(
                    "the loss is {batch_loss} at step {step} of epoch {}; choose a smaller --lr than {lr}",
                    epoch + 1
                )
                .into());
            }
            let hits = logits
                .value()
                .argmax(1)
                .eq(batch.targets.classes())
                .count_true(..)
                .item() as f64;
            // Running averages over some 20 steps.
            let weight = if step == 0 { 1.0 } else { 0.05 };
            loss += weight * (batch_loss - loss);
            accuracy += weight * (hits / count - accuracy);
            step += 1;
            bar.set_message(progress::message(epoch + 1, epochs, loss, accuracy));
            bar.inc(1);
        }
        if !stderr().is_terminal() && progress::is_logged(epoch, epochs) {
            let line = progress::message(epoch + 1, epochs, loss, accuracy);
            // A closed standard error must not end the training.
            let _ = writeln!(stderr(), "{line}");
        }
    }
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let rate = images.len() as f64 * epochs as f64 / seconds;
    let _ = writeln!(
        stderr(),
        "trained: {epochs} epochs in {seconds:.1} s, {rate:.0} images/s, loss {loss:.4}"
    );
    Ok(())
}

/// The learning rate at the start and the update rule.
fn optimizer(options: &Options) -> (f64, Optimizer) {
    let default = match options.optimizer {
        Rule::Sgd => 0.05,
        Rule::Adam | Rule::Adamw => 0.003,
    };
    let lr = options.lr.unwrap_or(default);
    let optimizer = match options.optimizer {
        Rule::Adam => Optimizer::new(Adam {
            lr,
            ..Adam::default()
        }),
        Rule::Adamw => Optimizer::new(AdamW {
            lr,
            ..AdamW::default()
        }),
        Rule::Sgd => Optimizer::new(Sgd {
            lr,
            momentum: 0.9,
            nesterov: true,
            ..Sgd::default()
        }),
    };
    (lr, optimizer)
}

/// A hash of the bits of every weight.
fn fingerprint(model: &Cnn) -> u64 {
    let mut hash = Fingerprint::new();
    for (path, param) in model.parameters() {
        hash.add(&path, param.shape(), &param.value().to_vec());
    }
    hash.value()
}

/// Prints the confusion matrix, some mistakes, and the accuracy.
fn test(model: &Cnn, images: &ImageSet) -> Outcome {
    let loader = Loader::new(images, LoaderOptions::default());
    let predicted = predictions(model, &loader);
    let mut confusion = Confusion::new(images.classes().iter().cloned());
    let truth: Vec<i64> = images
        .labels()
        .iter()
        .map(|&label| i64::from(label))
        .collect();
    confusion.add_all(&truth, &predicted);
    print_line(format_args!("\n{confusion}"))?;
    let mistakes: Vec<_> = (0..images.len())
        .filter(|&i| truth[i] != predicted[i])
        .collect();
    let [_, _, _, width] = images.shape();
    let white = f64::from(images.white());
    let draw = |&row: &usize| {
        let pixels: Vec<_> = images
            .image(row)
            .iter()
            .map(|&p| f64::from(p) / white)
            .collect();
        let class = |label: i64| &images.classes()[label as usize];
        let (truth, predicted) = (class(truth[row]), class(predicted[row]));
        format!("{truth} taken for {predicted}\n{}", shades(&pixels, width))
    };
    let drawn: Vec<_> = mistakes.iter().take(4).map(draw).collect();
    if !drawn.is_empty() {
        let (wrong, all) = (mistakes.len(), images.len());
        print_line(format_args!(
            "{wrong} of {all} images are mistaken, for example:\n{}",
            beside(&drawn)
        ))?;
    }
    print_line(format_args!(
        "test accuracy {:.1} %",
        100.0 * confusion.accuracy()
    ))?;
    Ok(())
}
