//! One forward and backward pass through a model.

mod after_forward;
mod replay;

pub use replay::ReplayedLoss;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wengert_autograd::{Tape, Var};
use wengert_tensor::fail::fail;
use wengert_tensor::kernels::conv::KernelChoice;
use wengert_tensor::{Real, Tensor};

use crate::capture::{Captures, LayerOutput};
use crate::index::Index;
use crate::param::{Buffer, Counter, Id, IdMap, Param};
use crate::parameters::{LayerId, Parameters};
use crate::pattern::{no_match, path_matches};
use crate::running_layers::{Entered, RunningLayers};
use crate::shard_sums::{ShardSums, SumOverShards};
use crate::summary::Calls;

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Gradients are wanted; dropout drops, batch norm uses and updates its statistics.
    Train,
    /// Nothing is recorded; dropout does nothing, batch norm uses its running statistics.
    Eval,
}

/// The state of one forward call: the tape, the mode, the random generator, the choice of kernels, the
/// position in the model, and the changes of buffers that [`commit`](Self::commit) applies.
///
/// ```
/// use wengert_nn::{Linear, Module, Pass};
/// use wengert_tensor::Tensor;
///
/// let layer: Linear = Linear::new(3, 2, &mut wengert_nn::rng(0));
/// let mut pass = Pass::train(&layer, 0);
/// let x = pass.input(Tensor::ones([4, 3]));
/// let loss = layer.call(&x, &mut pass).sum(..);
/// let gradients = pass.backward(&loss);
/// assert_eq!(gradients.get(&layer.weight).expect("used").shape(), [2, 3]);
/// ```
pub struct Pass<T: Real = f32> {
    tape: Tape<T>,
    mode: Mode,
    rng: ChaCha8Rng,
    /// Whether the generator was asked for.
    is_random: bool,
    kernels: KernelChoice,
    pub(crate) index: Arc<Index>,
    /// The frozen parameters by their number in the index.
    frozen: Vec<usize>,
    /// The leaves of the parameters by their number in the index; none before the first.
    leaves: Vec<Option<Var<T>>>,
    /// The parameter after the one asked for last: the most likely next one.
    next: usize,
    pub(crate) running: RunningLayers,
    pub(crate) captures: Option<Box<Captures<T>>>,
    /// The layers that ran, where a summary is made.
    calls: Option<Box<Calls>>,
    updates: Vec<(Id, BufferUpdate<T>)>,
    counts: Vec<(Id, i64)>,
    /// Parameters that ran and that the model does not list, where an audit looks for them.
    unlisted: Option<Vec<Unlisted>>,
    /// The leaves of buffers, in a pass that records a whole computation.
    traced_buffers: Option<IdMap<Var<T>>>,
    /// What adds up over the shards of a batch; `None` in a pass over all of it.
    shard_sums: Option<Arc<dyn ShardSums<T>>>,
}

/// A parameter that a forward pass used and that its model does not list.
#[derive(Clone, Debug)]
pub(crate) struct Unlisted {
    pub(crate) shape: Vec<usize>,
    pub(crate) location: &'static Location<'static>,
}

pub(crate) type BufferUpdate<T> = Box<dyn FnOnce(&Tensor<T>) -> Tensor<T> + Send>;

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

    /// As [`train`](Self::train), on a tape that [watches](Tape::watch) for NaN and infinities: with the same bits,
    /// and slower. Inputs are recorded too, so that every op on them is known.
    ///
    /// ```
    /// use wengert_nn::{Linear, Module, Pass};
    /// use wengert_tensor::Tensor;
    ///
    /// let layer: Linear = Linear::new(2, 1, &mut wengert_nn::rng(0));
    /// let mut pass = Pass::watch(&layer, 0);
    /// let x = pass.input(Tensor::full([1, 2], 1e38));
    /// let y = layer.call(&(x * 1e38), &mut pass).sum(..);
    /// let origin = pass.tape().origin_of(&y).expect("the product overflows");
    /// assert_eq!(origin.op, "affine"); // `x * 1e38`
    /// ```
    #[must_use]
    pub fn watch(model: &(impl Parameters<T> + ?Sized), seed: u64) -> Self {
        let mut pass = Self::train(model, seed);
        pass.tape = Tape::watch();
        pass
    }

    /// A pass for a summary: it evaluates, and does not run expensive ops.
    pub(crate) fn outline(model: &(impl Parameters<T> + ?Sized)) -> Self {
        let mut pass = Self::eval(model);
        pass.tape = Tape::outline();
        pass.calls = Some(Box::default());
        pass
    }

    fn new(model: &(impl Parameters<T> + ?Sized), mode: Mode, seed: u64) -> Self {
        Self::with_index(Index::of(model), mode, seed)
    }

    fn with_index((index, frozen): (Arc<Index>, Vec<usize>), mode: Mode, seed: u64) -> Self {
        Self {
            tape: Tape::new(),
            mode,
            rng: ChaCha8Rng::seed_from_u64(seed),
            is_random: false,
            kernels: KernelChoice::default(),
            running: RunningLayers::new(mode == Mode::Train),
            index,
            frozen,
            leaves: Vec::new(),
            next: 0,
            captures: None,
            calls: None,
            updates: Vec::new(),
            counts: Vec::new(),
            unlisted: None,
            traced_buffers: None,
            shard_sums: None,
        }
    }

    /// A pass that evaluates, on a tape that keeps every value and where parameters and buffers are leaves.
    pub(crate) fn trace(model: &(impl Parameters<T> + ?Sized)) -> Self {
        let mut pass = Self::eval(model);
        pass.tape = Tape::keeping_all();
        pass.traced_buffers = Some(IdMap::default());
        pass
    }

    /// Whether the pass records a whole computation.
    pub(crate) const fn is_trace(&self) -> bool {
        self.traced_buffers.is_some()
    }

    /// The leaves of the buffers that ran in a pass that records a whole computation.
    pub(crate) fn traced_buffers(&self) -> impl Iterator<Item = (Id, &Var<T>)> {
        let leaves = self.traced_buffers.iter().flatten();
        leaves.map(|(id, leaf)| (*id, leaf))
    }

    /// A pass that trains, on a tape that keeps every value, and that collects parameters that the model does not list.
    pub(crate) fn audit(model: &(impl Parameters<T> + ?Sized), seed: u64) -> Self {
        let mut pass = Self::train(model, seed);
        pass.tape = Tape::keeping_all();
        pass.unlisted = Some(Vec::new());
        pass
    }

    /// The parameters that an audit found and that the model does not list.
    pub(crate) fn unlisted(&self) -> &[Unlisted] {
        self.unlisted.as_deref().unwrap_or_default()
    }

    /// The same pass with another choice of convolution kernels.
    #[must_use]
    pub fn with_kernels(mut self, kernels: KernelChoice) -> Self {
        self.kernels = kernels;
        self
    }

    /// The same pass as one of several over shards of a batch, which run at the same time.
    #[must_use]
    pub fn with_shard_sums(mut self, sums: Arc<dyn ShardSums<T>>) -> Self {
        self.shard_sums = Some(sums);
        self
    }

    /// The sum over all shards of the batch; `x` itself in a pass over all of it.
    #[track_caller]
    pub(crate) fn sum_over_shards(&self, x: &Var<T>) -> Var<T> {
        Var::apply(SumOverShards::new(self.shard_sums.as_ref()), [x])
    }

    /// The same pass with variables in the place of the model's parameters, in its order.
    pub(crate) fn with_leaves(mut self, leaves: impl IntoIterator<Item = Var<T>>) -> Self {
        self.leaves = leaves.into_iter().map(Some).collect();
        self
    }

    /// Puts variables in the place of parameters, and returns what was there.
    pub(crate) fn replace_leaves(
        &mut self,
        leaves: impl IntoIterator<Item = (Id, Var<T>)>,
    ) -> Vec<(Id, Var<T>)> {
        if self.leaves.is_empty() {
            self.leaves.resize_with(self.index.len(), || None);
        }
        let mut replaced = Vec::new();
        for (id, leaf) in leaves {
            if let Some(place) = self.index.place(id)
                && let Some(old) = self.leaves[place].replace(leaf)
            {
                replaced.push((id, old));
            }
        }
        replaced
    }

    /// Records on this tape from now on.
    pub(crate) fn use_tape(&mut self, tape: &Tape<T>) {
        self.tape = tape.clone();
    }

    /// The tracked leaves so far, with the paths of their parameters, in the order of the model.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (&str, &Var<T>)> {
        let leaves = self.leaves.iter().enumerate();
        let leaves = leaves.filter_map(|(place, leaf)| Some((place, leaf.as_ref()?)));
        leaves
            .filter(|(_, leaf)| leaf.is_tracked())
            .map(|(place, leaf)| (self.index.path(place), leaf))
    }

    /// Keeps layers in evaluation mode in a pass that trains: batch norm then uses its running
    /// statistics and leaves them alone, dropout does nothing. `bn1` is a layer and all layers inside
    /// it, see [`path_matches`](crate::path_matches).
    ///
    /// Parameters still get gradients unless they are [frozen](crate::ParametersExt::freeze).
    ///
    /// # Panics
    /// If no layer of the model matches.
    #[track_caller]
    pub fn evaluate(&mut self, pattern: &str) {
        let matching = self.matching("evaluate", pattern);
        self.running.evaluate(&matching);
    }

    /// For each layer of the index, in order, whether its path matches `pattern`.
    #[track_caller]
    fn matching(&self, op: &str, pattern: &str) -> Vec<bool> {
        let layers = self.index.layers();
        let matching: Vec<_> = layers
            .iter()
            .map(|layer| path_matches(pattern, &layer.path))
            .collect();
        if !matching.contains(&true) {
            no_match(
                op,
                pattern,
                "layer",
                layers.iter().map(|layer| &*layer.path),
            );
        }
        matching
    }

    /// Runs `f` as the computation of a layer: under its path, so that panics name it and its output
    /// can be captured. [`Module::call`](crate::Module::call) does so for layers of one input; a
    /// layer with another signature calls this in its own method.
    ///
    /// ```
    /// use wengert_autograd::Var;
    /// use wengert_nn::{Linear, Module, Pass, fields};
    ///
    /// struct Pair {
    ///     left: Linear,
    ///     right: Linear,
    /// }
    /// fields!(Pair as f32 { left, right });
    ///
    /// impl Pair {
    ///     fn join(&self, a: &Var, b: &Var, pass: &mut Pass) -> Var {
    ///         pass.within(self, |pass| self.left.call(a, pass) + self.right.call(b, pass))
    ///     }
    /// }
    /// ```
    pub fn within<L, Y>(&mut self, layer: &L, f: impl FnOnce(&mut Self) -> Y) -> Y
    where
        L: Parameters<T> + ?Sized,
        Y: LayerOutput<T>,
    {
        let entered = self.enter(layer.layer_id());
        let y = f(self);
        self.leave(entered, y)
    }

    /// Enters a layer; to be followed by [`leave`](Self::leave).
    // Two functions where one with a closure would do, because a closure hides the caller's line.
    pub(crate) fn enter(&mut self, layer: LayerId) -> Entered {
        let entered = self.running.enter(&self.index, layer);
        if let (Some(calls), Some(layer)) = (&mut self.calls, entered.layer()) {
            calls.enter(layer, self.tape.len());
        }
        entered
    }

    /// Leaves a layer that has the output `y`.
    pub(crate) fn leave<Y: LayerOutput<T>>(&mut self, entered: Entered, y: Y) -> Y {
        let layer = self.running.leave(entered);
        if let (Some(layer), Some(captures)) = (layer, &mut self.captures)
            && captures.wanted[layer]
        {
            captures.outputs.push((layer, y.output().clone()));
        }
        if let (Some(_), Some(calls)) = (layer, &mut self.calls) {
            calls.leave(y.output(), self.tape.len());
        }
        y
    }

    /// The mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the layer that runs is in training mode: the pass trains, and the layer is not
    /// [kept in evaluation mode](Self::evaluate).
    #[must_use]
    pub fn is_training(&self) -> bool {
        self.running.is_training()
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

    /// The kernel of a convolution: its own choice, or the pass's where it leaves it open.
    pub(crate) fn kernel(&self, own: &KernelChoice) -> KernelChoice {
        match own {
            KernelChoice::Auto => self.kernels.clone(),
            own => own.clone(),
        }
    }

    /// The generator of every random choice in this pass.
    pub const fn rng(&mut self) -> &mut ChaCha8Rng {
        self.is_random = true;
        &mut self.rng
    }

    /// An input that needs no gradient.
    #[must_use]
    #[track_caller]
    pub fn input(&self, value: Tensor<T>) -> Var<T> {
        // Another value in the next step, which a program would not see.
        self.tape.note_obstacle();
        if self.tape.is_watching() {
            return self.tape.leaf(value);
        }
        Var::constant(value)
    }

    /// A parameter as a variable: one leaf however often it is asked for, so that the gradients of
    /// a shared weight add up.
    ///
    /// # Panics
    /// If the parameter is not one of the model that the pass was made for.
    #[must_use]
    #[track_caller]
    pub fn param(&mut self, param: &Param<T>) -> Var<T> {
        let place = match self.index.ids().get(self.next) {
            Some(&id) if id == param.id() => Some(self.next),
            _ => self.index.place(param.id()),
        };
        let Some(place) = place else {
            if let Some(unlisted) = &mut self.unlisted {
                unlisted.push(Unlisted {
                    shape: param.shape().to_vec(),
                    location: Location::caller(),
                });
                return self.tape.leaf(param.value().clone());
            }
            fail(format_args!(
                "param: {:?}: not a parameter of the pass's model; name its field in `fields!`, or \
                 make the pass for the model that runs",
                param.shape()
            ));
        };
        self.next = place + 1;
        if let Some(Some(leaf)) = self.leaves.get(place) {
            return leaf.clone();
        }
        if !self.is_trace() && (self.mode == Mode::Eval || param.is_frozen()) {
            return Var::constant(param.value().clone());
        }
        let leaf = self.tape.leaf(param.value().clone());
        if self.leaves.is_empty() {
            self.leaves.resize_with(self.index.len(), || None);
        }
        self.leaves[place] = Some(leaf.clone());
        leaf
    }

    /// A parameter that a layer may lack, as [`param`](Self::param).
    #[must_use]
    #[track_caller]
    pub fn optional_param(&mut self, param: Option<&Param<T>>) -> Option<Var<T>> {
        match param {
            Some(param) => Some(self.param(param)),
            None => None,
        }
    }

    /// A buffer as a variable. No gradient flows to it.
    ///
    /// A layer that reads a buffer in this way is exported with it under its name, see [`trace`](crate::trace()).
    #[must_use]
    pub fn buffer(&mut self, buffer: &Buffer<T>) -> Var<T> {
        let Some(leaves) = &mut self.traced_buffers else {
            return Var::constant(buffer.value().clone());
        };
        let tape = &self.tape;
        let leaf = || tape.leaf(buffer.value().clone());
        leaves.entry(buffer.id()).or_insert_with(leaf).clone()
    }

    /// Records a change of a buffer, which [`commit`](Self::commit) applies; several apply in order.
    #[track_caller]
    pub fn update(
        &mut self,
        buffer: &Buffer<T>,
        change: impl FnOnce(&Tensor<T>) -> Tensor<T> + Send + 'static,
    ) {
        self.tape.note_obstacle();
        self.updates.push((buffer.id(), Box::new(change)));
    }

    /// Records an increment of a counter, which [`commit`](Self::commit) applies.
    #[track_caller]
    pub fn count(&mut self, counter: &Counter, by: i64) {
        self.tape.note_obstacle();
        self.counts.push((counter.id(), by));
    }

    pub(crate) fn into_calls(self) -> (Tape<T>, Arc<Index>, Calls) {
        let calls = self.calls.map(|calls| *calls).unwrap_or_default();
        (self.tape, self.index, calls)
    }
}

impl<T: Real> fmt::Debug for Pass<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("mode", &self.mode)
            .field("entries", &self.tape.len())
            .field("parameters", &self.index.len())
            .field("updates", &self.updates.len())
            .finish_non_exhaustive()
    }
}
