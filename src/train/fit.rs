//! [`Trainer::fit`]: the loop.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wengert_nn::Module;
use wengert_tensor::Real;

use super::directory::Directory;
use super::error::TrainError;
use super::metrics::Evaluation;
use super::non_finite::{self, NonFinite, Origin};
use super::prepare::Prepared;
use super::reducer::Reducer;
use super::source::{BatchSource, TrainBatch};
use super::state::State;
use super::stop::{Outcome, StopReason};
use super::trainer::{Trainer, loss_of};
use crate::data::{DataError, Position};
use crate::distributed::{Communicator, NumberType};

/// A call of `fit`: the trainer, what was prepared, and what is not part of a checkpoint.
pub(super) struct Fit<'t, 'a, T: Real, M, D: BatchSource<T>> {
    pub(super) trainer: &'t mut Trainer<'a, T, M, D>,
    pub(super) state: State<T>,
    pub(super) prepared: Prepared,
    pub(super) directory: Option<Directory>,
    /// The batches since the last update, for L-BFGS, which evaluates them again.
    pub(super) group: Vec<D::Batch>,
    pub(super) evaluation: Option<Evaluation>,
    pub(super) checkpoint: Option<PathBuf>,
    /// The position that the last checkpoint was written at.
    pub(super) written: Option<Position>,
    /// How long the loop has waited for batches.
    pub(super) waited: Duration,
    /// Adds up gradients over several processes.
    pub(super) reducer: Option<Reducer>,
    /// Whether a process was asked to stop, as all know.
    is_stopped: bool,
}

/// Why the batches of an epoch were not completed.
enum Halt<B> {
    /// The loss or a gradient of this batch is NaN or infinite.
    NonFinite(B),
    Error(TrainError),
}

impl<T: Real, M, D> Trainer<'_, T, M, D>
where
    M: Module<T> + Sync,
    D: BatchSource<T>,
{
    /// Trains until all epochs are done or something stops it; the [`Outcome`] says what. Another call
    /// continues.
    ///
    /// Everything that can be checked is checked before the first step: options, schedules up to their last
    /// step, shapes, labels, the directory of the checkpoints, the checkpoint to resume from.
    ///
    /// # Errors
    /// If an option, the data or a schedule cannot be used; if a checkpoint cannot be written or resumed from; if a
    /// loss or a gradient is NaN or infinite. The model then has its weights from before the step, and
    /// every checkpoint is as it was.
    ///
    /// # Panics
    /// As the model and its loss do.
    #[track_caller]
    pub fn fit(&mut self) -> Result<Outcome, TrainError> {
        let prepared = self.prepare();
        let (prepared, mut directory) = self.agree(prepared)?;
        let state = self.starting_state(&prepared, directory.as_mut());
        let state = self.agree(state)?;
        self.agree_about_settings(&state, &prepared)?;
        let reducer = self.reducer();
        let is_stopped = self.agree_to_go_on(self.stop.flow()).is_break();
        let group = self.pending_batches(&state)?;
        let mut fit = Fit {
            trainer: self,
            state,
            prepared,
            directory,
            group,
            evaluation: None,
            checkpoint: None,
            written: None,
            waited: Duration::ZERO,
            reducer,
            is_stopped,
        };
        let mut reason = fit.run();
        if let Ok(StopReason::Finished | StopReason::EarlyStopped) = reason
            && let Err(error) = fit.evaluate_at_the_end()
        {
            reason = Err(error);
        }
        let Fit {
            state,
            evaluation,
            checkpoint,
            waited,
            ..
        } = fit;
        let (history, best) = (state.history.clone(), state.best);
        self.state = Some(state);
        Ok(Outcome {
            reason: reason?,
            history,
            evaluation,
            best,
            checkpoint,
            waited,
        })
    }

    /// What adds up gradients over several processes; `None` for one.
    fn reducer(&self) -> Option<Reducer> {
        let numbers = NumberType::of::<T>()?;
        let shards = self.options.shards;
        Some(Reducer::new(&*self.model, self.others()?, shards, numbers))
    }

    /// The batches since the last update, where they will be needed again.
    fn pending_batches(&self, state: &State<T>) -> Result<Vec<D::Batch>, TrainError> {
        let Position { epoch, step } = state.position;
        let batches = state.pending.batches;
        if batches == 0 || !self.method.evaluates_again() {
            return Ok(Vec::new());
        }
        let first = Position {
            epoch,
            step: step - batches,
        };
        let pending: Result<_, DataError> = self
            .data
            .with_batches(first, |all| all.take(batches).collect());
        Ok(pending?)
    }
}

impl<T: Real, M, D> Fit<'_, '_, T, M, D>
where
    M: Module<T> + Sync,
    D: BatchSource<T>,
{
    #[track_caller]
    fn run(&mut self) -> Result<StopReason, TrainError> {
        let epochs = self.trainer.options.epochs;
        while self.state.position.epoch < epochs {
            if self.has_stopped_early() {
                return Ok(StopReason::EarlyStopped);
            }
            if let Some(reason) = self.epoch()? {
                // A checkpoint at every stop, so that nothing is lost.
                if self.written != Some(self.state.position) {
                    let _ = self.write_checkpoint(false)?;
                }
                return Ok(reason);
            }
        }
        Ok(if self.has_stopped_early() {
            StopReason::EarlyStopped
        } else {
            StopReason::Finished
        })
    }

    /// The rest of an epoch, and its evaluation; a reason if training was stopped.
    #[track_caller]
    fn epoch(&mut self) -> Result<Option<StopReason>, TrainError> {
        let data = self.trainer.data;
        let position = self.state.position;
        let ended = match self.prepared.shards.clone() {
            None => data.with_batches(position, |batches| self.batches(batches)),
            Some(shards) => {
                let ended = data.with_parts(position, shards.part(), |parts| self.batches(parts));
                ended.expect("checked before training")
            }
        };
        match ended {
            Ok(None) => self.end_epoch(),
            Ok(reason) => Ok(reason),
            // Not in the closure above, which would hide the caller's line.
            Err(Halt::NonFinite(batch)) => Err(self.non_finite(&batch)),
            Err(Halt::Error(error)) => Err(error),
        }
    }

    /// A step for each batch; a reason if training was stopped.
    fn batches(
        &mut self,
        batches: &mut dyn Iterator<Item = Result<D::Batch, DataError>>,
    ) -> Result<Option<StopReason>, Halt<D::Batch>> {
        let steps = self.trainer.data.steps();
        let first = self.next_batch(batches);
        let mut next = self.trainer.agree(first).map_err(Halt::Error)?;
        while let Some(batch) = next {
            let is_stopped = match self.trainer.others() {
                Some(_) => self.is_stopped,
                None => self.trainer.stop.is_stopped(),
            };
            if is_stopped {
                return Ok(Some(StopReason::Interrupted));
            }
            let numbers = match self.prepared.shards.clone() {
                None => self.batch(&batch),
                Some(shards) => self.sharded_batch(&shards, &batch),
            };
            let Some(numbers) = numbers else {
                return Err(Halt::NonFinite(batch));
            };
            self.state.position.step += 1;
            let is_last = self.state.position.step == steps;
            if self.trainer.method.evaluates_again() {
                self.group.push(batch);
            }
            let lr = self.lr();
            let is_full = self.state.pending.batches == self.trainer.options.accumulate;
            let update = (is_full || is_last).then(|| self.update());
            let mut flow = self.report_step(&numbers, lr, update);
            // Read before the processes agree, so that a batch that one cannot read is an error of all.
            let upcoming = self.next_batch(batches);
            let is_readable;
            (flow, is_readable) = self.agree_after_step(flow, upcoming.is_ok());
            let step = self.state.position.step;
            // The end of the epoch has a checkpoint of its own.
            let is_due = self
                .directory
                .as_ref()
                .is_some_and(|d| d.is_due_at_step(step));
            if flow.is_continue() && is_due && !is_last {
                flow = self.write_checkpoint(false).map_err(Halt::Error)?;
            }
            if flow.is_break() {
                return Ok(Some(StopReason::Callback));
            }
            next = if is_readable {
                upcoming.map_err(Halt::Error)?
            } else {
                self.trainer.agree(upcoming).map_err(Halt::Error)?
            };
        }
        Ok(None)
    }

    fn next_batch(
        &mut self,
        batches: &mut dyn Iterator<Item = Result<D::Batch, DataError>>,
    ) -> Result<Option<D::Batch>, TrainError> {
        let start = Instant::now();
        let batch = batches.next();
        self.waited += start.elapsed();
        Ok(batch.transpose()?)
    }

    /// The error for a batch with a NaN or an infinity.
    #[track_caller]
    fn non_finite(&self, batch: &D::Batch) -> TrainError {
        let origin = match &self.prepared.shards {
            None => self.origin(batch, batch.seed()),
            Some(shards) => self.origin_in_shards(shards, batch),
        };
        let others = self.trainer.others();
        let process = others.map(Communicator::rank).filter(|_| origin.is_some());
        let found = NonFinite {
            epoch: self.state.position.epoch,
            step: self.state.position.step,
            updates: self.state.updates,
            process,
            origin: origin.unwrap_or(Origin::Unknown),
        };
        let Some(others) = others else {
            return TrainError::NonFinite(Box::new(found));
        };
        // The first process that knows where it came from tells the others.
        let text = process.map_or_else(String::new, |_| found.to_string());
        let texts = others.gather(text.into_bytes());
        match texts.iter().position(|text| !text.is_empty()) {
            Some(first) if first != others.rank() => TrainError::OtherProcess {
                process: first,
                error: String::from_utf8_lossy(&texts[first]).into_owned(),
            },
            _ => TrainError::NonFinite(Box::new(found)),
        }
    }

    /// Whether training goes on after a step, and whether every process has its next batch: the same answers on every
    /// process.
    fn agree_after_step(
        &mut self,
        flow: ControlFlow<()>,
        is_readable: bool,
    ) -> (ControlFlow<()>, bool) {
        let Some(others) = self.trainer.others() else {
            return (flow, is_readable);
        };
        let is_stopped = self.trainer.stop.is_stopped();
        let answers = [flow.is_break(), is_stopped, !is_readable];
        let own = answers
            .iter()
            .rev()
            .fold(0, |bits, &answer| (bits << 1) | u8::from(answer));
        let all = others.gather(vec![own]).concat();
        let all = all.into_iter().fold(0, |all, one| all | one);
        self.is_stopped = all & 2 != 0;
        let flow = if all & 1 != 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        };
        (flow, all & 4 == 0)
    }

    /// What made the loss or a gradient of a batch not finite; `None` if both are finite.
    #[track_caller]
    pub(super) fn origin(&self, batch: &D::Batch, seed: u64) -> Option<Origin> {
        let trainer = &*self.trainer;
        let loss = |output: &_| loss_of(trainer.loss.as_deref(), output, batch);
        non_finite::find(&*trainer.model, batch.input(), seed, None, loss)
    }
}
