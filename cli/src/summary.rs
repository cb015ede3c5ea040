//! `wengert summary`: the layers of a network.

use std::path::Path;
use std::str::FromStr;

use clap::Args;

use crate::model::{Design, ModelName, Problem, ZOO};
use crate::outcome::{CommandResult, Ending, UsageError};
use crate::output::print_line;
use crate::run::Run;

/// Which network, for which images.
#[derive(Args)]
pub struct Options {
    /// A name, a TOML file of layers, or the directory of a run
    #[arg(required_unless_present = "list")]
    model: Option<String>,
    /// List the networks with a name
    #[arg(long)]
    list: bool,
    /// Channels, height and width of the images, such as 3x32x32 [default: those that the network was made for]
    #[arg(long, value_name = "CxHxW")]
    input: Option<Image>,
    /// Number of classes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    classes: Option<u32>,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
}

/// `[channels, height, width]` as `3x32x32`.
#[derive(Clone, Copy)]
pub struct Image(pub [usize; 3]);

impl FromStr for Image {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let extents: Option<Vec<usize>> = text
            .split(['x', '×'])
            .map(|part| part.parse().ok().filter(|n| (1..=65_536).contains(n)))
            .collect();
        let extents = extents.and_then(|extents| <[usize; 3]>::try_from(extents).ok());
        extents
            .map(Self)
            .ok_or_else(|| "three numbers such as 3x32x32 are needed".to_owned())
    }
}

/// Runs `wengert summary`.
pub fn run(options: &Options) -> CommandResult {
    if options.list {
        for zoo in &ZOO {
            print_line(format_args!("{:<15} {}", zoo.name, zoo.about))?;
        }
    }
    let Some(model) = &options.model else {
        return Ok(Ending::Done);
    };
    let (design, usual) = if Path::new(model).is_dir() {
        let run = Run::open(Path::new(model))?;
        (run.design()?, run.images().problem())
    } else {
        let name: ModelName = model.parse().map_err(UsageError)?;
        let design = Design::read(&name)?;
        let usual = design.usual_problem();
        (design, usual)
    };
    let problem = Problem {
        image: options.input.map_or(usual.image, |Image(image)| image),
        classes: options.classes.map_or(usual.classes, |n| n as usize),
    };
    let (_, summary) = design.build_checked(problem, 0, options.batch as usize)?;
    print_line(format_args!("{summary}"))?;
    Ok(Ending::Done)
}
