//! The main job: a CNN learns real images, through our own tensor, tape, layers and optimizer.
//!
//!     cargo run --release --example digits
//!
//! Trains on the 1,797 handwritten digits of 8×8 pixels that come with the crate (Alpaydin & Kaynak,
//! 1998), or on Fashion-MNIST with `--data fashion-mnist`. Every fifth digit, row mod 5 = 4, is kept
//! for the test and chooses nothing. The same seed gives the same weights, bit for bit, for any number
//! of threads.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use wengert::data::{Augment, DataError};
use wengert::evaluate::predictions;
use wengert::nn::StateDict;
use wengert::prelude::*;
use wengert::report::{Confusion, Fingerprint, Progress, beside, shades};

/// Trains a small CNN on real images and tests it.
#[derive(Parser)]
#[command(version, about)]
struct Args {
    /// What to learn.
    #[arg(long, value_enum, default_value_t = Data::Digits)]
    data: Data,
    /// Where the four IDX files of Fashion-MNIST are.
    #[arg(long, default_value = "/usr/share/datasets/fashion-mnist")]
    data_dir: PathBuf,
    /// Passes over the training images [default: 60 for digits, 3 for fashion-mnist].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Images per step.
    #[arg(long, default_value_t = 32, value_parser = positive)]
    batch: usize,
    /// Learning rate at the start; it falls to 0 along a cosine [default: 0.003, sgd 0.05].
    #[arg(long)]
    lr: Option<f64>,
    /// Update rule.
    #[arg(long, value_enum, default_value_t = Rule::Adam)]
    optimizer: Rule,
    /// Seed of weights, order, shifts and dropout.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads [default: as many as there are cores].
    #[arg(long, value_parser = positive)]
    threads: Option<usize>,
    /// Directory for the checkpoint.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// Hold out every fifth training image and test on those: to choose flags by, for the test
    /// images must choose nothing.
    #[arg(long)]
    validate: bool,
    /// Test the weights of this safetensors file instead of training.
    #[arg(long)]
    load: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Data {
    Digits,
    FashionMnist,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rule {
    Adam,
    Adamw,
    Sgd,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(n) => Ok(n),
        Err(error) => Err(format!("{error}")),
    }
}

/// conv – relu – pool, twice, then two dense layers.
#[derive(Debug)]
struct Cnn<T: Real = f32> {
    conv1: Conv2d<T>,
    conv2: Conv2d<T>,
    fc1: Linear<T>,
    dropout: Dropout<T>,
    fc2: Linear<T>,
}
fields!(Cnn { conv1, conv2, fc1, dropout, fc2 });

impl<T: Real> Cnn<T> {
    /// A network for grey images of `side × side` pixels.
    fn new(side: usize, classes: usize, seed: u64) -> Self {
        let rng = &mut rng(seed);
        let flat = 64 * (side / 4) * (side / 4);
        Self {
            conv1: Conv2d::new(1, 32, 3, rng).padding(1),
            conv2: Conv2d::new(32, 64, 3, rng).padding(1),
            fc1: Linear::new(flat, 128, rng),
            dropout: Dropout::new(0.25),
            fc2: Linear::new(128, classes, rng),
        }
    }
}

impl<T: Real> Module for Cnn<T> {
    type Element = T;

    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.conv1.forward(x, pass).relu().max_pool2d(&PoolOptions::new(2)).0;
        let x = self.conv2.forward(&x, pass).relu().max_pool2d(&PoolOptions::new(2)).0;
        let x = self.fc1.forward(&x.flatten(1, -1), pass).relu();
        let x = self.dropout.forward(&x, pass);
        self.fc2.forward(&x, pass)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let threads =
        args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    match wengert::tensor::parallel::with_threads(threads, || run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("digits: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut data = load_data(args)?;
    if args.validate {
        let rows = |held: bool| (0..data.train.len()).filter(move |row| (row % 5 == 4) == held);
        data =
            Dataset { test: data.train.select(rows(true)), train: data.train.select(rows(false)) };
    }
    let side = data.train.shape()[2];
    let mut model: Cnn = Cnn::new(side, data.train.classes().len(), args.seed);
    if let Some(file) = &args.load {
        StateDict::load(file)?.load_into(&mut model)?;
        println!("weights of {}", file.display());
    } else {
        println!("{}", summary(&model, [args.batch, 1, side, side]));
        train(&mut model, &data.train, args);
        save(&model, &args.out)?;
    }
    println!("weights {:016x}", fingerprint(&model));
    test(&model, &data.test);
    Ok(())
}

fn load_data(args: &Args) -> Result<Dataset, DataError> {
    match args.data {
        Data::Digits => Ok(Dataset::digits()),
        Data::FashionMnist => Dataset::fashion_mnist(&args.data_dir),
    }
}

fn train(model: &mut Cnn, images: &ImageSet, args: &Args) {
    let (epochs, shift) = match args.data {
        Data::Digits => (args.epochs.unwrap_or(60), 1),
        Data::FashionMnist => (args.epochs.unwrap_or(3), 0),
    };
    let augment = Augment { shift, ..Augment::default() };
    let options =
        LoaderOptions { batch: args.batch, seed: args.seed, augment, ..LoaderOptions::default() };
    let loader = Loader::new(images, options);
    let lr = args.lr.unwrap_or(if matches!(args.optimizer, Rule::Sgd) { 0.05 } else { 0.003 });
    let mut optimizer = match args.optimizer {
        Rule::Adam => Optimizer::new(Adam { lr, ..Adam::default() }),
        Rule::Adamw => Optimizer::new(AdamW { lr, ..AdamW::default() }),
        Rule::Sgd => Optimizer::new(Sgd { lr, momentum: 0.9, nesterov: true, ..Sgd::default() }),
    };
    let steps = epochs * loader.steps() as u64;
    let start = Instant::now();
    let mut progress = Progress::new("training", images.len() * epochs as usize);
    let (mut step, mut average, mut right) = (0, None, 0.0);
    for epoch in 0..epochs {
        for batch in loader.epoch(epoch) {
            optimizer.set_lr(
                lr * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / steps as f64).cos()),
            );
            let mut pass = Pass::train(model, args.seed.wrapping_mul(1 << 32).wrapping_add(step));
            let count = batch.labels.len();
            let logits = model.forward(&pass.input(batch.images), &mut pass);
            let loss = logits.cross_entropy(&batch.labels, &CrossEntropyOptions::default());
            let gradients = pass.backward(&loss);
            optimizer.step(model, &gradients, pass);

            let hits = logits.value().argmax(1).eq(&batch.labels).count_true(..).item() as f64
                / count as f64;
            let smooth = |old: f64, new: f64| old + 0.05 * (new - old);
            average = Some(
                average.map_or(f64::from(loss.item()), |old| smooth(old, f64::from(loss.item()))),
            );
            right = if step == 0 { hits } else { smooth(right, hits) };
            progress.advance(count, || {
                let loss = average.unwrap_or_default();
                format!(
                    "epoch {:>2}/{epochs}  loss {loss:.4}  accuracy {:>5.1} %",
                    epoch + 1,
                    100.0 * right
                )
            });
            step += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    progress.finish(&format!(
        "{epochs} epochs in {seconds:.1} s, {:.0} samples/s, loss {:.4}",
        (images.len() as f64 * epochs as f64) / seconds,
        average.unwrap_or_default(),
    ));
}

/// Writes the weights in PyTorch's names and layouts.
fn save(model: &Cnn, directory: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    std::fs::create_dir_all(directory).map_err(|error| {
        format!(
            "cannot make the directory {} ({error}); choose another with --out",
            directory.display()
        )
    })?;
    let file = directory.join("digits.safetensors");
    StateDict::of(model).save(&file)?;
    println!("checkpoint {}", file.display());
    Ok(())
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
fn test(model: &Cnn, images: &ImageSet) {
    let predicted = predictions(model, images, None);
    let mut confusion = Confusion::new(images.classes().iter().cloned());
    let truth: Vec<i64> = images.labels().iter().map(|&label| i64::from(label)).collect();
    confusion.add_all(&truth, &predicted);
    let mistakes: Vec<_> = (0..images.len()).filter(|&i| truth[i] != predicted[i]).collect();
    println!("\n{confusion}");
    let [_, _, _, width] = images.shape();
    let white = f64::from(images.white());
    let drawn: Vec<_> = mistakes
        .iter()
        .take(4)
        .map(|&row| {
            let pixels: Vec<_> = images.image(row).iter().map(|&p| f64::from(p) / white).collect();
            let [truth, predicted] =
                [truth[row], predicted[row]].map(|c| &images.classes()[c as usize]);
            format!("{truth} taken for {predicted}\n{}", shades(&pixels, width))
        })
        .collect();
    if !drawn.is_empty() {
        println!(
            "{} of {} images are mistaken, for example:\n{}",
            mistakes.len(),
            images.len(),
            beside(&drawn)
        );
    }
    println!("test accuracy {:.1} %", 100.0 * confusion.accuracy());
}
