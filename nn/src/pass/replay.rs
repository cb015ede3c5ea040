//! [`ReplayedLoss`]: the loss of a model and its gradients, recorded once.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use wengert_autograd::{Program, Strided, Tape, Var, require_same, with_gradients};
use wengert_tensor::{Real, Tensor};

use super::{Mode, Pass};
use crate::gradients::{Gradient, Gradients};
use crate::index::Index;
use crate::param::{Id, IdMap};
use crate::parameters::{Parameters, ParametersExt, Slot};

/// The loss of a model as a function of its parameters and of inputs, with its gradients: recorded once and then replayed,
/// for small models, whose forward and backward passes take longer to record than to compute. Values and gradients have the
/// bits of a [`Pass`].
///
/// As a [`Replay`](wengert_autograd::Replay), it is recorded again where the key or a shape differs from the last call; and
/// where the model lists other parameters, other parameters are frozen, or the seed differs and the model makes random
/// choices. What else the loss depends on belongs into the key: a field of the model that is no parameter and changes, labels.
/// The first replay and every 1024th are compared with a new recording, and a difference is a panic.
///
/// A model that changes buffers, such as batch norm in training, or looks at values runs in an ordinary pass in every call:
/// [`obstacle`](Self::obstacle) tells where.
///
/// ```
/// use wengert_nn::{Linear, Module, Pass, ReplayedLoss};
/// use wengert_tensor::Tensor;
///
/// let layer: Linear = Linear::new(3, 2, &mut wengert_nn::rng(0));
/// let mut loss = ReplayedLoss::new(|layer: &Linear, (): &(), x: &[_], pass: &mut Pass| {
///     layer.call(&x[0], pass).mse_loss(&x[1])
/// });
/// let (x, y) = (Tensor::ones([4, 3]), Tensor::zeros([4, 2]));
/// for seed in 0..3 {
///     let (value, gradients, _pass) = loss.backward(&layer, &(), &[&x, &y], seed);
///     assert!(value > 0.0 && gradients.get(&layer.weight).is_some());
/// }
/// assert_eq!(loss.recordings(), 1);
/// ```
pub struct ReplayedLoss<M: ?Sized, T: Real = f32, K = ()> {
    f: LossFunction<M, T, K>,
    recorded: Option<Recorded<T, K>>,
    recordings: u64,
}

type LossFunction<M, T, K> = Box<dyn Fn(&M, &K, &[Var<T>], &mut Pass<T>) -> Var<T>>;

/// The value of the loss, and the gradients of the parameters that the program takes.
type ValueAndGradients<T> = (Tensor<T>, Vec<Option<Tensor<T>>>);

/// What was recorded last.
struct Recorded<T: Real, K> {
    key: K,
    /// The seed, if the model made random choices.
    seed: Option<u64>,
    index: Arc<Index>,
    frozen: Vec<usize>,
    arguments: Arguments,
    /// Those of parameters, buffers and inputs.
    layouts: Vec<Strided>,
    program: Result<Program<T>, &'static Location<'static>>,
}

/// Where the arguments of a program come from.
struct Arguments {
    /// The numbers in the index of the parameters that get a gradient.
    parameters: Vec<usize>,
    /// The numbers of frozen parameters that the model reads.
    frozen: Vec<usize>,
    buffers: Vec<Id>,
}

impl<M, T, K> ReplayedLoss<M, T, K>
where
    M: Parameters<T> + ?Sized,
    T: Real,
    K: Clone + PartialEq,
{
    /// A loss of a model, a key and inputs. The pass is for [`Module::call`](crate::Module::call).
    pub fn new(f: impl Fn(&M, &K, &[Var<T>], &mut Pass<T>) -> Var<T> + 'static) -> Self {
        Self {
            f: Box::new(f),
            recorded: None,
            recordings: 0,
        }
    }

    /// The loss, its gradients, and a pass with the changes of buffers: what a step of an optimizer takes.
    ///
    /// # Panics
    /// If the loss has more than one element or depends on no argument; if the function computes something else than it
    /// did for an equal key; as the function does.
    #[track_caller]
    pub fn backward(
        &mut self,
        model: &M,
        key: &K,
        inputs: &[&Tensor<T>],
        seed: u64,
    ) -> (T, Gradients<T>, Pass<T>) {
        let (index, frozen) = Index::of(model);
        let is_valid = |last: &Recorded<T, K>| {
            // An ordinary pass may have any seed.
            last.key == *key
                && (last.program.is_err() || last.seed.is_none_or(|last| last == seed))
                && Arc::ptr_eq(&last.index, &index)
                && last.frozen == frozen
        };
        if let Some(last) = self.recorded.as_mut().filter(|last| is_valid(last)) {
            let (parameters, data) = last.arguments.of(model, &index, inputs);
            let mut arguments = parameters.iter().chain(&data);
            let same_layouts = (last.layouts.iter())
                .all(|layout| arguments.next().is_some_and(|x| layout.is_of(x)))
                && arguments.next().is_none();
            if same_layouts && last.program.is_err() {
                return self.by_pass(model, key, inputs, seed);
            }
            if let Ok(program) = &mut last.program
                && same_layouts
            {
                let (value, gradients) = program.run(&parameters, &data);
                let places = last.arguments.parameters.clone();
                if program.is_to_compare() {
                    let traced = self.trace(model, key, inputs, seed);
                    require_same(&(value.clone(), gradients.clone()), &traced.result);
                }
                let gradients = by_parameter(&index, &frozen, &places, gradients);
                let pass = Pass::with_index((index, frozen), Mode::Train, seed);
                return (value.item(), gradients, pass);
            }
        }
        self.record(model, key, inputs, seed)
    }

    /// How often the loss was recorded.
    #[must_use]
    pub const fn recordings(&self) -> u64 {
        self.recordings
    }

    /// Where the model changed a buffer, or the loss looked at a value, when it was recorded last, so that it cannot be
    /// replayed.
    #[must_use]
    pub fn obstacle(&self) -> Option<&'static Location<'static>> {
        self.recorded.as_ref()?.program.as_ref().err().copied()
    }

    #[track_caller]
    fn record(
        &mut self,
        model: &M,
        key: &K,
        inputs: &[&Tensor<T>],
        seed: u64,
    ) -> (T, Gradients<T>, Pass<T>) {
        // Dropped first: if the function panics, nothing is valid.
        self.recorded = None;
        let Traced {
            result: (value, gradients),
            loss,
            parameters,
            data,
            arguments,
            mut pass,
        } = self.trace(model, key, inputs, seed);
        let program = Program::new(&loss, &parameters, &data);
        // After the program is made: it would take this for a look at values.
        let layouts = parameters.iter().chain(&data);
        let layouts = layouts.map(|x| Strided::new(x.value())).collect();
        // The pass must not keep what the optimizer changes in place.
        drop((loss, parameters, data));
        pass.leaves.clear();
        pass.traced_buffers = None;
        pass.tape = Tape::new();
        let gradients = by_parameter(&pass.index, &pass.frozen, &arguments.parameters, gradients);
        self.recorded = Some(Recorded {
            key: key.clone(),
            seed: pass.is_random.then_some(seed),
            index: Arc::clone(&pass.index),
            frozen: pass.frozen.clone(),
            arguments,
            layouts,
            program,
        });
        self.recordings += 1;
        (value.item(), gradients, pass)
    }

    /// The loss and its gradients by an ordinary pass, which keeps no more than it must.
    #[track_caller]
    fn by_pass(
        &self,
        model: &M,
        key: &K,
        inputs: &[&Tensor<T>],
        seed: u64,
    ) -> (T, Gradients<T>, Pass<T>) {
        let mut pass = Pass::train(model, seed);
        let inputs: Vec<Var<T>> = inputs.iter().map(|&x| pass.input(x.clone())).collect();
        let loss = (self.f)(model, key, &inputs, &mut pass);
        let gradients = pass.backward(&loss);
        (loss.item(), gradients, pass)
    }

    /// Runs the loss on a tape.
    #[track_caller]
    fn trace(&self, model: &M, key: &K, inputs: &[&Tensor<T>], seed: u64) -> Traced<T> {
        let mut pass = Pass::train(model, seed);
        pass.tape = Tape::for_replay();
        // Parameters that are frozen and buffers are leaves too: their values may change.
        pass.traced_buffers = Some(IdMap::default());
        let mut x = Vec::with_capacity(inputs.len());
        for &input in inputs {
            x.push(pass.tape.leaf(input.clone()));
        }
        let loss = (self.f)(model, key, &x, &mut pass);
        let leaf = |place: &usize| pass.leaves.get(*place).cloned().flatten();
        let (frozen, wanted): (Vec<usize>, Vec<usize>) = (0..pass.index.len())
            .filter(|place| leaf(place).is_some())
            .partition(|place| pass.frozen.contains(place));
        let parameters: Vec<Var<T>> = wanted.iter().filter_map(leaf).collect();
        let mut data: Vec<Var<T>> = frozen.iter().filter_map(leaf).collect();
        let mut buffers = Vec::new();
        for (id, leaf) in pass.traced_buffers() {
            buffers.push(id);
            data.push(leaf.clone());
        }
        data.extend(x);
        Traced {
            result: with_gradients(&loss, &parameters),
            loss,
            parameters,
            data,
            arguments: Arguments {
                parameters: wanted,
                frozen,
                buffers,
            },
            pass,
        }
    }
}

/// A loss on a tape.
struct Traced<T: Real> {
    result: ValueAndGradients<T>,
    loss: Var<T>,
    parameters: Vec<Var<T>>,
    data: Vec<Var<T>>,
    arguments: Arguments,
    pass: Pass<T>,
}

impl Arguments {
    /// The values of parameters with gradients, and of everything else.
    fn of<'a, T: Real>(
        &self,
        model: &'a (impl Parameters<T> + ?Sized),
        index: &Index,
        inputs: &[&'a Tensor<T>],
    ) -> (Vec<&'a Tensor<T>>, Vec<&'a Tensor<T>>) {
        let mut values: Vec<Option<&'a Tensor<T>>> = vec![None; index.len()];
        let mut buffers = IdMap::default();
        model.each(|_, slot| match slot {
            Slot::Param(param) => {
                if let Some(place) = index.place(param.id()) {
                    values[place] = Some(param.value());
                }
            }
            Slot::Buffer(buffer) if !self.buffers.is_empty() => {
                buffers.insert(buffer.id(), buffer.value());
            }
            _ => {}
        });
        let of_places = |places: &[usize]| -> Vec<&'a Tensor<T>> {
            places.iter().filter_map(|&place| values[place]).collect()
        };
        let (parameters, mut data) = (of_places(&self.parameters), of_places(&self.frozen));
        data.extend(self.buffers.iter().filter_map(|id| buffers.get(id)));
        data.extend(inputs);
        (parameters, data)
    }
}

/// Gradients by the numbers of their parameters.
fn by_parameter<T: Real>(
    index: &Arc<Index>,
    frozen: &[usize],
    places: &[usize],
    gradients: Vec<Option<Tensor<T>>>,
) -> Gradients<T> {
    let unused = |place: usize| Gradient {
        value: None,
        missing: (!frozen.contains(&place)).then(|| "the forward pass never used it".to_owned()),
    };
    let mut entries: Vec<_> = (0..index.len()).map(unused).collect();
    for (&place, value) in places.iter().zip(gradients) {
        let missing = value
            .is_none()
            .then(|| "the loss does not depend on it".to_owned());
        entries[place] = Gradient { value, missing };
    }
    Gradients::new(Arc::clone(index), entries)
}

impl<M: ?Sized, T: Real, K: fmt::Debug> fmt::Debug for ReplayedLoss<M, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayedLoss")
            .field("key", &self.recorded.as_ref().map(|recorded| &recorded.key))
            .field("recordings", &self.recordings)
            .finish_non_exhaustive()
    }
}
