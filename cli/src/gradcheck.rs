//! `wengert gradcheck`: compares every gradient of a network with independent witnesses.

use std::path::PathBuf;

use clap::Args;

use crate::model::ModelName;

/// Which network.
#[derive(Args)]
pub struct Options {
    /// A name (see `wengert summary --list`) or a TOML file of layers
    model: ModelName,
    /// Channels, height and width of the images, such as 3x32x32 [default: small ones that the network can run on]
    #[arg(long, value_name = "CxHxW")]
    input: Option<crate::summary::Image>,
    /// Number of classes
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    classes: u16,
    /// Images in the batch
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    batch: u16,
    /// Seed of weights, images and directions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Elements of each parameter that are compared, drawn at random; directions go through all of them
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    entries: u16,
    /// Check second derivatives too
    #[arg(long)]
    second_order: bool,
    /// Compare with finite differences too, which takes longer
    #[arg(long)]
    differences: bool,
    /// Write the reports as JSON; docs/gradcheck-schema.json describes it
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the reports as XML that servers for tests read
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the reports as one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[cfg(not(feature = "gradcheck"))]
/// Runs `wengert gradcheck`.
pub fn run(options: &Options) -> crate::outcome::CommandResult {
    let Options {
        model: _,
        input: _,
        classes: _,
        batch: _,
        seed: _,
        entries: _,
        second_order: _,
        differences: _,
        json: _,
        junit: _,
        html: _,
    } = options;
    Err(crate::extras::missing_text("the gradient checker", "gradcheck").into())
}

#[cfg(feature = "gradcheck")]
pub use checked::run;

#[cfg(feature = "gradcheck")]
mod checked {
    use std::path::Path;

    use wengert::autograd::check::CheckOptions;
    use wengert::gradcheck;
    use wengert::nn::check::{Builders, Generator, check_builders};
    use wengert::nn::{Parameters, Sequential};
    use wengert::prelude::*;

    use super::Options;
    use crate::model::{Design, ModelName, Problem, panic_message};
    use crate::outcome::{CommandResult, Ending};
    use crate::output::print_line;

    /// Runs `wengert gradcheck`.
    pub fn run(options: &Options) -> CommandResult {
        let design = Design::read(&options.model)?;
        let usual = design.usual_problem();
        let [channels, height, width] = usual.image;
        // Checking runs the network hundreds of times; gradients do not depend on the size of the image.
        let small = [channels, height.min(32), width.min(32)];
        let problem = Problem {
            image: options.input.map_or(small, |image| image.0),
            classes: usize::from(options.classes),
        };
        let batch = usize::from(options.batch);
        let _ = design.build_checked(problem, options.seed, batch)?;
        let check = CheckOptions {
            seed: options.seed,
            entries: usize::from(options.entries),
            second_order: options.second_order,
            finite_differences: options.differences,
            ..CheckOptions::default()
        };
        let [channels, height, width] = problem.image;
        let reports = panic_message(|| {
            check_builders(
                &Builders {
                    f64: |rng: &mut Generator| build::<f64>(&design, problem, rng),
                    dual: |rng: &mut Generator| build::<Dual>(&design, problem, rng),
                    f32: |rng: &mut Generator| build::<f32>(&design, problem, rng),
                },
                [batch, channels, height, width],
                &check,
            )
        })?;
        for report in &reports {
            print_line(format_args!("{}", report.terminal()))?;
        }
        write(options, &reports)?;
        if reports.iter().all(Report::is_ok) {
            Ok(Ending::Done)
        } else {
            Err("a gradient disagrees with a witness".into())
        }
    }

    /// Writes the files that the options name; the page states the model.
    fn write(options: &Options, reports: &[Report]) -> Result<(), String> {
        let file = |path: &Option<std::path::PathBuf>, text: &dyn Fn() -> String| match path {
            Some(path) => save(path, &text()),
            None => Ok(()),
        };
        file(&options.json, &|| gradcheck::json(reports))?;
        file(&options.junit, &|| gradcheck::junit(reports))?;
        file(&options.html, &|| {
            gradcheck::html(&name(&options.model), reports)
        })
    }

    fn name(model: &ModelName) -> String {
        match model {
            ModelName::Zoo(zoo) => zoo.name.to_owned(),
            ModelName::File(path) => path.display().to_string(),
        }
    }

    fn save(path: &Path, text: &str) -> Result<(), String> {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The network; that it can be made was checked before.
    fn build<T: Real>(design: &Design, problem: Problem, rng: &mut Generator) -> Sequential<T>
    where
        Sequential<T>: Parameters<T>,
    {
        match design.build_from(problem, rng) {
            Ok(model) => model,
            Err(error) => panic!("{error}"),
        }
    }
}
