//! The options of a trainer, and which values are allowed.

use std::path::PathBuf;

pub use wengert_optim::MetricMode;

use super::error::TrainError;

/// The options of a [`Trainer`](super::Trainer) that are plain values.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Passes over the training data, at least 1.
    pub epochs: u64,
    /// Batches per update, at least 1: the update has the mean gradient of all their examples. The last
    /// update of an epoch may have fewer batches.
    pub accumulate: usize,
    /// The number of parts that each batch is cut into, at least 1; it must divide the batch. Their gradients are added
    /// along a fixed binary tree. More than one is what several processes need: the result then depends on the number
    /// of shards, and not on the number of processes.
    ///
    /// A shard is a forward and backward pass of its own. Batch norm normalises by the statistics of the shard, and
    /// its running statistics move by the mean of the shards' changes. Dropout draws from a seed of batch and shard;
    /// images are augmented as without shards. A loss that is no mean over examples, such as one weighted by
    /// class, is the mean over shards instead of that over the batch.
    pub shards: usize,
    /// The largest joint 2-norm of the gradients of an update; see
    /// [`clip_grad_norm`](crate::optim::clip_grad_norm).
    pub clip_norm: Option<f64>,
    /// The largest absolute value of an element of a gradient.
    pub clip_value: Option<f64>,
    /// Updates whose learning rate rises linearly: that of update `t` (from 0) is multiplied by
    /// `(t + 1) / (warm_up + 1)`, whatever the schedules are.
    pub warm_up: u64,
    /// An exponential moving average of the weights, which evaluations then use.
    pub ema: Option<Ema>,
    /// Patterns of the parameters that are held constant: see
    /// [`path_matches`](crate::nn::path_matches).
    pub freeze: Vec<String>,
    /// Epochs from one evaluation to the next, at least 1; the last epoch is always evaluated.
    pub evaluate_every: u64,
    /// Metrics beside loss, accuracy and macro F1: the share of examples whose class is among the `k`
    /// highest scores, for each `k`.
    pub top_k: Vec<usize>,
    /// The metric that decides what the best checkpoint is, when training stops early, and when a plateau
    /// lowers the learning rate.
    pub monitor: Monitor,
    /// When to stop because the monitored metric no longer improves.
    pub early_stopping: Option<EarlyStopping>,
    /// Updates from one [`StepRecord`](super::StepRecord) of the history to the next, at least 1.
    pub record_every: u64,
}

impl Default for TrainOptions {
    /// Ten epochs, an update for each batch, an evaluation and a record of each.
    fn default() -> Self {
        Self {
            epochs: 10,
            accumulate: 1,
            shards: 1,
            clip_norm: None,
            clip_value: None,
            warm_up: 0,
            ema: None,
            freeze: Vec::new(),
            evaluate_every: 1,
            top_k: Vec::new(),
            monitor: Monitor::default(),
            early_stopping: None,
            record_every: 1,
        }
    }
}

/// An exponential moving average of all parameters and buffers, updated after each update:
/// `a ← d·a + (1 − d)·w` (Polyak & Juditsky 1992).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ema {
    /// `d`, at least 0 and below 1.
    pub decay: f64,
    /// Whether `d` is at most `(1 + t) / (10 + t)` after update `t`, so that the first weights are soon
    /// forgotten.
    pub warm_up: bool,
}

impl Default for Ema {
    fn default() -> Self {
        Self {
            decay: 0.999,
            warm_up: true,
        }
    }
}

/// A column of the history, and whether it should fall or rise.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// The name of the column, such as `valid_accuracy`; see [`EpochRecord`](super::EpochRecord).
    pub metric: String,
    /// Whether lower or higher is better.
    pub mode: MetricMode,
}

impl Default for Monitor {
    /// The loss: of the validation data, or of the training data if there is no other.
    fn default() -> Self {
        Self {
            metric: "loss".to_owned(),
            mode: MetricMode::Min,
        }
    }
}

/// When to stop because the monitored metric no longer improves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// The number of evaluations without improvement that are allowed.
    pub patience: u64,
    /// By how much a value must be better than the best one to be an improvement.
    pub min_delta: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            patience: 5,
            min_delta: 0.0,
        }
    }
}

/// Where and when checkpoints are written.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointOptions {
    /// The directory; it is made if it is missing.
    pub directory: PathBuf,
    /// Epochs from one checkpoint to the next, at least 1. The end of training has one in any case.
    pub every_epochs: u64,
    /// Batches from one checkpoint to the next, beside those of the epochs.
    pub every_steps: Option<u64>,
    /// The number of checkpoints that are kept, at least 1; the oldest is removed once a new one is on the
    /// disk.
    pub keep_last: usize,
    /// Whether `best.safetensors` has the checkpoint of the best value of the monitored metric.
    pub keep_best: bool,
}

impl Default for CheckpointOptions {
    /// After each epoch in the directory `checkpoints`; the last two and the best are kept.
    fn default() -> Self {
        Self {
            directory: PathBuf::from("checkpoints"),
            every_epochs: 1,
            every_steps: None,
            keep_last: 2,
            keep_best: true,
        }
    }
}

fn check(
    name: &'static str,
    value: impl ToString,
    must: &'static str,
    ok: bool,
) -> Result<(), TrainError> {
    if ok {
        return Ok(());
    }
    let value = value.to_string();
    Err(TrainError::Option { name, value, must })
}

impl TrainOptions {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        const ONE: &str = "at least 1";
        const CLIP: &str = "a number, at least 0";
        check("epochs", self.epochs, ONE, self.epochs > 0)?;
        check("accumulate", self.accumulate, ONE, self.accumulate > 0)?;
        check("shards", self.shards, ONE, self.shards > 0)?;
        check(
            "evaluate_every",
            self.evaluate_every,
            ONE,
            self.evaluate_every > 0,
        )?;
        check(
            "record_every",
            self.record_every,
            ONE,
            self.record_every > 0,
        )?;
        for (name, clip) in [
            ("clip_norm", self.clip_norm),
            ("clip_value", self.clip_value),
        ] {
            let max = clip.unwrap_or_default();
            check(name, max, CLIP, max >= 0.0)?;
        }
        for &k in &self.top_k {
            check("top_k", k, ONE, k > 0)?;
        }
        if let Some(Ema { decay, .. }) = self.ema {
            check(
                "ema.decay",
                decay,
                "at least 0 and below 1",
                (0.0..1.0).contains(&decay),
            )?;
        }
        if let Some(EarlyStopping { min_delta, .. }) = self.early_stopping {
            let ok = min_delta >= 0.0 && min_delta.is_finite();
            check(
                "early_stopping.min_delta",
                min_delta,
                "a finite number, at least 0",
                ok,
            )?;
        }
        Ok(())
    }
}

impl CheckpointOptions {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        const ONE: &str = "at least 1";
        check(
            "every_epochs",
            self.every_epochs,
            ONE,
            self.every_epochs > 0,
        )?;
        check("keep_last", self.keep_last, ONE, self.keep_last > 0)?;
        let steps = self.every_steps.unwrap_or(1);
        check("every_steps", steps, ONE, steps > 0)
    }
}
