//! [`Checkpoint`]: a file with everything that training needs to continue with the same bits.
//!
//! It is a safetensors file, so any tool for those can open it:
//! * `model/PATH`, `ema/PATH`, `accumulated/PATH`: weights, their moving average, pending gradients,
//! * `optimizer/NAME`: the tensors of the optimizer,
//! * `numbers/NAME`: numbers in `f64`, whose names are the lines of the text `names.NAME`,
//! * `history/steps`, `history/epochs`: a row for each record,
//! * texts: `setting.NAME`, `option.NAME`, `configuration`, the version, and a CRC-32 of the whole file.

mod checksum;
mod error;
mod restore;
mod write;

use std::path::{Path, PathBuf};

use wengert_nn::{StateDict, Values, file};
use wengert_tensor::Tensor;

pub use error::CheckpointError;

use super::directory;
use super::history::{EpochRecord, History, StepRecord};
use crate::data::Position;
use checksum::checksum;

/// The version of the library, which a checkpoint names.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that training needs to continue with the same bits, read from a file.
///
/// ```no_run
/// use wengert::train::Checkpoint;
///
/// if let Some(file) = Checkpoint::last_in("runs/digits/checkpoints")? {
///     let checkpoint = Checkpoint::load(file)?;
///     println!("{:?}, {} weights", checkpoint.position(), checkpoint.model().len());
/// }
/// # Ok::<(), wengert::train::CheckpointError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoint {
    file: PathBuf,
    content: StateDict,
    history: History,
    position: Position,
}

impl Checkpoint {
    /// The last checkpoint in a directory; `None` if there is none, or no directory.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn last_in(directory: impl AsRef<Path>) -> Result<Option<PathBuf>, CheckpointError> {
        let directory = directory.as_ref();
        let read = |error| CheckpointError::Read {
            file: directory.to_owned(),
            error,
        };
        Ok(directory::list(directory)
            .map_err(read)?
            .pop()
            .map(|(_, path)| path))
    }

    /// Reads a checkpoint, of any version.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or is no checkpoint.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let bytes = file::read(path).map_err(|error| CheckpointError::Read {
            file: path.to_owned(),
            error,
        })?;
        Self::from_bytes(&bytes, path)
    }

    fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let file = path.to_owned();
        let damaged = |problem: String| CheckpointError::Damaged {
            file: path.to_owned(),
            problem,
        };
        let content = StateDict::from_bytes(bytes).map_err(|error| damaged(error.to_string()))?;
        let Some(saved) = content.metadata.get("wengert.checksum") else {
            return Err(CheckpointError::NotACheckpoint { file });
        };
        if checksum(bytes).as_deref() != Some(saved) {
            return Err(damaged("its checksum is wrong".to_owned()));
        }
        Self::from_content(content, file)
    }

    fn from_content(content: StateDict, file: PathBuf) -> Result<Self, CheckpointError> {
        let mut checkpoint = Self {
            file,
            content,
            history: History::default(),
            position: Position::default(),
        };
        let trainer = checkpoint.numbers("trainer");
        checkpoint.position = Position {
            epoch: trainer.whole("epoch")?,
            step: trainer.whole("step")? as usize,
        };
        checkpoint.history = checkpoint.read_history()?;
        Ok(checkpoint)
    }

    /// The checkpoint as bytes for another process.
    pub(in crate::train) fn to_message(&self) -> Vec<u8> {
        let path = self.file.to_string_lossy();
        let mut bytes = (path.len() as u64).to_le_bytes().to_vec();
        bytes.extend(path.as_bytes());
        bytes.extend(self.content.to_bytes());
        bytes
    }

    /// The checkpoint that another process has read.
    pub(in crate::train) fn from_message(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let (length, rest) = bytes.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let length = (u64::from_le_bytes(*length) as usize).min(rest.len());
        let (path, rest) = rest.split_at(length);
        let file = PathBuf::from(String::from_utf8_lossy(path).into_owned());
        match StateDict::from_bytes(rest) {
            Ok(content) => Self::from_content(content, file),
            Err(error) => Err(CheckpointError::Damaged {
                file,
                problem: error.to_string(),
            }),
        }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The version of the library that wrote it.
    #[must_use]
    pub fn version(&self) -> &str {
        self.text("wengert.version")
    }

    /// The text that [`Trainer::configuration`](crate::train::Trainer::configuration) was given.
    #[must_use]
    pub fn configuration(&self) -> &str {
        self.text("configuration")
    }

    /// The next batch.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Every recorded step and epoch so far.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// The parameters, buffers and counters of the model by path.
    #[must_use]
    pub fn model(&self) -> StateDict {
        self.part("model/")
    }

    /// Their moving average; `None` if the run has none.
    #[must_use]
    pub fn ema(&self) -> Option<StateDict> {
        Some(self.part("ema/")).filter(|ema| !ema.is_empty())
    }

    /// The weights that an evaluation uses: the moving average if the run has one, otherwise those of the model.
    #[must_use]
    pub fn evaluated(&self) -> StateDict {
        self.ema().unwrap_or_else(|| self.model())
    }

    /// Everything that must be the same when the run is resumed, by name.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.content.metadata.iter();
        texts.filter_map(|(key, value)| Some((key.strip_prefix("setting.")?, value.as_str())))
    }

    /// The number of batches before it.
    pub(in crate::train) fn number(&self, steps: usize) -> u64 {
        let before = self.position.epoch.saturating_mul(steps as u64);
        before.saturating_add(self.position.step as u64)
    }

    fn text(&self, key: &str) -> &str {
        self.content.metadata.get(key).map_or("", String::as_str)
    }

    fn damaged(&self, problem: impl Into<String>) -> CheckpointError {
        CheckpointError::Damaged {
            file: self.file.clone(),
            problem: problem.into(),
        }
    }

    /// The tensors whose names start with a prefix, without it.
    fn part(&self, prefix: &str) -> StateDict {
        let mut part = StateDict::new();
        for (name, values) in self.content.iter() {
            if let Some(name) = name.strip_prefix(prefix) {
                part.insert(name, values.clone());
            }
        }
        part
    }

    /// The elements of a tensor of rows of one width.
    fn rows(&self, name: &str, width: usize) -> Result<Vec<f64>, CheckpointError> {
        let tensor: Option<Tensor<f64>> = self.content.get(name).and_then(Values::real);
        let tensor = tensor.ok_or_else(|| self.damaged(format!("`{name}` is missing")))?;
        match *tensor.shape() {
            [_, found] if found == width => Ok(tensor.to_vec()),
            _ => Err(self.damaged(format!(
                "`{name}` has the shape {:?}, not rows of {width}",
                tensor.shape()
            ))),
        }
    }

    fn numbers(&self, name: &str) -> Numbers<'_> {
        let names = self.text(&format!("names.{name}"));
        let names = names.lines().map(str::to_owned);
        let values = self
            .content
            .get(&format!("numbers/{name}"))
            .and_then(Values::real);
        let values = values.map_or_else(Vec::new, |values: Tensor<f64>| values.to_vec());
        let numbers: Vec<_> = names.zip(values).collect();
        Numbers {
            checkpoint: self,
            numbers,
        }
    }

    fn read_history(&self) -> Result<History, CheckpointError> {
        let columns: Vec<&str> = self.text("names.history").lines().collect();
        let steps = self.rows("history/steps", 5)?;
        let epochs = self.rows("history/epochs", columns.len() + 2)?;
        // The first two of a row are counts.
        let whole = |value: f64| {
            let damaged = || self.damaged(format!("the history has {value} as a count"));
            count(value).ok_or_else(damaged)
        };
        let step = |row: &[f64]| -> Result<_, CheckpointError> {
            Ok(StepRecord {
                update: whole(row[0])?,
                epoch: whole(row[1])?,
                loss: row[2],
                lr: row[3],
                gradient_norm: row[4],
            })
        };
        let epoch = |row: &[f64]| -> Result<_, CheckpointError> {
            let names = columns.iter().map(|&column| column.to_owned());
            Ok(EpochRecord {
                epoch: whole(row[0])?,
                update: whole(row[1])?,
                values: names.zip(row[2..].iter().copied()).collect(),
            })
        };
        Ok(History {
            steps: steps.chunks_exact(5).map(step).collect::<Result<_, _>>()?,
            epochs: epochs
                .chunks_exact(columns.len() + 2)
                .map(epoch)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Numbers by name.
struct Numbers<'a> {
    checkpoint: &'a Checkpoint,
    numbers: Vec<(String, f64)>,
}

impl Numbers<'_> {
    fn get(&self, name: &str) -> Result<f64, CheckpointError> {
        let found = self.numbers.iter().find(|(known, _)| known == name);
        let found = found.map(|(_, value)| *value);
        found.ok_or_else(|| {
            self.checkpoint
                .damaged(format!("the number `{name}` is missing"))
        })
    }

    fn whole(&self, name: &str) -> Result<u64, CheckpointError> {
        let value = self.get(name)?;
        count(value).ok_or_else(|| {
            self.checkpoint
                .damaged(format!("the number `{name}` is {value}, not a count"))
        })
    }
}

/// A whole number that is not negative.
fn count(value: f64) -> Option<u64> {
    /// Above 2⁵³ an `f64` cannot represent every count.
    const MOST: f64 = 9_007_199_254_740_992.0;
    let is_count = (0.0..=MOST).contains(&value) && value.fract() == 0.0;
    is_count.then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_cut_anywhere_is_a_damaged_checkpoint() {
        let mut message = 3_u64.to_le_bytes().to_vec();
        message.extend(b"a.b\x07\x00");
        for length in 0..message.len() {
            let error = Checkpoint::from_message(&message[..length]).err();
            assert!(
                matches!(error, Some(CheckpointError::Damaged { .. })),
                "{length} bytes: {error:?}"
            );
        }
    }
}
