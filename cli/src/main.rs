//! The command `wengert`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wengert_cli::run()
}
