//! Writing a checkpoint.

use wengert_nn::{Module, Parameters, StateDict, Values};
use wengert_tensor::{Real, Tensor};

use super::VERSION;
use super::checksum::{NO_CHECKSUM, checksum, checksum_place};
use crate::train::history::History;
use crate::train::prepare::Prepared;
use crate::train::source::BatchSource;
use crate::train::state::State;
use crate::train::trainer::Trainer;

/// A checkpoint in the making.
struct Writer(StateDict);

impl Writer {
    fn text(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.metadata.insert(key.into(), value.into());
    }

    fn numbers(&mut self, name: &str, numbers: &[(String, f64)]) {
        let names: Vec<&str> = numbers.iter().map(|(name, _)| name.as_str()).collect();
        self.text(format!("names.{name}"), names.join("\n"));
        let values: Vec<f64> = numbers.iter().map(|(_, value)| *value).collect();
        let tensor = Tensor::from_slice(&values, [values.len()]);
        self.0
            .insert(format!("numbers/{name}"), Values::F64(tensor));
    }

    fn part(&mut self, prefix: &str, part: &StateDict) {
        for (name, values) in part.iter() {
            self.0.insert(format!("{prefix}{name}"), values.clone());
        }
    }

    fn history(&mut self, history: &History, columns: &[String]) {
        let steps = history.steps.iter();
        let steps: Vec<f64> = steps
            .flat_map(|s| {
                [
                    s.update as f64,
                    s.epoch as f64,
                    s.loss,
                    s.lr,
                    s.gradient_norm,
                ]
            })
            .collect();
        let mut epochs = Vec::new();
        for record in &history.epochs {
            epochs.extend([record.epoch as f64, record.update as f64]);
            epochs.extend(
                columns
                    .iter()
                    .map(|column| record.get(column).unwrap_or(f64::NAN)),
            );
        }
        let count = [history.steps.len(), history.epochs.len()];
        self.0.insert(
            "history/steps",
            Values::F64(Tensor::from_vec(steps, [count[0], 5])),
        );
        let epochs = Tensor::from_vec(epochs, [count[1], columns.len() + 2]);
        self.0.insert("history/epochs", Values::F64(epochs));
        self.text("names.history", columns.join("\n"));
    }

    /// The bytes of the file, with their checksum.
    fn finish(mut self) -> Vec<u8> {
        self.text("wengert.checksum", NO_CHECKSUM);
        let mut bytes = self.0.to_bytes();
        let place = checksum_place(&bytes).expect("the text above is in the header");
        let sum = checksum(&bytes).expect("the text above has the length of a checksum");
        bytes[place..place + sum.len()].copy_from_slice(sum.as_bytes());
        bytes
    }
}

impl<T: Real, M, D> Trainer<'_, T, M, D>
where
    M: Parameters<T> + Module<T> + Sync,
    D: BatchSource<T>,
{
    /// The bytes of a checkpoint.
    pub(in crate::train) fn checkpoint_bytes(
        &mut self,
        state: &State<T>,
        prepared: &Prepared,
    ) -> Vec<u8> {
        let mut writer = Writer(StateDict::new());
        writer.text("wengert.version", VERSION);
        writer.text("configuration", self.configuration.clone());
        for (name, value) in self.settings(state, prepared) {
            writer.text(format!("setting.{name}"), value);
        }
        writer.part("model/", &StateDict::of(&*self.model));
        if let Some(average) = &state.average {
            writer.part("ema/", &average.state_dict(&*self.model));
        }
        let optimizer = self.method.state_dict();
        for (name, tensor) in &optimizer.tensors {
            writer
                .0
                .insert(format!("optimizer/{name}"), Values::of(tensor));
        }
        writer.numbers("optimizer", &optimizer.scalars);
        for (name, value) in optimizer.options {
            writer.text(format!("option.{name}"), value);
        }
        for (i, schedule) in state.schedules.iter().enumerate() {
            writer.numbers(
                &format!("schedule.{i}"),
                &schedule.state_dict(&mut self.method),
            );
        }
        if let Some(plateau) = &state.plateau {
            writer.numbers("plateau", &plateau.state_dict());
        }
        if let Some(gradients) = &state.pending.gradients {
            for (path, gradient) in gradients.iter() {
                writer
                    .0
                    .insert(format!("accumulated/{path}"), Values::of(gradient));
            }
        }
        writer.numbers("trainer", &numbers(state));
        writer.history(&state.history, &prepared.columns);
        writer.finish()
    }
}

fn numbers<T: Real>(state: &State<T>) -> Vec<(String, f64)> {
    let State {
        position,
        updates,
        pending,
        sums,
        best,
        without_improvement,
        ..
    } = state;
    let mut numbers = vec![
        ("epoch", position.epoch as f64),
        ("step", position.step as f64),
        ("updates", *updates as f64),
        ("pending/batches", pending.batches as f64),
        ("pending/examples", pending.examples as f64),
        ("pending/loss", pending.loss),
        ("sum/loss", sums.loss),
        ("sum/examples", sums.examples as f64),
        ("sum/labelled", sums.labelled as f64),
        ("sum/correct", sums.correct as f64),
        ("without_improvement", *without_improvement as f64),
    ];
    if let Some((epoch, value)) = best {
        numbers.extend([("best/epoch", *epoch as f64), ("best/value", *value)]);
    }
    numbers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
