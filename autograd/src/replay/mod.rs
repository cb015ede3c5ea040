//! [`Replay`]: a function whose computation and gradient are recorded once and then run as a [`Program`].
//!
//! `plan` makes a program of a tape: it lists the steps, `strides` chooses how each is computed, and `cells` gives each value
//! and each cotangent a place. `program` runs it; `recording` is what a tape notes for it.

mod cells;
mod plan;
mod program;
mod recording;
mod strides;

pub use self::program::Program;

use std::fmt;
use std::panic::Location;

use wengert_tensor::{Real, Tensor, fail::fail, require};

use crate::backward::grad;
use crate::rule::Graph;
use crate::tape::Tape;
use crate::var::Var;

/// A scalar function of tensors with its gradient, recorded once and then replayed: for small operands, where recording
/// takes longer than computing.
///
/// The first call runs the function on a tape, as [`value_and_grad`](crate::transform::value_and_grad) does, and makes a
/// program of the tape: a list of steps over buffers that are planned once. Later calls run the program, and not the
/// function. An op with operands of up to 4096 elements that gives its loops ([`Op::on_slices`](crate::Op::on_slices)) runs
/// without tensors, allocations or dispatch through the tape; every other op runs its own `forward` and `vjp`, so any op can
/// be replayed. Values and gradients have the bits of the tape. The buffers stay allocated between calls.
///
/// **When it is recorded again.** A program is valid for the shapes and strides of the arguments and for one key. What the
/// function depends on besides its arguments (the branch to take, the seed of dropout, which parameters are frozen, labels)
/// belongs into the key, which the function gets. Where a layout or the key differs from the last call, the function is
/// recorded again. A function that looks at a value ([`Var::value`], [`Var::item`], a comparison) may choose by it what to
/// compute, so it runs on an ordinary tape in every call; [`obstacle`](Self::obstacle) tells where it looks.
///
/// **What is checked.** The function must compute the same for the same arguments and key. The first replay and one of 1024
/// are compared with a new recording, number by number; a difference is a panic.
///
/// ```
/// use wengert_autograd::Replay;
/// use wengert_tensor::Tensor;
///
/// // Σ (w·x)², or its root if the key is true.
/// let mut loss = Replay::new(|&root: &bool, x: &[_]| {
///     let sum = (&x[0] * &x[1]).square().sum(..);
///     if root { sum.sqrt() } else { sum }
/// });
/// let (w, x) = (Tensor::from_vec(vec![1.0_f64, 2.0], [2]), Tensor::from_vec(vec![3.0, 2.0], [2]));
/// for _ in 0..3 {
///     let (value, gradients) = loss.value_and_grad(&false, &[&w], &[&x]);
///     assert_eq!((value, gradients[0].to_vec()), (25.0, vec![18.0, 16.0]));
/// }
/// assert_eq!(loss.value_and_grad(&true, &[&w], &[&x]).0, 5.0);
/// assert_eq!(loss.recordings(), 2); // a second time for the other key
/// ```
pub struct Replay<T: Real = f32, K = ()> {
    f: Function<T, K>,
    recorded: Option<Recorded<T, K>>,
    recordings: u64,
}

type Function<T, K> = Box<dyn Fn(&K, &[Var<T>]) -> Var<T>>;

/// The value of a function, and its gradients by parameter, `None` where it does not depend on one.
type ValueAndGradients<T> = (Tensor<T>, Vec<Option<Tensor<T>>>);

/// The shape and the strides of an argument.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Strided {
    shape: Vec<usize>,
    strides: Vec<isize>,
}

impl Strided {
    /// Those of a tensor.
    #[must_use]
    pub fn new<T: Real>(x: &Tensor<T>) -> Self {
        Self {
            shape: x.shape().to_vec(),
            strides: x.strides().to_vec(),
        }
    }

    /// Whether a tensor has them. A product of other strides may have other bits.
    #[must_use]
    pub fn is_of<T: Real>(&self, x: &Tensor<T>) -> bool {
        self.shape == x.shape() && self.strides == x.strides()
    }
}

/// What was recorded last.
struct Recorded<T: Real, K> {
    key: K,
    /// How many of the arguments are parameters.
    parameters: usize,
    /// The shape and the strides of each argument.
    layouts: Vec<Strided>,
    program: Result<Program<T>, &'static Location<'static>>,
}

impl<T: Real, K: Clone + PartialEq> Replay<T, K> {
    /// A function of a key, and of variables: parameters first, then data.
    pub fn new(f: impl Fn(&K, &[Var<T>]) -> Var<T> + 'static) -> Self {
        Self {
            f: Box::new(f),
            recorded: None,
            recordings: 0,
        }
    }

    /// The value, and the gradient with respect to every parameter; zero where the value does not depend on one.
    ///
    /// * `parameters`, `data`: the arguments of the function in order; nothing is differentiated with respect to data
    ///
    /// # Panics
    /// If the value has more than one element or depends on no argument; if the function computes something else than it
    /// did for the same arguments and key; as the function does.
    #[track_caller]
    pub fn value_and_grad(
        &mut self,
        key: &K,
        parameters: &[&Tensor<T>],
        data: &[&Tensor<T>],
    ) -> (T, Vec<Tensor<T>>) {
        let (value, gradients) = self.value_and_reached(key, parameters, data);
        let gradients = gradients.into_iter().zip(parameters);
        let gradients = gradients.map(|(g, x)| g.unwrap_or_else(|| Tensor::zeros(x.shape())));
        (value.item(), gradients.collect())
    }

    /// As [`value_and_grad`](Self::value_and_grad), with `None` where the value does not depend on a parameter.
    ///
    /// # Panics
    /// As [`value_and_grad`](Self::value_and_grad).
    #[track_caller]
    pub fn value_and_reached(
        &mut self,
        key: &K,
        parameters: &[&Tensor<T>],
        data: &[&Tensor<T>],
    ) -> (Tensor<T>, Vec<Option<Tensor<T>>>) {
        let arguments: Vec<&Tensor<T>> = [parameters, data].concat();
        let is_valid = |recorded: &Recorded<T, K>| {
            recorded.key == *key
                && recorded.parameters == parameters.len()
                && recorded.layouts.len() == arguments.len()
                && (recorded.layouts.iter().zip(&arguments)).all(|(layout, x)| layout.is_of(x))
        };
        let Some(recorded) = self.recorded.as_mut().filter(|last| is_valid(last)) else {
            return self.record(key, parameters.len(), &arguments);
        };
        let Ok(program) = &mut recorded.program else {
            return self.by_tape(key, parameters, data);
        };
        let result = program.run(parameters, data);
        if program.is_to_compare() {
            let (expected, ..) = self.trace(key, parameters.len(), &arguments);
            require_same(&result, &expected);
        }
        result
    }

    /// How often the function was recorded.
    #[must_use]
    pub const fn recordings(&self) -> u64 {
        self.recordings
    }

    /// Where the function looked at a value when it was recorded last, so that it cannot be replayed.
    #[must_use]
    pub fn obstacle(&self) -> Option<&'static Location<'static>> {
        self.recorded.as_ref()?.program.as_ref().err().copied()
    }

    /// The value and its gradients by an ordinary tape, which keeps no more than it must.
    #[track_caller]
    fn by_tape(
        &self,
        key: &K,
        parameters: &[&Tensor<T>],
        data: &[&Tensor<T>],
    ) -> ValueAndGradients<T> {
        let tape = Tape::new();
        let mut arguments = Vec::with_capacity(parameters.len() + data.len());
        for &x in parameters {
            arguments.push(tape.leaf(x.clone()));
        }
        arguments.extend(data.iter().map(|&x| Var::constant(x.clone())));
        let value = (self.f)(key, &arguments);
        if !value.is_tracked() {
            return (value.into_value(), vec![None; parameters.len()]);
        }
        let gradients = value.backward();
        let leaves = arguments[..parameters.len()].iter();
        let gradients = leaves.map(|leaf| gradients.get(leaf).cloned()).collect();
        (value.into_value(), gradients)
    }

    /// Runs the function on a tape, and makes a program of it.
    #[track_caller]
    fn record(
        &mut self,
        key: &K,
        parameters: usize,
        arguments: &[&Tensor<T>],
    ) -> ValueAndGradients<T> {
        // Dropped first: if the function panics, nothing is valid.
        self.recorded = None;
        let (result, value, leaves) = self.trace(key, parameters, arguments);
        let (of_parameters, of_data) = leaves.split_at(parameters);
        let program = Program::new(&value, of_parameters, of_data);
        self.recorded = Some(Recorded {
            key: key.clone(),
            parameters,
            layouts: arguments.iter().map(|x| Strided::new(x)).collect(),
            program,
        });
        self.recordings += 1;
        result
    }

    /// The value and its gradients by the tape, and the value and the arguments on it.
    #[track_caller]
    fn trace(
        &self,
        key: &K,
        parameters: usize,
        arguments: &[&Tensor<T>],
    ) -> (ValueAndGradients<T>, Var<T>, Vec<Var<T>>) {
        let tape = Tape::for_replay();
        let mut leaves = Vec::with_capacity(arguments.len());
        for &x in arguments {
            leaves.push(tape.leaf(x.clone()));
        }
        let value = (self.f)(key, &leaves);
        let result = with_gradients(&value, &leaves[..parameters]);
        (result, value, leaves)
    }
}

/// A one-element value on a tape made by [`Tape::for_replay`](crate::Tape::for_replay), and its gradients with respect to
/// leaves: `None` where it does not depend on one. The tape stays as it is.
///
/// # Panics
/// If the value has more than one element, or is not on such a tape.
#[must_use]
#[track_caller]
#[doc(hidden)]
pub fn with_gradients<T: Real>(value: &Var<T>, leaves: &[Var<T>]) -> ValueAndGradients<T> {
    require!(
        value.len() == 1,
        "replay: {:?}: only a value of one element has a gradient",
        value.shape()
    );
    let Some(tape) = value.tape().filter(|tape| tape.is_for_replay()) else {
        fail(format_args!("replay: the value depends on no argument"));
    };
    let read = tape.first_read();
    let inputs: Vec<&Var<T>> = leaves.iter().collect();
    let unit = Var::constant(Tensor::full(value.shape(), T::one()));
    let gradients = grad(&[(value, unit)], &inputs, Graph::Skip);
    // Rules look at values too: they run in a replay as well.
    tape.set_first_read(read);
    let gradients = gradients.into_iter().map(|g| Some(g?.tensor().clone()));
    (value.tensor().clone(), gradients.collect())
}

/// Panics if a program and a new recording differ in a number; NaN equals NaN.
#[doc(hidden)]
#[track_caller]
pub fn require_same<T: Real>(a: &ValueAndGradients<T>, b: &ValueAndGradients<T>) {
    let equal = |a: T, b: T| a == b || (a.is_nan() && b.is_nan());
    let equal = |a: &Tensor<T>, b: &Tensor<T>| {
        a.shape() == b.shape() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b))
    };
    let same = equal(&a.0, &b.0)
        && a.1.len() == b.1.len()
        && (a.1.iter().zip(&b.1)).all(|pair| match pair {
            (Some(a), Some(b)) => equal(a, b),
            (None, None) => true,
            _ => false,
        });
    if !same {
        fail(format_args!(
            "replay: the function computes something else than when it was recorded, for arguments of the same shapes \
             and an equal key; put what it depends on into the key"
        ));
    }
}

impl<T: Real, K: fmt::Debug> fmt::Debug for Replay<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("key", &self.recorded.as_ref().map(|recorded| &recorded.key))
            .field("recordings", &self.recordings)
            .finish_non_exhaustive()
    }
}
