//! [`Checkpoint`]: a file with everything that training needs to continue with the same bits.
//!
//! It is a safetensors file, so any tool for those can open it:
//! * `model/PATH`, `ema/PATH`, `accumulated/PATH`: weights, their moving average, pending gradients,
//! * `optimizer/NAME`: the tensors of the optimizer,
//! * `numbers/NAME`: numbers in `f64`, whose names are the lines of the text `names.NAME`,
//! * `history/steps`, `history/epochs`: a row for each record,
//! * texts: `setting.NAME`, `option.NAME`, `configuration`, the version, and a CRC-32 of the whole file.

use std::path::{Path, PathBuf};
use std::{io, str};

use thiserror::Error;
use wengert_nn::{Gradients, Parameters, ParametersExt, Slot, StateDict, StateError, Values, file};
use wengert_optim::{LoadError, OptimizerState};
use wengert_tensor::{Real, Tensor};

use super::directory;
use super::ema::Average;
use super::history::{EpochRecord, History, StepRecord};
use super::method::Method;
use super::prepare::Prepared;
use super::source::BatchSource;
use super::state::{Pending, State, Sums};
use super::trainer::Trainer;
use crate::data::Position;

/// The version of the library, which a checkpoint names.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the checksum stands in the header of a file. Quotes inside of texts are escaped, so this occurs once.
const CHECKSUM: &[u8] = b"\"wengert.checksum\":\"";

/// The checksum of a file is computed with these digits in its place.
const NO_CHECKSUM: &str = "00000000";

/// Why a checkpoint cannot be written, read or resumed from. In each case nothing was overwritten.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be written.
    #[error("checkpoint {}: cannot be written: {error}; make room, and continue from the one before", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file cannot be read.
    #[error("checkpoint {}: cannot be read: {error}", file.display())]
    Read {
        /// The file or directory.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A directory without checkpoints.
    #[error("{} has no checkpoint to resume from", directory.display())]
    None {
        /// The directory.
        directory: PathBuf,
    },
    /// A truncated or damaged file.
    #[error("checkpoint {}: is damaged ({problem}); resume from another one", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A safetensors file, but no checkpoint.
    #[error(
        "checkpoint {}: has tensors, but no state of training; load its weights with `StateDict::load`",
        file.display()
    )]
    NotACheckpoint {
        /// The file.
        file: PathBuf,
    },
    /// A checkpoint of another version of the library.
    #[error(
        "checkpoint {}: was written by version {found}, this is {}; resume with that version, or load its weights \
         with `Checkpoint::model`",
        file.display(), VERSION
    )]
    Version {
        /// The file.
        file: PathBuf,
        /// The version that wrote it.
        found: String,
    },
    /// A checkpoint of another model.
    #[error("checkpoint {}: is of another model: {error}", file.display())]
    Model {
        /// The file.
        file: PathBuf,
        /// How it differs.
        error: StateError,
    },
    /// A checkpoint of a run with another model, other data or other options.
    #[error(
        "checkpoint {}: was made with another {name} ({saved}, here {current}); resume with the same, or begin a new \
         run",
        file.display()
    )]
    Setting {
        /// The file.
        file: PathBuf,
        /// What differs.
        name: String,
        /// Its value in the checkpoint.
        saved: String,
        /// Its value here.
        current: String,
    },
    /// A checkpoint of another optimizer.
    #[error("checkpoint {}: {error}", file.display())]
    Optimizer {
        /// The file.
        file: PathBuf,
        /// How it differs.
        error: LoadError,
    },
}

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

    /// The text that [`Trainer::configuration`] was given.
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
    pub(super) fn number(&self, steps: usize) -> u64 {
        self.position.epoch * steps as u64 + self.position.step as u64
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

    fn tensor(&self, name: &str) -> Result<Tensor<f64>, CheckpointError> {
        let tensor = self.content.get(name).and_then(Values::real);
        tensor.ok_or_else(|| self.damaged(format!("`{name}` is missing")))
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
        let steps = self.tensor("history/steps")?.to_vec();
        let epochs = self.tensor("history/epochs")?.to_vec();
        let columns: Vec<&str> = self.text("names.history").lines().collect();
        let step = |row: &[f64; 5]| StepRecord {
            update: row[0] as u64,
            epoch: row[1] as u64,
            loss: row[2],
            lr: row[3],
            gradient_norm: row[4],
        };
        let epoch = |row: &[f64]| EpochRecord {
            epoch: row[0] as u64,
            update: row[1] as u64,
            values: columns
                .iter()
                .map(|&c| c.to_owned())
                .zip(row[2..].iter().copied())
                .collect(),
        };
        Ok(History {
            steps: steps.as_chunks().0.iter().map(step).collect(),
            epochs: epochs.chunks_exact(columns.len() + 2).map(epoch).collect(),
        })
    }

    /// Gives a model, an optimizer and a state their values from here; after an error the model is as it was.
    pub(super) fn restore<T: Real>(
        &self,
        model: &mut impl Parameters<T>,
        method: &mut Method<T>,
        state: &mut State<T>,
        prepared: &Prepared,
        settings: &[(String, String)],
    ) -> Result<(), CheckpointError> {
        let file = || self.file.clone();
        if self.version() != VERSION {
            return Err(CheckpointError::Version {
                file: file(),
                found: self.version().to_owned(),
            });
        }
        let weights = self.model();
        let of_model = |error| CheckpointError::Model {
            file: file(),
            error,
        };
        weights.check(model).map_err(of_model)?;
        self.compare(settings)?;
        if self
            .text("names.history")
            .lines()
            .ne(prepared.columns.iter().map(String::as_str))
        {
            return Err(CheckpointError::Setting {
                file: file(),
                name: "list of metrics".to_owned(),
                saved: self.text("names.history").replace('\n', ", "),
                current: prepared.columns.join(", "),
            });
        }
        let of_optimizer = |error| CheckpointError::Optimizer {
            file: file(),
            error,
        };
        method
            .load_state_dict(model, &self.optimizer())
            .map_err(of_optimizer)?;
        for (i, schedule) in state.schedules.iter_mut().enumerate() {
            let numbers = self.numbers(&format!("schedule.{i}")).numbers;
            schedule
                .load_state_dict(method, &numbers)
                .map_err(of_optimizer)?;
        }
        if let Some(plateau) = &mut state.plateau {
            plateau
                .load_state_dict(&self.numbers("plateau").numbers)
                .map_err(of_optimizer)?;
        }
        if let Some(average) = &mut state.average {
            let ema = self.ema().unwrap_or_default();
            ema.check(model).map_err(of_model)?;
            average.load(model, &ema);
        }
        self.restore_numbers(model, state)?;
        weights.load_into(model).map_err(of_model)
    }

    fn restore_numbers<T: Real>(
        &self,
        model: &impl Parameters<T>,
        state: &mut State<T>,
    ) -> Result<(), CheckpointError> {
        let numbers = self.numbers("trainer");
        state.position = self.position;
        state.history = self.history.clone();
        state.updates = numbers.whole("updates")?;
        state.sums = Sums {
            loss: numbers.get("sum/loss")?,
            examples: numbers.whole("sum/examples")? as usize,
            labelled: numbers.whole("sum/labelled")? as usize,
            correct: numbers.whole("sum/correct")? as usize,
        };
        state.without_improvement = numbers.whole("without_improvement")?;
        state.best = match numbers.get("best/epoch") {
            Ok(epoch) => Some((epoch as u64, numbers.get("best/value")?)),
            Err(_) => None,
        };
        let batches = numbers.whole("pending/batches")? as usize;
        if batches > 0 {
            let accumulated = self.part("accumulated/");
            check_shapes(model, &accumulated).map_err(|problem| self.damaged(problem))?;
            let tensor = |path: &str| accumulated.get(path).and_then(Values::real);
            state.pending = Pending {
                batches,
                examples: numbers.whole("pending/examples")? as usize,
                loss: numbers.get("pending/loss")?,
                gradients: Some(Gradients::from_tensors(model, tensor)),
            };
        }
        Ok(())
    }

    /// An error for the first setting that differs.
    fn compare(&self, settings: &[(String, String)]) -> Result<(), CheckpointError> {
        for (name, current) in settings {
            let saved = self.text(&format!("setting.{name}"));
            if saved != current {
                return Err(CheckpointError::Setting {
                    file: self.file.clone(),
                    name: name.clone(),
                    saved: saved.to_owned(),
                    current: current.clone(),
                });
            }
        }
        let known = |name: &str| settings.iter().any(|(known, _)| known == name);
        match self.settings().find(|(name, _)| !known(name)) {
            None => Ok(()),
            Some((name, saved)) => Err(CheckpointError::Setting {
                file: self.file.clone(),
                name: name.to_owned(),
                saved: saved.to_owned(),
                current: "none".to_owned(),
            }),
        }
    }

    fn optimizer<T: Real>(&self) -> OptimizerState<T> {
        let tensors = self.content.iter().filter_map(|(name, values)| {
            Some((name.strip_prefix("optimizer/")?.to_owned(), values.real()?))
        });
        let options = self.content.metadata.iter().filter_map(|(key, value)| {
            Some((key.strip_prefix("option.")?.to_owned(), value.clone()))
        });
        OptimizerState {
            tensors: tensors.collect(),
            scalars: self.numbers("optimizer").numbers,
            options: options.collect(),
        }
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
        /// Above 2⁵³ an `f64` cannot represent every count.
        const MOST: f64 = 9_007_199_254_740_992.0;
        let value = self.get(name)?;
        if (0.0..=MOST).contains(&value) && value.fract() == 0.0 {
            return Ok(value as u64);
        }
        Err(self
            .checkpoint
            .damaged(format!("the number `{name}` is {value}, not a count")))
    }
}

/// An error if a tensor does not have the shape of its parameter.
fn check_shapes<T: Real>(model: &impl Parameters<T>, tensors: &StateDict) -> Result<(), String> {
    let mut wrong = None;
    model.each(|path, slot| {
        if let (Slot::Param(param), Some(values)) = (slot, tensors.get(path))
            && values.shape() != param.shape()
        {
            wrong = Some(format!("the gradient of `{path}` is {:?}", values.shape()));
        }
    });
    wrong.map_or(Ok(()), Err)
}

/// The CRC-32 of the bytes of a checkpoint, with zeros in the place of the checksum that they contain; `None`
/// if they contain none.
fn checksum(bytes: &[u8]) -> Option<String> {
    let place = checksum_place(bytes)?;
    let mut hash = crc32fast::Hasher::new();
    hash.update(&bytes[..place]);
    hash.update(NO_CHECKSUM.as_bytes());
    hash.update(bytes.get(place + NO_CHECKSUM.len()..)?);
    Some(format!("{:08x}", hash.finalize()))
}

fn checksum_place(bytes: &[u8]) -> Option<usize> {
    let length = u64::from_le_bytes(*bytes.first_chunk()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    let header = bytes.get(..end)?;
    let found = header
        .windows(CHECKSUM.len())
        .position(|window| window == CHECKSUM)?;
    Some(found + CHECKSUM.len())
}

/// A checkpoint in the making.
struct Writer(StateDict);

impl Writer {
    fn text(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.metadata.insert(key.into(), value.into());
    }

    fn numbers(&mut self, name: &str, numbers: &[(String, f64)]) {
        let names: Vec<&str> = numbers.iter().map(|(name, _)| name.as_str()).collect();
        self.text(format!("names.{name}"), names.join("\n"));
        let values: Vec<f64> = numbers.iter().map(|(_, value)| *value).collect();
        let tensor = Tensor::from_slice(&values, [values.len()]);
        self.0
            .insert(format!("numbers/{name}"), Values::F64(tensor));
    }

    fn part(&mut self, prefix: &str, part: &StateDict) {
        for (name, values) in part.iter() {
            self.0.insert(format!("{prefix}{name}"), values.clone());
        }
    }

    fn history(&mut self, history: &History, columns: &[String]) {
        let steps = history.steps.iter();
        let steps: Vec<f64> = steps
            .flat_map(|s| {
                [
                    s.update as f64,
                    s.epoch as f64,
                    s.loss,
                    s.lr,
                    s.gradient_norm,
                ]
            })
            .collect();
        let mut epochs = Vec::new();
        for record in &history.epochs {
            epochs.extend([record.epoch as f64, record.update as f64]);
            epochs.extend(
                columns
                    .iter()
                    .map(|column| record.get(column).unwrap_or(f64::NAN)),
            );
        }
        let count = [history.steps.len(), history.epochs.len()];
        self.0.insert(
            "history/steps",
            Values::F64(Tensor::from_vec(steps, [count[0], 5])),
        );
        let epochs = Tensor::from_vec(epochs, [count[1], columns.len() + 2]);
        self.0.insert("history/epochs", Values::F64(epochs));
        self.text("names.history", columns.join("\n"));
    }

    /// The bytes of the file, with their checksum.
    fn finish(mut self) -> Vec<u8> {
        self.text("wengert.checksum", NO_CHECKSUM);
        let mut bytes = self.0.to_bytes();
        if let (Some(place), Some(sum)) = (checksum_place(&bytes), checksum(&bytes)) {
            bytes[place..place + sum.len()].copy_from_slice(sum.as_bytes());
        }
        bytes
    }
}

impl<T: Real, M, D> Trainer<'_, T, M, D>
where
    M: Parameters<T> + wengert_nn::Module<T>,
    D: BatchSource<T>,
{
    /// The bytes of a checkpoint.
    pub(super) fn checkpoint_bytes(&mut self, state: &State<T>, prepared: &Prepared) -> Vec<u8> {
        let mut writer = Writer(StateDict::new());
        writer.text("wengert.version", VERSION);
        writer.text("configuration", self.configuration.clone());
        for (name, value) in self.settings(state) {
            writer.text(format!("setting.{name}"), value);
        }
        writer.part("model/", &StateDict::of(&*self.model));
        if let Some(average) = &state.average {
            writer.part("ema/", &average.state_dict(&*self.model));
        }
        let optimizer = self.method.state_dict();
        for (name, tensor) in &optimizer.tensors {
            writer
                .0
                .insert(format!("optimizer/{name}"), Values::of(tensor));
        }
        writer.numbers("optimizer", &optimizer.scalars);
        for (name, value) in optimizer.options {
            writer.text(format!("option.{name}"), value);
        }
        for (i, schedule) in state.schedules.iter().enumerate() {
            writer.numbers(
                &format!("schedule.{i}"),
                &schedule.state_dict(&mut self.method),
            );
        }
        if let Some(plateau) = &state.plateau {
            writer.numbers("plateau", &plateau.state_dict());
        }
        if let Some(gradients) = &state.pending.gradients {
            for (path, gradient) in gradients.iter() {
                writer
                    .0
                    .insert(format!("accumulated/{path}"), Values::of(gradient));
            }
        }
        writer.numbers("trainer", &numbers(state));
        writer.history(&state.history, &prepared.columns);
        writer.finish()
    }
}

fn numbers<T: Real>(state: &State<T>) -> Vec<(String, f64)> {
    let State {
        position,
        updates,
        pending,
        sums,
        best,
        without_improvement,
        ..
    } = state;
    let mut numbers = vec![
        ("epoch", position.epoch as f64),
        ("step", position.step as f64),
        ("updates", *updates as f64),
        ("pending/batches", pending.batches as f64),
        ("pending/examples", pending.examples as f64),
        ("pending/loss", pending.loss),
        ("sum/loss", sums.loss),
        ("sum/examples", sums.examples as f64),
        ("sum/labelled", sums.labelled as f64),
        ("sum/correct", sums.correct as f64),
        ("without_improvement", *without_improvement as f64),
    ];
    if let Some((epoch, value)) = best {
        numbers.extend([("best/epoch", *epoch as f64), ("best/value", *value)]);
    }
    numbers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

impl<T: Real> Average<T> {
    /// Takes the values of a state that was compared with the model.
    fn load(&mut self, model: &impl Parameters<T>, ema: &StateDict) {
        self.replace(model, |path| ema.get(path).cloned());
    }
}
