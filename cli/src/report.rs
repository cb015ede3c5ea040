//! `wengert report`: writes a run's report anew.

use std::path::PathBuf;

use clap::Args;

use crate::examine::examine;
use crate::model::panic_message;
use crate::outcome::{CommandResult, Ending};
use crate::output::print_line;
use crate::run::{self, Run};
use crate::sources::Source;
use crate::train::results;

/// Which run, and which layers.
#[derive(Args)]
pub struct Options {
    /// Directory of the run, such as runs/digits
    run: PathBuf,
    /// Layers whose filters and feature maps are shown, by path, separated by commas [default: the first and the last
    /// convolution]
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    layers: Vec<String>,
    /// Directory of the data set, if it has moved
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs `wengert report`.
pub fn run(options: &Options) -> CommandResult {
    let run = Run::open(&options.run)?;
    let model = run.model(None)?;
    let mut settings = run.settings().clone();
    settings.data = options.data.clone().or(settings.data);
    let batch = settings.batch.unwrap_or(1) as usize;
    let (_, summary) = run
        .design()?
        .build_checked(run.images().problem(), 0, batch)?;
    for path in &options.layers {
        // The library's message names the nearest layers.
        panic_message(|| wengert::nn::Pass::<f32>::eval(&model).capture(path))?;
    }
    let source = Source::of_run(&settings, &run)?;
    let set = source.test.load()?;
    let examination = examine(&model, run.images(), &set);
    let epochs = run::read_rows(run.directory())?.len();
    let status = match settings.epochs {
        Some(all) if all > epochs as u64 => format!("{epochs} of {all} epochs are done."),
        _ => format!("Finished after {epochs} epochs."),
    };
    let file = results::write_report(
        &run,
        &model,
        &summary,
        &source,
        &set,
        &examination,
        &status,
        &options.layers,
    )?;
    print_line(format_args!("report {}", file.display()))?;
    Ok(Ending::Done)
}
