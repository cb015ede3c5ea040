//! [`History`]: the numbers of a run, step by step and epoch by epoch.

use std::fmt;

/// The numbers of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Updates, as often as [`record_every`](super::TrainOptions::record_every) says.
    pub steps: Vec<StepRecord>,
    /// Epochs.
    pub epochs: Vec<EpochRecord>,
}

/// The numbers of one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRecord {
    /// The number of the update, from 1.
    pub update: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The mean loss of the examples of the update, before it.
    pub loss: f64,
    /// The learning rate of the first group, warm-up included.
    pub lr: f64,
    /// The 2-norm of all gradients before clipping.
    pub gradient_norm: f64,
}

/// The numbers of one epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochRecord {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The number of updates so far.
    pub update: u64,
    /// Names and values: `train_loss`, `train_accuracy`, `valid_loss`, `valid_accuracy`, `valid_f1`,
    /// `valid_top5`, `valid_NAME` for metrics of the caller, and `lr`, the learning rate of the next update.
    /// NaN where an epoch was not evaluated.
    pub values: Vec<(String, f64)>,
}

impl EpochRecord {
    /// The value of a column; `None` if there is no such column.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        let found = self.values.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }
}

impl fmt::Display for EpochRecord {
    /// Such as `epoch 3: train_loss 0.1203, valid_loss 0.1, lr 0.05`; epochs from 1, without NaN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}:", self.epoch + 1)?;
        let known = self.values.iter().filter(|(_, value)| !value.is_nan());
        for (i, (name, value)) in known.enumerate() {
            let comma = if i == 0 { "" } else { "," };
            // Four significant digits.
            let digits = 3 - value.abs().log10().floor().clamp(-5.0, 3.0) as i32;
            write!(f, "{comma} {name} {value:.*}", digits as usize)?;
        }
        Ok(())
    }
}

impl History {
    /// The last epoch.
    #[must_use]
    pub fn last(&self) -> Option<&EpochRecord> {
        self.epochs.last()
    }

    /// A column of the epochs, such as `valid_loss`.
    #[must_use]
    pub fn column(&self, name: &str) -> Vec<f64> {
        let values = self.epochs.iter();
        values.filter_map(|record| record.get(name)).collect()
    }
}
