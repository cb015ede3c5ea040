//! `wengert train`: trains a network, saves its weights and tests it.
//!
//! The same seed gives the same weights, bit for bit, for any number of threads.

mod defaults;
mod display;
mod plan;
pub mod results;
#[cfg(feature = "tui")]
mod tui;
mod watch;

use std::path::{Path, PathBuf};

use clap::Args;
use wengert::data::Loader;
use wengert::nn::{Sequential, Summary};
use wengert::prelude::CrossEntropyOptions;
use wengert::tensor::parallel::with_threads;
use wengert::train::{Checkpoint, CheckpointOptions, StopHandle, StopReason, TrainError, Trainer};

use crate::outcome::{Ending, Outcome, Usage};
use crate::output::print_line;
use crate::run::{self, CHECKPOINTS, CONFIG, DATA, MODEL, Place, Run, RunDirectory};
use crate::settings::Settings;
use crate::sources::Source;
use display::Display;
use plan::Plan;
use watch::Watch;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What to train, and where to write it.
#[derive(Args)]
#[command(after_help = "Examples:
  wengert train digits
  wengert train fashion-mnist --epochs 10 --augment shift=2
  wengert train folder --data photos --size 64 --model resnet20 --validate
  wengert train --config runs/digits/config.toml --lr 0.001
  wengert train --resume runs/digits

The run is written to runs/NAME: metrics.csv and metrics.jsonl, event files for TensorBoard, checkpoints,
the weights as weights.safetensors, and report.html, the run on one page.
Ctrl-C finishes the step, writes a checkpoint and exits with status 130.")]
pub struct Options {
    #[command(flatten)]
    settings: Settings,
    /// Directory of the images of folder, as --data
    #[arg(value_name = "DIR", conflicts_with = "data")]
    directory: Option<PathBuf>,
    /// Take options from this TOML file, which has the names of the options; those given here win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory of the run [default: runs/DATASET, or the first free one of runs/DATASET-2, …]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace the run that --out holds
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// Continue the run in this directory from its last checkpoint, with its own options
    #[arg(long, value_name = "RUN", conflicts_with_all = ["config", "out", "overwrite"])]
    resume: Option<PathBuf>,
    /// Show curves, speed, gradients and dead units of each layer on the whole terminal while training
    #[arg(long)]
    tui: bool,
}

/// Runs `wengert train`.
pub fn run(options: &Options) -> Outcome {
    let (settings, place) = settings_and_place(options)?;
    let plan = Plan::new(&settings)?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = plan.settings.threads.map_or_else(cores, |n| n as usize);
    with_threads(threads, || train(&plan, &place, options.tui))
}

fn settings_and_place(options: &Options) -> Result<(Settings, Place), Failure> {
    let mut given = options.settings.clone();
    if let Some(directory) = &options.directory {
        given.data = Some(directory.clone());
    }
    if let Some(directory) = &options.resume {
        return resumed(&given, directory);
    }
    let settings = match &options.config {
        Some(file) => given.or(&Settings::read(file)?)?,
        None => given,
    };
    let Some(dataset) = settings.dataset else {
        return Err(Usage(
            "name a data set, such as `wengert train digits`; see `wengert train --help`"
                .to_owned(),
        )
        .into());
    };
    let place = match &options.out {
        Some(directory) => Place::Named {
            directory: directory.clone(),
            overwrite: options.overwrite,
        },
        None => Place::New(dataset.name().to_owned()),
    };
    Ok((settings, place))
}

/// A resumed run has its own options, or its result would be that of no run.
fn resumed(given: &Settings, directory: &Path) -> Result<(Settings, Place), Failure> {
    let run = Run::open(directory)?;
    let allowed = Settings {
        threads: given.threads,
        data: given.data.clone(),
        ..Settings::default()
    };
    let given_keys = given.to_table()?;
    let allowed_keys = allowed.to_table()?;
    if let Some(key) = given_keys
        .keys()
        .find(|key| !allowed_keys.contains_key(*key))
    {
        return Err(Usage(format!(
            "--resume continues a run with its own options; leave out {key}, or start another run with --config \
             {}",
            directory.join(CONFIG).display()
        ))
        .into());
    }
    let settings = allowed.or(run.settings())?;
    Ok((settings, Place::Resumed(directory.to_owned())))
}

fn train(plan: &Plan, place: &Place, on_screen: bool) -> Outcome {
    let dataset = plan.dataset;
    let source = Source::read(&plan.settings, dataset)?;
    plan.check_against(&source)?;
    let images = source.images();
    let design = plan.design(place)?;
    let batch = plan.batch.min(source.train.len());
    let (mut model, summary) = design.build_checked(images.problem(), plan.seed, batch)?;
    let directory = RunDirectory::claim(place)?;
    if !matches!(place, Place::Resumed(_)) {
        write_description(&directory, plan, &images)?;
    }
    print_line(format_args!("{summary}"))?;
    print_line(format_args!("run {}", directory.path().display()))?;
    let ending = fit(
        plan, place, on_screen, &directory, &source, &images, &mut model, &summary,
    )?;
    let run = Run::open(directory.path())?;
    results::finish(&run, &model, &summary, &source, ending)?;
    if ending == Ending::Interrupted {
        let name = directory.path().display();
        print_line(format_args!(
            "interrupted; continue with: wengert train --resume {name}"
        ))?;
    }
    Ok(ending)
}

/// `config.toml`, `data.toml`, and `model.toml` if the network is from a file.
fn write_description(
    directory: &RunDirectory,
    plan: &Plan,
    images: &run::Images,
) -> Result<(), Failure> {
    if let Some(file) = plan.model_file() {
        let layers = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        directory.write(MODEL, &layers)?;
    }
    directory.write(DATA, toml::to_string(images)?.as_bytes())?;
    directory.write(CONFIG, toml::to_string(&plan.settings)?.as_bytes())?;
    Ok(())
}

/// Trains `model`, which then has the weights that are tested.
#[expect(clippy::too_many_arguments, reason = "a run has this many parts")]
fn fit(
    plan: &Plan,
    place: &Place,
    on_screen: bool,
    directory: &RunDirectory,
    source: &Source,
    images: &run::Images,
    model: &mut Sequential,
    summary: &Summary,
) -> Result<Ending, Failure> {
    let loader = Loader::new(&source.train, plan.loader_options(images));
    let held = loader.for_evaluation(&source.test);
    let stop = StopHandle::new();
    listen(&stop)?;
    let checkpoints = CheckpointOptions {
        directory: directory.file(CHECKPOINTS),
        every_epochs: plan.checkpoint_every(),
        ..CheckpointOptions::default()
    };
    let steps = plan.epochs() * loader.steps() as u64;
    let display = if on_screen {
        Display::screen(
            &directory.path().display().to_string(),
            steps,
            plan.epochs(),
            &stop,
        )?
    } else {
        Display::line(steps)
    };
    let watch = Watch::new(
        plan,
        directory,
        source,
        images,
        summary,
        display,
        loader.steps(),
    )?;
    let last = match place {
        Place::Resumed(_) => Some(last_checkpoint(directory, &checkpoints.directory)?),
        _ => None,
    };
    match &last {
        Some(last) => watch.resume(last, run::read_rows(directory.path()).unwrap_or_default())?,
        None => watch.begin()?,
    }
    let best = checkpoints.directory.join("best.safetensors");
    let mut trainer = Trainer::new(model, plan.optimizer(), &loader)
        .options(plan.train_options(loader.steps()))
        .checkpoints(checkpoints)
        .configuration(toml::to_string(&plan.settings)?)
        .stop_handle(&stop)
        .on_step(|step| watch.step(step))
        .on_epoch(|epoch| watch.epoch(epoch));
    if plan.settings.validate {
        trainer = trainer.validation(&held);
    }
    if let Some(last) = &last {
        trainer = trainer.resume(last.file());
    }
    if plan.label_smoothing > 0.0 {
        let options = CrossEntropyOptions {
            label_smoothing: plan.label_smoothing,
            ..CrossEntropyOptions::default()
        };
        trainer =
            trainer.loss(move |scores, batch| batch.targets.cross_entropy_with(scores, &options));
    }
    trainer = plan.with_schedule(trainer);
    let outcome = trainer.fit();
    let average = trainer.ema();
    drop(trainer);
    watch.finish(outcome.as_ref().ok())?;
    let outcome = outcome.map_err(|error| explained(error, plan))?;
    if plan.settings.patience.is_some() && best.is_file() {
        Checkpoint::load(&best)?.evaluated().load_into(model)?;
    } else if let Some(average) = average {
        average.load_into(model)?;
    }
    Ok(match outcome.reason {
        StopReason::Interrupted => Ending::Interrupted,
        StopReason::Finished | StopReason::EarlyStopped | StopReason::Callback => Ending::Done,
    })
}

/// The checkpoint that a resumed run continues from.
fn last_checkpoint(directory: &RunDirectory, checkpoints: &Path) -> Result<Checkpoint, Failure> {
    let last = if checkpoints.is_dir() {
        Checkpoint::last_in(checkpoints)?
    } else {
        None
    };
    let Some(last) = last else {
        let name = directory.path().display();
        return Err(format!(
            "{name} has no checkpoint to continue from; start the run anew with --overwrite --out"
        )
        .into());
    };
    Ok(Checkpoint::load(last)?)
}

/// Ctrl-C and a request to terminate ask the trainer to stop; the second one ends the process at once.
fn listen(stop: &StopHandle) -> Result<(), String> {
    let stop = stop.clone();
    let handler = move || {
        if stop.is_stopped() {
            std::process::exit(130);
        }
        stop.stop();
    };
    ctrlc::set_handler(handler).map_err(|error| format!("cannot listen for Ctrl-C: {error}"))
}

/// The remedy for a loss that is not finite is one of this command's options.
fn explained(error: TrainError, plan: &Plan) -> Failure {
    match error {
        TrainError::NonFinite(inner) => {
            let lr = plan.lr;
            format!("{inner}; choose a smaller --lr than {lr}, or limit the gradient with --clip")
                .into()
        }
        other => other.into(),
    }
}
