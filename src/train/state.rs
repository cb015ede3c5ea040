//! [`State`]: how far training is, beside the model and the optimizer.

use wengert_nn::Gradients;
use wengert_optim::Plateau;
use wengert_tensor::Real;

use super::ema::Average;
use super::history::History;
use super::schedules::Running;
use crate::data::Position;

/// How far training is. Together with the model and the optimizer it is all that a checkpoint holds.
#[derive(Clone, Debug)]
pub(super) struct State<T: Real> {
    /// The next batch; its step is the number of steps if the epoch is not evaluated yet.
    pub(super) position: Position,
    /// The number of updates so far.
    pub(super) updates: u64,
    /// The batches since the last update.
    pub(super) pending: Pending<T>,
    /// The batches of this epoch so far.
    pub(super) sums: Sums,
    pub(super) history: History,
    /// The best value of the monitored metric, and its epoch.
    pub(super) best: Option<(u64, f64)>,
    /// The number of evaluations since then.
    pub(super) without_improvement: u64,
    pub(super) schedules: Vec<Running>,
    pub(super) plateau: Option<Plateau>,
    pub(super) average: Option<Average<T>>,
}

/// The batches since the last update.
#[derive(Clone, Debug)]
pub(super) struct Pending<T: Real> {
    pub(super) batches: usize,
    pub(super) examples: usize,
    /// Summed over the examples.
    pub(super) loss: f64,
    /// Summed over the examples; their mean where an update has one batch. `None` without a batch.
    pub(super) gradients: Option<Gradients<T>>,
}

impl<T: Real> Default for Pending<T> {
    fn default() -> Self {
        Self {
            batches: 0,
            examples: 0,
            loss: 0.0,
            gradients: None,
        }
    }
}

/// Numbers of the batches of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    /// Summed over the examples.
    pub(super) loss: f64,
    pub(super) examples: usize,
    /// The examples with classes, and how many of them were right.
    pub(super) labelled: usize,
    pub(super) correct: usize,
}

impl<T: Real> State<T> {
    pub(super) fn new(
        schedules: Vec<Running>,
        plateau: Option<Plateau>,
        average: Option<Average<T>>,
    ) -> Self {
        Self {
            position: Position::default(),
            updates: 0,
            pending: Pending::default(),
            sums: Sums::default(),
            history: History::default(),
            best: None,
            without_improvement: 0,
            schedules,
            plateau,
            average,
        }
    }
}
