//! What a run must know of its images once the data set is not at hand: `data.toml`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wengert::data::{LoaderOptions, Normalize};

use crate::model::Problem;
use crate::toml_file;

/// The shape of the images, their classes and their normalisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Images {
    /// `[channels, height, width]`
    pub shape: [usize; 3],
    /// The brightest pixel value.
    pub white: u8,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The number of training images.
    pub training: usize,
    /// The number of test or validation images.
    pub test: usize,
    /// The mean of each channel, empty without normalisation.
    #[serde(default)]
    pub mean: Vec<f64>,
    /// The standard deviation of each channel.
    #[serde(default)]
    pub deviation: Vec<f64>,
}

impl Images {
    pub fn read(file: &Path) -> Result<Self, String> {
        let name = file.display();
        let table = toml_file::read(file)?;
        let images: Self = table
            .try_into()
            .map_err(|error: toml::de::Error| format!("{name}: {}", error.message()))?;
        let channels = images.shape[0];
        let is_normalized = !images.mean.is_empty();
        let counts = [images.mean.len(), images.deviation.len()];
        let fits = images.shape.iter().all(|&n| (1..=65_536).contains(&n))
            && !images.classes.is_empty()
            && images.white > 0
            && (counts == [channels; 2] || counts == [0; 2])
            && images.mean.iter().all(|x| x.is_finite())
            && images.deviation.iter().all(|x| x.is_finite() && *x > 0.0);
        if fits {
            Ok(images)
        } else {
            let what = if is_normalized {
                "shape, classes, mean or deviation"
            } else {
                "shape or classes"
            };
            Err(format!(
                "{name}: {what} cannot be those of images; the file was changed"
            ))
        }
    }

    pub fn problem(&self) -> Problem {
        Problem {
            image: self.shape,
            classes: self.classes.len(),
        }
    }

    pub fn normalize(&self) -> Option<Normalize> {
        (!self.mean.is_empty()).then(|| Normalize {
            mean: self.mean.clone(),
            deviation: self.deviation.clone(),
        })
    }

    /// How images become tensors, in batches of a size.
    pub fn loader_options(&self, batch: usize) -> LoaderOptions {
        LoaderOptions {
            batch,
            normalize: self.normalize(),
            ..LoaderOptions::default()
        }
    }
}
