//! The directory of a training run.
//!
//! | file | content |
//! |---|---|
//! | `config.toml` | the settings in effect; `wengert train --config` reads it |
//! | `data.toml` | the shape of the images, the classes, the normalisation |
//! | `model.toml` | the layers, if the network is from a file |
//! | `metrics.csv`, `metrics.jsonl` | a line per epoch |
//! | `events.out.tfevents.…` | the same for `TensorBoard` |
//! | `checkpoints/` | everything that `--resume` needs |
//! | `weights.safetensors` | the weights |
//! | `resume.txt` | with several processes, the command that continues the run |
//! | `report.html` | the run on one page |

mod directory;
mod images;
mod metrics;
mod tensorboard;

use std::path::{Path, PathBuf};

use wengert::nn::{Sequential, StateDict};

pub use directory::{Destination, RunDirectory};
pub use images::Images;
pub use metrics::{LayerRow, Row, append, read_rows, write_rows};
pub use tensorboard::EventFile;

use crate::model::{Design, ModelName};
use crate::settings::Settings;

pub const CONFIG: &str = "config.toml";
pub const DATA: &str = "data.toml";
pub const MODEL: &str = "model.toml";
pub const WEIGHTS: &str = "weights.safetensors";
pub const REPORT: &str = "report.html";
pub const CHECKPOINTS: &str = "checkpoints";
pub const RESUME: &str = "resume.txt";

/// A run that was trained before, as its directory tells.
#[derive(Debug)]
pub struct Run {
    directory: PathBuf,
    settings: Settings,
    images: Images,
}

impl Run {
    /// Reads the directory of a run.
    pub fn open(directory: &Path) -> Result<Self, String> {
        let name = directory.display();
        if !directory.is_dir() {
            return Err(format!("{name}: there is no such directory of a run"));
        }
        if !directory.join(CONFIG).is_file() {
            return Err(format!(
                "{name} is not the directory of a run: there is no {CONFIG} in it"
            ));
        }
        let settings = Settings::read(&directory.join(CONFIG))?;
        let images = Images::read(&directory.join(DATA))?;
        Ok(Self {
            directory: directory.to_owned(),
            settings,
            images,
        })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The network's design; a file of layers is read from the run, which has a copy.
    pub fn design(&self) -> Result<Design, String> {
        let copy = self.directory.join(MODEL);
        let name = if copy.is_file() {
            ModelName::File(copy)
        } else {
            let name = self.settings.model.as_deref().unwrap_or("cnn");
            name.parse()?
        };
        Design::read(&name)
    }

    /// The network with the run's weights, or with those of another file.
    pub fn model(
        &self,
        weights: Option<&Path>,
    ) -> Result<Sequential, Box<dyn std::error::Error + Send + Sync>> {
        let (mut model, _) = self.design()?.build_checked(self.images.problem(), 0, 1)?;
        let file = match weights {
            Some(file) => file.to_owned(),
            None => self.directory.join(WEIGHTS),
        };
        if weights.is_none() && !file.is_file() {
            let name = self.directory.display();
            return Err(format!(
                "{name} has no {WEIGHTS} yet: it is written at the first checkpoint and at the end of the training"
            )
            .into());
        }
        let state = StateDict::load(&file)?;
        state
            .load_into(&mut model)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(model)
    }

    /// The command that makes the same run, bit for bit.
    pub fn command(&self) -> Result<String, String> {
        command(&self.settings)
    }
}

/// The command line that has these settings.
pub fn command(settings: &Settings) -> Result<String, String> {
    let mut words = vec!["wengert".to_owned(), "train".to_owned()];
    let mut options = Vec::new();
    for (key, value) in settings.to_table()? {
        let value = match value {
            toml::Value::Boolean(true) => {
                options.push(format!("--{key}"));
                continue;
            }
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        let value = if value.contains(|c: char| !(c.is_alphanumeric() || "-_./=,".contains(c))) {
            format!("'{}'", value.replace('\'', r"'\''"))
        } else {
            value
        };
        if key == "dataset" {
            words.push(value);
        } else {
            options.push(format!("--{key} {value}"));
        }
    }
    words.extend(options);
    Ok(words.join(" "))
}
