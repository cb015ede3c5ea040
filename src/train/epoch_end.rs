//! The end of an epoch: evaluation, record, schedules, checkpoint.

use std::ops::ControlFlow;

use wengert_nn::Module;
use wengert_optim::MetricMode;
use wengert_tensor::Real;

use super::error::TrainError;
use super::fit::Fit;
use super::history::EpochRecord;
use super::metrics::{Evaluation, Parts, evaluate_while};
use super::options::TrainOptions;
use super::schedules::Every;
use super::source::BatchSource;
use super::state::Sums;
use super::stop::StopReason;
use super::trainer::{EpochReport, Trainer, loss_of};
use crate::data::Position;

impl<T: Real, M, D> Fit<'_, '_, T, M, D>
where
    M: Module<T> + Sync,
    D: BatchSource<T>,
{
    /// Evaluates an epoch, records it, and begins the next one; a reason if training was stopped.
    #[track_caller]
    pub(super) fn end_epoch(&mut self) -> Result<Option<StopReason>, TrainError> {
        let epoch = self.state.position.epoch;
        let options = &self.trainer.options;
        let is_last = epoch + 1 == options.epochs;
        let is_evaluated = is_last || (epoch + 1).is_multiple_of(options.evaluate_every);
        let evaluation = if is_evaluated && let Some(validation) = self.trainer.validation {
            let Some(evaluation) = self.evaluate(validation)? else {
                return Ok(Some(StopReason::Interrupted));
            };
            Some(evaluation)
        } else {
            None
        };
        let record = self.record(evaluation.as_ref());
        let is_best = self.begin_next_epoch(record);
        let mut flow = self.report_epoch(evaluation.as_ref(), is_best);
        if evaluation.is_some() {
            self.evaluation = evaluation;
        }
        let stops = self.has_stopped_early() || is_last;
        let is_due = self
            .directory
            .as_ref()
            .is_some_and(|d| stops || is_best || d.is_due_at_epoch(epoch + 1));
        if is_due && self.write_checkpoint(is_best)?.is_break() {
            flow = ControlFlow::Break(());
        }
        let flow = self.trainer.agree_to_go_on(flow);
        Ok(flow.is_break().then_some(StopReason::Callback))
    }

    /// Takes note of the numbers of an epoch, and begins the next one; returns whether it is the best so far.
    #[track_caller]
    fn begin_next_epoch(&mut self, record: EpochRecord) -> bool {
        let (state, trainer) = (&mut self.state, &mut *self.trainer);
        let value = record
            .get(&self.prepared.monitor)
            .filter(|value| !value.is_nan());
        let is_best = value.is_some_and(|value| trainer.options.improves(value, state.best));
        if let Some(value) = value {
            state.without_improvement = if is_best {
                0
            } else {
                state.without_improvement + 1
            };
            if is_best {
                state.best = Some((record.epoch, value));
            }
        }
        let schedules = state.schedules.iter_mut();
        for schedule in schedules.filter(|s| s.every == Every::Epoch) {
            schedule.step(&mut trainer.method);
        }
        if let (Some(plateau), Some(value)) = (&mut state.plateau, value) {
            plateau.step(value, &mut trainer.method);
        }
        state.position = Position {
            epoch: record.epoch + 1,
            step: 0,
        };
        state.history.epochs.push(record);
        state.sums = Sums::default();
        is_best
    }

    /// Evaluates with the moving average, if there is one; `None` if training was stopped.
    #[track_caller]
    fn evaluate(&mut self, data: &D) -> Result<Option<Evaluation>, TrainError> {
        let Trainer {
            model,
            loss,
            metrics,
            options,
            stop,
            communicator,
            ..
        } = &mut *self.trainer;
        let others = communicator.filter(|communicator| communicator.size() > 1);
        let loss = |output: &_, batch: &D::Batch| loss_of(loss.as_deref(), output, batch);
        let parts = Parts {
            loss: &loss,
            metrics,
            top_k: &options.top_k,
            classes: self.prepared.classes,
        };
        let go_on = || !stop.is_stopped();
        match &mut self.state.average {
            Some(average) => {
                let applied = average.applied(&mut **model);
                evaluate_while(&*applied.model, data, &parts, go_on, others)
            }
            None => evaluate_while(&**model, data, &parts, go_on, others),
        }
    }

    /// Evaluates a run that was complete when this call began.
    #[track_caller]
    pub(super) fn evaluate_at_the_end(&mut self) -> Result<(), TrainError> {
        if self.evaluation.is_none()
            && let Some(validation) = self.trainer.validation
        {
            self.evaluation = self.evaluate(validation)?;
        }
        Ok(())
    }

    fn record(&self, evaluation: Option<&Evaluation>) -> EpochRecord {
        let valid = evaluation.map(Evaluation::values).unwrap_or_default();
        let sums = self.state.sums;
        let value = |column: &String| match column.as_str() {
            "train_loss" => sums.loss / sums.examples as f64,
            "train_accuracy" => sums.correct as f64 / sums.labelled as f64,
            "lr" => self.trainer.method.lr(),
            column => {
                let name = column.strip_prefix("valid_").unwrap_or(column);
                valid
                    .iter()
                    .find(|(known, _)| known == name)
                    .map_or(f64::NAN, |(_, value)| *value)
            }
        };
        let columns = self.prepared.columns.iter();
        EpochRecord {
            epoch: self.state.position.epoch,
            update: self.state.updates,
            values: columns
                .map(|column| (column.clone(), value(column)))
                .collect(),
        }
    }

    fn report_epoch(&mut self, evaluation: Option<&Evaluation>, is_best: bool) -> ControlFlow<()> {
        let history = &self.state.history;
        let report = EpochReport {
            record: history.last().expect("recorded before it is reported"),
            epochs: self.trainer.options.epochs,
            history,
            evaluation,
            is_best,
            model: &*self.trainer.model,
        };
        let mut flow = ControlFlow::Continue(());
        for callback in &mut self.trainer.callbacks.epoch {
            if callback(&report).is_break() {
                flow = ControlFlow::Break(());
            }
        }
        flow
    }

    pub(super) fn has_stopped_early(&self) -> bool {
        let stopping = self.trainer.options.early_stopping;
        stopping.is_some_and(|stopping| self.state.without_improvement > stopping.patience)
    }

    pub(super) fn write_checkpoint(
        &mut self,
        is_best: bool,
    ) -> Result<ControlFlow<()>, TrainError> {
        let mut flow = ControlFlow::Continue(());
        let Some(directory) = &mut self.directory else {
            return Ok(flow);
        };
        let steps = self.trainer.data.steps() as u64;
        let Position { epoch, step } = self.state.position;
        let written = if self.trainer.writes() {
            let bytes = self.trainer.checkpoint_bytes(&self.state, &self.prepared);
            let number = epoch * steps + step as u64;
            directory.write(number, &bytes, is_best).map(Some)
        } else {
            Ok(None)
        };
        let path = self.trainer.agree(written)?;
        if let Some(path) = &path {
            for callback in &mut self.trainer.callbacks.checkpoint {
                if callback(path).is_break() {
                    flow = ControlFlow::Break(());
                }
            }
        }
        self.checkpoint = path;
        self.written = Some(self.state.position);
        Ok(self.trainer.agree_to_go_on(flow))
    }
}

impl TrainOptions {
    /// Whether a value of the monitored metric is better than the best so far.
    fn improves(&self, value: f64, best: Option<(u64, f64)>) -> bool {
        let delta = self
            .early_stopping
            .map_or(0.0, |stopping| stopping.min_delta);
        best.is_none_or(|(_, best)| match self.monitor.mode {
            MetricMode::Min => value < best - delta,
            MetricMode::Max => value > best + delta,
        })
    }
}
