//! What an update rule is: its options, the initial state of a parameter, and one update.

use std::fmt::Debug;

use wengert_tensor::{Real, Tensor};

use crate::elementwise::elementwise;
use crate::rule_options::RuleOptions;
use crate::rule_state::RuleState;

/// An update rule: the options of an optimizer, and what they do to one parameter.
///
/// The driver, [`Optimizer`](crate::Optimizer), does the rest: groups, clipping, weight decay,
/// `maximize`, validation of options, schedules, state dicts. A user's rule:
///
/// ```
/// use wengert_optim::{Optimizer, Range, Rule, RuleOptions, RuleState, Step, Update};
/// use wengert_tensor::{Real, Tensor};
///
/// /// Sign descent with momentum.
/// #[derive(Debug)]
/// struct SignMomentum {
///     lr: f64,
///     momentum: f64,
///     weight_decay: f64,
/// }
///
/// impl<T: Real> Rule<T> for SignMomentum {
///     fn options(&self) -> RuleOptions {
///         RuleOptions::new("sign_momentum", self.lr)
///             .momentum("momentum", self.momentum, Range::BelowOne)
///             .weight_decay(self.weight_decay)
///     }
///
///     fn init(&self, param: &Tensor<T>, _step: &Step) -> RuleState<T> {
///         RuleState::zeros(["average"], param)
///     }
///
///     fn update(&self, update: Update<'_, T>) {
///         let (lr, beta) = (T::of(update.step.lr), T::of(update.step.momentum));
///         update.elementwise(["average"], |p, [m], g| {
///             let m = beta * m + g;
///             (p - lr * m.sign(), [m])
///         });
///     }
/// }
///
/// let rule = SignMomentum { lr: 0.01, momentum: 0.9, weight_decay: 1e-4 };
/// let optimizer: Optimizer = Optimizer::new(rule);
/// assert_eq!(optimizer.lr(), 0.01);
/// ```
pub trait Rule<T: Real>: Debug + Send + Sync + 'static {
    /// Every option with its name, value and allowed range.
    fn options(&self) -> RuleOptions;

    /// The state of a parameter before its first update.
    ///
    /// The names and shapes of the tensors are those that a state dict must have.
    fn init(&self, param: &Tensor<T>, step: &Step) -> RuleState<T>;

    /// Changes one parameter and its state.
    fn update(&self, update: Update<'_, T>);
}

/// A rule that is chosen at run time.
impl<T: Real> Rule<T> for Box<dyn Rule<T>> {
    fn options(&self) -> RuleOptions {
        (**self).options()
    }

    fn init(&self, param: &Tensor<T>, step: &Step) -> RuleState<T> {
        (**self).init(param, step)
    }

    fn update(&self, update: Update<'_, T>) {
        (**self).update(update);
    }
}

/// The numbers that change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The learning rate `γ`.
    pub lr: f64,
    /// The momentum or β₁; 0 for rules without.
    pub momentum: f64,
    /// The number of updates of this parameter, this one included: `t`, from 1.
    pub count: u64,
}

/// One update of one parameter.
///
/// The gradient that a rule receives from it already has weight decay and `maximize` applied.
#[derive(Debug)]
pub struct Update<'a, T: Real> {
    /// The parameter before the update.
    pub param: &'a mut Tensor<T>,
    /// What the rule keeps for this parameter.
    pub state: &'a mut RuleState<T>,
    /// Learning rate, momentum and number of the update.
    pub step: Step,
    pub(crate) gradient: &'a Tensor<T>,
    pub(crate) options: &'a RuleOptions,
}

impl<T: Real> Update<'_, T> {
    /// Replaces each element `p` of the parameter and the elements `s` of the named state tensors by
    /// `f(p, s, g)`, where `g` is the element of the gradient at the same index. One pass over memory.
    ///
    /// # Panics
    /// If the state has no tensor of a name, or the gradient has another shape than the parameter.
    #[track_caller]
    pub fn elementwise<const N: usize>(
        self,
        names: [&str; N],
        f: impl Fn(T, [T; N], T) -> (T, [T; N]) + Sync,
    ) {
        let prepare = self.preparation();
        let state = self.state.tensors_mut(names);
        elementwise(self.param, state, self.gradient, |p, s, g| {
            let (p, g) = prepare(p, g);
            f(p, s, g)
        });
    }

    /// Calls `f` with the parameter, the state and the whole gradient, for a rule that needs more than
    /// one element at a time, such as a norm. Slower than [`elementwise`](Self::elementwise).
    pub fn whole(self, f: impl FnOnce(&mut Tensor<T>, &mut RuleState<T>, &Tensor<T>)) {
        let prepare = self.preparation();
        let gradient = self.param.zip(self.gradient, |p, g| prepare(p, g).1);
        self.param.map_in_place(|p| prepare(p, T::zero()).0);
        f(self.param, self.state, &gradient);
    }

    /// `maximize` and weight decay, as a function from an element of the parameter and of the raw
    /// gradient to those that the rule receives.
    fn preparation(&self) -> impl Fn(T, T) -> (T, T) + Copy + Sync + use<T> {
        let options = self.options;
        let sign = T::of(if options.maximize { -1.0 } else { 1.0 });
        let (coupled, decoupled) = if options.decoupled {
            (0.0, options.weight_decay)
        } else {
            (options.weight_decay, 0.0)
        };
        let lambda = T::of(coupled);
        let is_coupled = coupled != 0.0;
        let shrink = T::of(1.0 - self.step.lr * decoupled);
        // The compiler moves one branch out of the loop over elements and vectorises the loop, but not two. So without
        // decoupled decay `p` is multiplied by 1, which changes no bit. Coupled decay keeps its branch: for an infinite
        // `p`, 0 · p is NaN.
        move |p, g| {
            let g = sign * g;
            (p * shrink, if is_coupled { g + lambda * p } else { g })
        }
    }
}
