//! The gradients of a model, by parameter.

use std::collections::HashMap;
use std::sync::Arc;

use wengert_tensor::{Real, Tensor, require};

use crate::param::{Id, Param};

/// The gradient of one parameter.
#[derive(Clone, Debug)]
pub(crate) struct Gradient<T: Real> {
    pub(crate) id: Id,
    pub(crate) path: Arc<str>,
    pub(crate) value: Option<Tensor<T>>,
    /// Why there is none.
    pub(crate) missing: Option<String>,
}

/// The gradients of every parameter of a model, in the model's order.
///
/// They are plain tensors: they may cross threads, be summed over micro-batches or machines, scaled
/// and clipped before an optimizer reads them.
#[derive(Clone, Debug)]
pub struct Gradients<T: Real = f32> {
    entries: Vec<Gradient<T>>,
    by_id: HashMap<Id, usize>,
}

impl<T: Real> Gradients<T> {
    pub(crate) fn new(entries: Vec<Gradient<T>>) -> Self {
        let by_id = entries.iter().enumerate().map(|(i, g)| (g.id, i)).collect();
        Self { entries, by_id }
    }

    /// The gradient of a parameter; `None` if the loss does not depend on it.
    #[must_use]
    pub fn get(&self, param: &Param<T>) -> Option<&Tensor<T>> {
        self.entries[*self.by_id.get(&param.id())?].value.as_ref()
    }

    /// Every gradient with its parameter's path, in the model's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor<T>)> {
        self.entries
            .iter()
            .filter_map(|g| Some((&*g.path, g.value.as_ref()?)))
    }

    /// Every gradient with its parameter's path, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tensor<T>)> {
        self.entries
            .iter_mut()
            .filter_map(|g| Some((&*g.path, g.value.as_mut()?)))
    }

    /// The parameters that the loss does not depend on, by path, and why.
    pub fn unreached(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .filter_map(|g| Some((&*g.path, g.missing.as_deref()?)))
    }

    /// Panics if the loss does not depend on some parameter, naming each and where its path ends.
    ///
    /// # Panics
    /// If there is such a parameter.
    #[track_caller]
    pub fn require_all(&self) {
        let dead: Vec<_> = self
            .unreached()
            .map(|(path, why)| format!("{path}: {why}"))
            .collect();
        require!(
            dead.is_empty(),
            "backward: no gradient for {}",
            dead.join("; ")
        );
    }

    /// Adds the gradients of another pass over the same model.
    ///
    /// # Panics
    /// If the other gradients are of another model.
    #[track_caller]
    pub fn accumulate(&mut self, other: Self) {
        for theirs in other.entries {
            let Some(&place) = self.by_id.get(&theirs.id) else {
                wengert_tensor::fail::fail(format_args!(
                    "accumulate: {}: not a parameter here",
                    theirs.path
                ));
            };
            let ours = &mut self.entries[place];
            match (&mut ours.value, theirs.value) {
                (Some(sum), Some(more)) => sum.add_assign(&more),
                (ours @ None, Some(first)) => *ours = Some(first),
                (_, None) => {}
            }
            if ours.value.is_some() {
                ours.missing = None;
            }
        }
    }

    /// Multiplies every gradient by a number.
    pub fn scale(&mut self, factor: f64) {
        let factor = T::of(factor);
        for (_, gradient) in self.iter_mut() {
            gradient.map_in_place(|g| g * factor);
        }
    }

    /// The 2-norm of all gradients together.
    #[must_use]
    pub fn norm(&self) -> T {
        let squares = self.iter().map(|(_, g)| g.map(|g| g * g).sum(..).item());
        squares.fold(T::zero(), |sum, square| sum + square).sqrt()
    }
}
