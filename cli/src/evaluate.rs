//! `wengert evaluate`: tests the network of a run.

use std::path::PathBuf;

use clap::Args;

use crate::examine::examine;
use crate::outcome::{CommandResult, Ending};
use crate::output::print_line;
use crate::run::Run;
use crate::sources::Source;
use crate::train::results;

/// Which run, on which images.
#[derive(Args)]
pub struct Options {
    /// Directory of the run, such as runs/digits
    run: PathBuf,
    /// Weights of this safetensors file instead of those of the run
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Directory of the data set, if it has moved
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Test on every fifth training image instead of the test images
    #[arg(long)]
    validate: bool,
}

/// Runs `wengert evaluate`.
pub fn run(options: &Options) -> CommandResult {
    let run = Run::open(&options.run)?;
    let model = run.model(options.weights.as_deref())?;
    let mut settings = run.settings().clone();
    settings.validate |= options.validate;
    settings.data = options.data.clone().or(settings.data);
    let source = Source::of_run(&settings, &run)?;
    let test = source.test.load()?;
    let examination = examine(&model, run.images(), &test);
    print_line(format_args!(
        "weights {:016x}",
        results::fingerprint(&model)
    ))?;
    results::print(&examination, &test, source.test_name)?;
    print_line(format_args!(
        "{} loss {:.4}",
        source.test_name, examination.loss
    ))?;
    Ok(Ending::Done)
}
