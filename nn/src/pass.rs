//! One forward and backward pass through a model.

use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wengert_autograd::{Tape, Var};
use wengert_tensor::kernels::conv::KernelChoice;
use wengert_tensor::{Real, Tensor, require};

use crate::gradients::{Gradient, Gradients};
use crate::known::Known;
use crate::label::Label;
use crate::param::{Buffer, Counter, Id, IdMap, Param};
use crate::parameters::{Parameters, ParametersExt, Slot, SlotMut};
use crate::trace::{LayerTrace, Trace};

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Gradients are wanted; dropout drops, batch norm uses and updates its statistics.
    Train,
    /// Nothing is recorded; dropout does nothing, batch norm uses its running statistics.
    Eval,
}

/// What a forward call carries along: the tape, the mode, the randomness, the choice of kernels,
/// and what the model shall change afterwards.
///
/// ```
/// use wengert_nn::{Linear, Module, Pass};
/// use wengert_tensor::Tensor;
///
/// let layer: Linear = Linear::new(3, 2, &mut wengert_nn::rng(0));
/// let mut pass = Pass::train(&layer, 0);
/// let x = pass.input(Tensor::ones([4, 3]));
/// let loss = layer.forward(&x, &mut pass).sum(..);
/// let gradients = pass.backward(&loss);
/// assert_eq!(gradients.get(&layer.weight).expect("used").shape(), [2, 3]);
/// ```
pub struct Pass<T: Real = f32> {
    tape: Tape<T>,
    mode: Mode,
    rng: ChaCha8Rng,
    kernels: KernelChoice,
    /// Every parameter of the model, in its order.
    known: Arc<Known>,
    leaves: IdMap<Var<T>>,
    updates: Vec<(Id, Update<T>)>,
    counts: Vec<(Id, i64)>,
    trace: Option<Trace<T>>,
}

type Update<T> = Box<dyn FnOnce(&Tensor<T>) -> Tensor<T> + Send>;

impl<T: Real> Pass<T> {
    /// A pass that trains a model; every random choice in it comes from `seed`.
    ///
    /// Give each step its own seed, or dropout drops the same units at every step.
    #[must_use]
    pub fn train(model: &(impl Parameters<T> + ?Sized), seed: u64) -> Self {
        Self::new(model, Mode::Train, seed)
    }

    /// A pass that only evaluates a model.
    #[must_use]
    pub fn eval(model: &(impl Parameters<T> + ?Sized)) -> Self {
        Self::new(model, Mode::Eval, 0)
    }

    fn new(model: &(impl Parameters<T> + ?Sized), mode: Mode, seed: u64) -> Self {
        let mut known = Known::default();
        model.each(|path, slot| {
            if let Slot::Param(param) = slot
                && !param.is_frozen()
                && mode == Mode::Train
            {
                known.add(param.id(), path);
            }
        });
        Self {
            tape: Tape::new(),
            mode,
            rng: ChaCha8Rng::seed_from_u64(seed),
            kernels: KernelChoice::default(),
            leaves: IdMap::with_capacity_and_hasher(known.len(), BuildHasherDefault::default()),
            known: Arc::new(known),
            updates: Vec::new(),
            counts: Vec::new(),
            trace: None,
        }
    }

    /// The same pass with another choice of convolution kernels.
    #[must_use]
    pub fn with_kernels(mut self, kernels: KernelChoice) -> Self {
        self.kernels = kernels;
        self
    }

    /// The same pass, noting what every layer does to this input.
    pub(crate) fn traced(mut self, input: &Var<T>) -> Self {
        self.trace = Some(Trace::new(input.value()));
        self
    }

    /// The same pass with variables in the place of the model's parameters, in its order.
    pub(crate) fn with_leaves(mut self, leaves: impl IntoIterator<Item = (Id, Var<T>)>) -> Self {
        self.leaves.extend(leaves);
        self
    }

    /// The mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the pass trains.
    #[must_use]
    pub fn is_training(&self) -> bool {
        self.mode == Mode::Train
    }

    /// The tape.
    #[must_use]
    pub const fn tape(&self) -> &Tape<T> {
        &self.tape
    }

    /// The choice of convolution kernels.
    #[must_use]
    pub const fn kernels(&self) -> &KernelChoice {
        &self.kernels
    }

    /// The generator of every random choice in this pass.
    pub const fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// An input that needs no gradient.
    #[must_use]
    pub fn input(&self, value: Tensor<T>) -> Var<T> {
        Var::constant(value)
    }

    /// A parameter as a variable: one leaf however often it is asked for, so that the gradients of
    /// a shared weight add up.
    #[must_use]
    #[track_caller]
    pub fn param(&mut self, param: &Param<T>) -> Var<T> {
        if let Some(leaf) = self.leaves.get(&param.id()) {
            return leaf.clone();
        }
        if self.mode == Mode::Eval || param.is_frozen() {
            return Var::constant(param.value().clone());
        }
        let leaf = self.tape.leaf(param.value().clone());
        self.leaves.insert(param.id(), leaf.clone());
        leaf
    }

    /// Has a buffer changed when the pass is committed; changes of one buffer apply in their order.
    pub fn update(
        &mut self,
        buffer: &Buffer<T>,
        change: impl FnOnce(&Tensor<T>) -> Tensor<T> + Send + 'static,
    ) {
        self.updates.push((buffer.id(), Box::new(change)));
    }

    /// Has a counter raised when the pass is committed.
    pub fn count(&mut self, counter: &Counter, by: i64) {
        self.counts.push((counter.id(), by));
    }

    /// The gradients of a one-element loss with respect to every parameter; consumes the tape.
    ///
    /// # Panics
    /// If the loss has more than one element, or does not depend on any parameter.
    #[must_use]
    #[track_caller]
    pub fn backward(&mut self, loss: &Var<T>) -> Gradients<T> {
        require!(
            self.is_training(),
            "backward: the pass only evaluates; make it with Pass::train"
        );
        let mut found = loss.backward();
        let entries = self
            .known
            .ids()
            .iter()
            .map(|id| {
                let leaf = self.leaves.get(id);
                let value = leaf.and_then(|leaf| found.take(leaf));
                let missing = match (&value, leaf) {
                    (Some(_), _) => None,
                    (None, None) => Some("the forward pass never used it".to_owned()),
                    (None, Some(leaf)) => found.unreached(leaf).map(ToString::to_string),
                };
                Gradient { value, missing }
            })
            .collect();
        self.leaves.clear();
        Gradients::new(Arc::clone(&self.known), entries)
    }

    /// Applies every recorded change of a buffer, in order, exactly once.
    pub fn commit(self, model: &mut (impl Parameters<T> + ?Sized)) {
        if self.updates.is_empty() && self.counts.is_empty() {
            return;
        }
        let mut updates: IdMap<Vec<Update<T>>> = IdMap::default();
        for (id, update) in self.updates {
            updates.entry(id).or_default().push(update);
        }
        let mut counts: IdMap<i64> = IdMap::default();
        for (id, by) in self.counts {
            *counts.entry(id).or_default() += by;
        }
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
    }

    /// Notes a layer's result where a summary is being made.
    pub fn trace(
        &mut self,
        label: &Label,
        kind: &'static str,
        x: &Var<T>,
        y: &Var<T>,
        layer: LayerTrace,
    ) {
        if let Some(trace) = &mut self.trace {
            trace.push(label, kind, x, y, layer);
        }
    }

    /// Whether layers are noted.
    pub(crate) const fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// In place of a layer's result, something of its shape that takes neither time nor memory, where
    /// a summary is being made and the shape is known.
    pub(crate) fn outline<S: AsRef<[usize]>>(
        &self,
        shape: impl FnOnce() -> Option<S>,
    ) -> Option<Var<T>> {
        self.trace.as_ref()?;
        let outline = Tensor::scalar(T::zero()).broadcast_to(shape()?);
        Some(Var::constant(outline))
    }

    pub(crate) fn into_trace(self) -> Option<Trace<T>> {
        self.trace
    }
}

impl<T: Real> fmt::Debug for Pass<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("mode", &self.mode)
            .field("entries", &self.tape.len())
            .field("parameters", &self.known.len())
            .field("updates", &self.updates.len())
            .finish_non_exhaustive()
    }
}
