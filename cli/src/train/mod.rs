//! `wengert train`: trains a network, saves its weights and tests it.
//!
//! The same seed gives the same weights, bit for bit, for any number of threads.

mod defaults;
mod display;
mod plan;
mod processes;
pub mod results;
#[cfg(feature = "tui")]
mod tui;
mod watch;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use wengert::data::Loader;
use wengert::nn::{Sequential, Summary};
use wengert::prelude::CrossEntropyOptions;
use wengert::tensor::parallel::with_threads;
use wengert::train::{Checkpoint, CheckpointOptions, StopHandle, StopReason, TrainError, Trainer};

use crate::outcome::{CommandResult, Ending, UsageError};
use crate::output::print_line;
use crate::run::{self, CHECKPOINTS, CONFIG, DATA, Destination, MODEL, RESUME, Run, RunDirectory};
use crate::settings::Settings;
use crate::sources::{self, Source};
use display::Display;
use plan::Plan;
use processes::{ProcessOptions, Processes};
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
    #[command(flatten)]
    several: ProcessOptions,
}

/// The number of shards of a run with several processes.
const SHARDS: u64 = 8;

/// Runs `wengert train`.
pub fn run(options: &Options) -> CommandResult {
    let processes = Processes::start(&options.several)?;
    let result = run_with(options, &processes);
    // The others wait here while the first one tests the network.
    let result = processes.agree(result);
    if processes.is_first() {
        result
    } else {
        // The first process alone reports how the run ended: a launcher may end it as soon as another one fails.
        Ok(Ending::Done)
    }
}

fn run_with(options: &Options, processes: &Processes) -> CommandResult {
    let plan = settings_and_place(options).and_then(|(settings, place)| {
        let plan = Plan::new(&settings)?;
        Ok((plan, place))
    });
    let (plan, place) = processes.agree(plan)?;
    let usual = processes.threads();
    let threads = plan.settings.threads.map_or(usual, |n| n as usize);
    with_threads(threads, || train(&plan, &place, options.tui, processes))
}

fn settings_and_place(options: &Options) -> Result<(Settings, Destination), Failure> {
    let mut given = options.settings.clone();
    if let Some(directory) = &options.directory {
        given.data = Some(directory.clone());
    }
    if let Some(directory) = &options.resume {
        return resumed(&given, directory);
    }
    let mut settings = match &options.config {
        Some(file) => given.or(&Settings::read(file)?)?,
        None => given,
    };
    if options.several.mpi {
        settings.shards.get_or_insert(SHARDS);
    }
    let Some(dataset) = settings.dataset else {
        return Err(UsageError(
            "name a data set, such as `wengert train digits`; see `wengert train --help`"
                .to_owned(),
        )
        .into());
    };
    let place = match &options.out {
        Some(directory) => Destination::Named {
            directory: directory.clone(),
            overwrite: options.overwrite,
        },
        None => Destination::New(dataset.name().to_owned()),
    };
    Ok((settings, place))
}

/// A resumed run has its own options, or its result would be that of no run.
fn resumed(given: &Settings, directory: &Path) -> Result<(Settings, Destination), Failure> {
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
        return Err(UsageError(format!(
            "--resume continues a run with its own options; leave out {key}, or start another run with --config \
             {}",
            directory.join(CONFIG).display()
        ))
        .into());
    }
    let settings = allowed.or(run.settings())?;
    Ok((settings, Destination::Resumed(directory.to_owned())))
}

fn train(
    plan: &Plan,
    place: &Destination,
    on_screen: bool,
    processes: &Processes,
) -> CommandResult {
    // Each of several processes needs a part of the images.
    let source = if processes.count() > 1 {
        Source::open(&plan.settings, plan.dataset)
    } else {
        Source::read(&plan.settings, plan.dataset)
    };
    let source = processes.agree(source)?;
    processes.agree(plan.check_against(&source))?;
    let images = source.images(processes.communicator());
    let images = images.map_err(|error| sources::with_remedy(&error))?;
    let design = processes.agree(plan.design(place))?;
    let batch = plan.batch.min(source.train.len());
    let built = design.build_checked(images.problem(), plan.seed, batch);
    let (mut model, summary) = processes.agree(built)?;
    let begun = if processes.is_first() {
        begin(plan, place, &images, &summary, processes).map(Some)
    } else {
        Ok(None)
    };
    let directory = processes.agree(begun)?;
    let parts = Parts {
        plan,
        place,
        source: &source,
        images: &images,
        summary: &summary,
        directory: directory.as_ref(),
        processes,
    };
    let ending = fit(&parts, on_screen, &mut model)?;
    let Some(directory) = &directory else {
        return Ok(ending);
    };
    let run = Run::open(directory.path())?;
    results::finish(&run, &model, &summary, &source, ending)?;
    if ending == Ending::Interrupted {
        let command = processes.command_to_resume(&directory.path().display().to_string());
        print_line(format_args!("interrupted; continue with: {command}"))?;
    }
    Ok(ending)
}

/// Claims the directory of the run, and says what is trained.
fn begin(
    plan: &Plan,
    place: &Destination,
    images: &run::Images,
    summary: &Summary,
    processes: &Processes,
) -> Result<RunDirectory, Failure> {
    let directory = RunDirectory::claim(place)?;
    if !matches!(place, Destination::Resumed(_)) {
        write_description(&directory, plan, images)?;
    }
    print_line(format_args!("{summary}"))?;
    let name = directory.path().display().to_string();
    print_line(format_args!("run {name}"))?;
    if processes.communicator().is_some() {
        let command = processes.command_to_resume(&name);
        directory.write(RESUME, format!("{command}\n").as_bytes())?;
        let count = processes.count();
        print_line(format_args!(
            "{count} processes; if the run ends early, continue it with: {command}"
        ))?;
    }
    Ok(directory)
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

/// What a run is made of.
#[derive(Clone, Copy)]
struct Parts<'a> {
    plan: &'a Plan,
    place: &'a Destination,
    source: &'a Source,
    images: &'a run::Images,
    summary: &'a Summary,
    /// `None` on a process that writes nothing.
    directory: Option<&'a RunDirectory>,
    processes: &'a Processes,
}

/// Trains `model`, which then has the weights that are tested.
fn fit(parts: &Parts<'_>, on_screen: bool, model: &mut Sequential) -> Result<Ending, Failure> {
    let (plan, processes) = (parts.plan, parts.processes);
    let loader = Loader::new(parts.source.train.set(), plan.loader_options(parts.images));
    let held = loader.for_evaluation(parts.source.test.set());
    let stop = StopHandle::new();
    processes.agree(listen(&stop))?;
    let checkpoints = CheckpointOptions {
        directory: parts
            .directory
            .map_or_else(PathBuf::new, |directory| directory.file(CHECKPOINTS)),
        every_epochs: plan.checkpoint_every(),
        ..CheckpointOptions::default()
    };
    let watched = parts.watch(on_screen, &stop, loader.steps(), &checkpoints.directory);
    let (watch, last) = processes.agree(watched)?.unzip();
    let last = last.flatten();
    let watch = watch.as_ref();
    let best = checkpoints.directory.join("best.safetensors");
    let mut trainer = Trainer::new(model, plan.optimizer(), &loader)
        .options(plan.train_options(loader.steps()))
        .checkpoints(checkpoints)
        .configuration(parts.configuration()?)
        .stop_handle(&stop)
        .on_step(|step| {
            if let Some(watch) = watch {
                watch.step(step);
            }
        })
        .on_epoch(|epoch| watch.map_or(ControlFlow::Continue(()), |watch| watch.epoch(epoch)));
    if let Some(communicator) = processes.communicator() {
        trainer = trainer.communicator(communicator);
    }
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
    let outcome = match watch {
        Some(watch) => watch.finish(outcome.as_ref().ok()).map(|()| outcome),
        None => Ok(outcome),
    };
    let outcome = processes.agree(outcome)?;
    let outcome = outcome.map_err(|error| explained(error, plan))?;
    if plan.settings.patience.is_some() && best.is_file() {
        Checkpoint::load(&best)?.evaluated().load_into(model)?;
    } else if let Some(average) = average {
        average.load_into(model)?;
    }
    if processes.is_first() {
        processes.report();
    }
    Ok(match outcome.reason {
        StopReason::Interrupted => Ending::Interrupted,
        StopReason::Finished | StopReason::EarlyStopped | StopReason::Callback => Ending::Done,
    })
}

impl<'a> Parts<'a> {
    /// What shows and writes the progress, and the checkpoint of a resumed run; `None` on a process that writes nothing.
    fn watch(
        &self,
        on_screen: bool,
        stop: &StopHandle,
        batches: usize,
        checkpoints: &Path,
    ) -> Result<Option<(Watch<'a>, Option<Checkpoint>)>, Failure> {
        let Some(directory) = self.directory else {
            return Ok(None);
        };
        let (plan, path) = (self.plan, directory.path());
        let steps = plan.epochs().saturating_mul(batches as u64);
        let display = if on_screen {
            Display::screen(&path.display().to_string(), steps, plan.epochs(), stop)?
        } else {
            Display::line(steps)
        };
        let (source, images, summary) = (self.source, self.images, self.summary);
        let watch = Watch::new(plan, directory, source, images, summary, display, batches)?;
        let last = match self.place {
            Destination::Resumed(_) => Some(last_checkpoint(directory, checkpoints)?),
            _ => None,
        };
        match &last {
            Some(last) => watch.resume(last, run::read_rows(path).unwrap_or_default())?,
            None => watch.begin()?,
        }
        Ok(Some((watch, last)))
    }

    /// The settings that a checkpoint stores. Where the data are and how many threads there are may differ between
    /// processes, which must have the same text.
    fn configuration(&self) -> Result<String, Failure> {
        let mut settings = self.plan.settings.clone();
        if self.processes.count() > 1 {
            settings.data = None;
            settings.threads = None;
        }
        Ok(toml::to_string(&settings)?)
    }
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
        other => sources::with_remedy(&other).into(),
    }
}
