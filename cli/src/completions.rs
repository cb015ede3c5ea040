//! `wengert completions`: a script that completes the command in a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::outcome::{CommandResult, Ending};
use crate::output;

/// Which shell.
#[derive(Args)]
pub struct Options {
    /// The shell; for bash, run `source <(wengert completions bash)`
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs `wengert completions`.
pub fn run(options: &Options) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut crate::Cli::command(),
        "wengert",
        &mut script,
    );
    output::write(&script)?;
    Ok(Ending::Done)
}
