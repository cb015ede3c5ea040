//! What follows the forward pass: gradients, and the changes of buffers.

use std::collections::HashMap;
use std::sync::Arc;

use wengert_autograd::{LeafGradients, NonFiniteOp, Var};
use wengert_tensor::{Real, Tensor, require};

use super::{BufferUpdate, Mode, Pass};
use crate::gradients::{Gradient, Gradients};
use crate::param::IdMap;
use crate::parameters::{Parameters, ParametersExt, SlotMut};

impl<T: Real> Pass<T> {
    /// The gradients of a one-element loss with respect to every parameter; consumes the tape.
    ///
    /// # Panics
    /// If the loss has more than one element, or does not depend on any parameter.
    #[must_use]
    #[track_caller]
    pub fn backward(&mut self, loss: &Var<T>) -> Gradients<T> {
        self.require_training();
        let found = loss.backward();
        self.by_parameter(found)
    }

    /// As [`backward`](Self::backward), and calls `ready` with the number of each parameter in the order of the model, see
    /// [`Gradients::entry`], and its gradient as soon as nothing more is added to it. The last layers come first.
    ///
    /// ```
    /// use wengert_nn::{Linear, Module, Pass};
    /// use wengert_tensor::Tensor;
    ///
    /// let layer: Linear = Linear::new(3, 2, &mut wengert_nn::rng(0));
    /// let mut pass = Pass::train(&layer, 0);
    /// let loss = layer.call(&pass.input(Tensor::ones([4, 3])), &mut pass).sum(..);
    /// let mut ready = Vec::new();
    /// let gradients = pass.backward_each(&loss, |number, gradient| ready.push((number, gradient.clone())));
    /// for (number, gradient) in ready {
    ///     assert_eq!(gradients.entry(number).1, Some(&gradient));
    /// }
    /// ```
    ///
    /// # Panics
    /// As [`backward`](Self::backward).
    #[track_caller]
    pub fn backward_each(
        &mut self,
        loss: &Var<T>,
        mut ready: impl FnMut(usize, &Tensor<T>),
    ) -> Gradients<T> {
        self.require_training();
        let leaves = self.leaves.iter().enumerate();
        let numbers: HashMap<usize, usize> = leaves
            .filter_map(|(number, leaf)| Some((leaf.as_ref()?.entry()?, number)))
            .collect();
        let found = loss.backward_each(|entry, gradient| {
            if let Some(&number) = numbers.get(&entry) {
                ready(number, gradient);
            }
        });
        self.by_parameter(found)
    }

    #[track_caller]
    fn require_training(&self) {
        require!(
            self.mode == Mode::Train,
            "backward: the pass only evaluates; make it with Pass::train"
        );
    }

    fn by_parameter(&mut self, mut found: LeafGradients<T>) -> Gradients<T> {
        let entries = (0..self.index.len())
            .map(|place| {
                let leaf = self.leaves.get(place).and_then(Option::as_ref);
                let value = leaf.and_then(|leaf| found.take(leaf));
                let missing = match (&value, leaf) {
                    (Some(_), _) => None,
                    (None, None) if self.frozen.contains(&place) => None,
                    (None, None) => Some("the forward pass never used it".to_owned()),
                    (None, Some(leaf)) => found.unreached(leaf).map(ToString::to_string),
                };
                Gradient { value, missing }
            })
            .collect();
        if !self.tape.is_watching() {
            self.leaves.clear();
        }
        Gradients::new(Arc::clone(&self.index), entries)
    }

    /// The op whose rule made the first gradient that is NaN or infinite, after
    /// [`backward`](Self::backward) in a pass that [watches](Self::watch); `None` if all are finite.
    #[must_use]
    pub fn gradient_origin(&self) -> Option<NonFiniteOp> {
        let leaves = self.leaves.iter().flatten();
        leaves
            .into_iter()
            .find_map(|leaf| self.tape.gradient_origin(leaf))
    }

    /// Applies every recorded change of a buffer, in order, exactly once.
    ///
    /// # Panics
    /// If the model does not hold a buffer that a layer has changed.
    #[track_caller]
    pub fn commit(self, model: &mut (impl Parameters<T> + ?Sized)) {
        if self.updates.is_empty() && self.counts.is_empty() {
            return;
        }
        let (mut updates, mut counts) = self.into_recorded();
        model.each_mut(|_, slot| match slot {
            SlotMut::Buffer(buffer) => {
                for update in updates.remove(&buffer.id()).unwrap_or_default() {
                    let value = update(buffer.value());
                    *buffer.value_mut() = value;
                }
            }
            SlotMut::Counter(counter) => {
                *counter.value_mut() += counts.remove(&counter.id()).unwrap_or_default();
            }
            SlotMut::Param(_) => {}
        });
        require!(
            updates.is_empty() && counts.is_empty(),
            "commit: {} buffers are not in the model; name their fields in `fields!`, or commit to \
             the model that ran",
            updates.len() + counts.len()
        );
    }

    /// The recorded changes of each buffer in order, and the increment of each counter.
    pub(crate) fn into_recorded(self) -> (IdMap<Vec<BufferUpdate<T>>>, IdMap<i64>) {
        let mut updates: IdMap<Vec<BufferUpdate<T>>> = IdMap::default();
        for (id, update) in self.updates {
            updates.entry(id).or_default().push(update);
        }
        let mut counts: IdMap<i64> = IdMap::default();
        for (id, by) in self.counts {
            *counts.entry(id).or_default() += by;
        }
        (updates, counts)
    }
}
