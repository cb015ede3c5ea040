//! What happens while a run is trained: the progress line, the metrics, the event file, the report.

use std::cell::RefCell;
use std::io::{IsTerminal, Write, stderr};
use std::ops::ControlFlow;
use std::time::Instant;

use wengert::nn::{Sequential, Summary};
use wengert::train::{Checkpoint, EpochRecord, EpochReport, Outcome, StepReport};

use super::display::{Display, Running};
use super::plan::Plan;
use super::results;
use crate::run::{self, EventFile, Images, Row, RunDirectory};
use crate::sources::Source;
use crate::{probe, progress};

/// The watcher of a run. The trainer's closures share it.
pub struct Watch<'a> {
    plan: &'a Plan,
    directory: &'a RunDirectory,
    source: &'a Source,
    images: &'a Images,
    summary: &'a Summary,
    state: RefCell<State>,
}

struct State {
    events: EventFile,
    /// `None` after the training.
    display: Option<Display>,
    rows: Vec<Row>,
    /// The number of rows of the processes before this one.
    resumed: usize,
    /// Seconds of the processes before this one.
    before: f64,
    start: Instant,
    epoch_start: Instant,
    batches: u64,
    images: usize,
    /// Running averages over some 20 steps.
    loss: f64,
    accuracy: f64,
    /// The first error of a closure, which then stops the training.
    failure: Option<String>,
}

impl<'a> Watch<'a> {
    pub fn new(
        plan: &'a Plan,
        directory: &'a RunDirectory,
        source: &'a Source,
        images: &'a Images,
        summary: &'a Summary,
        display: Display,
        batches: usize,
    ) -> Result<Self, String> {
        let cannot = |error: std::io::Error| {
            format!(
                "cannot write {}: {error}; choose another directory with --out",
                directory.path().display()
            )
        };
        let events = EventFile::create(directory.path()).map_err(cannot)?;
        let now = Instant::now();
        Ok(Self {
            plan,
            directory,
            source,
            images,
            summary,
            state: RefCell::new(State {
                events,
                display: Some(display),
                rows: Vec::new(),
                resumed: 0,
                before: 0.0,
                start: now,
                epoch_start: now,
                batches: batches as u64,
                images: 0,
                loss: 0.0,
                accuracy: 0.0,
                failure: None,
            }),
        })
    }

    /// Takes the rows of the run up to a checkpoint; those of later epochs go, since these are trained again.
    pub fn resume(&self, checkpoint: &Checkpoint, known: Vec<Row>) -> Result<(), String> {
        let state = &mut *self.state.borrow_mut();
        // A process that was killed may have stored a checkpoint and not the row.
        let rows = checkpoint.history().epochs.iter().map(|record| {
            let same = known.iter().find(|row| row.epoch == record.epoch + 1);
            same.cloned().unwrap_or_else(|| row(record))
        });
        state.rows = rows.collect();
        state.before = state.rows.last().map_or(0.0, |row| row.seconds);
        state.resumed = state.rows.len();
        let path = self.directory.path();
        run::write_rows(path, &state.rows)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Starts the files of a new run.
    pub fn begin(&self) -> Result<(), String> {
        let path = self.directory.path();
        run::write_rows(path, &[])
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// After each batch.
    pub fn step(&self, step: &StepReport<'_, f32, Sequential>) {
        let state = &mut *self.state.borrow_mut();
        let hits = step
            .correct
            .map_or(f64::NAN, |n| n as f64 / step.examples as f64);
        let is_first = state.images == 0 && state.loss == 0.0;
        let weight = if is_first { 1.0 } else { 0.05 };
        state.loss += weight * (step.loss - state.loss);
        state.accuracy += weight * (hits - state.accuracy);
        state.images += step.examples;
        let now = Running {
            position: step.epoch * state.batches + step.step as u64 + 1,
            loss: state.loss,
            accuracy: state.accuracy,
            images_per_second: state.images as f64 / state.epoch_start.elapsed().as_secs_f64(),
        };
        if let Some(display) = &mut state.display {
            display.step(step, now);
        }
    }

    /// After each epoch: an error stops the training, and [`finish`](Self::finish) returns it.
    pub fn epoch(&self, epoch: &EpochReport<'_, Sequential>) -> ControlFlow<()> {
        let state = &mut *self.state.borrow_mut();
        match self.record(state, epoch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                state.failure = Some(error.to_string());
                ControlFlow::Break(())
            }
        }
    }

    fn record(
        &self,
        state: &mut State,
        epoch: &EpochReport<'_, Sequential>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let seconds = state.epoch_start.elapsed().as_secs_f64();
        let mut row = row(epoch.record);
        row.seconds = state.before + state.start.elapsed().as_secs_f64();
        row.images_per_second = state.images as f64 / seconds;
        let set = self.source.train.first(probe::BATCH)?;
        row.layers = probe::layers(epoch.model, self.images, &set, self.summary);
        let path = self.directory.path();
        let cannot = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
        run::append(path, &row).map_err(cannot)?;
        let scalars = row.scalars();
        let scalars = scalars.iter().map(|(name, value)| (name.as_str(), *value));
        state.events.scalars(row.step, scalars).map_err(cannot)?;
        if let Some(display) = &mut state.display {
            display.epoch(&row);
            if display.is_line() {
                self.log(&row);
            }
        }
        state.rows.push(row);
        let done = epoch.record.epoch + 1;
        if done < epoch.epochs && done.is_multiple_of(self.plan.checkpoint_every()) {
            let run = run::Run::open(path)?;
            results::write_progress(
                &run,
                epoch.model,
                self.summary,
                self.source,
                done,
                epoch.epochs,
            )?;
        }
        state.images = 0;
        state.epoch_start = Instant::now();
        Ok(())
    }

    /// A line where there is no bar.
    fn log(&self, row: &Row) {
        let epochs = self.plan.epochs();
        if stderr().is_terminal() || !progress::is_logged(row.epoch - 1, epochs) {
            return;
        }
        let line = progress::message(row.epoch, epochs, row.loss, row.accuracy);
        // A closed standard error must not end the training.
        let _ = writeln!(stderr(), "{line}");
    }

    /// After the training, which has ended with `outcome` unless it failed.
    pub fn finish(&self, outcome: Option<&Outcome>) -> Result<(), String> {
        let state = &mut *self.state.borrow_mut();
        // Gives the terminal back.
        state.display = None;
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        if let Some(last) = state.rows[state.resumed..].last() {
            let seconds = state.start.elapsed().as_secs_f64();
            let epochs = state.rows.len() - state.resumed;
            let images = (self.source.train.len() * epochs) as f64;
            let waited = outcome.map_or(0.0, |outcome| outcome.waited.as_secs_f64());
            let line = format!(
                "trained: {epochs} epochs in {seconds:.1} s, {:.0} images/s, waited for data {:.1} %, loss {:.4}",
                images / seconds,
                100.0 * waited / seconds,
                last.loss
            );
            let _ = writeln!(stderr(), "{line}");
        }
        Ok(())
    }
}

/// The numbers of an epoch as the trainer recorded them.
fn row(record: &EpochRecord) -> Row {
    let finite = |name: &str| record.get(name).filter(|x| x.is_finite());
    Row {
        epoch: record.epoch + 1,
        step: record.update,
        loss: record.get("train_loss").unwrap_or(f64::NAN),
        accuracy: record.get("train_accuracy").unwrap_or(f64::NAN),
        validation_loss: finite("valid_loss"),
        validation_accuracy: finite("valid_accuracy"),
        lr: record.get("lr").unwrap_or(f64::NAN),
        ..Row::default()
    }
}
