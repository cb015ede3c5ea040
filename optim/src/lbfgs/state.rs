//! The state of L-BFGS as named tensors and numbers.

use std::collections::VecDeque;

use wengert_nn::{Parameters, ParametersExt, Slot};
use wengert_tensor::{Real, Tensor};

use super::scaled::dot;
use super::{LastStep, Lbfgs, Pair};
use crate::optimizer_state::{LoadError, OptimizerState, Source, compare_options};

impl<T: Real> Lbfgs<T> {
    /// The state, to be loaded by an optimizer made with the same options.
    #[must_use]
    pub fn state_dict(&self) -> OptimizerState<T> {
        let mut tensors = Vec::new();
        let mut scalars = vec![
            ("/lr".to_owned(), self.lr),
            ("/func_evals".to_owned(), self.evaluations as f64),
            ("/n_iter".to_owned(), self.iterations as f64),
        ];
        if let Some(last) = &self.last {
            scalars.push(("/t".to_owned(), last.t));
            scalars.push(("/H_diag".to_owned(), last.scale.to_f64()));
            scalars.push(("/prev_loss".to_owned(), last.loss));
            tensors.push(("/d".to_owned(), last.direction.clone()));
            tensors.push(("/prev_flat_grad".to_owned(), last.gradient.clone()));
        }
        for (i, pair) in self.pairs.iter().enumerate() {
            scalars.push((format!("/ro/{i}"), pair.rho.to_f64()));
            tensors.push((format!("/old_dirs/{i}"), pair.y.clone()));
            tensors.push((format!("/old_stps/{i}"), pair.s.clone()));
        }
        OptimizerState {
            tensors,
            scalars,
            options: self.options.fixed(),
        }
    }

    /// Replaces the state by that of another optimizer for this model; after an error nothing has
    /// changed.
    ///
    /// The learning rate comes from the state; all other options must be equal. A state whose `options`
    /// are cleared is not compared.
    ///
    /// # Errors
    /// If an option differs, a name is missing, unknown or there twice, or a shape, a count or the
    /// learning rate is wrong.
    pub fn load_state_dict(
        &mut self,
        model: &(impl Parameters<T> + ?Sized),
        dict: &OptimizerState<T>,
    ) -> Result<(), LoadError> {
        let mut seen = std::collections::HashSet::new();
        let mut length = 0;
        model.each(|_, slot| {
            if let Slot::Param(param) = slot
                && !param.is_frozen()
                && seen.insert(param.id())
            {
                length += param.value().len();
            }
        });
        compare_options(&dict.options, &self.options.fixed())?;
        let mut source = Source::new(dict)?;
        let lr = source.scalars().rate("/lr")?;
        let evaluations = source.scalars().count("/func_evals")?;
        let iterations = source.scalars().count("/n_iter")?;
        let tensor = |source: &mut Source<'_, T>, name: String| -> Result<Tensor<T>, LoadError> {
            Ok(source.tensor(name, &[length])?.contiguous())
        };
        let mut last = None;
        let mut pairs = VecDeque::new();
        if iterations > 0 {
            last = Some(LastStep {
                t: source.scalars().number("/t")?,
                scale: T::of(source.scalars().number("/H_diag")?),
                loss: source.scalars().number("/prev_loss")?,
                direction: tensor(&mut source, "/d".to_owned())?,
                gradient: tensor(&mut source, "/prev_flat_grad".to_owned())?,
            });
            while pairs.len() < self.options.history_size {
                let i = pairs.len();
                // As a number of the state, 1/yᵀs may be beyond the range: it is computed again.
                if source.scalars().optional(&format!("/ro/{i}")).is_none() {
                    break;
                }
                let y = tensor(&mut source, format!("/old_dirs/{i}"))?;
                let s = tensor(&mut source, format!("/old_stps/{i}"))?;
                let ys = dot(&y, &s);
                pairs.push_back(Pair::new(y, s, ys));
            }
        }
        source.finish()?;
        self.lr = lr;
        self.evaluations = evaluations;
        self.iterations = iterations;
        self.last = last;
        self.pairs = pairs;
        Ok(())
    }
}
