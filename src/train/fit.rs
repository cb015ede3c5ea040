//! [`Trainer::fit`]: the loop.

use std::ops::ControlFlow;
use std::path::PathBuf;

use wengert_nn::{Gradients, Module, Pass};
use wengert_optim::{MetricMode, Rates};
use wengert_tensor::Real;

use super::directory::Directory;
use super::error::TrainError;
use super::history::{EpochRecord, StepRecord};
use super::metrics::{Evaluation, Parts, classes_of, evaluate_while};
use super::non_finite;
use super::prepare::Prepared;
use super::schedules::Every;
use super::source::{BatchSource, TrainBatch};
use super::state::{Pending, State, Sums};
use super::stop::{Outcome, StopReason};
use super::trainer::{EpochReport, StepReport, Trainer};
use crate::data::Position;

/// A call of `fit`: the trainer, what was prepared, and what is not part of a checkpoint.
struct Fit<'t, 'a, T: Real, M, D: BatchSource<T>> {
    trainer: &'t mut Trainer<'a, T, M, D>,
    state: State<T>,
    prepared: Prepared,
    directory: Option<Directory>,
    /// The batches since the last update, for L-BFGS, which evaluates them again.
    group: Vec<D::Batch>,
    evaluation: Option<Evaluation>,
    checkpoint: Option<PathBuf>,
    /// The position that the last checkpoint was written at.
    written: Option<Position>,
}

/// The numbers of one batch.
struct BatchNumbers<T: Real> {
    loss: f64,
    correct: Option<usize>,
    gradients: Gradients<T>,
}

impl<T: Real, M, D> Trainer<'_, T, M, D>
where
    M: Module<T>,
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
        let (prepared, mut directory) = self.prepare()?;
        let state = self.starting_state(&prepared, directory.as_mut())?;
        let group = self.pending_batches(&state);
        let mut fit = Fit {
            trainer: self,
            state,
            prepared,
            directory,
            group,
            evaluation: None,
            checkpoint: None,
            written: None,
        };
        let reason = fit.run();
        if let Ok(StopReason::Finished | StopReason::EarlyStopped) = reason {
            fit.evaluate_at_the_end();
        }
        let Fit {
            state,
            evaluation,
            checkpoint,
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
        })
    }

    /// The batches since the last update, where they will be needed again.
    fn pending_batches(&self, state: &State<T>) -> Vec<D::Batch> {
        let Position { epoch, step } = state.position;
        let batches = state.pending.batches;
        if batches == 0 || !self.method.evaluates_again() {
            return Vec::new();
        }
        self.data
            .batches(Position {
                epoch,
                step: step - batches,
            })
            .take(batches)
            .collect()
    }
}

impl<T: Real, M, D> Fit<'_, '_, T, M, D>
where
    M: Module<T>,
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
        let rest = data.with_batches(self.state.position, |batches| self.steps(batches))?;
        match rest {
            Some(reason) => Ok(Some(reason)),
            None => self.end_epoch(),
        }
    }

    /// The steps of the rest of an epoch; a reason if training was stopped.
    #[track_caller]
    fn steps(
        &mut self,
        batches: &mut dyn Iterator<Item = D::Batch>,
    ) -> Result<Option<StopReason>, TrainError> {
        let steps = self.trainer.data.steps();
        for batch in batches {
            if self.trainer.stop.is_stopped() {
                return Ok(Some(StopReason::Interrupted));
            }
            let numbers = self.batch(&batch)?;
            self.state.position.step += 1;
            let is_last = self.state.position.step == steps;
            let examples = batch.len();
            if self.trainer.method.evaluates_again() {
                self.group.push(batch);
            }
            let lr = self.lr();
            let update = if self.state.pending.batches == self.trainer.options.accumulate || is_last
            {
                Some(self.update()?)
            } else {
                None
            };
            let flow = self.report_step(&numbers, examples, lr, update);
            if flow.is_break() {
                return Ok(Some(StopReason::Callback));
            }
            if !is_last
                && self
                    .directory
                    .as_ref()
                    .is_some_and(|d| d.is_due_at_step(self.state.position.step))
            {
                if self.write_checkpoint(false)?.is_break() {
                    return Ok(Some(StopReason::Callback));
                }
            }
        }
        Ok(None)
    }

    /// Loss and gradients of a batch, which are added to the pending ones.
    #[track_caller]
    fn batch(&mut self, batch: &D::Batch) -> Result<BatchNumbers<T>, TrainError> {
        let model = &mut *self.trainer.model;
        let mut pass = Pass::train(&*model, batch.seed());
        let output = model.call(&pass.input(batch.input().clone()), &mut pass);
        let loss = self.trainer.loss_of(&output, batch);
        let value = loss.item().to_f64();
        let gradients = value.is_finite().then(|| pass.backward(&loss));
        let Some(gradients) = gradients.filter(non_finite::are_finite) else {
            return Err(self.non_finite(batch));
        };
        let labels = batch.labels();
        let classes =
            labels.and_then(|labels| classes_of(output.value(), labels, self.prepared.classes));
        let correct = labels
            .filter(|_| classes.is_some())
            .map(|labels| output.value().argmax(1).eq(labels).count_true(..).item() as usize);
        // Their buffers are shared with the model, which would have to copy them.
        drop((output, loss));
        pass.commit(&mut *self.trainer.model);
        let examples = batch.len();
        self.state.sums.add(value, examples, correct);
        let mut own = gradients.clone();
        let pending = &mut self.state.pending;
        if self.trainer.options.accumulate > 1 {
            own.scale(examples as f64);
        }
        match &mut pending.gradients {
            Some(sum) => sum.accumulate(own),
            None => pending.gradients = Some(own),
        }
        pending.batches += 1;
        pending.examples += examples;
        pending.loss += examples as f64 * value;
        Ok(BatchNumbers {
            loss: value,
            correct,
            gradients,
        })
    }

    /// Updates the model by the pending gradients.
    #[track_caller]
    fn update(&mut self) -> Result<StepRecord, TrainError> {
        let Pending {
            examples,
            loss,
            gradients,
            ..
        } = std::mem::take(&mut self.state.pending);
        let group = std::mem::take(&mut self.group);
        let mut gradients = gradients.expect("an update has at least one batch");
        if self.trainer.options.accumulate > 1 {
            gradients.scale(1.0 / examples as f64);
        }
        let loss = loss / examples as f64;
        let gradient_norm = gradients.norm().to_f64();
        let lr = self.lr();
        let trainer = &mut *self.trainer;
        let factor = trainer.options.warm_up_factor(self.state.updates);
        let rates: Vec<f64> = trainer.method.rates().iter().map(|rate| *rate.lr).collect();
        for rate in trainer.method.rates() {
            *rate.lr *= factor;
        }
        let (loss_fn, default_loss) = (&trainer.loss, |y: &_, b: &D::Batch| {
            b.usual_loss(y).expect("checked before training")
        });
        let evaluate = |model: &mut M| {
            mean_gradient(&*model, &group, |y, b| match loss_fn {
                Some(loss) => loss(y, b),
                None => default_loss(y, b),
            })
        };
        trainer
            .method
            .update(&mut *trainer.model, T::of(loss), &gradients, evaluate);
        for (rate, lr) in trainer.method.rates().into_iter().zip(rates) {
            *rate.lr = lr;
        }
        let state = &mut self.state;
        state.updates += 1;
        if let Some(average) = &mut state.average {
            average.update(&mut *trainer.model, state.updates);
        }
        for schedule in state
            .schedules
            .iter_mut()
            .filter(|s| s.every == Every::Step)
        {
            schedule.step(&mut trainer.method);
        }
        let record = StepRecord {
            update: state.updates,
            epoch: state.position.epoch,
            loss,
            lr,
            gradient_norm,
        };
        if state.updates.is_multiple_of(trainer.options.record_every) {
            state.history.steps.push(record);
        }
        Ok(record)
    }

    /// The learning rate of the next update, warm-up included.
    fn lr(&self) -> f64 {
        self.trainer.method.lr() * self.trainer.options.warm_up_factor(self.state.updates)
    }

    fn report_step(
        &mut self,
        numbers: &BatchNumbers<T>,
        examples: usize,
        lr: f64,
        update: Option<StepRecord>,
    ) -> ControlFlow<()> {
        let trainer = &mut *self.trainer;
        let report = StepReport {
            epoch: self.state.position.epoch,
            epochs: trainer.options.epochs,
            step: self.state.position.step - 1,
            steps: trainer.data.steps(),
            loss: numbers.loss,
            examples,
            correct: numbers.correct,
            lr,
            update,
            gradients: &numbers.gradients,
            model: &*trainer.model,
        };
        let mut flow = ControlFlow::Continue(());
        for callback in &mut trainer.callbacks.step {
            if callback(&report).is_break() {
                flow = ControlFlow::Break(());
            }
        }
        flow
    }

    /// Evaluates an epoch, records it, and begins the next one; a reason if training was stopped.
    #[track_caller]
    fn end_epoch(&mut self) -> Result<Option<StopReason>, TrainError> {
        let epoch = self.state.position.epoch;
        let options = &self.trainer.options;
        let is_last = epoch + 1 == options.epochs;
        let is_evaluated = is_last || (epoch + 1).is_multiple_of(options.evaluate_every);
        let evaluation = if is_evaluated && let Some(validation) = self.trainer.validation {
            let Some(evaluation) = self.evaluate(validation) else {
                return Ok(Some(StopReason::Interrupted));
            };
            Some(evaluation)
        } else {
            None
        };
        let record = self.record(evaluation.as_ref());
        let state = &mut self.state;
        let value = record
            .get(&self.prepared.monitor)
            .filter(|value| !value.is_nan());
        let is_best = value.is_some_and(|value| self.trainer.options.improves(value, state.best));
        if let Some(value) = value {
            state.without_improvement = if is_best {
                0
            } else {
                state.without_improvement + 1
            };
            if is_best {
                state.best = Some((epoch, value));
            }
        }
        for schedule in state
            .schedules
            .iter_mut()
            .filter(|s| s.every == Every::Epoch)
        {
            schedule.step(&mut self.trainer.method);
        }
        if let (Some(plateau), Some(value)) = (&mut state.plateau, value) {
            plateau.step(value, &mut self.trainer.method);
        }
        state.history.epochs.push(record);
        state.sums = Sums::default();
        state.position = Position {
            epoch: epoch + 1,
            step: 0,
        };
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
        Ok(flow.is_break().then_some(StopReason::Callback))
    }

    /// Evaluates with the moving average, if there is one; `None` if training was stopped.
    #[track_caller]
    fn evaluate(&mut self, data: &D) -> Option<Evaluation> {
        let Trainer {
            model,
            loss,
            metrics,
            options,
            stop,
            ..
        } = &mut *self.trainer;
        let loss = |y: &_, b: &D::Batch| match &*loss {
            Some(loss) => loss(y, b),
            None => b.usual_loss(y).expect("checked before training"),
        };
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
                evaluate_while(&*applied.model, data, &parts, go_on)
            }
            None => evaluate_while(&**model, data, &parts, go_on),
        }
    }

    /// Evaluates a run that was complete when this call began.
    #[track_caller]
    fn evaluate_at_the_end(&mut self) {
        if self.evaluation.is_none()
            && let Some(validation) = self.trainer.validation
        {
            self.evaluation = self.evaluate(validation);
        }
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

    fn has_stopped_early(&self) -> bool {
        let stopping = self.trainer.options.early_stopping;
        stopping.is_some_and(|stopping| self.state.without_improvement > stopping.patience)
    }

    fn write_checkpoint(&mut self, is_best: bool) -> Result<ControlFlow<()>, TrainError> {
        let mut flow = ControlFlow::Continue(());
        let Some(directory) = &mut self.directory else {
            return Ok(flow);
        };
        let steps = self.trainer.data.steps() as u64;
        let Position { epoch, step } = self.state.position;
        let bytes = self.trainer.checkpoint_bytes(&self.state, &self.prepared);
        let path = directory.write(epoch * steps + step as u64, &bytes, is_best)?;
        for callback in &mut self.trainer.callbacks.checkpoint {
            if callback(&path).is_break() {
                flow = ControlFlow::Break(());
            }
        }
        self.checkpoint = Some(path);
        self.written = Some(self.state.position);
        Ok(flow)
    }

    /// The error for a batch with a NaN or an infinity.
    #[track_caller]
    fn non_finite(&self, batch: &D::Batch) -> TrainError {
        let trainer = &*self.trainer;
        let loss = |output: &_| trainer.loss_of(output, batch);
        let position = self.state.position;
        let found = non_finite::find(
            &*trainer.model,
            batch.input(),
            batch.seed(),
            loss,
            position,
            self.state.updates,
        );
        TrainError::NonFinite(Box::new(found))
    }
}

/// The mean loss of the examples of some batches, and its gradients.
#[track_caller]
fn mean_gradient<T: Real, M: Module<T>, B: TrainBatch<T>>(
    model: &M,
    batches: &[B],
    loss: impl Fn(&wengert_autograd::Var<T>, &B) -> wengert_autograd::Var<T>,
) -> (T, Gradients<T>) {
    let mut sum: Option<Gradients<T>> = None;
    let (mut total, mut examples) = (0.0, 0);
    for batch in batches {
        let mut pass = Pass::train(model, batch.seed());
        let output = model.call(&pass.input(batch.input().clone()), &mut pass);
        let value = loss(&output, batch);
        let mut gradients = pass.backward(&value);
        if batches.len() > 1 {
            gradients.scale(batch.len() as f64);
        }
        total += batch.len() as f64 * value.item().to_f64();
        examples += batch.len();
        match &mut sum {
            Some(sum) => sum.accumulate(gradients),
            None => sum = Some(gradients),
        }
    }
    let mut gradients = sum.expect("an update has at least one batch");
    if batches.len() > 1 {
        gradients.scale(1.0 / examples as f64);
    }
    (T::of(total / examples as f64), gradients)
}

impl Sums {
    fn add(&mut self, loss: f64, examples: usize, correct: Option<usize>) {
        self.loss += examples as f64 * loss;
        self.examples += examples;
        if let Some(correct) = correct {
            self.labelled += examples;
            self.correct += correct;
        }
    }
}

impl super::options::TrainOptions {
    /// The factor of the learning rate of update number `update`, from 0.
    fn warm_up_factor(&self, update: u64) -> f64 {
        if update < self.warm_up {
            (update + 1) as f64 / (self.warm_up + 1) as f64
        } else {
            1.0
        }
    }

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
