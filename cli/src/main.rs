//! The command `wengert`: trains networks on images and tests them.
//!
//! Each subcommand has a file of its own, which reads its options; the work is the library's.

mod checkpoint;
mod network;
mod output;
mod progress;
mod train;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Trains neural networks on a CPU.
///
/// Start with `wengert train digits`: it needs no download and takes a few seconds.
#[derive(Parser)]
#[command(
    name = "wengert",
    version,
    after_help = "Exit status: 0 if all went well, 1 if a file or the training failed, 2 if the \
                  command line is wrong.\nThe variable NO_COLOR switches colours off."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a network, save its weights and test it.
    #[command(subcommand)]
    Train(train::Data),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(data) => train::run(&data),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If the standard error is closed too, the exit status still reports the failure.
            let _ = writeln!(io::stderr(), "wengert: {error}");
            ExitCode::FAILURE
        }
    }
}
