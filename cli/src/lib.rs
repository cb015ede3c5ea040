//! The command `wengert`: trains networks on images and tests them.
//!
//! Each subcommand has a file of its own, which reads its options; the work is the library's. This crate is the
//! command, not a library to build on: what it exports is for its program and for the tests of what it reads.

mod augment;
mod compare;
mod completions;
mod evaluate;
mod examine;
mod export;
#[cfg(not(all(
    feature = "gradcheck",
    feature = "lessons",
    feature = "mpi",
    feature = "onnx",
    feature = "tui"
)))]
mod extras;
mod gradcheck;
mod inspect;
mod lesson;
mod machine;
mod model;
mod outcome;
mod output;
mod page;
mod predict;
mod probe;
mod progress;
mod report;
mod run;
mod settings;
mod sources;
mod suggest;
mod summary;
mod toml_file;
mod train;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use outcome::{Ending, UsageError};

/// Trains neural networks on a CPU, and shows what they learned.
///
/// Start with `wengert train digits`: it needs no download and takes a few seconds. The run is then in runs/digits;
/// open runs/digits/report.html in a browser.
#[derive(Parser)]
#[command(
    name = "wengert",
    version,
    max_term_width = 100,
    after_help = "Exit status: 0 if all went well, 1 if a file or the training failed, 2 if the \
                  command line is wrong, 130 after Ctrl-C.\nThe variable NO_COLOR switches colours off."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a network, save its weights and test it
    Train(Box<train::Options>),
    /// Test the network of a run
    Evaluate(evaluate::Options),
    /// Name the classes of image files
    #[command(allow_negative_numbers = true)]
    Predict(predict::Options),
    /// Show the layers of a network, with shapes, parameters and costs
    #[command(allow_negative_numbers = true)]
    Summary(summary::Options),
    /// Show the tensors of a file, with their statistics
    Inspect(inspect::Options),
    /// Write a network as an ONNX file, for other programs
    #[command(allow_negative_numbers = true)]
    Export(export::Options),
    /// Write the report of a run anew, report.html
    Report(report::Options),
    /// Show runs side by side: results, speed, and the options that differ
    Compare(compare::Options),
    /// Compare every gradient of a network with independent witnesses
    #[command(allow_negative_numbers = true)]
    Gradcheck(gradcheck::Options),
    /// Run a lesson of the course on convolutional networks
    Lesson(lesson::Options),
    /// Print a script that completes this command in a shell
    Completions(completions::Options),
}

/// Runs the command with the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(options) => train::run(&options),
        Command::Evaluate(options) => evaluate::run(&options),
        Command::Predict(options) => predict::run(&options),
        Command::Summary(options) => summary::run(&options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Export(options) => export::run(&options),
        Command::Report(options) => report::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Gradcheck(options) => gradcheck::run(&options),
        Command::Lesson(options) => lesson::run(&options),
        Command::Completions(options) => completions::run(&options),
    };
    match result {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Interrupted) => ExitCode::from(130),
        Err(error) => {
            // If the standard error is closed too, the exit status still reports the failure.
            let _ = writeln!(io::stderr(), "wengert: {error}");
            if error.is::<UsageError>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// The settings in the text of a configuration file, as a run writes them to its own file.
///
/// # Errors
/// One sentence, if the text is no configuration.
pub fn read_configuration(text: &str) -> Result<String, String> {
    let settings = settings::Settings::parse(Path::new("config.toml"), text)?;
    Ok(settings.to_table()?.to_string())
}

/// The number of layers that the text of a file of layers describes; with `build`, the network for grey images of
/// 8×8 pixels and 3 classes is made too.
///
/// # Errors
/// One sentence, if the text is no list of layers, or these layers make no network.
pub fn read_layers(text: &str, build: bool) -> Result<usize, String> {
    let layers = model::LayerList::parse(Path::new("model.toml"), text)?;
    if build {
        let problem = model::Problem {
            image: [1, 8, 8],
            classes: 3,
        };
        layers.build::<f32>(problem, &mut wengert::nn::rng(0))?;
    }
    Ok(layers.len())
}
