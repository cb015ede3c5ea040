//! Limited-memory BFGS.

mod scaled;
mod state;
mod wolfe;

use std::collections::{HashSet, VecDeque};

use wengert_nn::{Gradients, Parameters, ParametersExt, Slot, SlotMut};
use wengert_tensor::{Real, Tensor, require};

use crate::rule_options::Range;
use crate::schedule::{Rate, Rates};
use scaled::{Scaled, dot, sum_of_sizes};
use wolfe::{Point, strong_wolfe};

/// How the length of a step is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineSearch {
    /// Cubic interpolation until the strong Wolfe conditions hold.
    StrongWolfe,
}

/// The options of [`Lbfgs`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsOptions {
    /// The learning rate: the length of a step, or the first that a line search tries.
    pub lr: f64,
    /// The largest number of iterations per step.
    pub max_iter: usize,
    /// The largest number of evaluations of the loss per step; `None` for `5/4 · max_iter`.
    pub max_eval: Option<usize>,
    /// A step ends when no element of the gradient is larger in absolute value.
    pub tolerance_grad: f64,
    /// A step ends when loss or parameters change by less.
    pub tolerance_change: f64,
    /// The number of pairs `(s, y)` that are kept.
    pub history_size: usize,
    /// The line search; `None` for steps of length `lr`.
    pub line_search: Option<LineSearch>,
    /// Whether the loss is maximised.
    pub maximize: bool,
}

impl Default for LbfgsOptions {
    fn default() -> Self {
        Self {
            lr: 1.0,
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            line_search: None,
            maximize: false,
        }
    }
}

/// Limited-memory BFGS (Nocedal 1980; Liu & Nocedal 1989): search directions `−Hg`, where `H`
/// approximates the inverse Hessian from the last steps.
///
/// `H` is never formed: with `s` the past steps and `y` the changes of the gradient over them, the
/// two-loop recursion computes `Hg` from the pairs `(s, y)` (Nocedal & Wright 2006, algorithm 7.4). A
/// pair is kept if `yᵀs > 10⁻¹⁰`.
///
/// A step evaluates the loss at more than one point, so it takes a closure. Use it for losses without
/// noise: small problems, all data in one batch.
///
/// ```
/// use wengert_nn::{Linear, Module, Pass};
/// use wengert_optim::{Lbfgs, LbfgsOptions, LineSearch};
/// use wengert_tensor::Tensor;
///
/// let mut rng = wengert_nn::rng(0);
/// let mut model: Linear = Linear::new(3, 1, &mut rng);
/// let x = Tensor::normal([16, 3], 0.0, 1.0, &mut rng);
/// let line_search = Some(LineSearch::StrongWolfe);
/// let mut optimizer = Lbfgs::new(LbfgsOptions { line_search, ..LbfgsOptions::default() });
/// let mut loss = || {
///     optimizer.step(&mut model, |model| {
///         let mut pass = Pass::train(model, 0);
///         let y = model.call(&pass.input(x.clone()), &mut pass);
///         let loss = y.mul(&y).sum(..);
///         (loss.item(), pass.backward(&loss))
///     })
/// };
/// assert!(loss() > 0.1);
/// assert!(loss() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct Lbfgs<T: Real = f32> {
    options: LbfgsOptions,
    lr: f64,
    initial: Option<f64>,
    evaluations: u64,
    iterations: u64,
    /// The last pairs, oldest first.
    pairs: VecDeque<Pair<T>>,
    last: Option<LastStep<T>>,
}

/// A step `s`, the change `y` of the gradient over it, and `rho = 1 / yᵀs`.
#[derive(Clone, Debug)]
struct Pair<T: Real> {
    y: Tensor<T>,
    s: Tensor<T>,
    rho: Scaled<T>,
}

impl<T: Real> Pair<T> {
    /// A pair with the scalar product `ys` of its parts.
    fn new(y: Tensor<T>, s: Tensor<T>, ys: Scaled<T>) -> Self {
        let rho = ys.inverse();
        Self { y, s, rho }
    }
}

/// The last step: direction, length, and loss and gradient before it.
#[derive(Clone, Debug)]
struct LastStep<T: Real> {
    direction: Tensor<T>,
    t: f64,
    /// The factor `γ` of the initial inverse Hessian `γI`.
    scale: T,
    gradient: Tensor<T>,
    loss: f64,
}

impl LbfgsOptions {
    #[track_caller]
    fn validate(&self) {
        let tolerances = [
            ("lr", self.lr),
            ("tolerance_grad", self.tolerance_grad),
            ("tolerance_change", self.tolerance_change),
        ];
        for (name, value) in tolerances {
            Range::NonNegative.require("lbfgs", name, value);
        }
        require!(
            self.history_size > 0,
            "lbfgs: history_size = 0: must be at least 1"
        );
    }

    /// All options but the learning rate, for comparison when a state is loaded.
    fn fixed(&self) -> Vec<(String, String)> {
        let Self {
            lr: _,
            max_iter,
            max_eval,
            tolerance_grad,
            tolerance_change,
            history_size,
            line_search,
            maximize,
        } = self;
        [
            ("/rule", "lbfgs".to_owned()),
            ("/max_iter", max_iter.to_string()),
            ("/max_eval", format!("{max_eval:?}")),
            ("/tolerance_grad", format!("{tolerance_grad:?}")),
            ("/tolerance_change", format!("{tolerance_change:?}")),
            ("/history_size", history_size.to_string()),
            ("/line_search", format!("{line_search:?}")),
            ("/maximize", maximize.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

impl<T: Real> Lbfgs<T> {
    /// An optimizer of all parameters that are not frozen.
    ///
    /// # Panics
    /// If the learning rate or a tolerance is negative, infinite or NaN, or `history_size` is 0.
    #[must_use]
    #[track_caller]
    pub fn new(options: LbfgsOptions) -> Self {
        options.validate();
        Self {
            options,
            lr: options.lr,
            initial: None,
            evaluations: 0,
            iterations: 0,
            pairs: VecDeque::new(),
            last: None,
        }
    }

    /// The learning rate of the next step.
    #[must_use]
    pub const fn lr(&self) -> f64 {
        self.lr
    }

    /// Sets the learning rate.
    ///
    /// # Panics
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn set_lr(&mut self, lr: f64) {
        Range::NonNegative.require("set_lr", "lr", lr);
        self.lr = lr;
    }

    /// The number of evaluations of the loss so far.
    #[must_use]
    pub const fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// The number of iterations so far.
    #[must_use]
    pub const fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Makes up to `max_iter` iterations, and returns the loss before them.
    ///
    /// `evaluate` returns the loss of a model and its gradients; for a model with buffers it may commit
    /// the pass. A parameter without gradient has the gradient 0.
    ///
    /// # Panics
    /// If a gradient belongs to no parameter of the model, or the number of trainable elements differs
    /// from that of the last step.
    #[track_caller]
    pub fn step<M: Parameters<T> + ?Sized>(
        &mut self,
        model: &mut M,
        mut evaluate: impl FnMut(&mut M) -> (T, Gradients<T>),
    ) -> T {
        let sign = if self.options.maximize { -1.0 } else { 1.0 };
        let signed = |loss: T, gradient: &Tensor<T>| {
            let gradient = gradient.map(|g| T::of(sign) * g);
            (sign * loss.to_f64(), gradient)
        };
        // Not in the closure below, which would hide the caller's line.
        let (before, gradients) = evaluate(model);
        let (loss, gradient) = signed(before, &flat(model, &gradients));
        let mut count = 1;
        let mut evaluate = |model: &mut M| {
            count += 1;
            let (loss, gradients) = evaluate(model);
            signed(loss, &flat(model, &gradients))
        };
        if let Some(last) = &self.last {
            let (now, then) = (gradient.len(), last.gradient.len());
            require!(
                now == then,
                "lbfgs: the model has {now} trainable elements, at the last step it had {then}; make a new \
                 optimizer after freezing or changing parameters"
            );
        }
        // Negated, so that a NaN does not end the step here.
        if !(largest(&gradient).to_f64() <= self.options.tolerance_grad) {
            self.descend(model, loss, gradient, &mut evaluate);
        }
        self.evaluations += count;
        before
    }

    fn descend<M: Parameters<T> + ?Sized>(
        &mut self,
        model: &mut M,
        mut loss: f64,
        mut gradient: Tensor<T>,
        evaluate: &mut impl FnMut(&mut M) -> (f64, Tensor<T>),
    ) {
        let options = self.options;
        let max_eval = options
            .max_eval
            .unwrap_or(options.max_iter.saturating_mul(5) / 4);
        let mut evaluations = 1;
        for iteration in 1..=options.max_iter {
            self.iterations += 1;
            let first = self.iterations == 1;
            let (direction, scale) = self.direction(&gradient);
            let start = Point {
                t: 0.0,
                loss,
                slope: dot(&gradient, &direction).to_f64(),
                gradient,
            };
            let scale_first = if first {
                let sum = sum_of_sizes(&start.gradient);
                if 1.0 / sum < 1.0 { 1.0 / sum } else { 1.0 }
            } else {
                1.0
            };
            let last = self.last.insert(LastStep {
                direction,
                t: scale_first * self.lr,
                scale,
                gradient: start.gradient.clone(),
                loss,
            });
            if start.slope > -options.tolerance_change {
                return;
            }
            if options.line_search.is_some() {
                let values = values(model);
                let (point, used) = strong_wolfe(
                    &start,
                    last.t,
                    &last.direction,
                    options.tolerance_change,
                    max_eval.saturating_sub(evaluations),
                    |t| {
                        advance(model, t, &last.direction);
                        let result = evaluate(model);
                        restore(model, &values);
                        result
                    },
                );
                evaluations += used;
                last.t = point.t;
                (loss, gradient) = (point.loss, point.gradient);
                advance(model, last.t, &last.direction);
            } else {
                advance(model, last.t, &last.direction);
                if iteration == options.max_iter {
                    return;
                }
                (loss, gradient) = evaluate(model);
                evaluations += 1;
            }
            let step = largest(&last.direction.map(|d| d * T::of(last.t))).to_f64();
            if evaluations >= max_eval
                || largest(&gradient).to_f64() <= options.tolerance_grad
                || step <= options.tolerance_change
                || (loss - last.loss).abs() < options.tolerance_change
            {
                return;
            }
        }
    }

    /// The direction `−Hg` and the factor `γ`, after adding the pair of the last step.
    fn direction(&mut self, gradient: &Tensor<T>) -> (Tensor<T>, T) {
        let mut d = gradient.map(|g| -g);
        let Some(last) = &self.last else {
            return (d, T::one());
        };
        let mut scale = last.scale;
        let y = gradient.zip(&last.gradient, |new, old| new - old);
        let t = T::of(last.t);
        let s = last.direction.map(|d| d * t);
        let ys = dot(&y, &s);
        if ys.to_f64() > 1e-10 {
            scale = ys.over(dot(&y, &y));
            if self.pairs.len() == self.options.history_size {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair::new(y, s, ys));
        }
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let alpha = dot(&pair.s, &d).times(pair.rho);
            d.zip_in_place(&pair.y, |d, y| d - alpha * y);
            alphas.push(alpha);
        }
        d.map_in_place(|d| d * scale);
        for (pair, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let factor = alpha - dot(&pair.y, &d).times(pair.rho);
            d.zip_in_place(&pair.s, |d, s| d + factor * s);
        }
        (d, scale)
    }
}

impl<T: Real> Rates for Lbfgs<T> {
    fn rates(&mut self) -> Vec<Rate<'_>> {
        vec![Rate {
            lr: &mut self.lr,
            momentum: None,
            initial: &mut self.initial,
        }]
    }
}

/// The largest absolute value; NaN if there is one.
fn largest<T: Real>(x: &Tensor<T>) -> T {
    if x.is_empty() {
        return T::zero();
    }
    x.map(Real::abs).max(..).item()
}

/// The gradients of the trainable parameters, concatenated.
#[track_caller]
fn flat<T: Real>(model: &(impl Parameters<T> + ?Sized), gradients: &Gradients<T>) -> Tensor<T> {
    let mut all = Vec::new();
    let mut matched = 0;
    let mut seen = HashSet::new();
    model.each(|_, slot| {
        let Slot::Param(param) = slot else { return };
        if !seen.insert(param.id()) {
            return;
        }
        let gradient = gradients.get(param);
        matched += usize::from(gradient.is_some());
        if !param.is_frozen() {
            match gradient {
                Some(gradient) => all.extend(gradient.to_vec()),
                None => all.resize(all.len() + param.value().len(), T::zero()),
            }
        }
    });
    let given = gradients.iter().count();
    require!(
        matched == given,
        "lbfgs: {given} gradients, {matched} of them for parameters of this model"
    );
    Tensor::from_slice(&all, [all.len()])
}

/// Calls `f` once with each trainable parameter.
fn each_trainable<T: Real>(
    model: &mut (impl Parameters<T> + ?Sized),
    mut f: impl FnMut(&mut Tensor<T>),
) {
    let mut seen = HashSet::new();
    model.each_mut(|_, slot| {
        if let SlotMut::Param(param) = slot
            && !param.is_frozen()
            && seen.insert(param.id())
        {
            f(param.value_mut());
        }
    });
}

/// `p ← p + td`
fn advance<T: Real>(model: &mut (impl Parameters<T> + ?Sized), t: f64, direction: &Tensor<T>) {
    let t = T::of(t);
    let mut rest = direction.as_slice().expect("every direction is contiguous");
    each_trainable(model, |value| {
        let (part, others) = rest.split_at(value.len());
        for (p, &d) in value.as_mut_slice().iter_mut().zip(part) {
            *p += t * d;
        }
        rest = others;
    });
}

fn values<T: Real>(model: &mut (impl Parameters<T> + ?Sized)) -> Vec<Tensor<T>> {
    let mut all = Vec::new();
    each_trainable(model, |value| all.push(value.clone()));
    all
}

fn restore<T: Real>(model: &mut (impl Parameters<T> + ?Sized), values: &[Tensor<T>]) {
    let mut values = values.iter();
    each_trainable(model, |value| {
        if let Some(old) = values.next() {
            *value = old.clone();
        }
    });
}
