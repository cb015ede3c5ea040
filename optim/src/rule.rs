//! What an update rule is: how its state begins, and how a gradient changes one parameter.

use std::fmt::Debug;

use wengert_tensor::{Real, Tensor};

/// An update rule: the options of an optimizer, and what they do to one parameter.
///
/// The driver, [`Optimizer`](crate::Optimizer), does the rest: which parameters, which group, whose
/// state, clipping, schedules, state dicts. A rule of one's own:
///
/// ```
/// use wengert_optim::{Optimizer, Rule, State, Step, fused};
/// use wengert_tensor::{Real, Tensor};
///
/// /// Sign descent with momentum.
/// #[derive(Debug)]
/// struct SignMomentum {
///     lr: f64,
///     momentum: f64,
/// }
///
/// impl<T: Real> Rule<T> for SignMomentum {
///     fn lr(&self) -> f64 {
///         self.lr
///     }
///
///     fn init(&self, param: &Tensor<T>, _step: &Step) -> State<T> {
///         State::zeros(["average"], param)
///     }
///
///     fn update(&self, param: &mut Tensor<T>, gradient: &Tensor<T>, state: &mut State<T>, step: &Step) {
///         let (lr, beta) = (T::of(step.lr), T::of(self.momentum));
///         let [average] = state.tensors_mut();
///         fused([param, average], gradient, |[p, m], g| {
///             let m = beta * m + g;
///             [p - lr * m.sign(), m]
///         });
///     }
/// }
///
/// let optimizer: Optimizer = Optimizer::new(SignMomentum { lr: 0.01, momentum: 0.9 });
/// assert_eq!(optimizer.lr(), 0.01);
/// ```
pub trait Rule<T: Real>: Debug + Send + Sync + 'static {
    /// The learning rate to start with. An update reads [`Step::lr`] instead: schedules change it.
    fn lr(&self) -> f64;

    /// The momentum, or β₁, to start with, if the rule has one that schedules may cycle. An update
    /// reads [`Step::momentum`] instead.
    fn momentum(&self) -> Option<f64> {
        None
    }

    /// Panics if an option makes no sense.
    ///
    /// # Panics
    /// That is its purpose.
    #[track_caller]
    fn validate(&self) {}

    /// The state of a parameter that has never been updated.
    ///
    /// The names and shapes of the tensors are those that a state dict must have.
    fn init(&self, param: &Tensor<T>, step: &Step) -> State<T>;

    /// Changes a parameter by a gradient of its shape.
    fn update(
        &self,
        param: &mut Tensor<T>,
        gradient: &Tensor<T>,
        state: &mut State<T>,
        step: &Step,
    );
}

/// A rule that is chosen at run time.
impl<T: Real> Rule<T> for Box<dyn Rule<T>> {
    fn lr(&self) -> f64 {
        (**self).lr()
    }

    fn momentum(&self) -> Option<f64> {
        (**self).momentum()
    }

    fn validate(&self) {
        (**self).validate();
    }

    fn init(&self, param: &Tensor<T>, step: &Step) -> State<T> {
        (**self).init(param, step)
    }

    fn update(
        &self,
        param: &mut Tensor<T>,
        gradient: &Tensor<T>,
        state: &mut State<T>,
        step: &Step,
    ) {
        (**self).update(param, gradient, state, step);
    }
}

/// What changes from step to step beside the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The learning rate.
    pub lr: f64,
    /// The momentum or β₁; 0 for rules without.
    pub momentum: f64,
    /// How often the parameter has been updated, this time included.
    pub count: u64,
}

/// What a rule keeps for one parameter: named tensors and named numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct State<T: Real> {
    pub(crate) tensors: Vec<(&'static str, Tensor<T>)>,
    pub(crate) scalars: Vec<(&'static str, f64)>,
}

impl<T: Real> Default for State<T> {
    fn default() -> Self {
        Self {
            tensors: Vec::new(),
            scalars: Vec::new(),
        }
    }
}

impl<T: Real> State<T> {
    /// Tensors of zeros, of a parameter's shape.
    #[must_use]
    pub fn zeros<const N: usize>(names: [&'static str; N], param: &Tensor<T>) -> Self {
        Self::default().with_tensors(names, param, 0.0)
    }

    /// The same with more tensors of a parameter's shape, filled with a number.
    #[must_use]
    pub fn with_tensors<const N: usize>(
        mut self,
        names: [&'static str; N],
        param: &Tensor<T>,
        value: f64,
    ) -> Self {
        let tensors = names.map(|name| (name, Tensor::full(param.shape(), T::of(value))));
        self.tensors.extend(tensors);
        self
    }

    /// The same with one more number.
    #[must_use]
    pub fn with_scalar(mut self, name: &'static str, value: f64) -> Self {
        self.scalars.push((name, value));
        self
    }

    /// Whether there are no tensors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// All tensors, in the order in which [`Rule::init`] names them.
    ///
    /// # Panics
    /// If there are not `N`.
    #[must_use]
    #[track_caller]
    pub fn tensors_mut<const N: usize>(&mut self) -> [&mut Tensor<T>; N] {
        let tensors: Vec<_> = self.tensors.iter_mut().map(|(_, tensor)| tensor).collect();
        match tensors.try_into() {
            Ok(tensors) => tensors,
            Err(tensors) => wengert_tensor::fail::fail(format_args!(
                "state: {} tensors, the update asks for {N}",
                Vec::len(&tensors)
            )),
        }
    }

    /// Whether there is a tensor of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.tensors.iter().any(|(known, _)| *known == name)
    }

    /// Some of the tensors, by name.
    ///
    /// # Panics
    /// If there is none of a name, or a name is given twice.
    #[must_use]
    #[track_caller]
    pub fn named_mut<const N: usize>(&mut self, names: [&str; N]) -> [&mut Tensor<T>; N] {
        let mut found = [const { None }; N];
        for (known, tensor) in &mut self.tensors {
            if let Some(place) = names.iter().position(|name| name == known) {
                found[place] = Some(tensor);
            }
        }
        let mut names = names.into_iter();
        found.map(|tensor| {
            let name = names.next().unwrap_or_default();
            tensor.unwrap_or_else(|| {
                wengert_tensor::fail::fail(format_args!("state: no tensor `{name}`"))
            })
        })
    }

    /// A number by name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn scalar_mut(&mut self, name: &str) -> &mut f64 {
        let found = self.scalars.iter_mut().find(|(known, _)| *known == name);
        match found {
            Some((_, value)) => value,
            None => wengert_tensor::fail::fail(format_args!("state: no number `{name}`")),
        }
    }
}
