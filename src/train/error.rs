//! [`TrainError`]: why training cannot begin or go on.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::checkpoint::CheckpointError;
use super::non_finite::NonFinite;
use crate::data::DataError;

/// Why training cannot begin or go on. Each text is one sentence with the remedy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An option outside its range.
    #[error("trainer: {name} = {value}: must be {must}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        must: &'static str,
    },
    /// An option that the optimizer cannot combine with.
    #[error(
        "trainer: {name} cannot be combined with L-BFGS, whose line search needs the true gradient"
    )]
    Lbfgs {
        /// The option.
        name: &'static str,
    },
    /// Shards for an optimizer that evaluates a batch several times.
    #[error(
        "trainer: shards cannot be combined with L-BFGS; use `shards: 1`, or another optimizer"
    )]
    LbfgsShards,
    /// A number of shards that does not divide the batch.
    #[error(
        "trainer: {shards} shards do not divide a batch of {batch} examples; choose a batch that is a multiple of \
         {shards}, or other shards"
    )]
    Shards {
        /// The number of shards.
        shards: usize,
        /// The number of examples of a batch.
        batch: usize,
    },
    /// More processes than shards.
    #[error(
        "trainer: {processes} processes for {shards} shards: each process needs a shard of its own; start fewer \
         processes, or use more shards"
    )]
    Processes {
        /// The number of processes.
        processes: usize,
        /// The number of shards.
        shards: usize,
    },
    /// Numbers that cannot be sent to another process.
    #[error("trainer: several processes can train in f32 and f64 only, the model is of {name}")]
    NumberType {
        /// The type of the numbers.
        name: &'static str,
    },
    /// Processes that were not started alike.
    #[error(
        "trainer: process {process} has another {name} ({value}) than process 0 ({first}); start all processes with the \
         same program, data and options"
    )]
    Disagreement {
        /// What differs.
        name: String,
        /// The first process that differs from process 0.
        process: usize,
        /// Its value.
        value: String,
        /// That of process 0.
        first: String,
    },
    /// An error of another process of the run.
    #[error("process {process}: {error}")]
    OtherProcess {
        /// The process.
        process: usize,
        /// The text of its error.
        error: String,
    },
    /// Batches that cannot be cut into shards.
    #[error(
        "trainer: the batches of this source cannot be cut into shards; implement `TrainBatch::part`"
    )]
    WholeBatches,
    /// A data set without examples.
    #[error("trainer: the {which} data has no examples")]
    Empty {
        /// `training` or `validation`.
        which: &'static str,
    },
    /// A data set whose epoch has no batch.
    #[error(
        "trainer: an epoch of the {examples} training examples has no batch; use a smaller batch, or do not drop \
         the last one"
    )]
    NoBatch {
        /// The number of examples.
        examples: usize,
    },
    /// Targets that have no usual loss.
    #[error("trainer: the targets of the data have no usual loss; give one with `Trainer::loss`")]
    NoLoss,
    /// A loss that is not one number.
    #[error(
        "trainer: the loss has the shape {shape:?}, it must be one number, the mean over the batch"
    )]
    LossShape {
        /// Its shape.
        shape: Vec<usize>,
    },
    /// An output that gives no scores of classes.
    #[error(
        "trainer: the output of the model is {found:?}, cross entropy needs [{batch}, classes]; change the model, or \
         give another loss with `Trainer::loss`"
    )]
    Output {
        /// The shape of the output.
        found: Vec<usize>,
        /// The number of examples of the batch.
        batch: usize,
    },
    /// A label that is no class of the model.
    #[error(
        "trainer: the {which} data has the label {label}, the model has scores of {classes} classes, 0 to {}; \
         change the labels or the model",
        classes - 1
    )]
    Label {
        /// `training` or `validation`.
        which: &'static str,
        /// The label.
        label: i64,
        /// The number of classes of the model.
        classes: usize,
    },
    /// Training data with a single class.
    #[error(
        "trainer: all training examples have the label {label}; a classifier needs examples of at least two classes"
    )]
    OneClass {
        /// The label.
        label: i64,
    },
    /// A pattern without a parameter.
    #[error("trainer: freeze = {pattern:?}: matches no parameter; the model has {parameters}")]
    Freeze {
        /// The pattern.
        pattern: String,
        /// The parameters of the model.
        parameters: String,
    },
    /// A model in which nothing can be trained.
    #[error("trainer: the model has no parameter that is not frozen")]
    NothingToTrain,
    /// A group without parameters.
    #[error(
        "trainer: the optimizer has no group {pattern:?} for a schedule; its groups are {groups}"
    )]
    Group {
        /// The pattern of the group.
        pattern: String,
        /// The patterns of its groups.
        groups: String,
    },
    /// A schedule that ends before training does.
    #[error(
        "trainer: the schedule {schedule} ends after {end} steps, training takes {steps}; make it longer"
    )]
    ScheduleEnd {
        /// The schedule.
        schedule: String,
        /// Its last step.
        end: u64,
        /// The number of steps of training.
        steps: u64,
    },
    /// A learning rate that no update can have.
    #[error(
        "trainer: the learning rate is {lr} at step {step} of a schedule; it must be a finite number, at least 0"
    )]
    Rate {
        /// The learning rate.
        lr: f64,
        /// The step of the schedule.
        step: u64,
    },
    /// A metric that is not there.
    #[error("trainer: monitor = {metric:?}: there is no such metric; there are {known}")]
    Monitor {
        /// The name.
        metric: String,
        /// The names that there are.
        known: String,
    },
    /// A NaN or an infinity.
    #[error(transparent)]
    NonFinite(Box<NonFinite>),
    /// A directory that cannot be used.
    #[error("trainer: cannot write checkpoints to {}: {error}; choose another directory", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A directory that another process writes to.
    #[error("{} is in use by another process; wait for it to end, or choose another directory", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// A directory with checkpoints of an earlier run.
    #[error(
        "trainer: {} has checkpoints of an earlier run; resume it, or choose another directory",
        directory.display()
    )]
    Occupied {
        /// The directory.
        directory: PathBuf,
    },
    /// A directory with checkpoints that are newer than the one to resume from.
    #[error(
        "trainer: {} is newer than the checkpoint to resume from; remove it, or choose another directory",
        file.display()
    )]
    Newer {
        /// The newer checkpoint.
        file: PathBuf,
    },
    /// A sample that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A checkpoint that cannot be written, read or resumed from.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}
