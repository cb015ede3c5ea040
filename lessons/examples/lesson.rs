//! Runs lessons by name, or all of them.
//!
//!     cargo run --release -p wengert-lessons --example lesson -- conv_channels

use std::process::ExitCode;

use wengert_lessons::{LESSONS, LessonError, Options, lesson};

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        for lesson in LESSONS {
            println!("{:<24}{}", lesson.name, lesson.about);
        }
    }
    match run(&names) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(names: &[String]) -> Result<(), LessonError> {
    for name in names {
        lesson(name)?.run(&Options::default(), &mut std::io::stdout())?;
    }
    Ok(())
}
