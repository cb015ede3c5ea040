//! Replaces the content of a file, for `ci/faults`: `replace_file MODE PATH SIZE`.
//!
//! With the mode `atomic` it writes as state dicts and checkpoints do; with `naive` as `std::fs::write` does,
//! so that the script can show that it finds a writer that loses data.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, path, size] = &arguments[..] else {
        eprintln!("usage: replace_file atomic|naive PATH SIZE");
        return ExitCode::from(2);
    };
    let Ok(size) = size.parse() else {
        eprintln!("{size} is not a size");
        return ExitCode::from(2);
    };
    let content = vec![b'n'; size];
    let result = match mode.as_str() {
        "naive" => std::fs::write(path, content),
        _ => wengert_nn::file::write(path, &content),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}
