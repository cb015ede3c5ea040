//! `wengert export`: writes a network in the format of another program.

use std::path::PathBuf;

use clap::Args;

use crate::outcome::CommandResult;
use crate::summary::Image;

/// Which network, with which weights, into which file.
#[derive(Args)]
pub struct Options {
    /// A name, a TOML file of layers, or the directory of a run
    model: String,
    /// Write an ONNX file (opset 17)
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// The weights [default: those of the run; random ones for a name or a file of layers]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Channels, height and width of the images, such as 3x32x32 [default: those that the network was made for]
    #[arg(long, value_name = "CxHxW")]
    input: Option<Image>,
    /// Number of classes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    classes: Option<u32>,
    /// Images in a batch [default: any number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: Option<u32>,
}

#[cfg(not(feature = "onnx"))]
/// Runs `wengert export`.
pub fn run(options: &Options) -> CommandResult {
    let Options {
        model: _,
        onnx: _,
        weights: _,
        input: _,
        classes: _,
        batch: _,
    } = options;
    Err(crate::extras::missing_text("the export", "onnx").into())
}

#[cfg(feature = "onnx")]
pub use with_onnx::run;

#[cfg(feature = "onnx")]
mod with_onnx {
    use std::path::Path;

    use wengert::nn::{Sequential, StateDict};
    use wengert_onnx::{BatchExtent, Export};

    use super::{CommandResult, Options};
    use crate::model::{Design, ModelName, Problem, panic_message};
    use crate::outcome::{Ending, UsageError};
    use crate::output::print_line;
    use crate::run::Run;

    type Error = Box<dyn std::error::Error + Send + Sync>;

    /// Runs `wengert export`.
    pub fn run(options: &Options) -> CommandResult {
        let path = Path::new(&options.model);
        let (model, problem, random) = if path.is_dir() {
            of_run(options, path)?
        } else {
            of_design(options)?
        };
        let [channels, height, width] = problem.image;
        let batch = if options.batch.is_some() {
            BatchExtent::Fixed
        } else {
            BatchExtent::Dynamic
        };
        let shape = [options.batch.unwrap_or(1) as usize, channels, height, width];
        let export = Export::new().name(&options.model).batch(batch);
        let file = panic_message(|| export.model(&model, shape))??;
        file.write(&options.onnx)?;
        let name = options.onnx.display();
        let bytes = file.size();
        let extent = options
            .batch
            .map_or("any batch".to_owned(), |n| format!("a batch of {n}"));
        print_line(format_args!(
            "{name}: {bytes} bytes, opset {}, {extent} of {channels}×{height}×{width}",
            wengert_onnx::OPSET
        ))?;
        if random {
            print_line(format_args!(
                "its weights are random; --weights FILE takes others"
            ))?;
        }
        Ok(Ending::Done)
    }

    fn of_run(options: &Options, directory: &Path) -> Result<(Sequential, Problem, bool), Error> {
        if options.input.is_some() || options.classes.is_some() {
            let message =
                "--input and --classes are for a name or a file of layers: a run has its own";
            return Err(UsageError(message.to_owned()).into());
        }
        let run = Run::open(directory)?;
        let model = run.model(options.weights.as_deref())?;
        Ok((model, run.images().problem(), false))
    }

    fn of_design(options: &Options) -> Result<(Sequential, Problem, bool), Error> {
        let name: ModelName = options.model.parse().map_err(UsageError)?;
        let design = Design::read(&name)?;
        let usual = design.usual_problem();
        let problem = Problem {
            image: options.input.map_or(usual.image, |image| image.0),
            classes: options.classes.map_or(usual.classes, |n| n as usize),
        };
        let (mut model, _) = design.build_checked(problem, 0, 1)?;
        if let Some(weights) = &options.weights {
            let state = StateDict::load(weights)?;
            state
                .load_into(&mut model)
                .map_err(|error| format!("{}: {error}", weights.display()))?;
        }
        Ok((model, problem, options.weights.is_none()))
    }
}
