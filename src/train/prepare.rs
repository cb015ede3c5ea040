//! What is checked and made before the first step.

use wengert_nn::{Id, Module, ParametersExt, Pass, Slot, SlotMut, path_matches};
use wengert_optim::{Plateau, ReduceLrOnPlateau};
use wengert_tensor::Real;

use super::checkpoint::{self, CheckpointError};
use super::directory::Directory;
use super::ema::Average;
use super::error::TrainError;
use super::method::Method;
use super::metrics::classes_of;
use super::schedules::{Every, Running, rehearse};
use super::shards::Shards;
use super::source::{BatchSource, TrainBatch};
use super::state::State;
use super::trainer::{Resume, Trainer};
use crate::data::Position;
use crate::report::Fingerprint;

/// What is known before the first step.
pub(super) struct Prepared {
    /// The number of classes; `None` if the targets are no classes.
    pub(super) classes: Option<usize>,
    /// How batches are cut; `None` if they are not.
    pub(super) shards: Option<Shards>,
    /// The columns of the history.
    pub(super) columns: Vec<String>,
    /// The column that is monitored.
    pub(super) monitor: String,
    /// The batches of an epoch, and those of an update.
    pub(super) steps: usize,
    pub(super) accumulate: usize,
    /// What decides about the batches; empty if nothing is compared with it.
    data_settings: Vec<(String, String)>,
}

impl<T: Real, M, D> Trainer<'_, T, M, D>
where
    M: Module<T> + Sync,
    D: BatchSource<T>,
{
    /// Checks everything, and locks the directory of the checkpoints. Nothing is changed.
    #[track_caller]
    pub(super) fn prepare(&self) -> Result<(Prepared, Option<Directory>), TrainError> {
        self.options.validate()?;
        if matches!(self.method, Method::Lbfgs(_)) {
            let clips = [
                ("clip_norm", self.options.clip_norm),
                ("clip_value", self.options.clip_value),
            ];
            if let Some((name, _)) = clips.into_iter().find(|(_, clip)| clip.is_some()) {
                return Err(TrainError::Lbfgs { name });
            }
            if self.options.shards > 1 {
                return Err(TrainError::LbfgsShards);
            }
        }
        self.check_sizes()?;
        self.check_patterns()?;
        let shards = Shards::new(self.options.shards, &*self.model, self.data, self.others())?;
        let classes = self.trial(shards.as_ref())?;
        let (columns, monitor) = self.columns(classes)?;
        let data_settings = self.data_settings()?;
        let directory = match &self.checkpoints {
            Some(options) => {
                options.validate()?;
                Some(if self.writes() {
                    Directory::open(options)?
                } else {
                    Directory::of_other_process(options)
                })
            }
            None => None,
        };
        Ok((
            Prepared {
                classes,
                shards,
                columns,
                monitor,
                steps: self.data.steps(),
                accumulate: self.options.accumulate,
                data_settings,
            },
            directory,
        ))
    }

    fn check_sizes(&self) -> Result<(), TrainError> {
        let examples = self.data.examples();
        if examples == 0 {
            return Err(TrainError::Empty { which: "training" });
        }
        if self.data.steps() == 0 {
            return Err(TrainError::NoBatch { examples });
        }
        if self.validation.is_some_and(|data| data.examples() == 0) {
            return Err(TrainError::Empty {
                which: "validation",
            });
        }
        Ok(())
    }

    fn check_patterns(&self) -> Result<(), TrainError> {
        let parameters = self.model.parameters();
        for pattern in &self.options.freeze {
            if !parameters
                .iter()
                .any(|(path, _)| path_matches(pattern, path))
            {
                let paths: Vec<&str> = parameters.iter().map(|(path, _)| path.as_str()).collect();
                return Err(TrainError::Freeze {
                    pattern: pattern.clone(),
                    parameters: paths.join(", "),
                });
            }
        }
        if self.trained_paths().is_empty() {
            return Err(TrainError::NothingToTrain);
        }
        Ok(())
    }

    /// The parameters that are not held constant.
    fn trained_paths(&self) -> Vec<String> {
        let frozen = |path: &str| {
            self.options
                .freeze
                .iter()
                .any(|pattern| path_matches(pattern, path))
        };
        let parameters = self.model.parameters().into_iter();
        let trained = parameters.filter(|(path, param)| !param.is_frozen() && !frozen(path));
        trained.map(|(path, _)| path).collect()
    }

    /// Evaluates the first batch, or the first shard, and returns the number of classes; an error if output, loss and
    /// labels do not fit each other.
    #[track_caller]
    fn trial(&self, shards: Option<&Shards>) -> Result<Option<usize>, TrainError> {
        let first = Position::default();
        let batch = match shards {
            None => self.data.with_batches(first, |batches| batches.next()),
            Some(shards) => self
                .data
                .with_parts(first, 0..shards.size, |parts| parts.next())
                .ok_or(TrainError::WholeBatches)?,
        };
        let Some(batch) = batch.transpose()? else {
            return Err(TrainError::NoBatch {
                examples: self.data.examples(),
            });
        };
        let mut pass = Pass::eval(&*self.model);
        let output = self
            .model
            .call(&pass.input(batch.input().clone()), &mut pass);
        let labels = self.data.labels();
        if let (None, Some(labels)) = (&self.loss, &labels) {
            let &[count, classes] = output.shape() else {
                return Err(TrainError::Output {
                    found: output.shape().to_vec(),
                    batch: batch.len(),
                });
            };
            if count != batch.len() {
                return Err(TrainError::Output {
                    found: output.shape().to_vec(),
                    batch: batch.len(),
                });
            }
            check_labels("training", labels, classes)?;
            if let Some(labels) = self.validation.and_then(BatchSource::labels) {
                check_labels("validation", &labels, classes)?;
            }
            if let Some(&label) = labels.first()
                && labels.iter().all(|&other| other == label)
            {
                return Err(TrainError::OneClass { label });
            }
        }
        let loss = match &self.loss {
            Some(loss) => loss(&output, &batch),
            None => batch.usual_loss(&output).ok_or(TrainError::NoLoss)?,
        };
        if loss.len() != 1 {
            return Err(TrainError::LossShape {
                shape: loss.shape().to_vec(),
            });
        }
        let labels = batch.labels();
        Ok(labels.and_then(|labels| classes_of(output.value(), labels, None)))
    }

    /// The columns of the history, and which of them is monitored.
    fn columns(&self, classes: Option<usize>) -> Result<(Vec<String>, String), TrainError> {
        let mut columns = vec!["train_loss".to_owned()];
        if classes.is_some() {
            columns.push("train_accuracy".to_owned());
        }
        if self.validation.is_some() {
            columns.push("valid_loss".to_owned());
            if classes.is_some() {
                columns.extend(["valid_accuracy".to_owned(), "valid_f1".to_owned()]);
                columns.extend(self.options.top_k.iter().map(|k| format!("valid_top{k}")));
            }
            columns.extend(self.metrics.iter().map(|(name, _)| format!("valid_{name}")));
        }
        columns.push("lr".to_owned());
        let metric = &self.options.monitor.metric;
        let names = [
            format!("valid_{metric}"),
            format!("train_{metric}"),
            metric.clone(),
        ];
        let found = names.into_iter().find(|name| columns.contains(name));
        match found {
            Some(monitor) => Ok((columns, monitor)),
            None => Err(TrainError::Monitor {
                metric: metric.clone(),
                known: columns.join(", "),
            }),
        }
    }

    /// The state to start from: that of an earlier call, of a checkpoint, or of the beginning.
    #[track_caller]
    pub(super) fn starting_state(
        &mut self,
        prepared: &Prepared,
        directory: Option<&mut Directory>,
    ) -> Result<State<T>, TrainError> {
        if let Some(state) = self.state.take() {
            return Ok(state);
        }
        let checkpoint = if self.writes() {
            self.checkpoint_to_resume(directory.as_deref())
        } else {
            Ok(None)
        };
        let checkpoint = self.share_checkpoint(checkpoint)?;
        let mut method = self.method.clone();
        if let Method::Rule(optimizer) = &mut method {
            if let Some(max) = self.options.clip_norm {
                *optimizer = optimizer.clone().clip_norm(max);
            }
            if let Some(max) = self.options.clip_value {
                *optimizer = optimizer.clone().clip_value(max);
            }
        }
        let (schedules, plateau) = self.schedules(&mut method)?;
        let frozen = self.freeze();
        let average = self.options.ema.map(|ema| Average::new(ema, &*self.model));
        let mut state = State::new(schedules, plateau, average);
        if let Some(checkpoint) = checkpoint {
            let settings = self.settings(&state, prepared);
            let model = &mut *self.model;
            let restored = checkpoint.restore(model, &mut method, &mut state, prepared, &settings);
            if let Err(error) = restored {
                self.unfreeze(&frozen);
                return Err(error.into());
            }
        }
        self.method = method;
        Ok(state)
    }

    /// Holds constant what the options say, and returns the parameters that were not held before.
    fn freeze(&mut self) -> Vec<Id> {
        let patterns = &self.options.freeze;
        let mut frozen = Vec::new();
        self.model.each_mut(|path, slot| {
            if let SlotMut::Param(param) = slot
                && !param.is_frozen()
                && patterns.iter().any(|pattern| path_matches(pattern, path))
            {
                param.freeze();
                frozen.push(param.id());
            }
        });
        frozen
    }

    fn unfreeze(&mut self, params: &[Id]) {
        self.model.each_mut(|_, slot| {
            if let SlotMut::Param(param) = slot
                && params.contains(&param.id())
            {
                param.unfreeze();
            }
        });
    }

    /// The schedules and the plateau, after a rehearsal of all their steps.
    #[track_caller]
    fn schedules(
        &self,
        method: &mut Method<T>,
    ) -> Result<(Vec<Running>, Option<Plateau>), TrainError> {
        let groups = method.groups();
        let epochs = self.options.epochs;
        let updates = self.data.steps().div_ceil(self.options.accumulate) as u64;
        let mut schedules = Vec::new();
        for plan in &self.plans {
            let total = match plan.every {
                Every::Step => epochs.saturating_mul(updates),
                Every::Epoch => epochs,
            };
            schedules.push(Running::start(plan, total, &groups, method)?);
        }
        rehearse(&schedules, method, epochs, updates)?;
        let plateau = self.plateau.as_ref().map(|options| {
            let mode = self.options.monitor.mode;
            Plateau::new(
                ReduceLrOnPlateau {
                    mode,
                    ..options.clone()
                },
                method,
            )
        });
        Ok((schedules, plateau))
    }

    /// The checkpoint to continue from, read and decoded; an error if one would be overwritten.
    fn checkpoint_to_resume(
        &self,
        directory: Option<&Directory>,
    ) -> Result<Option<checkpoint::Checkpoint>, TrainError> {
        let existing = directory
            .map(Directory::list)
            .transpose()?
            .unwrap_or_default();
        let file = match &self.resume {
            Resume::No if existing.is_empty() => return Ok(None),
            Resume::No => {
                let directory = directory.map(|d| d.path().to_owned()).unwrap_or_default();
                return Err(TrainError::Occupied { directory });
            }
            Resume::Last => match existing.last() {
                Some((_, file)) => file.clone(),
                None => return Ok(None),
            },
            Resume::File(path) if path.is_dir() => match checkpoint::Checkpoint::last_in(path)? {
                Some(file) => file,
                None => {
                    return Err(CheckpointError::None {
                        directory: path.clone(),
                    }
                    .into());
                }
            },
            Resume::File(path) => path.clone(),
        };
        let checkpoint = checkpoint::Checkpoint::load(&file)?;
        let number = checkpoint.number(self.data.steps());
        if let Some((_, newer)) = existing.last().filter(|(last, _)| *last > number) {
            return Err(TrainError::Newer {
                file: newer.clone(),
            });
        }
        Ok(Some(checkpoint))
    }

    /// Everything that must be the same in a run that is resumed, by name.
    pub(super) fn settings(&self, state: &State<T>, prepared: &Prepared) -> Vec<(String, String)> {
        let options = &self.options;
        let named = |name: &str, value: String| (name.to_owned(), value);
        let mut settings = vec![
            named("model", structure(&*self.model)),
            named("element type", std::any::type_name::<T>().to_owned()),
            named("frozen", self.frozen()),
            named("accumulate", options.accumulate.to_string()),
            named("shards", options.shards.to_string()),
            named("clip_norm", format!("{:?}", options.clip_norm)),
            named("clip_value", format!("{:?}", options.clip_value)),
            named("warm_up", options.warm_up.to_string()),
            named("ema", format!("{:?}", options.ema)),
            named("evaluate_every", options.evaluate_every.to_string()),
            named("monitor", format!("{:?}", options.monitor)),
            named("early_stopping", format!("{:?}", options.early_stopping)),
            named("plateau", format!("{:?}", self.plateau)),
            named(
                "schedules",
                state
                    .schedules
                    .iter()
                    .map(|s| s.text.clone())
                    .collect::<Vec<_>>()
                    .join("; "),
            ),
        ];
        settings.extend(prepared.data_settings.iter().cloned());
        settings
    }

    /// What decides about the batches, read once and only if a checkpoint or another process is compared with it.
    fn data_settings(&self) -> Result<Vec<(String, String)>, TrainError> {
        let resumes = !matches!(self.resume, Resume::No);
        if self.checkpoints.is_none() && !resumes && self.others().is_none() {
            return Ok(Vec::new());
        }
        let data = self.data.settings()?.into_iter();
        let validation = self.validation.map(BatchSource::settings).transpose()?;
        let validation = validation.unwrap_or_default().into_iter();
        Ok(data
            .map(|(name, value)| (format!("training data: {name}"), value))
            .chain(validation.map(|(name, value)| (format!("validation data: {name}"), value)))
            .collect())
    }

    fn frozen(&self) -> String {
        let parameters = self.model.parameters().into_iter();
        let frozen = parameters
            .filter(|(_, param)| param.is_frozen())
            .map(|(path, _)| path);
        frozen.collect::<Vec<_>>().join(", ")
    }
}

fn check_labels(which: &'static str, labels: &[i64], classes: usize) -> Result<(), TrainError> {
    let wrong = labels
        .iter()
        .find(|label| !(0..classes as i64).contains(*label));
    wrong.map_or(Ok(()), |&label| {
        Err(TrainError::Label {
            which,
            label,
            classes,
        })
    })
}

/// A hash of the layers of a model with their types, and of the names, kinds and shapes of its tensors.
fn structure<T: Real>(model: &impl Module<T>) -> String {
    let mut hash = Fingerprint::new();
    let mut add = |text: &str| {
        hash.bytes(text.as_bytes());
        hash.bytes(&[0]);
    };
    for (path, kind) in model.layers() {
        add(&path);
        add(&kind);
    }
    model.each(|path, slot| {
        add(path);
        add(&match slot {
            Slot::Param(param) => format!("parameter {:?}", param.shape()),
            Slot::Buffer(buffer) => format!("buffer {:?}", buffer.shape()),
            Slot::Counter(_) => "counter".to_owned(),
        });
    });
    hash.to_string()
}
