//! `wengert lesson`: runs a lesson of the course on convolutional networks.

use std::path::PathBuf;

use clap::Args;

use crate::outcome::CommandResult;

/// Which lesson.
#[derive(Args)]
pub struct Options {
    /// The name of a lesson
    #[arg(required_unless_present_any = ["list", "all"])]
    name: Option<String>,
    /// List the lessons
    #[arg(long)]
    list: bool,
    /// Run all lessons, one after the other
    #[arg(long, conflicts_with = "name")]
    all: bool,
    /// Train for fewer steps; the numbers are then other ones
    #[arg(long)]
    short: bool,
    /// Directory of the pictures
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Directory of Fashion-MNIST [default: where Debian's package puts it]
    #[arg(long, value_name = "DIR")]
    fashion_mnist: Option<PathBuf>,
    /// Directory of CIFAR-10 [default: cifar-10-batches-bin]
    #[arg(long, value_name = "DIR")]
    cifar10: Option<PathBuf>,
}

#[cfg(not(feature = "lessons"))]
/// Runs `wengert lesson`.
pub fn run(options: &Options) -> CommandResult {
    let Options {
        name: _,
        list: _,
        all: _,
        short: _,
        out: _,
        fashion_mnist: _,
        cifar10: _,
    } = options;
    Err(crate::extras::missing_text("the course", "lessons").into())
}

#[cfg(feature = "lessons")]
/// Runs `wengert lesson`.
pub fn run(options: &Options) -> CommandResult {
    use wengert_lessons::{LESSONS, Length, LessonError};

    use crate::outcome::{Ending, UsageError};
    use crate::output::{Pipe, print_line};

    if options.list {
        for lesson in LESSONS {
            print_line(format_args!("{:<22} {}", lesson.name, lesson.about))?;
        }
        return Ok(Ending::Done);
    }
    let lesson_options = wengert_lessons::Options {
        pictures: options.out.clone(),
        length: if options.short {
            Length::Short
        } else {
            Length::Full
        },
        fashion: options.fashion_mnist.clone(),
        cifar: options.cifar10.clone(),
    };
    let chosen: Vec<_> = match &options.name {
        None => LESSONS.iter().collect(),
        Some(name) => {
            let found = LESSONS.iter().find(|lesson| lesson.name == name);
            let names = LESSONS.iter().map(|lesson| lesson.name);
            vec![found.ok_or_else(|| {
                let similar = crate::suggest::nearest(name, names);
                UsageError(format!(
                    "there is no lesson {name:?}{similar}; see wengert lesson --list"
                ))
            })?]
        }
    };
    let mut without_data = Vec::new();
    for lesson in chosen {
        if options.all {
            print_line(format_args!("\n== {}: {}\n", lesson.name, lesson.about))?;
        }
        match lesson.run(&lesson_options, &mut Pipe) {
            // The reader has seen enough.
            Err(LessonError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                break;
            }
            // The others can run.
            Err(LessonError::Data(error)) if options.all => {
                print_line(format_args!("{error}"))?;
                without_data.push(lesson.name);
            }
            result => result?,
        }
    }
    if !without_data.is_empty() {
        let names = without_data.join(", ");
        return Err(format!("these lessons lack their data, see above: {names}").into());
    }
    Ok(Ending::Done)
}
