//! Networks by name or from a file of layers.

mod cnn;
mod fields;
mod layers;
mod panic_message;
mod zoo;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use wengert::nn::{Sequential, Summary};
use wengert::prelude::*;

pub use layers::LayerList;
pub use panic_message::panic_message;
pub use zoo::{ZOO, Zoo};

/// What a network is made for: images of `[channels, height, width]` and a number of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub image: [usize; 3],
    pub classes: usize,
}

/// The value of `--model`: a name of the zoo, or a TOML file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelName {
    Zoo(&'static Zoo),
    File(PathBuf),
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(zoo) = ZOO.iter().find(|zoo| zoo.name == text) {
            return Ok(Self::Zoo(zoo));
        }
        let is_toml = Path::new(text)
            .extension()
            .is_some_and(|extension| extension == "toml");
        if is_toml {
            return Ok(Self::File(text.into()));
        }
        let names: Vec<_> = ZOO.iter().map(|zoo| zoo.name).collect();
        Err(format!(
            "there is no model {text}{}; a model is a file of layers whose name ends in .toml, or one of {}",
            crate::suggest::nearest(text, names.iter().copied()),
            names.join(", ")
        ))
    }
}

/// How a network is made: for any number type, the same layers.
#[derive(Clone, Debug)]
pub enum Design {
    Zoo(&'static Zoo),
    Layers(LayerList),
}

impl Design {
    /// Reads the file, if the name is one of a file.
    pub fn read(name: &ModelName) -> Result<Self, String> {
        match name {
            ModelName::Zoo(zoo) => Ok(Self::Zoo(zoo)),
            ModelName::File(file) => LayerList::read(file).map(Self::Layers),
        }
    }

    /// The network with starting values drawn from a seed.
    pub fn build<T: Real>(&self, problem: Problem, seed: u64) -> Result<Sequential<T>, String> {
        self.build_from(problem, &mut rng(seed))
    }

    /// As [`build`](Self::build), with a generator.
    pub fn build_from<T: Real>(
        &self,
        problem: Problem,
        rng: &mut ChaCha8Rng,
    ) -> Result<Sequential<T>, String> {
        match self {
            Self::Zoo(zoo) => zoo.build(problem, rng),
            Self::Layers(list) => list.build(problem, rng),
        }
    }

    /// The network, checked to return a score for each class, and its summary for a batch.
    pub fn build_checked(
        &self,
        problem: Problem,
        seed: u64,
        batch: usize,
    ) -> Result<(Sequential, Summary), String> {
        let model = self.build(problem, seed)?;
        let [channels, height, width] = problem.image;
        let summary = panic_message(|| summary(&model, [batch, channels, height, width]))
            .map_err(|message| self.misfit(problem, &message))?;
        if summary.output_shape != [batch, problem.classes] {
            let message = format!(
                "the last layer returns {:?}, and {:?} is needed, a score for each of {} classes",
                summary.output_shape,
                [batch, problem.classes],
                problem.classes
            );
            return Err(self.misfit(problem, &message));
        }
        Ok((model, summary))
    }

    fn misfit(&self, problem: Problem, message: &str) -> String {
        let name = match self {
            Self::Zoo(zoo) => zoo.name.to_owned(),
            Self::Layers(list) => list.file().display().to_string(),
        };
        let [channels, height, width] = problem.image;
        format!("{name} cannot run on images of {channels}×{height}×{width}: {message}")
    }

    /// The images that the network is published for; those of the digits for a file of layers.
    pub fn usual_problem(&self) -> Problem {
        match self {
            Self::Zoo(zoo) => zoo.usual,
            Self::Layers(_) => Problem {
                image: [1, 28, 28],
                classes: 10,
            },
        }
    }
}
