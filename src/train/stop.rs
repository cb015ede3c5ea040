//! How training ends: [`StopHandle`], [`StopReason`], [`Outcome`].

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::history::History;
use super::metrics::Evaluation;

/// Asks a [`Trainer`](super::Trainer) to stop, from any thread or signal handler; `clone` is another handle
/// to the same request.
///
/// The trainer finishes the step, writes a checkpoint if it has a directory for them, and returns
/// [`StopReason::Interrupted`].
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// A handle without a request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the trainer to stop.
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the trainer was asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Whether training goes on.
    pub(super) fn flow(&self) -> ControlFlow<()> {
        if self.is_stopped() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Withdraws the request, so that [`fit`](super::Trainer::fit) can continue.
    pub fn reset(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Why training ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs are done.
    Finished,
    /// The monitored metric did not improve for as many evaluations as
    /// [`EarlyStopping`](super::EarlyStopping) allows.
    EarlyStopped,
    /// A [`StopHandle`] was used.
    Interrupted,
    /// A callback returned [`ControlFlow::Break`].
    Callback,
}

/// The result of [`Trainer::fit`](super::Trainer::fit).
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Why training ended.
    pub reason: StopReason,
    /// Every recorded step and epoch, those before a resume included.
    pub history: History,
    /// The last evaluation; `None` without validation data, or if training stopped before the first one.
    pub evaluation: Option<Evaluation>,
    /// The best value of the monitored metric, and its epoch, from 0.
    pub best: Option<(u64, f64)>,
    /// The last checkpoint, if there are any.
    pub checkpoint: Option<PathBuf>,
    /// How long this call of `fit` has waited for batches; the rest of its time is steps, evaluation and checkpoints.
    pub waited: Duration,
}

impl Outcome {
    /// The accuracy on the validation data, 0 to 1; NaN without data or classes, or if training stopped before
    /// the first evaluation.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let evaluation = self.evaluation.as_ref();
        evaluation
            .and_then(Evaluation::accuracy)
            .unwrap_or(f64::NAN)
    }
}

/// What a callback may return: nothing, or whether training goes on.
pub trait CallbackResult {
    /// Whether training goes on.
    fn flow(self) -> ControlFlow<()>;
}

impl CallbackResult for () {
    fn flow(self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl CallbackResult for ControlFlow<()> {
    fn flow(self) -> ControlFlow<()> {
        self
    }
}
