//! Continuing from a checkpoint.

use wengert_nn::{Gradients, Parameters, ParametersExt, Slot, StateDict, Values};
use wengert_optim::OptimizerState;
use wengert_tensor::Real;

use super::{Checkpoint, CheckpointError, VERSION};
use crate::train::ema::Average;
use crate::train::method::Method;
use crate::train::prepare::Prepared;
use crate::train::state::{Pending, State, Sums};

impl Checkpoint {
    /// Gives a model, an optimizer and a state their values from here; after an error the model is as it was.
    pub(in crate::train) fn restore<T: Real>(
        &self,
        model: &mut impl Parameters<T>,
        method: &mut Method<T>,
        state: &mut State<T>,
        prepared: &Prepared,
        settings: &[(String, String)],
    ) -> Result<(), CheckpointError> {
        let file = || self.file.clone();
        if self.version() != VERSION {
            return Err(CheckpointError::Version {
                file: file(),
                found: self.version().to_owned(),
            });
        }
        let weights = self.model();
        let of_model = |error| CheckpointError::Model {
            file: file(),
            error,
        };
        weights.check(model).map_err(of_model)?;
        self.compare(settings)?;
        if self
            .text("names.history")
            .lines()
            .ne(prepared.columns.iter().map(String::as_str))
        {
            return Err(CheckpointError::Setting {
                file: file(),
                name: "list of metrics".to_owned(),
                saved: self.text("names.history").replace('\n', ", "),
                current: prepared.columns.join(", "),
            });
        }
        let of_optimizer = |error| CheckpointError::Optimizer {
            file: file(),
            error,
        };
        method
            .load_state_dict(model, &self.optimizer())
            .map_err(of_optimizer)?;
        for (i, schedule) in state.schedules.iter_mut().enumerate() {
            let numbers = self.numbers(&format!("schedule.{i}")).numbers;
            schedule
                .load_state_dict(method, &numbers)
                .map_err(of_optimizer)?;
        }
        if let Some(plateau) = &mut state.plateau {
            plateau
                .load_state_dict(&self.numbers("plateau").numbers)
                .map_err(of_optimizer)?;
        }
        if let Some(average) = &mut state.average {
            let ema = self.ema().unwrap_or_default();
            ema.check(model).map_err(of_model)?;
            average.load(model, &ema);
        }
        self.restore_numbers(model, state)?;
        self.check_place(state, prepared)?;
        weights.load_into(model).map_err(of_model)
    }

    fn restore_numbers<T: Real>(
        &self,
        model: &impl Parameters<T>,
        state: &mut State<T>,
    ) -> Result<(), CheckpointError> {
        let numbers = self.numbers("trainer");
        state.position = self.position;
        state.history = self.history.clone();
        state.updates = numbers.whole("updates")?;
        state.sums = Sums {
            loss: numbers.get("sum/loss")?,
            examples: numbers.whole("sum/examples")? as usize,
            labelled: numbers.whole("sum/labelled")? as usize,
            correct: numbers.whole("sum/correct")? as usize,
        };
        state.without_improvement = numbers.whole("without_improvement")?;
        state.best = match numbers.get("best/epoch") {
            Ok(_) => Some((numbers.whole("best/epoch")?, numbers.get("best/value")?)),
            Err(_) => None,
        };
        let batches = numbers.whole("pending/batches")? as usize;
        if batches > 0 {
            let accumulated = self.part("accumulated/");
            check_shapes(model, &accumulated).map_err(|problem| self.damaged(problem))?;
            let tensor = |path: &str| accumulated.get(path).and_then(Values::real);
            state.pending = Pending {
                batches,
                examples: numbers.whole("pending/examples")? as usize,
                loss: numbers.get("pending/loss")?,
                gradients: Some(Gradients::from_tensors(model, tensor)),
            };
        }
        Ok(())
    }

    /// An error if the next batch, or the batches since the last update, are none of this run.
    fn check_place<T: Real>(
        &self,
        state: &State<T>,
        prepared: &Prepared,
    ) -> Result<(), CheckpointError> {
        let (step, pending) = (state.position.step, state.pending.batches);
        let steps = prepared.steps;
        if step > steps {
            return Err(self.damaged(format!(
                "the number `step` is {step}, and an epoch has {steps} batches"
            )));
        }
        if pending > step || pending >= prepared.accumulate {
            return Err(self.damaged(format!(
                "the number `pending/batches` is {pending} after {step} of {steps} batches, with an update every {}",
                prepared.accumulate
            )));
        }
        Ok(())
    }

    /// An error for the first setting that differs.
    fn compare(&self, settings: &[(String, String)]) -> Result<(), CheckpointError> {
        for (name, current) in settings {
            let saved = self.text(&format!("setting.{name}"));
            if saved != current {
                return Err(CheckpointError::Setting {
                    file: self.file.clone(),
                    name: name.clone(),
                    saved: saved.to_owned(),
                    current: current.clone(),
                });
            }
        }
        let known = |name: &str| settings.iter().any(|(known, _)| known == name);
        match self.settings().find(|(name, _)| !known(name)) {
            None => Ok(()),
            Some((name, saved)) => Err(CheckpointError::Setting {
                file: self.file.clone(),
                name: name.to_owned(),
                saved: saved.to_owned(),
                current: "none".to_owned(),
            }),
        }
    }

    fn optimizer<T: Real>(&self) -> OptimizerState<T> {
        let tensors = self.content.iter().filter_map(|(name, values)| {
            Some((name.strip_prefix("optimizer/")?.to_owned(), values.real()?))
        });
        let options = self.content.metadata.iter().filter_map(|(key, value)| {
            Some((key.strip_prefix("option.")?.to_owned(), value.clone()))
        });
        OptimizerState {
            tensors: tensors.collect(),
            scalars: self.numbers("optimizer").numbers,
            options: options.collect(),
        }
    }
}

/// An error if a tensor does not have the shape of its parameter.
fn check_shapes<T: Real>(model: &impl Parameters<T>, tensors: &StateDict) -> Result<(), String> {
    let mut wrong = None;
    model.each(|path, slot| {
        if let (Slot::Param(param), Some(values)) = (slot, tensors.get(path))
            && values.shape() != param.shape()
        {
            wrong = Some(format!("the gradient of `{path}` is {:?}", values.shape()));
        }
    });
    wrong.map_or(Ok(()), Err)
}

impl<T: Real> Average<T> {
    /// Takes the values of a state that was compared with the model.
    fn load(&mut self, model: &impl Parameters<T>, ema: &StateDict) {
        self.replace(model, |path| ema.get(path).cloned());
    }
}
