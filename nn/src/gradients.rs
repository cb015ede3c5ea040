//! The gradients of a model, by parameter.

use std::sync::Arc;

use wengert_tensor::{Real, Tensor, require};

use crate::index::Index;
use crate::param::{IdMap, Param};
use crate::parameters::{Parameters, ParametersExt, Slot};

/// The gradient of one parameter.
#[derive(Clone, Debug)]
pub(crate) struct Gradient<T: Real> {
    pub(crate) value: Option<Tensor<T>>,
    /// Why there is none; also `None` for a frozen parameter.
    pub(crate) missing: Option<String>,
}

/// The gradients of every parameter of a model, in the model's order.
///
/// They are plain tensors: they may cross threads, be summed over micro-batches or machines, scaled
/// and clipped before an optimizer reads them.
#[derive(Clone, Debug)]
pub struct Gradients<T: Real = f32> {
    index: Arc<Index>,
    /// One for each parameter of the index.
    entries: Vec<Gradient<T>>,
}

impl<T: Real> Gradients<T> {
    pub(crate) fn new(index: Arc<Index>, entries: Vec<Gradient<T>>) -> Self {
        Self { index, entries }
    }

    /// Gradients of a model from tensors by path, such as those that [`iter`](Self::iter) gave before they were
    /// written to a file. A parameter without a tensor has no gradient.
    ///
    /// # Panics
    /// If a tensor has another shape than its parameter.
    #[must_use]
    #[track_caller]
    pub fn from_tensors(
        model: &(impl Parameters<T> + ?Sized),
        mut tensor: impl FnMut(&str) -> Option<Tensor<T>>,
    ) -> Self {
        let (index, _) = Index::of(model);
        let mut entries = Vec::with_capacity(index.len());
        let mut shapes = IdMap::default();
        model.each(|_, slot| {
            if let Slot::Param(param) = slot {
                shapes.insert(param.id(), param.shape());
            }
        });
        for (place, id) in index.ids().iter().enumerate() {
            let path = index.path(place);
            let value = tensor(path);
            if let (Some(value), Some(&shape)) = (&value, shapes.get(id)) {
                require!(
                    value.shape() == shape,
                    "from_tensors: {path}: {:?}: the parameter is {shape:?}",
                    value.shape()
                );
            }
            let missing = value
                .is_none()
                .then(|| "no tensor was given for it".to_owned());
            entries.push(Gradient { value, missing });
        }
        Self::new(index, entries)
    }

    /// The gradient of a parameter; `None` if the loss does not depend on it.
    #[must_use]
    pub fn get(&self, param: &Param<T>) -> Option<&Tensor<T>> {
        self.entries[self.index.place(param.id())?].value.as_ref()
    }

    /// The path of the parameter with a number, from 0 in the model's order, and its gradient.
    ///
    /// # Panics
    /// If there is no such parameter.
    #[must_use]
    #[track_caller]
    pub fn entry(&self, number: usize) -> (&str, Option<&Tensor<T>>) {
        self.require_number(number);
        (self.index.path(number), self.entries[number].value.as_ref())
    }

    /// As [`entry`](Self::entry), with a gradient to be changed.
    ///
    /// # Panics
    /// If there is no such parameter.
    #[must_use]
    #[track_caller]
    pub fn entry_mut(&mut self, number: usize) -> (&str, Option<&mut Tensor<T>>) {
        self.require_number(number);
        (self.index.path(number), self.entries[number].value.as_mut())
    }

    #[track_caller]
    fn require_number(&self, number: usize) {
        let count = self.entries.len();
        require!(
            number < count,
            "entry: parameter {number}: the model has {count}"
        );
    }

    /// Every gradient with its parameter's path, in the model's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor<T>)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(i, g)| Some((self.index.path(i), g.value.as_ref()?)))
    }

    /// Every gradient with its parameter's path, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tensor<T>)> {
        let (index, entries) = (&self.index, self.entries.iter_mut().enumerate());
        entries.filter_map(|(i, g)| Some((index.path(i), g.value.as_mut()?)))
    }

    /// The parameters that the loss does not depend on, by path, and why.
    pub fn unreached(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(i, g)| Some((self.index.path(i), g.missing.as_deref()?)))
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
        for (i, theirs) in other.entries.into_iter().enumerate() {
            let Some(place) = self.index.place(other.index.ids()[i]) else {
                wengert_tensor::fail::fail(format_args!(
                    "accumulate: {}: not a parameter here",
                    other.index.path(i)
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

    /// The 2-norm of all gradients together. Squares that would overflow or vanish are scaled first.
    #[must_use]
    pub fn norm(&self) -> T {
        let norms: Vec<T> = self.iter().map(|(_, g)| g.norm2(..).item()).collect();
        Tensor::from_slice(&norms, [norms.len()]).norm2(..).item()
    }
}
